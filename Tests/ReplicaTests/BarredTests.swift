import Consensus
import Records
@testable import Replica
import Testing

@Suite struct `A replica whose disk was rolled back` {
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
}
