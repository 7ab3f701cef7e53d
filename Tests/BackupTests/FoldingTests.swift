@testable import Backup
import Bytes
import Files
import Keys
@testable import Replica
import SegmentedLog
import Testing
import Views

/// Backups of a real replica fold to what its views said.
@Suite struct `Folding a backup` {
    private func verified(_ files: MemoryFiles, _ clinic: Clinic) throws -> BackupReport {
        try BackupVerifier.verify(
            files.destination, scope: .all, trust: TestSigner.trust, keys: clinic.keys, crypto: try Crypto())
    }

    @Test func `every backup folds to the digests that were recorded, whatever came later`() throws {
        let clinic = try Clinic()
        let files = MemoryFiles()
        try clinic.live(2)
        _ = try clinic.backUp(clinic.stand(), to: files.destination)
        let early = try clinic.stand()
        // The first segment has room for 512 frames.
        try clinic.live(260)
        // One planned before and made after is the one that was planned.
        let manifest = try clinic.backUp(early, to: files.destination)
        let last = try clinic.backUp(clinic.stand(), to: files.destination)
        #expect(manifest.head.index < last.head.index && last.segments.count > 1)
        #expect(last.segments[0].kind == .closed)
        let report = try verified(files, clinic)
        #expect(report.isOK && report.folded == [1, 2, 3], "\(report.findings)")
        let folded = try Replica.foldAll(clinic.files.copy(), ring: clinic.keys)
        #expect(folded.digests == clinic.replica.digests && folded.index == clinic.replica.foldedIndex)
        #expect(folded.position == last.head.position && folded.record == last.head.record)
    }

    @Test func `one that states other digests is found out`() throws {
        let clinic = try Clinic()
        try clinic.live(3)
        for change in 0..<3 {
            let files = MemoryFiles()
            var stand = try clinic.stand()
            switch change {
            case 0: stand.digests.patient = .zero
            case 1: stand.digests.appointment = .zero
            default: stand.digests.audit = .zero
            }
            let manifest = try clinic.backUp(stand, to: files.destination)
            #expect(try BackupVerifier.verify(files.destination, trust: TestSigner.trust).isOK)
            let found = try verified(files, clinic).findings
            #expect(found.map(\.kind) == [.digests] && found.first?.index == manifest.head.index)
        }
    }

    @Test func `what is damaged is not folded`() throws {
        let clinic = try Clinic()
        try clinic.live(3)
        let files = MemoryFiles()
        let manifest = try clinic.backUp(clinic.stand(), to: files.destination)
        let name = manifest.objects[0].name
        var bytes = try #require(files.contents(name))
        bytes[bytes.count - 300] ^= 1
        files.put(name, bytes)
        let report = try verified(files, clinic)
        #expect(report.findings.map(\.object) == [name] && report.folded.isEmpty)
        let store = clinic.files.copy()
        let path = "log/" + SegmentFormat.name(of: 1)
        var segment = try #require(store.contents(path))
        segment[SegmentFormat.tableAt + 150] ^= 1
        store.put(path, segment)
        #expect(throws: ReplicaError.self) { try Replica.foldAll(store, ring: clinic.keys) }
    }

    @Test func `nothing of a patient stands in a destination`() throws {
        let clinic = try Clinic()
        try clinic.live(4)
        let files = MemoryFiles()
        _ = try clinic.backUp(clinic.stand(), to: files.destination)
        for path in files.paths {
            let text = String(decoding: try #require(files.contents(path)), as: UTF8.self)
            for word in ["Okafor", "p-1", "pr-1", "service", "svc", "/desk"] { #expect(!text.contains(word)) }
            #expect(!path.contains("p-1"))
        }
    }

    @Test func `a restored log opens as a replica's, and folds to the same`() throws {
        let clinic = try Clinic()
        try clinic.live(9)
        let files = MemoryFiles()
        let manifest = try clinic.backUp(clinic.stand(), to: files.destination)
        let target = MemoryFiles()
        let reader = try BackupReader(files.destination, trust: TestSigner.trust)
        var restore = LogRestore(reader.manifest, from: reader.destination, into: target, directory: ReplicaPaths.log)
        while case .going = try restore.step() {}
        let folded = try Replica.foldAll(target, ring: clinic.keys)
        #expect(folded.digests == manifest.digests && folded.index == manifest.head.index)
    }
}
