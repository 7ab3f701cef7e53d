import Linux
import Testing
import Transport

@Suite struct MailboxTests {
    @Test func `a full box refuses and an emptied one takes again`() throws {
        let box = Mailbox<Int>(limit: 3, bell: try Bell())
        #expect(box.post(1) && box.post(2) && box.post(3))
        #expect(!box.post(4))
        box.mustPost([5, 6])
        #expect(!box.post(7))
        var items: [Int] = [99]
        box.takeAll(into: &items)
        #expect(items == [1, 2, 3, 5, 6])
        #expect(box.count == 0)
        #expect(box.post(8))
    }

    @Test func `the bell rings when the box is no longer empty`() throws {
        let bell = try Bell()
        let box = Mailbox<Int>(limit: 10, bell: bell)
        #expect(!bell.wait(milliseconds: 0))
        _ = box.post(1)
        _ = box.post(2)
        #expect(bell.wait(milliseconds: 1000))
        #expect(!bell.wait(milliseconds: 0))
        var items: [Int] = []
        box.takeAll(into: &items)
        box.mustPost(3)
        #expect(bell.wait(milliseconds: 1000))
    }

    @Test func `items of many threads all arrive, each thread's in order`() throws {
        let bell = try Bell()
        let box = Mailbox<(Int, Int)>(limit: 1 << 20, bell: bell)
        let threads = try (0..<4).map { thread in
            try Thread.start("poster") {
                for number in 0..<500 { _ = box.post((thread, number)) }
            }
        }
        var seen: [[Int]] = Array(repeating: [], count: 4)
        var items: [(Int, Int)] = []
        while seen.reduce(0, { $0 + $1.count }) < 2000 {
            #expect(bell.wait(milliseconds: 5000))
            box.takeAll(into: &items)
            for (thread, number) in items { seen[thread].append(number) }
        }
        for thread in threads { thread.join() }
        #expect(seen.allSatisfy { $0 == Array(0..<500) })
    }
}
