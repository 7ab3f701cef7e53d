import Bytes
import Files
import SegmentedLog
import Testing

@Suite struct TermStoreTests {
    private let identity = ClusterIdentity(low: 1, high: 2)

    private func store(_ states: [TermState]) throws -> MemoryFiles {
        let files = MemoryFiles()
        let term = try TermStore.create(store: files, path: "term", identity: identity)
        for state in states { try term.save(state) }
        return files
    }

    @Test func `one rotten copy takes no promise back`() throws {
        let last = TermState(term: 2, vote: 7, boot: 1)
        let files = try store([TermState(term: 1, vote: nil, boot: 1), last])
        let bytes = try #require(files.contents("term"))
        for bit in 0..<(bytes.count * 8) {
            let other = MemoryFiles()
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            other.put("term", damaged)
            #expect(try TermStore.open(store: other, path: "term", identity: identity).state == last)
        }
    }

    @Test(arguments: 0..<100)
    func `a torn update leaves the old state or the new one`(seed: UInt64) throws {
        var dice = SeededDice(seed: seed)
        let old = TermState(term: 4, vote: 1, boot: 3)
        let new = TermState(term: 5, vote: 2, boot: 4)
        let files = try store([old])
        let term = try TermStore.open(store: files, path: "term", identity: identity)
        for order in term.update(to: new).dropLast() {
            guard case .write(let path, let offset, let bytes) = order else { continue }
            try files.write(try files.open(path, .readWrite), at: offset, bytes)
        }
        files.crash(.mixed, dice: &dice)
        let found = try TermStore.open(store: files, path: "term", identity: identity).state
        #expect(found == old || found == new)
    }

    @Test func `a file keeps whose it is and what others reported`() throws {
        let files = MemoryFiles()
        let term = try TermStore.create(store: files, path: "term", identity: identity, replica: 3)
        var state = TermState(term: 2, vote: 1, boot: 1)
        let reported = KnownReplica(replica: 2, boot: 7, term: 2, durableIndex: 90)
        _ = state.note(reported)
        try term.save(state)
        // Whoever does not say it does not make it forgotten.
        try term.save(TermState(term: 3, vote: nil, boot: 2))
        let again = try TermStore.open(store: files, path: "term", identity: identity, replica: 3)
        #expect(again.state.known == [reported] && again.state.boot == 2 && again.replica == 3)
        #expect(throws: LogError.otherReplica) {
            try TermStore.open(store: files, path: "term", identity: identity, replica: 2)
        }
        try again.save(again.state, forgetting: [2])
        #expect(try TermStore.open(store: files, path: "term", identity: identity).state.known.isEmpty)
    }

    @Test(arguments: 1...3) func `what could not be made durable is not said`(write: Int) throws {
        let files = try store([TermState(term: 4, vote: 1, boot: 3)])
        let failing = FailingFiles(files, failing: write < 3 ? .shortWrite : .sync, at: write < 3 ? write : 2)
        let term = try TermStore.open(store: failing, path: "term", identity: identity)
        #expect(throws: LogError.self) { try term.save(TermState(term: 5, vote: nil, boot: 3)) }
        #expect(term.state == TermState(term: 4, vote: 1, boot: 3))
    }

    @Test func `trap 23, rolled-back disk: a replica that reports less than before is told`() {
        var state = TermState(term: 9, vote: nil, boot: 1)
        func report(_ boot: UInt64, _ term: UInt64, _ index: UInt64) -> Bool {
            state.note(KnownReplica(replica: 2, boot: boot, term: term, durableIndex: index))
        }
        #expect(report(4, 5, 100))
        #expect(!report(3, 5, 100))
        #expect(!report(4, 4, 100))
        #expect(!report(5, 5, 99))
        #expect(report(5, 5, 100))
        // A later term may have taken frames back.
        #expect(report(5, 6, 80))
        for other in 10..<40 as Range<UInt64> {
            _ = state.note(KnownReplica(replica: other, boot: 1, term: 1, durableIndex: 1))
        }
        #expect(state.known.count == TermState.knownMax)
        #expect(!report(4, 6, 80))
    }

    @Test func `another cluster's file and a file without a whole slot are refused`() throws {
        let files = try store([])
        #expect(throws: LogError.otherCluster) {
            try TermStore.open(store: files, path: "term", identity: ClusterIdentity(low: 1, high: 3))
        }
        files.put("term", [UInt8](repeating: 0, count: 2048))
        #expect(throws: LogError.self) { try TermStore.open(store: files, path: "term", identity: identity) }
        #expect(throws: LogError.missing) { try TermStore.open(store: files, path: "none", identity: identity) }
    }
}
