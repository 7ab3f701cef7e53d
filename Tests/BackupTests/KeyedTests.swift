@testable import Backup
import Bytes
import Files
import Keys
import SegmentedLog
import Testing

/// What only the keys can tell.
@Suite struct `Opening a backup where it lies` {
    private func check(
        _ manifest: Manifest, _ files: MemoryFiles, _ keys: KeyRing
    ) throws -> [BackupFinding] {
        try SealedCheck(
            manifest: manifest, files: BackupFiles(manifest, in: files.destination), directory: "log", keys: keys,
            crypto: try Crypto(), leaves: PlainEntries()
        ).findings { _, _ in }
    }

    @Test func `whole, every frame opens and follows, and the log ends where the manifest says`() throws {
        let house = try House()
        let files = MemoryFiles()
        let manifest = try house.backUp(to: files)
        #expect(try check(manifest, files, House.keys(house.cluster)).isEmpty)
        var other = manifest
        other.head.hash = .zero
        #expect(try check(other, files, House.keys(house.cluster)).map(\.kind) == [.head])
        other = manifest
        other.head.position += 1
        #expect(try check(other, files, House.keys(house.cluster)).map(\.kind) == [.head])
    }

    @Test func `with another key nothing opens, without the epoch nothing is said`() throws {
        let house = try House()
        let files = MemoryFiles()
        let manifest = try house.backUp(to: files)
        let other = KeyRing(
            clusterID: house.cluster.bytes,
            held: [HeldKey(kind: .logEpoch, epoch: 1, key: SecretKey([UInt8](repeating: 8, count: 31) + [1]))])
        #expect(try check(manifest, files, other).first?.kind == .segment(.frame(.seal)))
        let none = KeyRing(clusterID: house.cluster.bytes, held: [])
        #expect(throws: BackupError.key(.missing)) { try check(manifest, files, none) }
    }

    @Test func `a signed manifest that names altered segments is found out`() throws {
        let house = try House()
        let files = MemoryFiles()
        var manifest = try house.backUp(to: files)
        for place in manifest.objects.indices {
            let object = manifest.objects[place]
            let altered = files.copy()
            var bytes = try #require(altered.contents(object.name))
            // The first body, behind the description that stands in the clear.
            let at = try #require(SegmentImage.header(of: bytes)).description.bodiesAt + 90
            bytes[at] ^= 1
            altered.put(object.name, bytes)
            var lying = manifest
            lying.objects[place].hash = SHA256.digest(bytes)
            altered.put(
                BackupLayout.manifest(1), try SignedManifest(lying, signer: TestSigner()).bytes)
            #expect(try BackupVerifier.verify(altered.destination, trust: TestSigner.trust).isOK)
            let found = try check(lying, altered, House.keys(house.cluster))
            #expect(found.first?.object == object.name && found.first?.kind == .segment(.frame(.body)))
            #expect(found.first?.index == object.firstIndex)
        }
        // A shorter log under the same head.
        manifest.objects.removeLast()
        #expect(try !check(manifest, files, House.keys(house.cluster)).isEmpty)
    }

    @Test func `nothing at the destination is changed by looking`() throws {
        let house = try House()
        let files = MemoryFiles()
        let manifest = try house.backUp(to: files)
        let before = files.all
        let view = BackupFiles(manifest, in: files.destination)
        let file = try view.open("log/000000000001.segment", .readWrite)
        #expect(throws: FileError.denied) { try view.write(file, at: 0, [1]) }
        #expect(throws: FileError.denied) { try view.open("log/000000000009.segment", .create) }
        #expect(throws: FileError.missing) { try view.open("log/000000000009.segment", .read) }
        #expect(try view.list("log").count == 3)
        let (log, recovery) = try EntryLog<BackupFiles<DirectoryDestination<MemoryFiles>>, PlainEntries>.open(
            store: view, directory: "log", identity: house.cluster, keys: House.keys(house.cluster),
            crypto: try Crypto(), leaves: PlainEntries())
        #expect(recovery == .whole && log.lastIndex == manifest.head.index)
        #expect(files.all == before)
    }
}
