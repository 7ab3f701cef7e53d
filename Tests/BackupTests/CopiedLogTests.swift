@testable import Backup
import Bytes
import Files
import Keys
import SegmentedLog
import Testing

#if DEBUG
/// Debug builds sample; release builds are exhaustive.
private let step = 331
#else
private let step = 1
#endif

/// A log copied without a look at its hashes: opening every frame of the copy finds whatever is not as it was backed up.
@Suite struct `A copied log` {
    private let house: House
    private let kept = MemoryFiles()
    private let manifest: Manifest

    init() throws {
        house = try House(segments: 3)
        manifest = try house.backUp(to: kept)
        precondition(manifest.segments.count >= 3)
    }

    private func copied(_ kept: MemoryFiles) throws(BackupError) -> MemoryFiles {
        let files = MemoryFiles()
        try copy(kept, into: files)
        return files
    }

    private func copy(_ kept: MemoryFiles, into files: MemoryFiles) throws(BackupError) {
        var restore = LogRestore(
            manifest, from: kept.destination, into: files, directory: "log", comparesHashes: false)
        while case .going = try restore.step() {}
    }

    private func verify(_ files: MemoryFiles, of kept: MemoryFiles, keys: KeyRing? = nil) throws(BackupError) {
        let log = try CopiedLog(
            manifest, from: kept.destination, in: files, directory: "log", keys: keys ?? House.keys(house.cluster),
            leaves: PlainEntries())
        let last = try log.verifyLast()
        try log.join([try log.verify(stretch: 0, of: 2), try log.verify(stretch: 1, of: 2)], before: last)
        try log.join([try log.verify(stretch: 0, of: 1)], before: last)
    }

    private func path(_ object: ManifestObject) -> String {
        "log" + "/" + SegmentFormat.name(of: object.segment)
    }

    @Test func `that is whole is found whole, and the same as with a look at the hashes`() throws {
        let files = try copied(kept)
        try verify(files, of: kept)
        let compared = MemoryFiles()
        var restore = LogRestore(manifest, from: kept.destination, into: compared, directory: "log")
        while case .going = try restore.step() {}
        #expect(files.paths == compared.paths)
        for path in files.paths { #expect(files.contents(path) == compared.contents(path)) }
    }

    @Test func `of a backup with a changed byte is refused as the backup's own check names it`() throws {
        for object in manifest.segments {
            let bytes = try #require(kept.contents(object.name))
            for at in stride(from: 0, to: bytes.count, by: step) {
                var changed = bytes
                changed[at] ^= 1 << UInt8(at % 8)
                let damaged = kept.copy()
                damaged.put(object.name, changed)
                let expected = try #require(
                    try ObjectCheck(manifest: manifest, object: object).finding(in: damaged.destination))
                let files = try copied(damaged)
                #expect(throws: BackupError.damaged(expected), "\(object.name) byte \(at)") {
                    try verify(files, of: damaged)
                }
                // What is damaged is gone: with the object mended, the same copy is gone on with.
                #expect(!files.paths.contains(path(object)))
                try copy(kept, into: files)
                try verify(files, of: kept)
            }
        }
    }

    @Test func `changed on its way is refused, and its segment named`() throws {
        let whole = try copied(kept)
        for object in manifest.segments {
            let bytes = try #require(whole.contents(path(object)))
            for at in stride(from: 7, to: bytes.count, by: step * 5) {
                var changed = bytes
                changed[at] ^= 0x20
                let files = whole.copy()
                files.put(path(object), changed)
                do throws(BackupError) {
                    try verify(files, of: kept)
                    Issue.record("\(path(object)) byte \(at)")
                } catch {
                    #expect(error.finding?.segment == object.segment, "\(path(object)) byte \(at): \(error)")
                    #expect(!files.paths.contains(path(object)))
                }
            }
        }
    }

    @Test func `with a segment cut, lost or in another's place is refused`() throws {
        let whole = try copied(kept)
        for object in manifest.segments {
            let bytes = try #require(whole.contents(path(object)))
            let cut = whole.copy()
            cut.put(path(object), Array(bytes.prefix(bytes.count - 1)))
            #expect(throws: BackupError.self) { try verify(cut, of: kept) }
            let lost = whole.copy()
            try lost.remove(path(object))
            #expect(throws: BackupError.self) { try verify(lost, of: kept) }
            for other in manifest.segments where other.segment != object.segment {
                let exchanged = whole.copy()
                exchanged.put(path(object), try #require(whole.contents(path(other))))
                #expect(throws: BackupError.self) { try verify(exchanged, of: kept) }
            }
        }
    }

    @Test func `opened with other keys is refused`() throws {
        let other = KeyRing(
            clusterID: house.cluster.bytes,
            held: KeyKind.allCases.map { HeldKey(kind: $0, epoch: 1, key: SecretKey([UInt8](1...32))) })
        #expect(throws: BackupError.self) { try verify(try copied(kept), of: kept, keys: other) }
    }
}
