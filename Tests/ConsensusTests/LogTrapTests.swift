import Consensus
import Testing

/// The known traps of the log, its disk and reads (9, 10, 19, 21, 25, 28, 30, 33 to 35), each by its number.
@Suite struct LogTrapTests {
    private func primary(of voters: [Int], entries: Int = 1) -> Host {
        let host = Host(id: 1, seed: 1, genesis: Membership(voters: voters))
        host.load(Array(repeating: Entry(term: 1), count: entries), term: 1, vote: nil)
        host.start(seed: 1)
        host.lead()
        return host
    }

    private func follower(_ entries: [Entry], term: UInt64) -> Host {
        let host = Host(id: 2, seed: 1, genesis: Membership(voters: [1, 2, 3]))
        host.load(entries, term: term, vote: nil)
        host.start(seed: 1)
        host.tell(.ticked(milliseconds: 10))
        return host
    }

    @Test func `trap 9: an old refusal never winds back what is matched`() {
        let host = primary(of: [1, 2, 3], entries: 9)
        host.persistAll()
        host.hear(.appendAnswer(match: 10), from: 2)
        host.propose(1)
        #expect(host.takeSent().contains { $0.to == 2 && $0.isAppend(after: 10) })
        // Sent before the answer, arrived after it.
        host.hear(.appendRefused(refused: 9, hint: EntryID(index: 1, term: 1)), from: 2)
        #expect(host.takeSent().isEmpty)
        #expect(host.node.progress.first { $0.id == 2 }?.match == 10)
        // Even one that cannot be told from a new one goes back no further than the match.
        host.hear(.appendRefused(refused: 11, hint: EntryID(index: 1, term: 1)), from: 2)
        #expect(host.takeSent().contains { $0.to == 2 && $0.isAppend(after: 10) })
    }

    @Test func `trap 23: who lost what it promised is asked once a heartbeat, not without end`() {
        let host = primary(of: [1, 2, 3], entries: 9)
        host.persistAll()
        host.hear(.appendAnswer(match: 10), from: 2)
        host.propose(1)
        host.hear(.appendRefused(refused: 11, hint: EntryID(index: 4, term: 1)), from: 2)
        #expect(host.takeSent().contains { $0.to == 2 && $0.isAppend(after: 10) })
        for _ in 0..<3 {
            host.hear(.appendRefused(refused: 10, hint: EntryID(index: 4, term: 1)), from: 2)
            #expect(!host.takeSent().contains { $0.to == 2 && $0.isAppend(after: 10) })
        }
        host.tell(.ticked(milliseconds: 1_002_100))
        _ = host.takeSent()
        host.hear(.heartbeatAnswer(round: 0, match: 4), from: 2)
        #expect(host.takeSent().count { $0.to == 2 && $0.isAppend(after: 10) } == 1)
        #expect(host.node.progress.first { $0.id == 2 }?.match == 10)
    }

    @Test func `trap 9: answers of strangers, of retired ids and of earlier terms are ignored`() {
        let host = primary(of: [1, 2, 3, 4, 5])
        host.persistAll()
        for stranger in [7, 8, 9] { host.hear(.appendAnswer(match: 2), from: stranger) }
        for other in [2, 3] { host.hear(.appendAnswer(match: 2), from: other, term: host.node.term - 1) }
        #expect(host.node.committed == 1)
        for other in [2, 3] { host.hear(.appendAnswer(match: 2), from: other) }
        #expect(host.node.committed == 2)
    }

    @Test func `trap 9: an answer for more than there is counts for nothing`() {
        let host = primary(of: [1, 2])
        host.persistAll()
        host.hear(.appendAnswer(match: 99), from: 2)
        #expect(host.node.committed == 1)
    }

    @Test func `trap 10: an old, short append cuts nothing off`() {
        let host = follower([Entry(term: 1)], term: 1)
        let entries = (0..<4).map { Entry(term: 2, payload: $0) }
        let start = EntryID(index: 1, term: 1)
        host.hear(.append(previous: start, count: 4, entryTerm: 2, commit: 1), from: 1, term: 2, entries: entries)
        host.persistAll()
        let log = host.log
        _ = host.takeOutcomes()
        host.hear(
            .append(previous: start, count: 1, entryTerm: 2, commit: 1), from: 1, term: 2, entries: [entries[0]])
        host.hear(.append(previous: start, count: 0, entryTerm: 2, commit: 1), from: 1, term: 2)
        #expect(host.log == log && host.disk == log.entries)
        #expect(host.takeSent().map(\.kind) == Array(repeating: .appendAnswer(match: 5), count: 2))
    }

    @Test func `trap 10: a real conflict is cut off where it begins, and no earlier`() {
        let host = follower([Entry(term: 1), Entry(term: 2), Entry(term: 3), Entry(term: 3)], term: 3)
        let sent = [Entry(term: 4, payload: 1)]
        host.hear(
            .append(previous: EntryID(index: 2, term: 2), count: 1, entryTerm: 4, commit: 1), from: 1, term: 4,
            entries: sent)
        let orders = host.takeOutcomes()
        #expect(orders.contains(.order(.truncate(after: 2))) && orders.contains(.order(.append(first: 3, count: 1))))
        #expect(host.log.entries.map(\.term) == [1, 2, 4])
    }

    @Test func `trap 19: a primary counts its own entries when its disk holds them`() {
        let host = primary(of: [1, 2, 3])
        host.hear(.appendAnswer(match: 2), from: 2)
        #expect(host.node.committed == 1)
        host.persistAll()
        #expect(host.node.committed == 2)
    }

    @Test func `trap 19: a secondary answers when its disk holds the entries`() {
        let host = follower([Entry(term: 1)], term: 2)
        host.hear(
            .append(previous: EntryID(index: 1, term: 1), count: 1, entryTerm: 2, commit: 1), from: 1, term: 2,
            entries: [Entry(term: 2)])
        #expect(host.takeSent().isEmpty)
        host.hear(.heartbeat(commit: 1, round: 1), from: 1)
        #expect(host.takeSent().map(\.kind) == [.heartbeatAnswer(round: 1, match: 1)])
        host.persistAll()
        #expect(host.takeSent().map(\.kind) == [.appendAnswer(match: 2)])
    }

    @Test func `trap 21: a damaged log votes by what its headers claim, and does not stand`() {
        let host = follower([Entry(term: 1), Entry(term: 1)], term: 4)
        host.tell(.faulty(from: 3, claimed: EntryID(index: 5, term: 3)))
        host.hear(.voteRequest(last: EntryID(index: 4, term: 3), isTransfer: false), from: 1, term: 5)
        host.persistAll()
        #expect(host.takeSent().map(\.kind) == [.voteAnswer(granted: false)])
        host.hear(.voteRequest(last: EntryID(index: 5, term: 3), isTransfer: false), from: 1, term: 6)
        host.persistAll()
        #expect(host.takeSent().map(\.kind) == [.voteAnswer(granted: true)])
        host.tell(.ticked(milliseconds: 9000))
        #expect(host.takeSent().isEmpty)
        host.tell(.repaired)
        host.tell(.ticked(milliseconds: 19000))
        #expect(host.node.role == .preCandidate)
    }

    @Test func `trap 21: damage that is found while it stands ends that, whatever votes come`() {
        for isCandidate in [false, true] {
            let host = follower([Entry(term: 1), Entry(term: 1)], term: 4)
            host.tell(.ticked(milliseconds: 9000))
            host.tell(.ticked(milliseconds: 10000))
            #expect(host.node.role == .preCandidate)
            if isCandidate {
                host.hear(.preVoteAnswer(asked: 5, granted: true), from: 1, term: 4)
                #expect(host.node.role == .candidate)
            }
            host.tell(.faulty(from: 3, claimed: EntryID(index: 5, term: 3)))
            host.hear(.preVoteAnswer(asked: 5, granted: true), from: 3, term: 4)
            host.persistAll()
            host.hear(.voteAnswer(granted: true), from: 1, term: 5)
            host.hear(.voteAnswer(granted: true), from: 3, term: 5)
            #expect(host.node.role == .secondary, "\(isCandidate)")
        }
    }

    @Test func `trap 21: who cannot tell what it promised leaves the terms of its promises, unless a primary is heard`()
    {
        let host = follower([Entry(term: 1), Entry(term: 1)], term: 4)
        host.tell(.ticked(milliseconds: 9000))
        host.hear(.heartbeat(commit: 1, round: 1), from: 1, term: 4)
        host.tell(.faulty(from: 3, claimed: EntryID(index: 5, term: 4)))
        host.tell(.leaving(term: 4))
        #expect(host.node.term == 4)
        host.tell(.disconnected(peer: 1))
        host.tell(.leaving(term: 4))
        host.persistAll()
        #expect(host.node.term == 5 && host.node.vote == nil && host.node.role == .secondary)
        // Once is enough.
        host.tell(.leaving(term: 4))
        #expect(host.node.term == 5)
        _ = host.takeSent()
        // The others learn of it when they ask.
        host.hear(.preVoteRequest(asked: 5, last: EntryID(index: 2, term: 1), isTransfer: false), from: 3, term: 4)
        #expect(host.takeSent().map { [$0.term] } == [[5]])
        host.hear(
            .append(previous: EntryID(index: 2, term: 1), count: 1, entryTerm: 4, commit: 1), from: 1, term: 4,
            entries: [Entry(term: 4)])
        #expect(host.takeSent().map(\.kind) == [.termPassed])
    }

    @Test func `trap 21: entries that cannot be read are not counted as held here`() {
        let host = follower((0..<6).map { _ in Entry(term: 1) }, term: 1)
        host.tell(.faulty(from: 4, claimed: EntryID(index: 6, term: 1)))
        host.hear(.append(previous: EntryID(index: 6, term: 1), count: 0, entryTerm: 2, commit: 1), from: 1, term: 2)
        host.persistAll()
        #expect(host.takeSent().map(\.kind) == [.appendAnswer(match: 3)])
        host.tell(.repaired)
        #expect(host.takeSent().map(\.kind) == [.appendAnswer(match: 6)])
    }

    @Test func `trap 21: what a primary could not read counts as soon as it is repaired`() {
        let host = primary(of: [1, 2, 3])
        host.persistAll()
        host.tell(.faulty(from: 2, claimed: host.log.last))
        host.hear(.appendAnswer(match: 2), from: 2)
        #expect(host.node.committed == 1)
        // Nothing more comes from anybody: no entry may be proposed before this one is committed.
        host.tell(.repaired)
        #expect(host.node.committed == 2)
    }

    @Test func `trap 21: what a repair brings to light is not the primary's until its append says so`() {
        let membership = Membership(voters: [1, 2, 3])
        let host = follower([Entry(term: 1), Entry(term: 1), Entry(term: 2), Entry(term: 2)], term: 2)
        host.tell(.faulty(from: 3, claimed: EntryID(index: 4, term: 2)))
        host.hide(after: 2)
        host.refusesFrames = true
        let append = RaftMessage.Kind.append(
            previous: EntryID(index: 2, term: 1), count: 2, entryTerm: 3, commit: 4)
        host.hear(append, from: 1, term: 3, entries: [Entry(term: 3), Entry(term: 3)])
        host.bringToLight([Entry(term: 2), Entry(term: 2)], [PlacedMembership(index: 1, membership: membership)])
        host.hear(.heartbeat(commit: 4, round: 1), from: 1, term: 3)
        host.persistAll()
        #expect(host.node.committed == 2)
        #expect(!host.takeSent().map(\.kind).contains(.heartbeatAnswer(round: 1, match: 4)))
        host.refusesFrames = false
        host.hear(append, from: 1, term: 3, entries: [Entry(term: 3), Entry(term: 3)])
        host.persistAll()
        #expect(host.node.committed == 4)
        #expect(host.log.entries.map(\.term) == [1, 1, 3, 3])
    }

    @Test func `trap 21: memberships that come to light count at once, in place of those known before`() {
        let host = follower([Entry(term: 1), Entry(term: 1)], term: 2)
        let old = PlacedMembership(index: 1, membership: Membership(voters: [1, 2, 3]))
        let new = PlacedMembership(index: 3, membership: Membership(voters: [1, 2, 4]))
        host.tell(.faulty(from: 3, claimed: EntryID(index: 4, term: 2)))
        host.bringToLight([Entry(term: 2, membership: new.membership), Entry(term: 2)], [old, new])
        #expect(host.node.membership == new.membership)
        // Cut away again, the one before counts.
        host.hear(
            .append(previous: EntryID(index: 2, term: 1), count: 1, entryTerm: 3, commit: 1), from: 1, term: 3,
            entries: [Entry(term: 3)])
        #expect(host.node.membership == old.membership)
    }

    @Test func `trap 25: a primary whose disk stalls makes way, and does not stand before a probe write`() {
        let stage = Stage()
        stage.elect(1)
        stage.propose(1)
        stage.deliver { $0.to == 2 }
        stage.persist(2)
        stage.deliver { $0.to == 1 }
        // 1 does not get its entry to its own disk, for 1.5 s at most.
        var waited: UInt64 = 0
        while stage[1].node.isPrimary, waited < 3000 {
            waited += 50
            stage.pass(50)
            stage.drop { $0.kind.isTimeoutNow == false && $0.from == 3 }
            for id in [2, 3] { stage.persist(id) }
            stage.deliver { !$0.kind.isTimeoutNow }
        }
        #expect(waited <= 1500)
        stage.drop { !$0.kind.isTimeoutNow }
        #expect(stage.deliver { $0.kind.isTimeoutNow && $0.to == 2 } == 1)
        #expect(stage[2].node.role == .candidate)
        stage.drop()
        stage.pass(5000, only: 1)
        #expect(stage[1].node.role == .secondary)
        stage.tell(1, .diskRecovered)
        stage.persist(1)
        stage.pass(5000, only: 1)
        #expect(stage[1].node.role == .preCandidate)
    }

    @Test func `trap 25: a disk told stalled keeps its node from standing until it is told well`() {
        let host = follower([Entry(term: 1)], term: 1)
        host.tell(.diskStalled)
        host.tell(.ticked(milliseconds: 9000))
        host.hear(.timeoutNow, from: 1)
        #expect(host.node.role == .secondary)
        host.tell(.diskRecovered)
        host.tell(.ticked(milliseconds: 19000))
        #expect(host.node.role == .preCandidate)
    }

    @Test func `trap 28: a write of entries that were cut away counts for nothing when it comes back`() {
        let host = follower([Entry(term: 1)], term: 1)
        let start = EntryID(index: 1, term: 1)
        let old = (0..<3).map { Entry(term: 2, payload: $0) }
        host.hear(.append(previous: start, count: 3, entryTerm: 2, commit: 1), from: 1, term: 2, entries: old)
        host.persistAll()
        #expect(host.node.durable == 4)
        // Another primary has other entries there.
        let new = (0..<2).map { Entry(term: 3, payload: 10 + $0) }
        host.hear(.append(previous: start, count: 2, entryTerm: 3, commit: 1), from: 3, term: 3, entries: new)
        #expect(host.node.durable == 1 && host.node.last == EntryID(index: 3, term: 3))
        _ = host.takeOutcomes()
        // The notice of a write of the old ones, through beyond the log's end.
        host.tell(.persisted(through: 4))
        #expect(host.node.durable == 1)
        host.tell(.termPersisted(3, vote: nil))
        #expect(host.takeSent().allSatisfy { !$0.kind.isMatch(above: 1) })
        host.persistAll()
        #expect(host.takeSent().map(\.kind).last == .appendAnswer(match: 3))
    }

    @Test func `trap 30: what is under way to a follower is bounded, in messages and in bytes`() {
        let host = primary(of: [1, 2, 3])
        host.persistAll()
        host.hear(.appendAnswer(match: 2), from: 2)
        _ = host.takeOutcomes()
        for _ in 0..<100 { host.propose(1) }
        let sent = host.takeSent().filter { $0.to == 2 }
        #expect(sent.count == host.node.timings.flightsMax)
        // 3 has not answered yet: it is asked once, and then no more.
        host.hear(.heartbeatAnswer(round: 0, match: 0), from: 3)
        #expect(host.takeSent().isEmpty)
        host.tell(.ticked(milliseconds: 1_002_100))
        _ = host.takeSent()
        host.hear(.heartbeatAnswer(round: 0, match: 0), from: 3)
        #expect(host.takeSent().filter { $0.to == 3 }.count == 1)
        for _ in 0..<10 { host.propose(1) }
        #expect(host.takeSent().isEmpty)
        // Each answer lets more go, in larger pieces.
        host.hear(.appendAnswer(match: 3), from: 2)
        let next = host.takeSent()
        #expect(next.count == 1 && next.first?.count == 94)
    }

    @Test func `trap 33: no read is answered before an entry of the term is committed`() {
        let host = primary(of: [1, 2, 3], entries: 5)
        host.tell(.readRequested(token: 7))
        #expect(host.takeOutcomes().isEmpty)
        host.persistAll()
        host.hear(.heartbeatAnswer(round: 0, match: 1), from: 2)
        #expect(!host.takeOutcomes().contains(.order(.readReady(token: 7, index: 1))))
        host.hear(.appendAnswer(match: 6), from: 2)
        let round = host.takeSent().lazy.compactMap(\.round).first ?? 0
        #expect(round > 0)
        host.hear(.heartbeatAnswer(round: round, match: 6), from: 3)
        #expect(host.takeOutcomes().contains(.order(.readReady(token: 7, index: 6))))
    }

    @Test func `trap 34: answers to an earlier round do not confirm a later read`() throws {
        let host = primary(of: [1, 2, 3])
        host.persistAll()
        host.hear(.appendAnswer(match: 2), from: 2)
        _ = host.takeOutcomes()
        host.tell(.readRequested(token: 1))
        let first = try #require(host.takeSent().lazy.compactMap(\.round).first)
        host.hear(.heartbeatAnswer(round: first, match: 2), from: 2)
        #expect(host.takeOutcomes() == [.order(.readReady(token: 1, index: 2))])
        host.tell(.readRequested(token: 2))
        let second = try #require(host.takeSent().lazy.compactMap(\.round).first)
        #expect(second > first)
        // The slower peer's answer to the first round arrives only now.
        host.hear(.heartbeatAnswer(round: first, match: 2), from: 3)
        #expect(!host.takeOutcomes().contains(.order(.readReady(token: 2, index: 2))))
        host.hear(.heartbeatAnswer(round: second, match: 2), from: 3)
        #expect(host.takeOutcomes().contains(.order(.readReady(token: 2, index: 2))))
    }

    @Test func `trap 34: rounds go on where an earlier term left off`() throws {
        let host = primary(of: [1, 2, 3])
        host.persistAll()
        host.hear(.appendAnswer(match: 2), from: 2)
        host.tell(.readRequested(token: 1))
        let first = try #require(host.takeSent().lazy.compactMap(\.round).max())
        host.hear(.termPassed, from: 3, term: 9)
        #expect(host.takeOutcomes().contains(.order(.readLost(token: 1))))
        host.persistAll()
        host.tell(.ticked(milliseconds: 1_009_000))
        for other in 2...3 { host.hear(.preVoteAnswer(asked: 10, granted: true), from: other) }
        host.persistAll()
        host.hear(.voteAnswer(granted: true), from: 2)
        host.persistAll()
        host.hear(.appendAnswer(match: 3), from: 2)
        _ = host.takeOutcomes()
        host.tell(.readRequested(token: 2))
        let second = try #require(host.takeSent().lazy.compactMap(\.round).first)
        #expect(second > first)
    }

    @Test func `trap 35: there is no lease, so a read waits for an answer however fresh the last one is`() {
        let host = primary(of: [1, 2, 3])
        host.persistAll()
        host.hear(.appendAnswer(match: 2), from: 2)
        host.hear(.heartbeatAnswer(round: 0, match: 2), from: 2)
        host.hear(.heartbeatAnswer(round: 0, match: 2), from: 3)
        _ = host.takeOutcomes()
        host.tell(.readRequested(token: 1))
        for outcome in host.takeOutcomes() {
            if case .order(.readReady) = outcome { Issue.record("answered without a round") }
        }
    }
}

extension RaftMessage {
    func isAppend(after index: UInt64) -> Bool {
        if case .append(let previous, _, _, _) = kind { return previous.index == index }
        return false
    }

    var count: Int? {
        if case .append(_, let count, _, _) = kind { return count }
        return nil
    }

    var round: UInt64? {
        if case .heartbeat(_, let round) = kind { return round }
        return nil
    }
}

extension RaftMessage.Kind {
    var isTimeoutNow: Bool { self == .timeoutNow }

    func isMatch(above index: UInt64) -> Bool {
        switch self {
        case .appendAnswer(let match), .heartbeatAnswer(_, let match): match > index
        default: false
        }
    }
}
