import Consensus
import Records
@testable import Replica
import SegmentedLog
import Testing

@Suite struct `A replica whose disk was rolled back` {
    /// Else two voters elect two primaries of one term: one voted, was rolled back, and votes again, for the other was
    /// started anew meanwhile and knew of that term in memory alone.
    @Test func `is known by the term it was seen in after the next start of who saw it`() throws {
        let trio = try Trio(seed: 44)
        let primary = try #require(trio.lead())
        trio.run(1_000)
        for member in trio.members where member !== primary {
            let term = try #require(primary.replica).raft.term
            #expect(term > 0 && member.replica?.sighting(of: primary.id)?.term == term)
            trio.kill(member.id)
            trio.isolate(member.id)
            try trio.boot(member.id)
            let seen = try #require(member.replica?.sighting(of: primary.id))
            #expect(seen.term == term && seen.boot == primary.replica?.peerFigures.boot)
        }
    }

    /// What it promised to an earlier primary it may have taken back since, at a later one's word.
    @Test func `is not known by what it answered to a primary of an earlier term`() throws {
        let trio = try Trio(seed: 45)
        let primary = try #require(trio.lead())
        for number in 1...5 { trio.append([try registered(number)]) }
        trio.run(600)
        let others = trio.members.filter { $0 !== primary }
        let replica = try #require(others[0].replica)
        let held = try #require(replica.sighting(of: others[1].id)).held
        let late = RaftMessage(
            from: others[1].id, to: others[0].id, term: replica.raft.term - 1, kind: .appendAnswer(match: held + 1))
        #expect(held < replica.committedIndex || held + 1 > replica.committedIndex)
        trio.append([try registered(6)])
        others[0].inputs.append(.received(from: others[1].id, .raft(late, frames: [])))
        trio.run(3)
        #expect(replica.sighting(of: others[1].id)?.held == held)
    }

    private func registered(_ number: Int) throws -> IncomingEvent {
        try ClinicStore.registered("p-\(number)", id: "e-\(number)")
    }

    /// Another tells it of a boot that its disk knows nothing of.
    private func rollBack(_ member: Trio.Member, by other: Trio.Member) throws {
        let own = try #require(member.replica).peerFigures
        let figures = try #require(other.replica).peerFigures
        let seen = PeerSighting(id: member.id, boot: own.boot + 1, term: own.term, held: 0)
        let hello = PeerHello(
            boot: figures.boot, term: figures.term, durable: figures.durableIndex, sightings: [seen])
        member.inputs.append(.received(from: other.id, .hello(hello)))
    }

    @Test(arguments: [true, false])
    func `takes no order to lead, whether it led or not`(hasLed: Bool) throws {
        let trio = try Trio(seed: 41)
        let primary = try #require(trio.lead())
        trio.append([try registered(1)])
        let other = try #require(trio.members.first { $0 !== primary })
        let member = hasLed ? primary : other
        try rollBack(member, by: hasLed ? other : primary)
        trio.run(1)
        #expect(member.replica?.ownState == .rolledBack)
        let term = member.replica?.raft.term
        let before = trio.milliseconds
        let problem = trio.answer(trio.order(.takeOver(by: member.id), to: member))?.problem
        #expect(problem?.kind == .orderRefused && problem?.detail.contains("rolled back") == true)
        #expect(trio.milliseconds - before < 10 && member.replica?.raft.term == term)
    }

    @Test func `leads no more, not even alone`() throws {
        let trio = try Trio(voters: 1, spares: 1, seed: 42)
        let primary = try #require(trio.lead())
        trio.append([try registered(1)])
        try rollBack(primary, by: trio[2])
        trio.run(1)
        #expect(primary.replica?.raft.isPrimary == false && primary.primary == nil)
        let term = primary.replica?.raft.term
        let last = primary.replica?.log.lastIndex
        trio.run(5_000)
        #expect(primary.replica?.raft.term == term && primary.replica?.log.lastIndex == last)
        #expect(primary.replica?.ownState == .rolledBack && primary.replica?.isPrimary == false)
        #expect(trio.answer(trio.put([try registered(2)], to: primary))?.problem?.kind.status == 503)
    }

    @Test func `asks for no votes, and stops when it is told to`() throws {
        let trio = try Trio(seed: 43)
        let primary = try #require(trio.lead())
        let other = try #require(trio.members.first { $0 !== primary })
        trio.append([try registered(1)])
        try rollBack(other, by: primary)
        trio.run(1)
        trio.kill(primary.id)
        let term = other.replica?.raft.term
        trio.run(3_000)
        #expect(other.replica?.raft.role == .secondary && other.replica?.raft.term == term)
        other.inputs.append(.stopRequested)
        #expect(trio.run(within: 4_000) { other.hasStopped })
    }
}

@Suite struct `A primary that is told that its place was taken` {
    @Test func `is none any more, at once, and whoever waits is answered`() throws {
        let trio = try Trio(seed: 44)
        let old = try #require(trio.lead())
        trio.append([try ClinicStore.registered("p-1", id: "e-1")])
        let other = try #require(trio.members.first { $0 !== old })
        let hanging = trio.put([try ClinicStore.registered("p-2", id: "e-2")], to: old)
        trio.run(1)
        let order = trio.order(.handover(to: other.id), to: old)
        old.inputs.append(.received(from: other.id, .retired))
        trio.run(1)
        #expect(old.replica?.isRetired == true && old.replica?.raft.isPrimary == false && old.primary == nil)
        #expect(trio.answer(hanging)?.problem?.kind.status == 504)
        #expect(trio.answer(order)?.problem != nil)
        let term = try #require(old.replica?.raft.term)
        // The others need not find out: the best of them is told to stand.
        #expect(trio.run(within: 300) { trio.primary != nil && trio.primary !== old })
        trio.isolate(old.id)
        trio.run(3_000)
        #expect(old.replica?.raft.term == term && old.replica?.raft.isPrimary == false)
    }
}
