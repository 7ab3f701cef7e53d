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
