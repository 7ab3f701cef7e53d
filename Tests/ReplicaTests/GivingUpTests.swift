import Consensus
import Records
@testable import Replica
import SegmentedLog
import Testing

extension Trio {
    /// A cluster whose primary has one entry that nobody else ever had, torn, and all processes dead.
    static func torn(voters: Int, seed: UInt64) throws -> (trio: Trio, primary: Trio.Member, index: UInt64) {
        let trio = try Trio(voters: voters, seed: seed)
        let primary = try #require(trio.lead())
        for number in 1...5 { trio.append([try ClinicStore.registered("p-\(number)", id: "e-\(number)")]) }
        #expect(trio.run(within: 3_000) { trio.isConverged })
        let whole = try #require(primary.replica?.log.lastIndex)
        trio.isolate(primary.id)
        _ = trio.put([try ClinicStore.registered("p-6", id: "e-6")], to: primary)
        #expect(trio.run(within: 50) { primary.replica?.log.durableIndex == whole + 1 })
        for member in trio.members { trio.kill(member.id) }
        try trio.heal()
        try primary.damage(whole + 1)
        return (trio, primary, whole + 1)
    }
}

@Suite struct `A last frame that is torn` {
    private func registered(_ number: Int) throws -> IncomingEvent {
        try ClinicStore.registered("p-\(number)", id: "e-\(number)")
    }

    @Test(arguments: [841, 842, 843] as [UInt64])
    func `of one of two voters is cut once the other says that it never had it`(seed: UInt64) throws {
        let (trio, primary, index) = try Trio.torn(voters: 2, seed: seed)
        for member in trio.members { try trio.boot(member.id) }
        let replica = try #require(primary.replica)
        #expect(replica.log.fault?.index == index)
        let term = replica.raft.term
        trio.run(2_000)
        // A primary may be under way yet.
        #expect(replica.log.fault?.index == index && replica.raft.term == term)
        #expect(trio.run(within: 8_000) { replica.log.fault == nil }, "cut")
        #expect(replica.log.lastIndex == index - 1 && replica.repairing.promised >= term)
        // Nobody takes part in a term any more in which it may have been promised.
        for member in trio.members { #expect((member.replica?.raft.term ?? 0) > term) }
        #expect(trio.append([try registered(6)])?.appended?.position == 6)
        #expect(trio.run(within: 5_000) { trio.isConverged })
        for number in 1...6 { #expect(trio.append([try registered(number)])?.appended?.isRepeat == true) }
        // What was cut stays so.
        trio.kill(primary.id)
        try trio.boot(primary.id)
        #expect(trio.run(within: 5_000) { trio.isConverged })
    }

    @Test func `of one of three is kept while one of the others is not heard`() throws {
        let (trio, primary, index) = try Trio.torn(voters: 3, seed: 851)
        let others = trio.members.map(\.id).filter { $0 != primary.id }
        try trio.boot(primary.id)
        try trio.boot(others[0])
        trio.run(12_000)
        // The third may have it, and then it was decided.
        #expect(primary.replica?.log.fault?.index == index && trio.primary == nil)
        try trio.boot(others[1])
        #expect(trio.run(within: 10_000) { trio.isConverged })
        #expect(trio.append([try registered(7)])?.appended?.position == 6)
    }

    @Test func `is kept while the other voter cannot read its own`() throws {
        let (trio, primary, index) = try Trio.torn(voters: 2, seed: 861)
        let other = try #require(trio.members.first { $0.id != primary.id })
        // Both lost the same entry, so that neither can mend the other, and the other's log ends before what is torn.
        try primary.damage(5)
        try other.damage(5)
        for member in trio.members { try trio.boot(member.id) }
        trio.run(12_000)
        for member in trio.members { #expect(member.replica?.log.fault?.index == 5) }
        #expect(index > 5)
    }

    @Test func `is mended where the other has it`() throws {
        let trio = try Trio(voters: 2, seed: 871)
        let primary = try #require(trio.lead())
        for number in 1...5 { trio.append([try registered(number)]) }
        #expect(trio.run(within: 3_000) { trio.isConverged })
        let last = try #require(primary.replica?.log.lastIndex)
        for member in trio.members { trio.kill(member.id) }
        try primary.damage(last)
        for member in trio.members { try trio.boot(member.id) }
        #expect(trio.run(within: 10_000) { primary.replica?.log.fault == nil && trio.isConverged })
        for number in 1...5 { #expect(trio.append([try registered(number)])?.appended?.isRepeat == true) }
    }
}
