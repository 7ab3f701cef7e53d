import Bytes
import Foundation
import Keys
import Testing

/// The program `age`, if the machine has it (Debian's package of that name).
enum ForeignAge {
    private static let folders = ["/usr/bin", "/usr/local/bin", "/bin"]

    static func path(_ program: String) -> String? {
        folders.map { "\($0)/\(program)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    static var isInstalled: Bool { path("age") != nil && path("age-keygen") != nil }

    /// What the program writes to its output.
    static func run(_ program: String, _ arguments: String...) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(path(program)))
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(program) \(arguments[0]) failed")
        return [UInt8](said)
    }
}

/// Both ways between Chartlog and another implementation. Passphrases are left out, since it asks for them at a
/// terminal: a file of its making is among the fixtures.
@Suite(.enabled(if: ForeignAge.isInstalled, "skipped: the programs age and age-keygen are not installed"))
final class AgeForeignTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("chartlog-age-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func written(_ bytes: [UInt8], _ name: String) throws -> String {
        let place = folder.appendingPathComponent(name)
        try Data(bytes).write(to: place)
        return place.path
    }

    @Test(arguments: [0, 33, 65_536, 200_000])
    func `age opens what Chartlog seals, with an identity that Chartlog made`(count: Int) throws {
        var dice = SystemDice()
        let plain = dice.bytes(count)
        let (pair, other) = (try AgeKeyPair.random(dice: &dice), try AgeKeyPair.random(dice: &dice))
        let identity = try written(pair.identityFileBytes(), "identity")
        let file = try written(
            try AgeFile.seal(plain, to: [other.recipient, pair.recipient], dice: &dice), "sealed.age")
        #expect(try ForeignAge.run("age", "--decrypt", "-i", identity, file) == plain)
        let recipient = String(decoding: try ForeignAge.run("age-keygen", "-y", identity), as: UTF8.self)
        #expect(recipient == pair.recipientText + "\n")
    }

    @Test(arguments: [0, 33, 65_536, 200_000], ["--encrypt", "--armor"])
    func `Chartlog opens what age seals, with an identity that age made`(count: Int, form: String) throws {
        var dice = SystemDice()
        let plain = dice.bytes(count)
        let identities = try AgeIdentity.parse(try ForeignAge.run("age-keygen"))
        guard case .x25519(let pair) = try #require(identities.first) else { return }
        let source = try written(plain, "plain")
        let file = try ForeignAge.run("age", form, "-r", pair.recipientText, source)
        #expect(try AgeFile.open(file, with: identities) == plain)
    }
}
