import Bytes
import Consensus
import Files
import Records
@testable import Replica
import SegmentedLog
import Testing
import Views

@Suite struct `Disks of three replicas` {
    private func registered(_ number: Int) throws -> IncomingEvent {
        try ClinicStore.registered("p-\(number)", id: "e-\(number)")
    }

    @Test func `that do not finish cost the primary its part, and it does not come again before they do`() throws {
        let trio = try Trio(seed: 21)
        let old = try #require(trio.lead())
        trio.append([try registered(1)])
        old.holdsDisk = true
        let before = trio.milliseconds
        trio.append([try registered(2)])
        #expect(trio.run(within: 4_000) { trio.primary != nil && trio.primary !== old })
        #expect(trio.milliseconds - before < 4_000)
        trio.run(3_000)
        #expect(trio.primary !== old)
        #expect(trio.append([try registered(3)])?.appended != nil)
        old.holdsDisk = false
        #expect(trio.run(within: 3_000) { trio.isConverged })
    }

    @Test func `that are full let another lead that has room`() throws {
        let trio = try Trio(seed: 22) {
            $0.log.headRooms.events = 8 << 20
            $0.log.headRooms.records = 4 << 20
            $0.log.headRooms.control = 1 << 20
        }
        let old = try #require(trio.lead())
        trio.append([try registered(1)])
        trio.run(500)
        old.files.capacity = old.files.capacity - ((try? old.files.freeSpace()) ?? 0) + (6 << 20)
        #expect(trio.run(within: 2_000) { trio.primary != nil && trio.primary !== old })
        #expect(trio.append([try registered(2)])?.appended != nil)
    }

    @Test(arguments: 1...6) func `that lost a byte get it back from another`(seed: Int) throws {
        let trio = try Trio(seed: UInt64(30 + seed)) { $0.log.bodyCapacity = 8 << 10 }
        _ = try #require(trio.lead())
        for number in 1...60 { trio.append([try registered(number)]) }
        #expect(trio.run(within: 3_000) { trio.isConverged })
        var dice = SeededDice(seed: UInt64(seed))
        let victim = trio[Int(dice.word() % 3) + 1]
        trio.kill(victim.id)
        let paths = victim.files.paths.filter { $0.hasPrefix(ReplicaPaths.log) }
        let path = paths[Int(dice.word() % UInt64(paths.count))]
        var bytes = try #require(victim.files.contents(path))
        // Somewhere in the frames after the genesis, not in the zeros ahead of them.
        let used = bytes.indices.filter { bytes[$0] != 0 && $0 >= 12_288 }
        bytes[used[Int(dice.word() % UInt64(used.count))]] ^= 0x10
        victim.files.put(path, bytes)
        try trio.boot(victim.id)
        for number in 61...65 { trio.append([try registered(number)]) }
        #expect(trio.run(within: 10_000) { trio.isConverged && victim.replica?.log.wanted == nil })
        for number in 1...65 { #expect(trio.append([try registered(number)])?.appended?.isRepeat == true) }
        #expect(victim.position == 65)
    }

    @Test func `that were rolled back are refused, and so is an empty one under an old id`() throws {
        let trio = try Trio(seed: 23)
        let primary = try #require(trio.lead())
        trio.append([try registered(1)])
        let victim = try #require(trio.members.first { $0.id != primary.id })
        let old = victim.files.copy()
        for number in 2...20 { trio.append([try registered(number)]) }
        #expect(trio.run(within: 3_000) { trio.isConverged })
        trio.run(500)
        trio.kill(victim.id)
        victim.files = old
        try trio.boot(victim.id)
        trio.run(1_000)
        #expect(victim.replica?.isRolledBack == true)
        #expect(primary.replica?.state(of: victim.id) == .rolledBack)
        // It counts for nothing: with the third gone nothing is acknowledged.
        let third = try #require(trio.members.first { $0.id != primary.id && $0.id != victim.id })
        trio.kill(third.id)
        let id = trio.put([try registered(21)], to: primary)
        trio.run(3_000)
        #expect(trio.answers[id]?.last?.appended == nil)
        #expect(trio.primary == nil)
    }
}
