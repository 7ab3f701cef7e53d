import Consensus
import Testing

@Suite struct LoneNodeTests {
    private func step(_ node: inout RaftNode, _ input: RaftNode.Input) -> [RaftNode.Effect] {
        var effects: [RaftNode.Effect] = []
        node.step(input, log: AnyLog(), into: &effects)
        return effects
    }

    private struct AnyLog: LogView {
        func term(at index: UInt64) -> UInt64? { 1 }
        func bytes(at index: UInt64) -> Int { 1 }
    }

    private func start(_ term: UInt64, _ last: UInt64, _ lastTerm: UInt64) -> RaftNode {
        var node = RaftNode(id: 1, seed: 1)
        let effects = step(
            &node,
            .started(
                term: term, vote: nil, last: EntryID(index: last, term: lastTerm), committed: 1,
                membership: Membership(voters: [1])))
        #expect(effects == (lastTerm > term ? [.persistTerm(lastTerm, vote: nil)] : []))
        return node
    }

    @Test func `alone, the first tick makes a higher term durable before anything else`() {
        var node = start(4, 9, 4)
        #expect(step(&node, .ticked(milliseconds: 5)) == [.persistTerm(5, vote: 1)])
        #expect(node.role == .candidate)
        #expect(step(&node, .ticked(milliseconds: 6)) == [])
        #expect(step(&node, .persisted(through: 9)) == [])
        #expect(step(&node, .termPersisted(4, vote: 1)) == [])
        #expect(step(&node, .termPersisted(5, vote: 1)) == [.becamePrimary(5)])
        #expect(node.role == .primary(noop: 10))
    }

    @Test func `a lost term file does not bring an old term back`() {
        var node = start(0, 9, 7)
        #expect(step(&node, .termPersisted(7, vote: nil)) == [])
        #expect(step(&node, .ticked(milliseconds: 5)) == [.persistTerm(8, vote: 1)])
    }

    @Test func `entries of earlier terms commit only with the no-op of this one`() {
        var node = start(1, 9, 1)
        _ = step(&node, .ticked(milliseconds: 5))
        _ = step(&node, .termPersisted(2, vote: 1))
        #expect(node.committed == 1)
        #expect(!node.mayDecide)
        #expect(step(&node, .persisted(through: 9)) == [])
        _ = step(&node, .appended(through: 10))
        #expect(step(&node, .persisted(through: 10)) == [.committed(through: 10)])
        #expect(node.mayDecide)
    }

    @Test func `appended is not durable and commits nothing`() {
        var node = primary()
        #expect(step(&node, .appended(through: 5)) == [])
        #expect(node.committed == 2)
        #expect(step(&node, .persisted(through: 3)) == [.committed(through: 3)])
        #expect(step(&node, .persisted(through: 2)) == [])
        #expect(node.committed == 3)
    }

    @Test func `whoever is barred plays no part any more`() {
        var node = primary()
        #expect(step(&node, .barred) == [.becameSecondary(2, primary: nil)])
        #expect(!node.mayDecide)
    }

    private func primary() -> RaftNode {
        var node = start(1, 1, 1)
        _ = step(&node, .ticked(milliseconds: 5))
        _ = step(&node, .termPersisted(2, vote: 1))
        _ = step(&node, .appended(through: 2))
        #expect(step(&node, .persisted(through: 2)) == [.committed(through: 2)])
        return node
    }
}
