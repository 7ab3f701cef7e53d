@testable import Backup
import Bytes
import Files
import Keys
import Records
@testable import Replica
import SegmentedLog
import Testing
import Views

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

    /// Three transactions in one entry, and a record of a refusal; then one that stands alone.
    @Test func `what shares an entry with what stays is told, and the rest is not there`() throws {
        let clinic = try Clinic()
        try clinic.live(2)
        let before = clinic.replica.book.position
        try clinic.liveAtOnce(3)
        try clinic.live(1)
        let shared = try #require(try clinic.replica.log.index(ofPosition: before + 1))
        #expect(try clinic.replica.log.index(ofPosition: before + 3) == shared)
        let first = try clinic.replica.transaction(at: before + 1).stamp
        var making = try BranchMaking(
            clinic.files, parent: parent, keys: clinic.keys, clusterID: Array(51...66),
            root: SecretKey([UInt8](repeating: 5, count: 32)), dice: SeededDice(seed: 7))
        for asked in [AsOf.position(before + 1), .instant(first)] {
            let target = try making.target(asked)
            #expect(target.position == before + 1 && target.index == shared && target.instant == first)
            #expect(target.eventsBeside == 2 && target.recordsBeside == 1)
            #expect(target.lastIndex == clinic.replica.log.lastIndex && target.lastPosition == before + 5)
        }
        let last = try making.target(.position(before + 3))
        #expect(last.eventsBeside == 0)
        var cut = try making.target(.position(before + 1))
        cut = try making.cutShort(after: cut)
        #expect(cut.eventsBeside == 2 && cut.lastPosition == before + 3 && cut.lastIndex == shared)
        #expect(try making.lastPosition() == cut.position + cut.eventsBeside, "no more of it is there than is told")
    }

    @Test func `what comes after is left out where it is records alone`() throws {
        let clinic = try Clinic()
        try clinic.live(2)
        let end = clinic.replica.log.end
        try clinic.beRefused()
        #expect(clinic.replica.log.end.nextRecord == end.nextRecord + 1)
        var making = try BranchMaking(
            clinic.files, parent: parent, keys: clinic.keys, clusterID: Array(51...66),
            root: SecretKey([UInt8](repeating: 5, count: 32)), dice: SeededDice(seed: 7))
        let target = try making.target(.position(4))
        #expect(target.position == target.lastPosition && target.hasLater)
        let cut = try making.cutShort(after: target)
        #expect(!cut.hasLater && cut.recordsBeside == 0 && cut.lastIndex == end.nextIndex - 1)
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
