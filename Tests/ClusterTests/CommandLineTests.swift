import Foundation
import Testing

/// The program as a person or a script meets it, without a store. What needs one stands in Tests/Cluster.
@Suite struct CommandLineTests {
    /// What one run of `chartlog` did.
    struct Run {
        var code: Int32
        var output: String
        var complaint: String
    }

    /// `chartlog` stands beside the tests' own program.
    private static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "chartlog")

    private func chartlog(_ arguments: String..., environment: [String: String] = [:]) throws -> Run {
        try run(arguments, environment)
    }

    private func run(_ arguments: [String], _ environment: [String: String] = [:]) throws -> Run {
        let process = Process()
        process.executableURL = Self.program
        process.arguments = arguments
        process.environment = environment
        let (output, complaint) = (Pipe(), Pipe())
        (process.standardOutput, process.standardError) = (output, complaint)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        let complained = complaint.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Run(
            code: process.terminationStatus, output: String(decoding: said, as: UTF8.self),
            complaint: String(decoding: complained, as: UTF8.self))
    }

    static let commands = [
        "init", "start", "serve", "append", "events", "patient", "appointments", "audit", "status", "handover",
        "replace", "spares", "clock", "verify",
    ]

    @Test(arguments: commands) func `every command has help`(command: String) throws {
        let run = try chartlog(command, "--help")
        #expect(run.code == 0)
        #expect(run.output.hasPrefix("usage: chartlog \(command)"))
        #expect(run.complaint.isEmpty)
        #expect(try chartlog("--help").output.contains("  \(command) "))
    }

    @Test(arguments: ["backup", "erase", "keys", "nonsense"])
    func `a command that is not there is a usage error`(command: String) throws {
        let run = try chartlog(command)
        #expect(run.code == 2)
        #expect(run.output.isEmpty)
    }

    @Test(arguments: [("appnd", "append"), ("stauts", "status"), ("pateint", "patient"), ("verfy", "verify")])
    func `a slip of the finger is guessed`(typed: String, meant: String) throws {
        let run = try chartlog(typed)
        #expect(run.code == 2)
        #expect(run.complaint.contains("did you mean chartlog \(meant)?"))
    }

    @Test(arguments: [
        ["events", "--folow"], ["events", "--since", "2026-01-01T00:00:00"], ["events", "--limit", "0"],
        ["events", "--limit"], ["events", "--follow", "--follow"], ["patient"], ["patient", "a", "b"],
        ["appointments", "--day", "2026-02-30"], ["init", "nowhere", "--replicas", "2"],
        ["init", "nowhere", "--spares", "4"], ["serve"],
        ["audit", "--asof", "yesterday"], ["status", "--json=yes"],
        ["handover", "--to", "none"], ["handover", "--force"], ["replace"], ["clock"], ["clock", "reject"],
        ["replace", "one"],
        ["replace", "1", "2", "3"],
    ])
    func `wrong arguments are a usage error with a word of advice`(arguments: [String]) throws {
        let run = try run(arguments)
        #expect(run.code == 2)
        #expect(run.output.isEmpty)
        #expect(run.complaint.hasPrefix("chartlog: "))
        #expect(run.complaint.split(separator: "\n").count >= 2)
    }

    @Test func `no context is a usage error that says what to set`() throws {
        let run = try chartlog("status")
        #expect(run.code == 2)
        #expect(run.complaint.contains("CHARTLOG_CONTEXT"))
    }

    @Test func `nobody there is exit 3, an existing directory exit 1`() throws {
        let top = FileManager.default.temporaryDirectory.appending(path: "chartlog-cli-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: top, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: top) }
        let store = top.appending(path: "store").path
        // A port of the range that no system hands out by itself.
        let made = try chartlog("init", store, "--base-port", "1")
        #expect(made.code == 0, "\(made.complaint)")
        #expect(try chartlog("init", store).code == 1)
        #expect(try chartlog("status", environment: ["CHARTLOG_CONTEXT": "\(store)/service.context"]).code == 3)
        let verified = try chartlog("verify", store, "--json")
        #expect(verified.code == 0)
        #expect(verified.output.contains(#""ok":true,"position":0"#))
        for secret in ["root.key", "ca.key", "admin.context", "service.context"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(store)/\(secret)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(secret)")
        }
    }

    @Test func `a flipped bit in the log is found, named and exit 1`() throws {
        let top = FileManager.default.temporaryDirectory.appending(path: "chartlog-cli-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: top, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: top) }
        let store = top.appending(path: "store").path
        #expect(try chartlog("init", store, "--base-port", "1").code == 0)
        let log = "\(store)/replica-1/data/log"
        let segment = try #require(FileManager.default.contentsOfDirectory(atPath: log).first)
        var bytes = try Data(contentsOf: URL(filePath: "\(log)/\(segment)"))
        let last = try #require(bytes.lastIndex { $0 != 0 })
        bytes[last] ^= 1
        try bytes.write(to: URL(filePath: "\(log)/\(segment)"))
        let run = try chartlog("verify", store, "--json")
        #expect(run.code == 1)
        #expect(run.output.contains(#""ok":false"#))
        #expect(run.output.contains(#""kind":"#))
    }
}
