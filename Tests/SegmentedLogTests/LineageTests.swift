import Bytes
import Files
@testable import SegmentedLog
import TestSupport
import Testing

/// Which cluster wrote which part of a log, as a value and as a file.
@Suite struct LineageTests {
    private static let ids = (1...70).map { ClusterIdentity(low: UInt64($0), high: 7) }

    private static func generation(
        _ id: Int, _ segment: UInt64, _ index: UInt64, _ position: UInt64, _ record: UInt64
    ) -> Generation {
        Generation(
            identity: ids[id], firstSegment: segment, firstIndex: index, firstPosition: position, firstRecord: record)
    }

    private static func three() throws -> Lineage {
        try #require(
            Lineage([.first(ids[0]), generation(1, 4, 100, 51, 21), generation(2, 5, 107, 51, 30)]))
    }

    @Test func `each place on each line belongs to the last generation that begins at or before it`() throws {
        let lineage = try Self.three()
        let ids = Self.ids
        #expect(lineage.current == ids[2] && lineage.oldest.identity == ids[0])
        #expect([0, 1, 3, 4, 5, 900].map(lineage.identity(ofSegment:)) == [0, 0, 0, 1, 2, 2].map { ids[$0] })
        #expect([0, 1, 99, 100, 106, 107].map(lineage.identity(ofIndex:)) == [0, 0, 0, 1, 1, 2].map { ids[$0] })
        // The second wrote no event.
        #expect([1, 50, 51, 52].map(lineage.identity(ofPosition:)) == [0, 0, 2, 2].map { ids[$0] })
        #expect([1, 20, 21, 29, 30].map(lineage.identity(ofRecord:)) == [0, 0, 1, 1, 2].map { ids[$0] })
        let alone = Lineage(ids[3])
        #expect(alone.generations == [.first(ids[3])] && alone.identity(ofIndex: .max) == ids[3])
    }

    @Test func `generations that do not follow from each other are no lineage`() {
        let first = Generation.first(Self.ids[0])
        let second = Self.generation(1, 4, 100, 51, 21)
        #expect(Lineage([first, second]) != nil)
        let refused: [[Generation]] = [
            [], [second], [second, first], [first, first],
            [Self.generation(0, 2, 1, 1, 1)], [Self.generation(0, 1, 2, 1, 1)], [Self.generation(0, 1, 1, 2, 1)],
            [Self.generation(0, 1, 1, 1, 2)],
            // The same segment, the same index, fewer entries than segments, the same id.
            [first, Self.generation(1, 1, 2, 1, 1)], [first, Self.generation(1, 2, 1, 1, 1)],
            [first, Self.generation(1, 4, 3, 1, 1)], [first, Self.generation(0, 4, 100, 51, 21)],
            // Events or records that go back.
            [first, second, Self.generation(2, 5, 107, 50, 30)], [first, second, Self.generation(2, 5, 107, 51, 20)],
            [first, second, Self.generation(0, 5, 107, 51, 30)],
        ]
        for generations in refused { #expect(Lineage(generations) == nil, "\(generations.map(\.firstIndex))") }
        let many = (0..<65).map { Self.generation($0, UInt64($0) + 1, UInt64($0) + 1, 1, 1) }
        #expect(Lineage(Array(many[..<64]))?.generations.count == 64)
        #expect(Lineage(many) == nil)
    }

    @Test func `a branch begins right behind what was copied, under an id that no ancestor has`() throws {
        var end = ChainEnd.start
        (end.nextIndex, end.nextPosition, end.nextRecord) = (100, 51, 21)
        let branch = try #require(Lineage(Self.ids[0]).branched(to: Self.ids[1], after: end, in: 3))
        #expect(branch.newest == Self.generation(1, 4, 100, 51, 21))
        #expect(branch.branched(to: Self.ids[0], after: end, in: 4) == nil)
        #expect(branch.branched(to: Self.ids[2], after: end, in: 4) == nil, "the branch wrote nothing yet")
        #expect(branch.branched(to: Self.ids[2], after: end, in: .max) == nil)
        end.nextIndex = 107
        end.nextRecord = 30
        #expect(branch.branched(to: Self.ids[2], after: end, in: 4) == (try Self.three()))
    }

    @Test func `the bytes are those of the first version, and anything else is damaged`() throws {
        let lineage = try Self.three()
        let golden = try Fixture.bytes("log/v1/lineage", orWrite: lineage.bytes)
        #expect(golden == lineage.bytes)
        #expect(try Lineage(golden) == lineage)
        for count in 0..<golden.count {
            #expect(throws: LineageFlaw.damaged) { try Lineage(Array(golden[..<count])) }
        }
        #expect(throws: LineageFlaw.damaged) { try Lineage(golden + [0]) }
        for bit in 0..<(golden.count * 8) {
            var bytes = golden
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: LineageFlaw.damaged) { try Lineage(bytes) }
        }
        // A right checksum makes no lineage of what is none.
        var writer = ByteWriter()
        writer.append(Array(golden[..<16]))
        for _ in 0..<3 { writer.append(Array(golden[16..<64])) }
        writer.u32(Checksum.crc32c(writer.bytes))
        #expect(writer.bytes.count == golden.count)
        #expect(throws: LineageFlaw.damaged) { try Lineage(writer.bytes) }
    }

    @Test func `a store without the file descends from no other, and with one from whom it says`() throws {
        let store = MemoryFiles()
        let lineage = try Self.three()
        let ids = Self.ids
        #expect(try Lineage.read(store, path: "lineage", current: ids[5]) == Lineage(ids[5]))
        try lineage.write(store, path: "lineage")
        #expect(try Lineage.read(store, path: "lineage", current: ids[2]) == lineage)
        #expect(throws: LogError.otherCluster) { try Lineage.read(store, path: "lineage", current: ids[0]) }
        #expect(throws: LogError.exists) { try Lineage(ids[2]).write(store, path: "lineage") }
        store.put("lineage", lineage.bytes + [0])
        #expect(throws: LogError.lineage(.damaged)) { try Lineage.read(store, path: "lineage", current: ids[2]) }
        store.put("lineage", [])
        #expect(throws: LogError.lineage(.damaged)) { try Lineage.read(store, path: "lineage", current: ids[2]) }
    }

    @Test(arguments: [FailingFiles<MemoryFiles>.Failure.error(5), .shortWrite, .sync, .full, .stop])
    func `a crash while the file is written leaves it or none`(
        _ failure: FailingFiles<MemoryFiles>.Failure
    ) throws {
        let lineage = try Self.three()
        var dice = SeededDice(seed: 3)
        var number = 1
        while true {
            let memory = MemoryFiles()
            let failing = FailingFiles(memory, failing: failure, at: number)
            let isWritten = (try? lineage.write(failing, path: "lineage")) != nil
            memory.crash(.mixed, dice: &dice)
            let isThere = memory.paths.contains("lineage")
            #expect(isThere || !isWritten)
            if isThere {
                #expect(memory.contents("lineage") == lineage.bytes)
            } else {
                try lineage.write(memory, path: "lineage")
                #expect(try Lineage.read(memory, path: "lineage", current: lineage.current) == lineage)
            }
            guard failing.hasFailed else { break }
            number += 1
        }
        #expect(number > 1)
    }
}
