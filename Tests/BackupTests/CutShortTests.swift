@testable import Backup
import Bytes
import Files
import Keys
import Records
@testable import Replica
import SegmentedLog
import Testing

/// What comes after a place is left out of a copied log: what stays is the log, and the work can be begun again.
@Suite struct `Leaving out what came after` {
    private let clinic: Clinic
    private let kept = MemoryFiles()
    private let whole = MemoryFiles()

    init() throws {
        clinic = try Clinic()
        try clinic.live(290)
        _ = try clinic.backUp(clinic.stand(), to: kept.destination)
        try restore(into: whole)
        precondition(whole.paths.count >= 3)
    }

    private var parent: Lineage { Lineage(ClusterIdentity(Clinic.clusterID)) }

    private func restore(into files: MemoryFiles) throws {
        let reader = try BackupReader(kept.destination, trust: TestSigner.trust)
        var restore = LogRestore(reader.manifest, from: reader.destination, into: files, directory: ReplicaPaths.log)
        while case .going = try restore.step() {}
    }

    private func cut<Store: FileStore>(_ store: Store, after index: UInt64) throws {
        _ = try Replica.cutShort(store, after: index, lineage: parent, keys: clinic.keys)
    }

    private var indexes: StrideThrough<UInt64> { stride(from: 2, through: clinic.replica.log.lastIndex, by: 83) }

    @Test func `what was cut is copied anew, and nothing else`() throws {
        for index in indexes {
            let files = whole.copy()
            try cut(files, after: index)
            // The branch's own part, which has the number of a segment that was left out.
            let own = try #require(files.paths.filter { $0.hasSuffix(".segment") }.max())
            let number = try #require(SegmentFormat.segment(named: String(own.dropFirst(ReplicaPaths.log.count + 1))))
            files.put(ReplicaPaths.log + "/" + SegmentFormat.name(of: number + 1), [1, 2, 3])
            if files.contents(own) != whole.contents(own) {
                #expect(throws: BackupError.self) { try restore(into: files) }
            }
            try Replica.dropCut(files)
            #expect(files.paths.count == number - 1, "the segments before it stay")
            try restore(into: files)
            #expect(files.all == whole.all)
        }
    }

    @Test func `what another source has left is refused as before`() throws {
        for path in whole.paths {
            let files = MemoryFiles()
            try files.makeDirectory(ReplicaPaths.log)
            files.put(path, Array("half a segment".utf8))
            try Replica.dropCut(files)
            #expect(throws: BackupError.occupied(object: path)) { try restore(into: files) }
        }
    }

    @Test(arguments: [FailingFiles<MemoryFiles>.Failure.stop, .full, .sync])
    func `whatever fails, the work can be begun again`(_ failure: FailingFiles<MemoryFiles>.Failure) throws {
        var dice = SeededDice(seed: 9)
        let index = clinic.replica.log.lastIndex / 2
        for number in 1...1_000 {
            let files = whole.copy()
            let failing = FailingFiles(files, failing: failure, at: number)
            do {
                try cut(failing, after: index)
                try Replica.dropCut(failing)
            } catch {}
            files.crash(.mixed, dice: &dice)
            try Replica.dropCut(files)
            try restore(into: files)
            for path in whole.paths { #expect(files.contents(path) == whole.contents(path), "operation \(number)") }
            guard failing.hasFailed else { return }
        }
        Issue.record("it never ended")
    }
}
