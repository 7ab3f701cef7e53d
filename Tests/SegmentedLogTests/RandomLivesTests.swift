import Bytes
import Files
import SegmentedLog
import Testing

/// Any order of appending, writing, settling, closing, crashing and reopening, against a list of bodies.
@Suite struct RandomLivesTests {
    @Test(arguments: 0..<25)
    func `a log through random lives holds what a list holds`(seed: UInt64) throws {
        var dice = SeededDice(seed: seed)
        let harness = try LogHarness(MemoryFiles(), seed: seed)
        harness.configuration.bodyCapacity = 500 + Int(dice.word() % 2000)
        try harness.create()
        var log = try harness.open().log
        var bodies: [[UInt8]] = [try log.frame(at: 1).body]
        for _ in 0..<150 {
            switch dice.word() % 12 {
            case 0...5:
                try harness.append(log, events: Int(dice.word() % 4), bytes: Int(dice.word() % 100))
                bodies.append(try log.frame(at: log.lastIndex).body)
            case 6...8: try harness.flush(log)
            case 9: try harness.settle(log)
            case 10: try harness.close(log)
            default:
                let durable = log.durableIndex
                // Sometimes a batch is under way, so some of it may have arrived.
                if dice.word() % 2 == 0, let batch = log.takeBatch() {
                    let arrived = DiskBatch(
                        number: batch.number, orders: Array(batch.orders.dropLast(1)), afterwards: [],
                        lastIndex: batch.lastIndex)
                    try arrived.carryOut(on: harness.store)
                }
                harness.store.crash(.mixed, dice: &dice)
                let (again, recovery) = try harness.open()
                log = again
                if case .faulty(let fault) = recovery { Issue.record("faulty after a crash: \(fault)") }
                #expect(log.lastIndex >= durable && log.lastIndex <= bodies.count)
                bodies.removeLast(bodies.count - Int(log.lastIndex))
            }
        }
        #expect(log.lastIndex == bodies.count)
        for (offset, body) in bodies.enumerated() { #expect(try log.frame(at: UInt64(offset + 1)).body == body) }
    }
}
