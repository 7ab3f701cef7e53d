import Bytes
import Files
import Records
@testable import Replica
import SegmentedLog
import Testing
import Views

@Suite struct `Three replicas` {
    private func registered(_ number: Int) throws -> IncomingEvent {
        try ClinicStore.registered("p-\(number)", id: "e-\(number)")
    }

    @Test(arguments: 1...5) func `elect one primary a term and fold the same`(seed: Int) throws {
        let trio = try Trio(seed: UInt64(seed))
        let primary = try #require(trio.lead())
        for number in 1...40 { #expect(trio.append([try registered(number)])?.appended?.events.first?.version == 1) }
        #expect(trio.run(within: 3_000) { trio.isConverged })
        #expect(primary.position == 40)
        #expect(trio.members.allSatisfy { $0.position == 40 })
        #expect(trio.members.count { $0.replica?.isPrimary == true } == 1)
        #expect(trio.members.allSatisfy { $0.primary == primary.id })
    }

    @Test func `acknowledge only what two disks hold`() throws {
        let trio = try Trio(seed: 3)
        let primary = try #require(trio.lead())
        trio.append([try registered(1)])
        let others = trio.members.filter { $0.id != primary.id }
        for other in others { other.holdsDisk = true }
        let id = trio.put([try registered(2)], to: primary)
        trio.run(200)
        #expect(!trio.ended.contains(id), "one disk alone acknowledges nothing")
        others[0].holdsDisk = false
        #expect(trio.answer(id, within: 100)?.appended != nil)
        #expect(others[1].replica?.log.durableIndex ?? 0 < others[0].replica?.log.durableIndex ?? 0)
    }

    @Test func `need not wait for the primary's own disk`() throws {
        let trio = try Trio(seed: 4)
        let primary = try #require(trio.lead())
        trio.append([try registered(1)])
        primary.holdsDisk = true
        let id = trio.put([try registered(2)], to: primary)
        #expect(trio.answer(id, within: 100)?.appended != nil)
    }

    @Test(arguments: 1...8) func `lose nothing when the primary dies, and repeat nothing when asked again`(
        seed: Int
    ) throws {
        let trio = try Trio(seed: UInt64(seed))
        var acknowledged: [Int: UInt64] = [:]
        var number = 0
        for _ in 1...4 {
            for _ in 1...10 {
                number += 1
                let reply = try #require(trio.append([try registered(number)])?.appended)
                acknowledged[number] = reply.position
            }
            let primary = try #require(trio.lead())
            // Some are on their way when it dies.
            let hanging = (1...5).map { number + $0 }
            for one in hanging { _ = trio.put([try registered(one)], to: primary) }
            trio.run(UInt64(seed % 4))
            trio.kill(primary.id)
            for one in hanging {
                let reply = try #require(trio.append([try registered(one)])?.appended)
                acknowledged[one] = reply.position
            }
            number += 5
            try trio.boot(primary.id)
        }
        for (one, position) in acknowledged.sorted(by: { $0.key < $1.key }) {
            let reply = try #require(trio.append([try registered(one)])?.appended)
            #expect(reply.isRepeat && reply.position == position)
        }
        #expect(trio.run(within: 5_000) { trio.isConverged })
        #expect(trio.members.allSatisfy { $0.position == UInt64(number) })
        #expect(Set(acknowledged.values).count == number)
    }

    @Test func `cut away what only a deposed primary had`() throws {
        let trio = try Trio(seed: 5)
        let old = try #require(trio.lead())
        trio.append([try registered(1)])
        trio.isolate(old.id)
        let lost = trio.put([try registered(2)], to: old)
        trio.run(20)
        #expect(
            old.replica?.log.lastIndex ?? 0 > trio.members.filter { $0.id != old.id }[0].replica?.log.lastIndex ?? 0)
        #expect(trio.run(within: 5_000) { trio.primary.map { $0.id != old.id } == true })
        let new = try #require(trio.primary)
        #expect(trio.answer(trio.put([try registered(3)], to: new))?.appended?.position == 2)
        #expect(trio.answer(lost)?.problem?.kind == .outcomeUnknown)
        try trio.heal()
        #expect(trio.run(within: 5_000) { trio.isConverged })
        #expect(old.replica?.isPrimary == false && old.position == trio.primary?.position)
        #expect(trio.append([try registered(2)])?.appended?.isRepeat == false)
    }

    @Test func `go on from what is on the disks when all die at once`() throws {
        let trio = try Trio(seed: 6)
        for number in 1...20 { trio.append([try registered(number)]) }
        for member in trio.members { trio.kill(member.id) }
        for member in trio.members { try trio.boot(member.id) }
        for number in 1...20 { #expect(trio.append([try registered(number)])?.appended?.isRepeat == true) }
        #expect(trio.run(within: 3_000) { trio.isConverged })
    }
}
