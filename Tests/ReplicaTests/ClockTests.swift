import Bytes
import Records
@testable import Replica
import Testing

@Suite struct `Clocks of three replicas` {
    private func registered(_ number: Int) throws -> IncomingEvent {
        try ClinicStore.registered("p-\(number)", id: "e-\(number)")
    }

    /// A forward clock alone cannot tell a clock that was behind and is set right from one that jumps ahead: whoever had
    /// been set right stamped nothing from then on, and the store stood still when it came to lead.
    @Test func `set back and right again a clock is believed, for another shares it`() throws {
        let trio = try Trio(seed: 61)
        let primary = try #require(trio.lead())
        let other = try #require(trio.members.first { $0 !== primary })
        other.clockOffset = -3_600_000_000
        trio.run(1_000)
        other.clockOffset = 0
        trio.run(2)
        #expect(other.replica?.clock.isAhead == true)
        trio.run(1_000)
        #expect(other.replica?.clock.isAhead == false)
        _ = trio.order(.handover(to: other.id), to: primary)
        #expect(trio.run(within: 1_000) { trio.primary === other })
        #expect(trio.append([try registered(1)])?.appended != nil)
    }

    @Test func `all ahead at once are believed by nobody, until an operator says so to one of them`() throws {
        let trio = try Trio(seed: 62)
        _ = try #require(trio.lead())
        for member in trio.members { member.clockOffset = 120_000_000 }
        trio.run(1_500)
        #expect(trio.members.allSatisfy { $0.replica?.clock.isAhead == true })
        #expect(trio.append([try registered(1)])?.problem?.kind == .clockAhead)
        try #require(trio.lead()).inputs.append(.clockAccepted(ClinicStore.caller("admin")))
        trio.run(1_000)
        #expect(trio.members.allSatisfy { $0.replica?.clock.isAhead == false })
        #expect(trio.append([try registered(1)])?.appended != nil)
    }

    /// A start forgets what the forward clock knew, and the others would take such a clock for one that was set right.
    @Test func `a start among all that jumped is no operator's word`() throws {
        let trio = try Trio(seed: 64)
        _ = try #require(trio.lead())
        for member in trio.members { member.clockOffset = 120_000_000 }
        trio.run(1_500)
        for id in 1...3 {
            trio.kill(id)
            try trio.boot(id)
            trio.run(1_500)
            #expect(trio.lead() != nil)
            #expect(trio.members.allSatisfy { $0.replica?.clock.isAhead == true })
            #expect(trio.append([try registered(id)])?.problem?.kind == .clockAhead)
        }
        for member in trio.members { member.clockOffset = 0 }
        trio.run(1_000)
        #expect(trio.append([try registered(9)])?.appended != nil)
    }

    @Test func `a primary hands over to whom another clock is believed of`() throws {
        let trio = try Trio(seed: 63)
        let primary = try #require(trio.lead())
        let others = trio.members.filter { $0 !== primary }
        primary.clockOffset = 3_600_000_000
        others[0].clockOffset = 7_200_000_000
        #expect(trio.run(within: 3_000) { trio.primary === others[1] })
        #expect(trio.append([try registered(1)])?.appended != nil)
    }
}
