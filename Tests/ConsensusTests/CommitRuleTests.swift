import Bytes
import Consensus
import Testing

/// The commit rule of a primary against one that tries every index and counts.
@Suite struct CommitRuleTests {
    private func isHeld(_ index: UInt64, by voters: [Int], _ matches: [UInt64]) -> Bool {
        voters.count { matches[$0 - 1] >= index } > voters.count / 2
    }

    @Test(arguments: 0..<300)
    func `what is committed is what counting says`(seed: UInt64) throws {
        var dice = SeededDice(seed: seed)
        let all = Array(1...Int(1 + dice.word() % 9))
        let voters = Array(all.prefix(Int(1 + dice.word() % 7)))
        let incoming = dice.word() % 2 == 0 ? nil : Array(all.suffix(Int(1 + dice.word() % 7)))
        let learners = all.filter { !voters.contains($0) && incoming?.contains($0) != true }
        let membership = Membership(voters: voters, incoming: incoming, learners: learners)
        try #require(membership.isSound)

        // Entries 2...9 are of term 1; the no-op of term 2 is 10.
        let host = Host(id: 1, seed: seed, genesis: membership)
        host.load(Array(repeating: Entry(term: 1), count: 9), term: 1, vote: nil)
        host.start(seed: seed)
        host.lead()
        for _ in 0..<10 { host.propose(1) }

        var matches = Array(repeating: UInt64(0), count: all.count)
        matches[0] = 9
        for _ in 0..<60 {
            let id = all[Int(dice.word() % UInt64(all.count))]
            if id == 1 {
                host.persistNext()
                matches[0] = UInt64(host.disk.count)
            } else {
                let match = dice.word() % (host.log.lastIndex + 1)
                matches[id - 1] = max(matches[id - 1], match)
                host.hear(.appendAnswer(match: match), from: id)
            }
            let held =
                (0...host.log.lastIndex).last { index in
                    isHeld(index, by: voters, matches) && (incoming.map { isHeld(index, by: $0, matches) } ?? true)
                } ?? 0
            #expect(host.node.committed == (held >= 10 ? held : 1))
            if host.node.mayPropose { host.propose(2) }
            // A committed joint membership is followed by the new one: another test.
            guard host.node.isPrimary, host.node.membership == membership else { return }
        }
    }
}
