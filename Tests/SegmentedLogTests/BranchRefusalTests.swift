import Bytes
import Files
import Keys
import SegmentedLog
import Testing

/// A lineage and a log that do not belong together never come together, whatever is whole of either.
@Suite struct BranchRefusalTests {
    typealias Harness = LogHarness<MemoryFiles>

    private let parent: Parent
    private let branch: Harness
    private let log: Harness.Log
    /// Of the branch's own part.
    private let newest: Generation

    init() throws {
        parent = try Parent()
        branch = try parent.branch(on: parent.copy())
        log = try branch.open().log
        for _ in 0..<3 { try branch.append(log) }
        try branch.flush(log)
        newest = branch.lineage.newest
    }

    private func lineage(_ change: (inout (UInt64, UInt64, UInt64, UInt64)) -> Void) throws -> Lineage {
        var first = (newest.firstSegment, newest.firstIndex, newest.firstPosition, newest.firstRecord)
        change(&first)
        return try #require(
            Lineage([
                .first(Harness.identity),
                Generation(
                    identity: newest.identity, firstSegment: first.0, firstIndex: first.1, firstPosition: first.2,
                    firstRecord: first.3),
            ]))
    }

    private func harness(_ store: MemoryFiles, _ lineage: Lineage) throws -> Harness {
        let harness = try Harness(store, crypto: branch.crypto, keys: branch.keys)
        harness.configuration = branch.configuration
        harness.lineage = lineage
        return harness
    }

    @Test func `a log is not opened without its lineage`() throws {
        let foreign = try harness(branch.store.copy(), Lineage(newest.identity))
        #expect(throws: LogError.otherCluster) { try foreign.open() }
        #expect(try !foreign.verify().isOK)
        // The parent itself never takes the branch's segment for its own.
        let parents = try harness(branch.store.copy(), Lineage(Harness.identity))
        let fault = Fault(
            index: newest.firstIndex, segment: 4, position: newest.firstPosition, kind: .segmentHeader)
        #expect(try parents.open().recovery == .faulty(fault))
        #expect(try parents.verify().faults.first == fault)
    }

    @Test func `nor is it with a lineage that lets the branch begin elsewhere`() throws {
        let wrong = try [
            lineage { $0.1 -= 1 }, lineage { $0.1 += 1 }, lineage { $0.2 -= 1 }, lineage { $0.2 += 1 },
            lineage { $0.3 -= 1 }, lineage { $0.3 += 1 },
        ]
        for lineage in wrong {
            let store = branch.store.copy()
            let before = store.paths.map { store.contents($0) }
            let harness = try harness(store, lineage)
            #expect(throws: LogError.lineage(.other)) { try harness.open() }
            #expect(store.paths.map { store.contents($0) } == before)
            #expect(throws: LogError.lineage(.other)) { try harness.verify() }
        }
        // Elsewhere by segments it is the ancestor's segment that is missing, or another's.
        for change in [-1, 1] as [Int64] {
            let lineage = try lineage { $0.0 = UInt64(Int64($0.0) + change) }
            let harness = try harness(branch.store.copy(), lineage)
            guard case .faulty(let fault) = try harness.open().recovery else {
                Issue.record("not faulty")
                continue
            }
            #expect(fault.kind == .segmentHeader && fault.segment == (change < 0 ? 3 : 4))
        }
    }

    @Test func `nothing is written where the lineage does not let the branch begin`() throws {
        let wrong = try [
            lineage { $0.0 += 1 }, lineage { $0.1 += 1 }, lineage { $0.2 += 1 }, lineage { $0.3 += 1 },
        ]
        for lineage in wrong {
            let harness = try harness(parent.copy(), lineage)
            let (log, _) = try harness.open()
            #expect(throws: LogError.lineage(.other)) { try log.reserve(bodyBytes: 10, dice: &harness.dice) }
            #expect(throws: LogError.lineage(.other)) { try harness.append(log) }
            #expect(log.end == parent.log.end && log.takeBatch() == nil)
        }
        // A log that goes on already where the branch should begin is not the one that was copied.
        for lineage in try [lineage { $0.1 -= 1 }, lineage { $0.2 -= 1 }, lineage { $0.3 -= 1 }] {
            let harness = try harness(parent.copy(), lineage)
            #expect(throws: LogError.lineage(.other)) { try harness.open() }
            #expect(throws: LogError.lineage(.other)) { try harness.verify() }
        }
    }

    @Test func `nobody writes under an ancestor's id`() throws {
        var end = parent.log.end
        end.nextIndex += 1
        let third = try #require(branch.lineage.branched(to: Parent.id(2), after: end, in: 4))
        let harness = try harness(parent.copy(), third)
        let (log, recovery) = try harness.open()
        #expect(recovery == .whole)
        #expect(throws: LogError.lineage(.other)) { try harness.append(log) }
    }

    @Test func `a parent's later segment is never taken for the branch's`() throws {
        // The parent went on, with a fourth segment of its own.
        let later = try Harness(parent.copy(), crypto: parent.harness.crypto, keys: parent.harness.keys)
        later.configuration = parent.harness.configuration
        let (log, _) = try later.open()
        while log.lastSegment < 4 { try later.append(log) }
        try later.flush(log)
        let fourth = "log/000000000004.segment"
        let store = branch.store.copy()
        store.put(fourth, try #require(later.store.contents(fourth)))
        let mixed = try harness(store, branch.lineage)
        guard case .faulty(let fault) = try mixed.open().recovery else {
            Issue.record("not faulty")
            return
        }
        #expect(fault.index == newest.firstIndex)
        #expect(try mixed.verify().faults.first?.segment == 4)
        let whole = try harness(later.store.copy(), branch.lineage)
        #expect(throws: LogError.self) {
            let (log, recovery) = try whole.open()
            if case .faulty(let fault) = recovery { throw LogError.damaged(fault) }
            try whole.append(log)
        }
    }

    @Test func `a stored frame of another generation, or in another place, changes nothing`() throws {
        let follower = try harness(parent.copy(), branch.lineage)
        follower.configuration.hasPeers = true
        let (copy, _) = try follower.open()
        let frames = try log.stored(from: newest.firstIndex, through: .max, bytesMax: .max)
        // One under the parent's id, where the branch begins.
        let later = try Harness(parent.copy(), crypto: parent.harness.crypto, keys: parent.harness.keys)
        later.configuration = parent.harness.configuration
        let (parents, _) = try later.open()
        for events in [0, 1, 3] { try later.append(parents, events: events) }
        let foreign = try parents.stored(from: newest.firstIndex, through: .max, bytesMax: .max)
        for frame in foreign + [frames[1]] {
            #expect(throws: LogError.refusedFrame(.misplaced)) { try copy.append(stored: frame) }
        }
        // One of a branch that begins elsewhere, though under the same id.
        for lineage in try [
            lineage { $0.1 += 1 }, lineage { $0.2 += 1 }, lineage { $0.3 += 1 }, lineage { $0.0 += 1 },
        ] {
            let (elsewhere, _) = try harness(parent.copy(), lineage).open()
            #expect(throws: LogError.refusedFrame(.misplaced)) { try elsewhere.append(stored: frames[0]) }
        }
        #expect(copy.end == parent.log.end && copy.takeBatch() == nil)
        for frame in frames { _ = try copy.append(stored: frame) }
        #expect(copy.end == log.end)
        #expect(throws: LogError.refusedFrame(.misplaced)) { try copy.append(stored: foreign[2]) }
    }
}
