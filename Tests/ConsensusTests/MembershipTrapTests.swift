import Consensus
import Testing

/// The known traps of changing who takes part (12 to 17), each by its number.
@Suite struct MembershipTrapTests {
    private func stage(learners: [Int] = [4]) -> Stage {
        let stage = Stage(voters: [1, 2, 3], learners: learners)
        stage.elect(1)
        catchUp(stage)
        return stage
    }

    /// A few entries and answers, so that everybody is known to keep up.
    private func catchUp(_ stage: Stage) {
        for _ in 0..<3 {
            stage.propose(1)
            stage.pass(60)
            stage.settle()
        }
    }

    @Test func `a learner that has everything is caught up, however quiet it is`() {
        let stage = Stage(voters: [1, 2, 3], learners: [4])
        stage.elect(1)
        stage.settle()
        for _ in 0..<3 {
            // Far longer than an election takes.
            for _ in 0..<60 {
                stage.pass(50)
                stage.settle()
            }
            stage.propose(1)
            stage.settle()
            #expect(stage[1].node.isCaughtUp(4))
        }
    }

    @Test func `trap 12: no change before an entry of the term is committed`() {
        let host = Host(id: 1, seed: 1, genesis: Membership(voters: [1, 2, 3]))
        host.start(seed: 1)
        let wanted = host.node.membership.adding(learner: 4)
        #expect(host.node.refusal(of: wanted) == .notPrimary)
        host.lead()
        #expect(host.node.refusal(of: wanted) == .notReady)
        host.persistAll()
        #expect(host.node.refusal(of: wanted) == .notReady)
        host.hear(.appendAnswer(match: 2), from: 2)
        #expect(host.node.refusal(of: wanted) == nil)
    }

    @Test func `trap 12: no change on top of another`() {
        let stage = stage()
        let now = stage[1].node.membership
        #expect(stage.propose(1, membership: now.joint(with: [1, 2, 4])))
        let joint = stage[1].node.membership
        #expect(joint.isJoint)
        #expect(stage[1].node.refusal(of: joint.adding(learner: 5)) == .changeUnderWay)
        #expect(stage[1].node.refusal(of: joint.settled) == .changeUnderWay)
        stage.settle()
        #expect(stage[1].node.membership == Membership(voters: [1, 2, 4], retired: [3]))
        #expect(stage[1].node.refusal(of: stage[1].node.membership.adding(learner: 5)) == nil)
    }

    @Test func `trap 12: two steps at once are refused`() {
        let stage = stage()
        let now = stage[1].node.membership
        for wanted in [
            Membership(voters: [1, 2, 3, 4]), now.adding(learner: 5).adding(learner: 6),
            now.adding(learner: 5).removing(learner: 4), now, now.joint(with: [1, 2, 3]),
            Membership(voters: [1, 2, 3], incoming: [1, 2, 4], learners: [4]),
        ] {
            #expect(stage[1].node.refusal(of: wanted) == .notOneStep)
        }
    }

    @Test func `trap 13: a membership counts when it is appended, and no more when it is cut away`() {
        let stage = stage()
        let before = stage[1].node.membership
        stage.propose(1, membership: before.joint(with: [1, 2, 4]))
        #expect(stage[1].node.membership.isJoint)
        stage.deliver { $0.to == 4 }
        #expect(stage[4].node.membership.isJoint)
        stage.drop()
        // 2 leads without having seen it, and has other entries there.
        stage.elect(2, without: [1, 4])
        stage.propose(2)
        stage.pass(60)
        stage.settle(without: [1])
        #expect(stage[4].node.membership == before)
        #expect(stage.takeOrders(4).contains(.membershipReverted(before)))
        stage.pass(60)
        stage.settle()
        #expect(stage[1].node.membership == before && stage[1].log == stage[2].log)
    }

    @Test func `trap 14: a voter is replaced in one joint step that both majorities carry`() {
        let stage = stage()
        // 3 is lost; 1 and 2 suffice throughout.
        stage.propose(1, membership: stage[1].node.membership.joint(with: [1, 2, 4]))
        stage.settle(without: [3])
        #expect(stage[1].node.membership == Membership(voters: [1, 2, 4], retired: [3]))
        #expect(stage[2].node.membership == Membership(voters: [1, 2, 4], retired: [3]))
    }

    @Test func `trap 14: neither majority alone commits while they are joint`() {
        for (answering, commits) in [([2, 3], false), ([4, 5], false), ([2, 4], true), ([2, 3, 4], true)] {
            let genesis = Membership(voters: [1, 2, 3], incoming: [1, 4, 5])
            let host = Host(id: 1, seed: 1, genesis: genesis)
            host.start(seed: 1)
            host.lead()
            host.persistAll()
            for other in answering { host.hear(.appendAnswer(match: 2), from: other) }
            #expect((host.node.committed >= 2) == commits, "\(answering)")
        }
    }

    @Test func `trap 14: a new primary finishes the change that the old one began`() {
        let stage = stage()
        stage.propose(1, membership: stage[1].node.membership.joint(with: [1, 2, 4]))
        // The entry reaches all, but 1 is lost before it learns that.
        stage.deliver()
        stage.settle(without: [1])
        stage.elect(2, without: [1])
        stage.settle(without: [1])
        #expect(stage[2].node.membership == Membership(voters: [1, 2, 4], retired: [3]))
        #expect(stage[4].node.membership == stage[2].node.membership)
    }

    @Test func `trap 15: who has not copied the log cannot become a voter`() {
        let stage = Stage(voters: [1, 2, 3], others: [4])
        stage.elect(1)
        let wanted = stage[1].node.membership.joint(with: [1, 2, 3, 4])
        #expect(stage[1].node.refusal(of: wanted) == .notOneStep)
        #expect(stage.propose(1, membership: stage[1].node.membership.adding(learner: 4)))
        stage.settle(without: [4])
        #expect(stage[1].node.refusal(of: stage[1].node.membership.joint(with: [1, 2, 4])) == .lagsBehind(4))
        catchUp(stage)
        #expect(stage[1].node.refusal(of: stage[1].node.membership.joint(with: [1, 2, 4])) == nil)
        // A learner that was caught up once, but is silent now, does not do either.
        for _ in 0..<20 {
            stage.pass(60)
            stage.settle(without: [4])
        }
        #expect(stage[1].node.refusal(of: stage[1].node.membership.joint(with: [1, 2, 4])) == .lagsBehind(4))
    }

    @Test func `trap 16: an id that was a voter once never counts again`() {
        let stage = stage()
        stage.propose(1, membership: stage[1].node.membership.joint(with: [1, 2, 4]))
        stage.settle()
        stage.pass(60)
        stage.settle()
        let now = stage[1].node.membership
        #expect(now.retired == [3])
        #expect(stage[1].node.refusal(of: now.adding(learner: 3)) == .retiredID(3))
        let term = stage[1].node.term
        let last = EntryID(index: 99, term: 99)
        _ = stage[2].takeOutcomes()
        stage[2].hear(.voteRequest(last: last, isTransfer: true), from: 3, term: term + 1)
        stage[2].hear(.preVoteRequest(asked: term + 1, last: last, isTransfer: true), from: 3)
        stage[2].hear(.heartbeat(commit: 99, round: 1), from: 3, term: term + 1)
        #expect(stage[2].takeOutcomes().isEmpty && stage[2].node.term == term)
    }

    @Test func `trap 16: whoever is barred stands, votes and leads no more, whatever it hears`() {
        let stage = stage()
        for id in [1, 2] {
            let host = stage[id]
            _ = host.takeOutcomes()
            host.tell(.barred)
            let told = host.takeSent().map(\.kind)
            // Whoever led has another stand at once; that is its last word.
            #expect(told == (id == 1 ? [.timeoutNow] : []))
            #expect(host.node.role == .secondary && host.node.primary == nil)
            let term = host.node.term
            let last = EntryID(index: 99, term: 99)
            host.tell(.ticked(milliseconds: 90_000))
            host.tell(.ticked(milliseconds: 190_000))
            host.tell(.disconnected(peer: 1))
            host.tell(.connected(peer: 3))
            host.hear(.timeoutNow, from: 3)
            host.hear(.timeoutNow, from: 3, term: term + 1)
            host.hear(.preVoteRequest(asked: term + 1, last: last, isTransfer: true), from: 3)
            host.hear(.voteRequest(last: last, isTransfer: true), from: 3, term: term + 2)
            host.hear(.preVoteAnswer(asked: term + 1, granted: true), from: 3)
            host.hear(.heartbeat(commit: 99, round: 1), from: 3, term: term + 3)
            #expect(host.takeSent().isEmpty && host.node.role == .secondary && host.node.term == term)
        }
    }

    @Test func `trap 16: the votes and disks of learners and strangers do not count`() {
        let host = Host(id: 1, seed: 1, genesis: Membership(voters: [1, 2, 3], learners: [4, 5]))
        host.start(seed: 1)
        host.tell(.ticked(milliseconds: 1000))
        host.tell(.ticked(milliseconds: 3000))
        for other in 4...8 { host.hear(.preVoteAnswer(asked: 2, granted: true), from: other) }
        #expect(host.node.role == .preCandidate)
        host.hear(.preVoteAnswer(asked: 2, granted: true), from: 2)
        host.persistAll()
        for other in 4...8 { host.hear(.voteAnswer(granted: true), from: other) }
        #expect(host.node.role == .candidate)
        host.hear(.voteAnswer(granted: true), from: 2)
        host.persistAll()
        for other in 4...8 { host.hear(.appendAnswer(match: 2), from: other) }
        #expect(host.node.committed == 1)
        host.hear(.appendAnswer(match: 2), from: 3)
        #expect(host.node.committed == 2)
    }

    @Test func `trap 17: a primary that leaves does not count itself, and steps down when it is out`() {
        let stage = stage()
        stage.propose(1, membership: stage[1].node.membership.joint(with: [2, 3, 4]))
        // The joint entry is committed; the next one, without 1, is on its way.
        while stage[1].node.membership.isJoint {
            for id in 1...4 { stage.persist(id) }
            stage.deliver()
        }
        let left = stage[1].node.last.index
        for id in 1...4 { stage.persist(id) }
        // One of the three new voters has it, and 1 itself: no quorum.
        stage.drop { $0.to == 3 || $0.to == 4 || $0.from == 3 || $0.from == 4 }
        for _ in 0..<5 {
            stage.deliver()
            for id in 1...4 { stage.persist(id) }
        }
        #expect(stage[1].node.committed < left && stage[1].node.isPrimary)
        stage.pass(60)
        stage.settle()
        #expect(!stage[1].node.isPrimary)
        #expect(stage[1].node.committed == left)
        // One of the others stood at once.
        #expect([2, 3, 4].contains { stage[$0].node.isPrimary })
    }

    /// After a start it may know of no commit since before it joined.
    @Test func `trap 17: who joined and is removed behind the commit that it knows may still have to lead`() {
        let old = Membership(voters: [1, 2, 3], learners: [4, 5])
        let joined = old.joint(with: [2, 3, 4])
        let removed = joined.settled.joint(with: [2, 3, 5])
        let host = Host(id: 4, seed: 1, genesis: old)
        let memberships = [joined, joined.settled, removed, removed.settled]
        host.load([Entry(term: 1)] + memberships.map { Entry(term: 1, membership: $0) }, term: 1, vote: nil)
        host.start(seed: 1)
        #expect(!host.node.membership.isVoter(4))
        host.tell(.ticked(milliseconds: 10))
        host.tell(.ticked(milliseconds: 9000))
        #expect(host.node.role == .preCandidate)
    }

    @Test func `trap 17: who is removed by an entry not known to be committed may still have to lead`() {
        let old = Membership(voters: [1, 2, 3], learners: [4])
        let joint = old.joint(with: [2, 3, 4])
        let host = Host(id: 1, seed: 1, genesis: old)
        let log = [
            Entry(term: 1), Entry(term: 1, membership: joint), Entry(term: 1, membership: joint.settled),
        ]
        host.load(log, term: 1, vote: nil)
        host.start(seed: 1)
        #expect(!host.node.membership.isMember(1))
        host.tell(.ticked(milliseconds: 10))
        host.tell(.ticked(milliseconds: 9000))
        #expect(host.node.role == .preCandidate)
        for other in [3, 4] { host.hear(.preVoteAnswer(asked: 2, granted: true), from: other, term: 1) }
        host.persistNext()
        for other in [3, 4] { host.hear(.voteAnswer(granted: true), from: other, term: 2) }
        #expect(host.node.isPrimary)
        // Its own disk does not count; with those of the new voters the removal is committed, and it is out.
        host.persistAll()
        #expect(host.node.committed == 1)
        host.hear(.appendAnswer(match: 4), from: 3)
        #expect(host.node.committed == 1)
        host.hear(.appendAnswer(match: 4), from: 4)
        #expect(host.node.committed == 4)
        #expect(host.node.role == .secondary)
        host.tell(.ticked(milliseconds: 20_000))
        #expect(host.node.role == .secondary)
    }
}
