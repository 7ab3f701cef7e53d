@testable import Backup
import Bytes
import Files
import Keys
import SegmentedLog
import Testing

@Suite struct `Making backups` {
    @Test func `the first one holds the log, segment by segment, and says so last`() throws {
        let house = try House()
        let files = MemoryFiles()
        let manifest = try house.backUp(to: files)
        #expect(manifest.number == 1 && manifest.previous == .zero)
        #expect(manifest.objects.map(\.kind) == [.closed, .closed, .tail])
        #expect(manifest.head.index == house.log.lastIndex && manifest.head.hash == house.log.end.hash)
        #expect(manifest.head.position == house.log.lastPosition)
        for object in manifest.objects {
            let bytes = try #require(files.contents(object.name))
            #expect(bytes.count == object.bytes && SHA256.digest(bytes) == object.hash)
        }
        #expect(files.paths.count == 5)
        let read = try SignedManifest.newest(
            in: files.destination, cluster: house.cluster, trust: TestSigner.trust)
        #expect(read?.manifest == manifest)
    }

    @Test func `the next one brings only what is new, and names the one before`() throws {
        let house = try House()
        let files = MemoryFiles()
        let first = try house.backUp(to: files)
        try house.fill(through: 4)
        var run = house.run(try house.stand(), to: files)
        _ = try run.step()
        #expect(run.progress.objectsOf == 2)
        #expect(run.progress.bytesKept == first.objects[0].bytes + first.objects[1].bytes)
        let second = try House.finish(run)
        #expect(second.number == 2)
        let signed = try SignedManifest.read(
            1, in: files.destination, cluster: house.cluster, trust: TestSigner.trust)
        #expect(second.previous == signed.hash)
        #expect(second.objects[0] == first.objects[0] && second.objects[2].kind == .closed)
        #expect(files.paths.count { $0.hasPrefix("segments/") } == 3)
        #expect(files.paths.count { $0.hasPrefix("tails/") } == 2)
    }

    @Test func `a closed segment that the newest manifest names is not read again`() throws {
        let house = try House()
        let files = MemoryFiles()
        try house.backUp(to: files)
        let stand = try house.stand()
        for slice in stand.slices.dropLast() { try house.files.remove(slice.path) }
        _ = try House.finish(house.run(stand, to: files))
    }

    @Test func `a segment that the newest manifest says otherwise of is put and hashed again`() throws {
        let house = try House()
        let files = MemoryFiles()
        let first = try house.backUp(to: files)
        let signed = try SignedManifest.read(
            1, in: files.destination, cluster: house.cluster, trust: TestSigner.trust)
        var wrong = first
        wrong.number = 2
        wrong.previous = signed.hash
        wrong.objects[0].lastIndex -= 1
        wrong.objects[1].firstIndex -= 1
        files.put(BackupLayout.manifest(2), try SignedManifest(wrong, signer: TestSigner()).bytes)
        #expect(try house.backUp(to: files).objects == first.objects)
    }

    @Test func `one whose objects somebody removed meanwhile is not made`() throws {
        let house = try House()
        let files = MemoryFiles()
        try house.backUp(to: files)
        try house.append()
        var run = house.run(try house.stand(), to: files)
        for _ in 0...1 { _ = try run.step() }
        var expiry = try BackupExpiry(
            files.destination, policy: BackupPolicy(keepLast: 1, keepAllDays: 0, keepDailyDays: 0), now: house.wall,
            signer: TestSigner(), trust: TestSigner.trust)
        #expect(expiry.plan.objects.count == 1, "what the run brought is nobody's yet")
        while case .going = try expiry.step() {}
        let lost = expiry.plan.objects[0].name
        #expect(throws: BackupError.missing(object: lost)) { try run.step() }
        #expect(files.contents(BackupLayout.manifest(2)) == nil)
        #expect(try house.backUp(to: files).number == 2)
        #expect(try BackupVerifier.verify(files.destination, scope: .all, trust: TestSigner.trust).isOK)
    }

    @Test func `one through an older entry is refused, one through the same is made`() throws {
        let house = try House()
        let files = MemoryFiles()
        let last = house.log.durableIndex
        try house.backUp(to: files, through: last)
        #expect(throws: BackupError.ahead(index: last)) { try house.backUp(to: files, through: last - 1) }
        #expect(try house.backUp(to: files, through: last).number == 2)
    }

    @Test func `another cluster's destination is refused, a parent's by name`() throws {
        let (house, other) = (try House(), try House(segments: 2, cluster: 0x3333))
        let files = MemoryFiles()
        try other.backUp(to: files)
        let before = files.all
        #expect(throws: BackupError.otherCluster(other.cluster, isAncestor: false)) { try house.backUp(to: files) }
        let branch = ClusterIdentity(low: 5, high: 6)
        var stand = try other.stand()
        stand.cluster = branch
        stand.lineage = [
            LineagePart(cluster: other.cluster, firstSegment: 1), LineagePart(cluster: branch, firstSegment: 3),
        ]
        let run = other.run(stand, to: files)
        #expect(throws: BackupError.otherCluster(other.cluster, isAncestor: true)) { try House.finish(run) }
        #expect(files.all == before)
    }

    @Test func `another history of the same cluster is refused`() throws {
        let (house, twin) = (try House(seed: 1), try House(seed: 2))
        let files = MemoryFiles()
        let manifest = try house.backUp(to: files)
        try twin.fill(through: 4)
        #expect(throws: BackupError.otherHistory(index: manifest.head.index)) { try twin.backUp(to: files) }
    }

    @Test func `registers that the destination has seen further are refused`() throws {
        let house = try House()
        let files = MemoryFiles()
        house.erasures = 2
        try house.backUp(to: files)
        house.erasures = 1
        #expect(throws: BackupError.olderRegisters([.erasures])) { try house.backUp(to: files) }
        house.erasures = 2
        let note = [RegisterHead(kind: .erasures, count: 3, hash: SHA256.digest([3]))]
        for _ in 0..<2 {
            try RegisterNote.post(
                note, index: house.log.lastIndex, madeAt: house.wall, cluster: house.cluster, to: files.destination,
                signer: TestSigner(), trust: TestSigner.trust)
        }
        #expect(files.paths.count { $0.hasPrefix("registers/") } == 1)
        #expect(throws: BackupError.olderRegisters([.erasures])) { try house.backUp(to: files) }
        house.erasures = 3
        #expect(try house.backUp(to: files).number == 2)
    }

    @Test func `a destination without its marker, or with a damaged newest manifest, is refused`() throws {
        let house = try House()
        let files = MemoryFiles()
        try house.backUp(to: files)
        let unmarked = files.copy()
        try unmarked.remove(BackupLayout.marker)
        #expect(throws: BackupError.unmarked) { try house.backUp(to: unmarked) }
        let name = BackupLayout.manifest(1)
        var bytes = try #require(files.contents(name))
        bytes[70] ^= 1
        files.put(name, bytes)
        #expect(throws: BackupError.flawed(object: name, .signature)) { try house.backUp(to: files) }
    }

    @Test func `a lost or cut object is brought again or named, and none is written over`() throws {
        let house = try House()
        let files = MemoryFiles()
        let name = try house.backUp(to: files).objects[0].name
        let bytes = try #require(files.contents(name))
        try files.remove(name)
        try house.backUp(to: files)
        #expect(files.contents(name) == bytes)
        files.put(name, Array(bytes.dropLast()))
        #expect(throws: BackupError.occupied(object: name)) { try house.backUp(to: files) }
        #expect(files.contents(name)?.count == bytes.count - 1)
    }

    @Test func `a log that is damaged is not backed up`() throws {
        let house = try House()
        let stand = try house.stand()
        let path = stand.slices[1].path
        var bytes = try #require(house.files.contents(path))
        bytes[SegmentFormat.tableAt + 3] ^= 1
        house.files.put(path, bytes)
        let files = MemoryFiles()
        do throws(BackupError) {
            _ = try House.finish(house.run(stand, to: files))
            Issue.record("made")
        } catch {
            guard case .log(.damaged(let fault)) = error else { throw error }
            #expect(fault.segment == 2 && fault.index == stand.slices[1].firstIndex)
        }
        #expect(!files.paths.contains { $0.hasPrefix("manifests/") })
    }

    @Test func `files of the views go along whole or not at all`() throws {
        let house = try House()
        let files = MemoryFiles()
        let views = [
            BackupView(file: "snapshot-0000000000000001", bytes: 3, read: { [1, 2, 3] }),
            BackupView(file: "run-0000000000000001", bytes: 2, read: { [4, 5] }),
        ]
        let manifest = try house.backUp(to: files, views: views)
        #expect(manifest.views.count == 2)
        #expect(manifest.views.compactMap { BackupLayout.viewFile($0.name) }.sorted() == views.map(\.file).sorted())
        // The run is the same file; the snapshot is another under the same name.
        let newer = [
            BackupView(file: "snapshot-0000000000000001", bytes: 4, read: { [1, 2, 3, 4] }), views[1],
        ]
        var run = house.run(try house.stand(), views: newer, to: files)
        var second: Manifest?
        while second == nil { if case .finished(let made) = try run.step() { second = made } }
        let tail = try #require(second?.segments.last)
        #expect(run.progress.bytesDone == tail.bytes + 4 && run.progress.bytesOf == run.progress.bytesDone)
        #expect(second?.views.filter(manifest.views.contains).count == 1 && second?.views.count == 2)
        #expect(files.paths.count { $0.hasPrefix("views/") } == 3)
        let gone = BackupView(file: "run-0000000000000002", bytes: 2) { () throws(BackupError) in
            throw .missing(object: "run")
        }
        #expect(try house.backUp(to: files, views: views + [gone]).views.isEmpty)
    }
}
