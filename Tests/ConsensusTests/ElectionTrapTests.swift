import Consensus
import Testing

/// The known traps of elections and terms (Chartlog's list of traps, 1 to 11 and 39), each by its number.
@Suite struct ElectionTrapTests {
    @Test func `trap 1: an entry of an earlier term is not committed by counting`() {
        let host = Host(id: 1, seed: 1, genesis: Membership(voters: [1, 2, 3, 4, 5]))
        host.load([Entry(term: 1), Entry(term: 2)], term: 3, vote: nil)
        host.start(seed: 1)
        host.lead()
        #expect(host.node.term == 4)
        for other in 2...4 { host.hear(.appendAnswer(match: 2), from: other) }
        #expect(host.node.committed == 1)
        // Once the no-op of its own term is on a quorum's disks, what is before it is committed too.
        host.hear(.appendAnswer(match: 3), from: 2)
        host.hear(.appendAnswer(match: 3), from: 3)
        #expect(host.node.committed == 1)
        host.persistAll()
        #expect(host.node.committed == 3)
    }

    @Test func `trap 2: a same-term step-down keeps the vote`() {
        // A candidate that lost.
        let stage = Stage()
        stage.pass(1000, only: 1)
        stage.deliver { $0.to == 2 }
        stage.deliver { $0.to == 1 }
        stage.persist(1)
        stage.drop()
        #expect(stage[1].node.role == .candidate)
        stage[1].hear(.voteAnswer(granted: false), from: 2)
        stage[1].hear(.voteAnswer(granted: false), from: 3)
        #expect(stage[1].node.role == .secondary)
        stage[1].hear(.voteRequest(last: EntryID(index: 9, term: 1), isTransfer: false), from: 3)
        #expect(stage[1].takeSent().last?.kind == .voteAnswer(granted: false))

        // A primary that a quorum does not answer.
        let deposed = Host(id: 1, seed: 1, genesis: Membership(voters: [1, 2, 3]))
        deposed.start(seed: 1)
        deposed.lead()
        deposed.persistAll()
        deposed.tell(.ticked(milliseconds: 1_003_000))
        #expect(deposed.node.role == .secondary && deposed.node.term == 2)
        deposed.hear(.voteRequest(last: EntryID(index: 9, term: 2), isTransfer: false), from: 2)
        #expect(deposed.takeSent().last?.kind == .voteAnswer(granted: false))
    }

    @Test func `trap 3: no answer leaves before term and vote are durable, together`() {
        let host = Host(id: 2, seed: 1, genesis: Membership(voters: [1, 2, 3]))
        host.start(seed: 1)
        host.tell(.ticked(milliseconds: 10))
        host.hear(.voteRequest(last: EntryID(index: 1, term: 1), isTransfer: false), from: 1, term: 5)
        #expect(host.writes == [.term(5, vote: 1)])
        #expect(host.takeSent().isEmpty)
        host.persistNext()
        #expect(host.takeSent().map(\.kind) == [.voteAnswer(granted: true)])
        #expect(host.diskTerm == 5 && host.diskVote == 1)

        // What a new primary is answered waits as well.
        host.hear(.heartbeat(commit: 1, round: 3), from: 3, term: 6)
        #expect(host.takeSent().isEmpty)
        host.persistNext()
        #expect(host.takeSent().map(\.kind) == [.heartbeatAnswer(round: 3, match: 1)])
    }

    @Test func `trap 3: a late notice of an earlier vote lets no answer go`() {
        let host = Host(id: 2, seed: 1, genesis: Membership(voters: [1, 2, 3]))
        host.start(seed: 1)
        host.tell(.ticked(milliseconds: 10))
        host.hear(.termPassed, from: 3, term: 5)
        host.hear(.voteRequest(last: EntryID(index: 1, term: 1), isTransfer: false), from: 1, term: 5)
        host.tell(.termPersisted(5, vote: nil))
        #expect(host.takeSent().isEmpty)
        host.tell(.termPersisted(5, vote: 1))
        #expect(host.takeSent().map(\.kind) == [.voteAnswer(granted: true)])
    }

    @Test func `trap 4: who does not hear the primary cannot depose it`() {
        let stage = Stage()
        stage.elect(1)
        let term = stage[1].node.term
        // 3 and 1 do not hear each other; 2 hears both.
        for _ in 0..<200 {
            stage.pass(20)
            stage.drop { [$0.from, $0.to].sorted() == [1, 3] }
            for id in 1...3 { stage.persist(id) }
            stage.deliver()
        }
        #expect(stage[1].node.isPrimary && stage[1].node.term == term)
    }

    @Test func `trap 4: a primary that nobody answers steps down, and another takes over`() {
        let stage = Stage()
        stage.elect(1)
        for _ in 0..<200 {
            stage.pass(20)
            stage.drop { $0.from == 1 || $0.to == 1 }
            for id in 1...3 { stage.persist(id) }
            stage.deliver()
        }
        #expect(!stage[1].node.isPrimary)
        #expect(stage[2].node.isPrimary != stage[3].node.isPrimary)
    }

    @Test func `trap 5: a newer term with a shorter log does not wedge the cluster`() {
        let stage = Stage(logs: [1: [Entry(term: 1), Entry(term: 1)], 2: [Entry(term: 1), Entry(term: 1)]])
        stage.elect(1, without: [3])
        // 3 is in term 9, but cannot win there.
        stage[3].hear(.termPassed, from: 2, term: 9)
        stage[3].persistAll()
        for _ in 0..<300 {
            stage.pass(10)
            for id in 1...3 { stage.persist(id) }
            stage.deliver()
        }
        let primary = [1, 2].first { stage[$0].node.isPrimary }
        #expect(primary != nil && stage[3].node.primary == primary)
        #expect(stage[3].node.term > 9 && stage[3].log == stage[1].log)
    }

    @Test func `trap 5: whoever speaks in an old term is told the newer one`() {
        let host = Host(id: 2, seed: 1, genesis: Membership(voters: [1, 2, 3]))
        host.load([Entry(term: 1)], term: 7, vote: nil)
        host.start(seed: 1)
        host.tell(.ticked(milliseconds: 10))
        let last = EntryID(index: 5, term: 5)
        host.hear(.heartbeat(commit: 1, round: 1), from: 1, term: 6)
        host.hear(.append(previous: last, count: 0, entryTerm: 6, commit: 1), from: 1, term: 6)
        host.hear(.voteRequest(last: last, isTransfer: false), from: 1, term: 6)
        host.hear(.preVoteRequest(asked: 7, last: last, isTransfer: false), from: 1, term: 6)
        let answers = host.takeSent()
        #expect(answers.allSatisfy { $0.term == 7 && $0.to == 1 })
        #expect(
            answers.map(\.kind) == [.termPassed, .termPassed, .termPassed, .preVoteAnswer(asked: 7, granted: false)])
    }

    @Test func `trap 6: a granted pre-vote names the term asked for and changes neither vote nor timer`() {
        let host = Host(id: 2, seed: 1, genesis: Membership(voters: [1, 2, 3]))
        host.start(seed: 1)
        host.tell(.ticked(milliseconds: 10))
        let deadline = host.node.nextDeadline
        host.tell(.ticked(milliseconds: 300))
        let request = RaftMessage.Kind.preVoteRequest(
            asked: 4, last: EntryID(index: 1, term: 1), isTransfer: false)
        host.hear(request, from: 1, term: 3)
        host.hear(request, from: 3, term: 3)
        #expect(host.takeSent().map(\.kind) == Array(repeating: .preVoteAnswer(asked: 4, granted: true), count: 2))
        #expect(host.node.term == 1 && host.node.vote == nil && host.node.nextDeadline == deadline)
        #expect(host.writes.isEmpty)
    }

    @Test func `trap 7: a removed voter that does not know it disturbs nobody`() {
        let stage = Stage()
        stage.elect(1)
        let term = stage[1].node.term
        let last = EntryID(index: 99, term: 99)
        for id in [1, 2] {
            stage[id].hear(.preVoteRequest(asked: term + 5, last: last, isTransfer: false), from: 3, term: term + 4)
            #expect(
                stage[id].takeSent().last?.kind == .preVoteAnswer(asked: term + 5, granted: false))
            stage[id].hear(.voteRequest(last: last, isTransfer: false), from: 3, term: term + 5)
            #expect(stage[id].takeSent().isEmpty && stage[id].node.term == term)
        }
        // Only a hand-over, which the primary itself ordered, may.
        stage[2].hear(.voteRequest(last: last, isTransfer: true), from: 3, term: term + 5)
        stage[2].persistAll()
        #expect(stage[2].takeSent().last?.kind == .voteAnswer(granted: true))
    }

    @Test func `trap 8: a learner that does not know yet that it votes answers a candidate`() {
        let host = Host(id: 3, seed: 1, genesis: Membership(voters: [1, 2], learners: [3]))
        host.start(seed: 1)
        host.tell(.ticked(milliseconds: 5000))
        #expect(host.node.role == .secondary && host.takeSent().isEmpty)
        host.hear(.voteRequest(last: EntryID(index: 4, term: 2), isTransfer: false), from: 1, term: 3)
        host.persistAll()
        #expect(host.takeSent().map(\.kind) == [.voteAnswer(granted: true)])
    }

    @Test func `trap 11: each wait is drawn anew from a range as long as the shortest`() {
        let timings = RaftTimings()
        #expect(timings.election.upperBound - timings.election.lowerBound >= timings.election.lowerBound)
        let host = Host(id: 1, seed: 7, genesis: Membership(voters: [1, 2, 3]))
        host.start(seed: 7)
        var now: UInt64 = 1000
        var waits: Set<UInt64> = []
        host.tell(.ticked(milliseconds: now))
        for _ in 0..<200 {
            guard let deadline = host.node.nextDeadline else { break }
            #expect(timings.election.contains(deadline - now))
            waits.insert(deadline - now)
            now = deadline
            host.tell(.ticked(milliseconds: now))
        }
        #expect(waits.count > 100)
    }

    @Test func `trap 11: two that ask at the same moment do not split the votes`() {
        let stage = Stage()
        stage.pass(1000)
        #expect(stage[1].node.role == .preCandidate && stage[2].node.role == .preCandidate)
        stage.settle()
        #expect(stage[1].node.isPrimary && stage[2].node.primary == 1 && stage[3].node.primary == 1)
        #expect(stage[1].node.term == 2)
    }

    @Test func `trap 39: a log that lacks entries wins no vote, whoever asks for it`() {
        let host = Host(id: 2, seed: 1, genesis: Membership(voters: [1, 2, 3]))
        host.load([Entry(term: 1), Entry(term: 2), Entry(term: 2)], term: 2, vote: nil)
        host.start(seed: 1)
        host.tell(.ticked(milliseconds: 10))
        var term: UInt64 = 2
        for (index, entryTerm, granted) in [(2, 2, false), (9, 1, false), (3, 2, true), (2, 3, true)] {
            term += 1
            let last = EntryID(index: UInt64(index), term: UInt64(entryTerm))
            host.hear(.voteRequest(last: last, isTransfer: true), from: 1, term: term)
            host.persistAll()
            #expect(host.takeSent().map(\.kind) == [.voteAnswer(granted: granted)])
        }
    }
}
