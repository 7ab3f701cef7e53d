import Bytes
import Consensus
import Testing

@Suite struct RaftNodeTests {
    private func step(_ node: inout RaftNode, _ input: RaftNode.Input) -> [RaftNode.Effect] {
        var effects: [RaftNode.Effect] = []
        node.step(input, into: &effects)
        return effects
    }

    @Test func `every start makes a higher term durable before anything else`() {
        var node = RaftNode(id: 1, voters: [1])
        #expect(step(&node, .started(term: 4, lastIndex: 9, lastTerm: 4)) == [.persistTerm(5, vote: 1)])
        #expect(node.role == .candidate)
        #expect(step(&node, .ticked) == [])
        #expect(step(&node, .persisted(through: 9)) == [])
        #expect(step(&node, .termPersisted(4)) == [])
        #expect(step(&node, .termPersisted(5)) == [.becamePrimary(5)])
        #expect(node.role == .primary(noop: 10))
    }

    @Test func `a lost term file does not bring an old term back`() {
        var node = RaftNode(id: 1, voters: [1])
        #expect(step(&node, .started(term: 0, lastIndex: 9, lastTerm: 7)) == [.persistTerm(8, vote: 1)])
    }

    @Test func `entries of earlier terms commit only with the no-op of this one`() {
        var node = RaftNode(id: 1, voters: [1])
        _ = step(&node, .started(term: 1, lastIndex: 9, lastTerm: 1))
        _ = step(&node, .termPersisted(2))
        #expect(node.committed == 0)
        #expect(!node.mayDecide)
        #expect(step(&node, .persisted(through: 9)) == [])
        _ = step(&node, .appended(through: 10))
        #expect(step(&node, .persisted(through: 10)) == [.committed(through: 10)])
        #expect(node.mayDecide)
    }

    @Test func `appended is not durable and commits nothing`() {
        var node = primary()
        #expect(step(&node, .appended(through: 5)) == [])
        #expect(node.committed == 1)
        #expect(step(&node, .persisted(through: 3)) == [.committed(through: 3)])
        #expect(step(&node, .persisted(through: 2)) == [])
        #expect(node.committed == 3)
    }

    @Test func `a node that is no quorum by itself does not lead`() {
        var node = RaftNode(id: 2, voters: [1, 2, 3])
        _ = step(&node, .started(term: 0, lastIndex: 1, lastTerm: 1))
        #expect(step(&node, .termPersisted(2)) == [])
        #expect(node.role == .candidate)
    }

    @Test func `a failed disk ends the part this node plays`() {
        var node = primary()
        #expect(step(&node, .diskFailed) == [.steppedDown])
        _ = step(&node, .appended(through: 2))
        #expect(step(&node, .persisted(through: 2)) == [])
        #expect(!node.mayDecide)
    }

    private func primary() -> RaftNode {
        var node = RaftNode(id: 1, voters: [1])
        _ = step(&node, .started(term: 0, lastIndex: 0, lastTerm: 0))
        _ = step(&node, .termPersisted(1))
        _ = step(&node, .appended(through: 1))
        #expect(step(&node, .persisted(through: 1)) == [.committed(through: 1)])
        return node
    }

    /// The dumb twin: tries every index and counts who reaches it.
    private func heldByCounting(_ quorum: Int, _ matches: [UInt64]) -> UInt64 {
        var held: UInt64 = 0
        for index in 0...(matches.max() ?? 0) where matches.count(where: { $0 >= index }) >= quorum { held = index }
        return held
    }

    @Test(arguments: 0..<200)
    func `the commit rule agrees with counting`(seed: UInt64) {
        var dice = SeededDice(seed: seed)
        let voters = Int(dice.word() % 7) + 1
        let matches = (0..<voters).map { _ in dice.word() % 20 }
        let quorum = voters / 2 + 1
        #expect(CommitRule.held(by: quorum, of: matches) == heldByCounting(quorum, matches))
    }

    @Test(arguments: 0..<50)
    func `term, commit and durable index never fall, and commit never passes durable`(seed: UInt64) {
        var dice = SeededDice(seed: seed)
        var node = RaftNode(id: 1, voters: [1])
        var last = dice.word() % 5
        _ = step(&node, .started(term: dice.word() % 5, lastIndex: last, lastTerm: 0))
        for _ in 0..<200 {
            let before = node
            switch dice.word() % 5 {
            case 0:
                last += dice.word() % 3
                _ = step(&node, .appended(through: last))
            case 1: _ = step(&node, .persisted(through: min(last, node.durable + dice.word() % 3)))
            case 2: _ = step(&node, .termPersisted(node.term))
            case 3: _ = step(&node, .termPersisted(node.term - 1))
            default: _ = step(&node, .ticked)
            }
            #expect(node.term >= before.term && node.durable >= before.durable && node.committed >= before.committed)
            #expect(node.committed <= node.durable && node.durable <= node.lastIndex)
        }
    }
}
