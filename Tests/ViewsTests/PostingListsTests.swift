import Bytes
import Testing

@testable import Views

@Suite struct PostingListsTests {
    @Test(arguments: [UInt64(1), 2, 3]) func `lists of every length agree with a dictionary`(
        seed: UInt64
    ) {
        var dice = SeededDice(seed: seed)
        var lists = PostingLists()
        var twin: [UInt64: [UInt32]] = [:]
        for _ in 0..<20_000 {
            // A few lists become long, many stay short.
            let key = dice.next() % 5 == 0 ? dice.next() % 3000 + 10 : dice.next() % 4
            let value =
                dice.next() % 3 == 0 ? UInt32(truncatingIfNeeded: dice.next()) : UInt32(dice.next() % 500)
            lists.append(value, to: key)
            twin[key, default: []].append(value)
        }
        for (key, values) in twin {
            #expect(lists.values(of: key) == values)
            #expect(lists.count(of: key) == values.count)
            #expect(
                lists.contains(values[values.count / 2], in: key) && lists.contains(values[0], in: key))
            let range = values.count / 4..<(values.count * 3 / 4)
            #expect(lists.values(of: key, in: range) == Array(values[range]))
        }
        #expect(
            lists.values(of: 9999).isEmpty && lists.count(of: 9999) == 0 && !lists.contains(0, in: 9999))
        #expect(lists.contains(7, in: 0) == (twin[0] ?? []).contains(7))
    }

    /// A list as a snapshot says it, run by run.
    private static func encoded(_ lists: PostingLists) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        for list in 0..<lists.listCount {
            for first in stride(from: 0, to: lists.list(list).count, by: PostingLists.runValuesMax) {
                var writer = ByteWriter()
                lists.encode(list: list, from: first, onto: &writer)
                pieces.append(writer.bytes)
            }
        }
        return pieces
    }

    private static func decoded(_ pieces: [[UInt8]]) throws -> PostingLists? {
        var lists = PostingLists()
        for piece in pieces {
            var reader = ByteReader(piece)
            try lists.take(runFrom: &reader)
            #expect(reader.isAtEnd)
        }
        return lists.indexLists() ? lists : nil
    }

    @Test(arguments: [UInt64(6), 7, 8]) func `lists read back are as they were, say the same bytes, and grow on`(
        _ seed: UInt64
    ) throws {
        var dice = SeededDice(seed: seed)
        var lists = PostingLists()
        var twin: [UInt64: [UInt32]] = [:]
        func grow(_ lists: inout PostingLists) {
            var dice = SeededDice(seed: seed + 100)
            for key in twin.keys.sorted() {
                for _ in 0..<dice.next() % 300 {
                    lists.append(UInt32(truncatingIfNeeded: dice.next()), to: key)
                }
            }
        }
        for key in 0..<400 as Range<UInt64> {
            let count = [1, 2, 3, 10, 60, 400, 5000, 9000][Int(dice.next() % (key < 8 ? 8 : 6))]
            let wide = dice.next() % 3 == 0
            for _ in 0..<count {
                let value = wide ? UInt32(truncatingIfNeeded: dice.next()) : UInt32(dice.next() % 90)
                lists.append(value, to: key)
                twin[key, default: []].append(value)
            }
        }
        let pieces = Self.encoded(lists)
        var read = try #require(try Self.decoded(pieces))
        for (key, values) in twin {
            #expect(read.values(of: key) == values)
            let range = values.count / 3..<(values.count * 2 / 3)
            #expect(read.values(of: key, in: range) == Array(values[range]))
            #expect(read.contains(values[values.count / 2], in: key))
        }
        #expect(Self.encoded(read) == pieces)
        // Grown alike they stay alike, however their blocks lie.
        grow(&lists)
        grow(&read)
        for key in twin.keys { #expect(read.values(of: key) == lists.values(of: key)) }
        #expect(Self.encoded(read) == Self.encoded(lists))
    }

    @Test func `a list said twice, or otherwise than it is, is refused`() throws {
        var lists = PostingLists()
        for value in [3, 9, 400, 7] as [UInt32] { lists.append(value, to: 5) }
        lists.append(1, to: 6)
        let pieces = Self.encoded(lists)
        #expect(try Self.decoded(pieces) != nil)
        #expect(try Self.decoded(pieces + [pieces[0]]) == nil)
        for at in 8..<pieces[0].count {
            var changed = pieces[0]
            changed[at] ^= 0x80
            do {
                let read = try #require(try Self.decoded([changed]))
                #expect(read.values(of: 5) != lists.values(of: 5))
            } catch { #expect(error is ByteError) }
        }
        for count in 0..<pieces[0].count {
            var reader = ByteReader(Array(pieces[0].prefix(count)))
            var read = PostingLists()
            #expect(throws: ByteError.self) { try read.take(runFrom: &reader) }
        }
    }

    @Test func `an ascending list counts what is below any bound`() {
        var dice = SeededDice(seed: 4)
        var lists = PostingLists()
        var values: [UInt32] = []
        var value: UInt32 = 3
        for _ in 0..<3000 {
            value += UInt32(1 + dice.next() % 400)
            values.append(value)
            lists.append(value, to: 1)
            lists.append(1, to: dice.next())
        }
        for bound in stride(from: UInt32(0), to: value + 500, by: 97) {
            #expect(lists.count(of: 1, below: bound) == values.count { $0 < bound })
        }
        for number in values.indices { #expect(lists.count(of: 1, below: values[number]) == number) }
    }

    @Test func `the order of the log tells events from records`() {
        var dice = SeededDice(seed: 5)
        var order = LogOrder()
        var items: [AuditItem] = []
        var counts: (event: UInt64, record: UInt64) = (0, 0)
        for _ in 0..<5000 {
            let isRecord = dice.next() % 3 == 0
            order.append(isRecord: isRecord)
            if isRecord { counts.record += 1 } else { counts.event += 1 }
            items.append(isRecord ? .record(counts.record) : .event(counts.event))
        }
        for number in items.indices { #expect(order[number] == items[number]) }
    }
}
