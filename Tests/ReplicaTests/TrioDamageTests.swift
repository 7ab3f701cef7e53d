import Bytes
import Consensus
import Files
import Records
@testable import Replica
import SegmentedLog
import Testing

extension Trio.Member {
    /// Turns one bit in the body of an entry of the log's first segment.
    func damage(_ index: UInt64) throws {
        let path = ReplicaPaths.log + "/" + SegmentFormat.name(of: 1)
        let bytes = try #require(files.contents(path))
        let segment = try #require(SegmentHeader(bytes, at: 0))
        let header = try FrameHeader(bytes, at: segment.description.headerOffset(of: index))
        #expect(header.index == index)
        let file = try files.open(path, .readWrite)
        defer { files.close(file) }
        let place = header.bodyOffset + header.bodyLength / 2
        try files.write(file, at: place, [bytes[place] ^ 0x04])
        try files.sync(file)
    }
}

@Suite struct `Two of three disks damaged` {
    private func registered(_ number: Int) throws -> IncomingEvent {
        try ClinicStore.registered("p-\(number)", id: "e-\(number)")
    }

    /// Turns a bit in the headers of neighbours in the log's first segment: nothing names the first of them alone.
    private func damageHeaders(_ indexes: ClosedRange<UInt64>, of member: Trio.Member) throws {
        let path = ReplicaPaths.log + "/" + SegmentFormat.name(of: 1)
        var bytes = try #require(member.files.contents(path))
        let segment = try #require(SegmentHeader(bytes, at: 0))
        for index in indexes { bytes[segment.description.headerOffset(of: index) + 60] ^= 0x10 }
        member.files.put(path, bytes)
    }

    /// Neither knows what was decided, so that no copy is believed for its sender's sake.
    @Test(arguments: [(5...6, 9...12), (9...10, 5...6), (2...5, 6...8), (5...7, 20...20)])
    func `in the headers of neighbours, without a primary, mend each other and lose nothing`(
        _ first: ClosedRange<UInt64>, _ second: ClosedRange<UInt64>
    ) throws {
        let trio = try Trio(seed: 830 + first.lowerBound)
        _ = try #require(trio.lead())
        for number in 1...30 { trio.append([try registered(number)]) }
        #expect(trio.run(within: 3_000) { trio.isConverged })
        for id in 1...3 { trio.kill(id) }
        try damageHeaders(first, of: trio[2])
        try damageHeaders(second, of: trio[3])
        try trio.boot(2)
        try trio.boot(3)
        #expect(trio[2].replica?.log.wanted == first.lowerBound && trio[3].replica?.log.wanted == second.lowerBound)
        #expect(
            trio.run(within: 10_000) { trio[2].replica?.log.wanted == nil && trio[3].replica?.log.wanted == nil },
            "mended")
        #expect(trio.lead() != nil)
        for number in 1...30 { #expect(trio.append([try registered(number)])?.appended?.isRepeat == true) }
        #expect(trio.append([try registered(31)])?.appended?.position == 31)
        try trio.boot(1)
        #expect(trio.run(within: 5_000) { trio.isConverged })
    }

    /// Nobody leads, for a replica that cannot read its log stands for nothing: the two mend each other all the same.
    @Test(arguments: [(5, 9), (9, 5), (3, 4), (6, 20)])
    func `at different entries of one segment, without a primary, mend each other and lose nothing`(
        _ first: Int, _ second: Int
    ) throws {
        let trio = try Trio(seed: UInt64(810 + first))
        _ = try #require(trio.lead())
        for number in 1...30 { trio.append([try registered(number)]) }
        #expect(trio.run(within: 3_000) { trio.isConverged })
        let last = try #require(trio[1].replica?.log.lastIndex)
        #expect(last > 20)
        let whole = try #require(trio[1].files.contents(ReplicaPaths.log + "/" + SegmentFormat.name(of: 1)))
        for id in 1...3 { trio.kill(id) }
        try trio[2].damage(UInt64(first))
        try trio[3].damage(UInt64(second))
        try trio.boot(2)
        try trio.boot(3)
        #expect(trio[2].replica?.log.wanted != nil && trio[3].replica?.log.wanted != nil)
        #expect(trio.primary == nil)
        #expect(
            trio.run(within: 10_000) { trio[2].replica?.log.wanted == nil && trio[3].replica?.log.wanted == nil },
            "mended")
        #expect(trio.lead() != nil)
        for number in 1...30 { #expect(trio.append([try registered(number)])?.appended?.isRepeat == true) }
        #expect(trio.append([try registered(31)])?.appended?.position == 31)
        try trio.boot(1)
        #expect(trio.run(within: 5_000) { trio.isConverged })
        // What was mended is what was there, byte for byte.
        let segment = try #require(SegmentHeader(whole, at: 0))
        for id in 2...3 {
            let bytes = try #require(trio[id].files.contents(ReplicaPaths.log + "/" + SegmentFormat.name(of: 1)))
            for index in UInt64(1)...20 {
                let at = segment.description.headerOffset(of: index)
                let header = try FrameHeader(whole, at: at)
                #expect(bytes[at..<(at + FrameHeader.count)] == whole[at..<(at + FrameHeader.count)])
                let body = header.bodyOffset..<(header.bodyOffset + header.bodyLength)
                #expect(bytes[body] == whole[body])
            }
        }
    }

    @Test func `at the same entry wait for the third, and lose nothing`() throws {
        let trio = try Trio(seed: 821)
        _ = try #require(trio.lead())
        for number in 1...30 { trio.append([try registered(number)]) }
        #expect(trio.run(within: 3_000) { trio.isConverged })
        for id in 1...3 { trio.kill(id) }
        try trio[2].damage(9)
        try trio[3].damage(9)
        try trio.boot(2)
        try trio.boot(3)
        trio.run(4_000)
        // Neither can say what stood there, and neither makes do without.
        #expect(trio.primary == nil && trio[2].replica?.log.wanted != nil && trio[3].replica?.log.wanted != nil)
        #expect(trio[2].replica?.ownState == .damaged)
        try trio.boot(1)
        #expect(trio.run(within: 10_000) { trio.isConverged && trio[2].replica?.log.wanted == nil })
        for number in 1...30 { #expect(trio.append([try registered(number)])?.appended?.isRepeat == true) }
    }
}

@Suite struct `A membership that was read once` {
    @Test func `stays known though its frame rots before it is committed`() throws {
        let trio = try Trio(spares: 1, seed: 822) { $0.log.cachedBytes = 0 }
        let member = try #require(trio.lead())
        #expect(trio.append([try ClinicStore.registered("p-1", id: "e-1")])?.appended != nil)
        let replica = try #require(member.replica)
        trio.isolate(member.id)
        let change = MemberChange(joining: 4, leaving: nil, isAutomatic: false, begun: trio.wall)
        let entry = ConfigurationEntry(replica.membership.adding(learner: 4), change: change, after: replica.newest)
        var effects: [ReplicaEffect] = []
        replica.begin(entry, into: &effects)
        trio.run(100)
        let index = replica.log.lastIndex
        #expect(replica.newest == entry && replica.log.durableIndex == index && replica.committedIndex < index)
        try member.damage(index)
        // Something else came to light meanwhile.
        replica.tellUncovered(into: &effects)
        #expect(replica.log.wanted == index)
        #expect(replica.newest == entry && replica.raft.membership == entry.membership)
    }
}
