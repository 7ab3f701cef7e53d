import Bytes
import Files
import Keys
import SegmentedLog
import Testing

#if DEBUG
/// Debug builds try some of the operations, release builds each of them.
private let every = 2
#else
private let every = 1
#endif

/// A log that goes on, under another cluster's id, behind a copy of what its ancestors wrote.
@Suite struct BranchTests {
    typealias Harness = LogHarness<MemoryFiles>

    private let parent: Parent
    private let first: UInt64

    init() throws {
        parent = try Parent()
        first = parent.log.lastIndex + 1
    }

    private func path(_ segment: UInt64) -> String { "log/00000000000\(segment).segment" }

    /// A branch that has written some segments of its own.
    private func lived(_ frames: Int = 40, id: UInt64 = 1) throws -> (Harness, Harness.Log) {
        let branch = try parent.branch(on: parent.copy(), id: id)
        let (log, _) = try branch.open()
        for round in 0..<frames {
            try branch.append(log, events: round % 3)
            if round % 3 == 0 { try branch.flush(log) }
        }
        try branch.flush(log)
        return (branch, log)
    }

    @Test func `a branch begins a segment of its own, under its own id and the newest epoch`() throws {
        let branch = try parent.branch(on: parent.copy())
        let (log, recovery) = try branch.open()
        #expect(recovery == .whole && log.end == parent.log.end && log.identity == Parent.id(1))
        let description = try log.reserve(bodyBytes: 10, dice: &branch.dice)
        #expect(description.segment == 4 && description.firstIndex == first && description.keyEpoch == 2)
        try branch.append(log)
        let header = try log.header(at: first)
        #expect(header.cluster == Parent.id(1) && header.segment == 4 && header.opensSegment && header.keyEpoch == 2)
        #expect(header.previousHash == parent.log.end.hash)
        try branch.flush(log)
        for round in 0..<60 {
            try branch.append(log, events: round % 3)
            try branch.flush(log)
        }
        #expect(log.lastSegment > 5)
        let (again, verdict) = try branch.open()
        #expect(verdict == .whole && again.end == log.end)
        #expect(try again.bodies() == log.bodies())
        let bodies = try parent.bodies
        #expect(try Array(again.bodies()[..<bodies.count]) == bodies)
        for index in 1...again.lastIndex {
            let header = try again.header(at: index)
            #expect(header.cluster == (index < first ? Harness.identity : Parent.id(1)))
            #expect(header.cluster == again.lineage.identity(ofIndex: index))
            for event in 0..<header.eventCount {
                let position = header.firstPosition + UInt64(event)
                #expect(again.lineage.identity(ofPosition: position) == header.cluster)
                #expect(try again.index(ofPosition: position) == index)
            }
            for record in 0..<header.recordCount {
                #expect(again.lineage.identity(ofRecord: header.firstRecord + UInt64(record)) == header.cluster)
            }
        }
    }

    @Test func `its segments are closed, scrubbed and verified, the copied ones among them`() throws {
        let (branch, log) = try lived()
        try branch.close(log)
        try branch.settle(log)
        #expect(log.closedSegments == Array(1..<log.lastSegment))
        #expect(branch.store.contents(path(1)) == parent.harness.store.contents(path(1)))
        for segment in 1...log.lastSegment {
            let work = try #require(log.scrub(segment))
            #expect(try work.carryOut(on: branch.store, crypto: branch.crypto, leaves: PlainEntries()) == [])
        }
        let report = try branch.verify()
        #expect(report.isOK && report.lastIndex == log.lastIndex && report.segments == Int(log.lastSegment))
        let (again, recovery) = try branch.open()
        #expect(recovery == .whole)
        #expect(try again.bodies() == log.bodies())
        // A copied segment that rots is found like any other.
        var bytes = try #require(branch.store.contents(path(2)))
        let description = try #require(log.description(of: 2))
        bytes[description.headerOffset(of: description.firstIndex + 1) + 30] ^= 1
        branch.store.put(path(2), bytes)
        #expect(try branch.verify().faults.first?.index == description.firstIndex + 1)
        let work = try #require(log.scrub(2))
        let found = try work.carryOut(on: branch.store, crypto: branch.crypto, leaves: PlainEntries())
        #expect(found.first?.index == description.firstIndex + 1)
    }

    @Test(arguments: [FailingFiles<MemoryFiles>.Failure.error(28), .shortWrite, .sync, .full, .stop])
    func `a crash while the first segment of a branch is made leaves it or none, and the branch goes on`(
        failure: FailingFiles<MemoryFiles>.Failure
    ) throws {
        let bodies = try parent.bodies
        for tearing in [MemoryFiles.Tearing.keepsAll, .losesAll, .mixed] {
            var number = 1
            while true {
                var dice = SeededDice(seed: UInt64(number))
                let memory = parent.copy()
                let failing = FailingFiles(memory, failing: failure, at: number)
                var acknowledged = bodies
                do {
                    let branch = try parent.branch(on: failing)
                    try append(2, branch, try branch.open().log, &acknowledged)
                } catch is LogError {
                } catch is FileError {
                }
                memory.crash(tearing, dice: &dice)
                let branch = try parent.branch(on: memory)
                let (log, recovery) = try branch.open()
                if case .faulty(let fault) = recovery { Issue.record("\(fault) after \(failure) at \(number)") }
                let found = try log.bodies()
                #expect(found.count >= acknowledged.count && Array(found[..<acknowledged.count]) == acknowledged)
                acknowledged = found
                try append(3, branch, log, &acknowledged)
                #expect(try log.header(at: first).cluster == Parent.id(1))
                #expect(try branch.verify().isOK)
                guard failing.hasFailed else { break }
                number += every
            }
            #expect(number > 5)
        }
    }

    private func append<Store: FileStore>(
        _ frames: Int, _ branch: LogHarness<Store>, _ log: LogHarness<Store>.Log, _ acknowledged: inout [[UInt8]]
    ) throws {
        for _ in 0..<frames {
            try branch.append(log)
            try branch.flush(log)
            acknowledged.append(try log.frame(at: log.durableIndex).body)
        }
    }

    @Test func `a first frame whose name did not reach the disk was never there`() throws {
        let branch = try parent.branch(on: parent.copy())
        let (log, _) = try branch.open()
        try branch.append(log)
        let batch = try #require(log.takeBatch())
        let torn = DiskBatch(
            number: 1, orders: batch.orders.filter { if case .rename = $0 { false } else { true } }, afterwards: [],
            lastIndex: batch.lastIndex)
        try torn.carryOut(on: branch.store)
        #expect(branch.store.paths.contains(path(4) + ".tmp"))
        let (again, recovery) = try branch.open()
        #expect(recovery == .whole && again.end == parent.log.end)
        #expect(!branch.store.paths.contains(path(4) + ".tmp"))
        try branch.append(again)
        #expect(try again.header(at: first).segment == 4)
    }

    @Test func `damage to the first frame of a branch is told, and mended with another's`() throws {
        let (branch, log) = try lived(12)
        try branch.settle(log)
        let description = try #require(log.description(of: 4))
        let whole = try #require(branch.store.contents(path(4)))
        for offset in [description.headerOffset(of: first) + 20, description.bodiesAt + 70] {
            var bytes = whole
            bytes[offset] ^= 8
            let alone = try parent.branch(on: branch.store.copy())
            alone.store.put(path(4), bytes)
            guard case .faulty(let fault) = try alone.open().recovery else {
                Issue.record("not faulty")
                continue
            }
            #expect(fault.index == first && fault.segment == 4)
            alone.configuration.hasPeers = true
            let (wounded, _) = try alone.open()
            let copies = try log.stored(from: first, through: first, bytesMax: .max)
            #expect(throws: LogError.refusedFrame(.misplaced)) { try wounded.repair(parents()) }
            try wounded.repair(copies[0])
            #expect(wounded.fault == nil && wounded.end == log.end)
            #expect(alone.store.contents(path(4)) == whole)
        }
        // Its whole file lost, and what stands behind it told by the lineage alone to be the branch's.
        try branch.close(log)
        let alone = try parent.branch(on: branch.store.copy())
        alone.configuration.hasPeers = true
        try alone.store.remove(path(4))
        let (wounded, _) = try alone.open()
        #expect(wounded.fault?.index == first)
        for index in first...log.lastIndex where wounded.fault != nil {
            try wounded.repair(try log.stored(from: index, through: index, bytesMax: .max)[0])
        }
        #expect(wounded.fault == nil && wounded.end == log.end)
    }

    /// What the parent wrote, later, where the branch's own part begins.
    private func parents() throws -> StoredFrame {
        let later = try Harness(parent.copy(), crypto: parent.harness.crypto, keys: parent.harness.keys)
        later.configuration = parent.harness.configuration
        let (log, _) = try later.open()
        try later.append(log)
        return try #require(try log.stored(from: first, through: first, bytesMax: .max).first)
    }

    @Test func `a secondary follows a branch from its oldest ancestor's first frame`() throws {
        let (branch, log) = try lived()
        let other = try parent.branch(on: MemoryFiles())
        other.configuration.hasPeers = true
        let start = try #require(try log.stored(from: 1, through: 1, bytesMax: .max).first)
        #expect(throws: LogError.refusedFrame(.misplaced)) {
            try FirstFrame.plant(
                FirstFrame.copy(of: start), in: "log", of: other.store, identity: other.lineage.current)
        }
        try FirstFrame.plant(
            FirstFrame.copy(of: start), in: "log", of: other.store, identity: other.lineage.oldest.identity)
        let (follower, _) = try other.open()
        #expect(throws: LogError.lineage(.other)) { try other.append(follower) }
        for frame in try log.stored(from: 2, through: .max, bytesMax: .max) {
            if try frame.parsed().index == first {
                #expect(throws: LogError.refusedFrame(.misplaced)) { try follower.append(stored: parents()) }
                #expect(follower.end == parent.log.end)
            }
            #expect(try follower.append(stored: frame).header == frame.parsed())
            if follower.lastIndex % 5 == 0 { try other.flush(follower) }
        }
        for (harness, log) in [(branch, log), (other, follower)] {
            try harness.flush(log)
            try harness.close(log)
            try harness.settle(log)
        }
        #expect(follower.end == log.end && follower.closedSegments == log.closedSegments)
        for segment in log.closedSegments {
            #expect(other.store.contents(path(segment)) == branch.store.contents(path(segment)))
        }
        // A life that ends while the ancestors' part is being copied is gone on with.
        let half = try parent.branch(on: MemoryFiles())
        try FirstFrame.plant(
            FirstFrame.copy(of: start), in: "log", of: half.store, identity: half.lineage.oldest.identity)
        var (begun, _) = try half.open()
        for frame in try log.stored(from: 2, through: .max, bytesMax: .max) {
            _ = try begun.append(stored: frame)
            try half.flush(begun)
            begun = try half.open().log
        }
        #expect(begun.end == log.end)
        #expect(try half.verify().isOK)
    }

    @Test func `what a quorum never had is taken back to the copied end, and the branch begins anew`() throws {
        let (branch, log) = try lived()
        try log.truncate(after: first - 1)
        try branch.append(log)
        try branch.flush(log)
        #expect(log.lastSegment == 4 && log.lastIndex == first)
        let (again, recovery) = try branch.open()
        #expect(recovery == .whole && again.end == log.end)
        #expect(branch.store.paths.filter { $0.hasSuffix(".segment") }.count == 4)
        #expect(try branch.verify().isOK)
    }

    @Test func `a branch of a branch has three generations`() throws {
        let (branch, log) = try lived()
        let third = try Parent.branch(off: log, of: branch, on: branch.store.copy(), id: 2)
        let (grand, recovery) = try third.open()
        #expect(recovery == .whole && grand.lineage.generations.count == 3)
        for round in 0..<30 { try third.append(grand, events: round % 2) }
        try third.flush(grand)
        try third.close(grand)
        let header = try grand.header(at: log.lastIndex + 1)
        #expect(header.cluster == Parent.id(2) && header.segment == log.lastSegment + 1 && header.keyEpoch == 3)
        let (again, verdict) = try third.open()
        #expect(verdict == .whole && again.end == grand.end)
        #expect(try again.bodies() == grand.bodies())
        #expect(Set(try (1...again.lastIndex).map { try again.header(at: $0).cluster }).count == 3)
        #expect(try third.verify().isOK)
        let other = try Parent.branch(off: log, of: branch, on: MemoryFiles(), id: 2)
        let frames = try grand.stored(from: 1, through: .max, bytesMax: .max)
        try FirstFrame.plant(
            FirstFrame.copy(of: frames[0]), in: "log", of: other.store, identity: Harness.identity)
        let (follower, _) = try other.open()
        for frame in frames.dropFirst() { _ = try follower.append(stored: frame) }
        #expect(follower.end == grand.end)
    }
}
