import Bytes
import Files
import Keys
import SegmentedLog
import Testing

#if DEBUG
/// Debug builds try some of the operations, release builds each of them.
private let every = 41
#else
private let every = 1
#endif

/// A life of a log that creates, appends, rolls, closes and settles, on a store that fails at operation 1, 2, 3 …: what
/// was acknowledged survives, in order and unaltered, and the log goes on.
@Suite struct CrashTests {
    @Test(arguments: [FailingFiles<MemoryFiles>.Failure.error(28), .shortWrite, .sync, .full, .stop])
    func `acknowledged frames survive any one failing file operation`(
        failure: FailingFiles<MemoryFiles>.Failure
    ) throws {
        // nil: the process alone ends; what it did not sync is lost when the power goes in its next life.
        for tearing in [MemoryFiles.Tearing.keepsAll, .losesAll, .mixed, nil] {
            var number = 1
            while try survives(failure, at: number, tearing, seed: UInt64(number)) { number += every }
            #expect(number > 20)
        }
    }

    @Test(arguments: 0..<(every == 1 ? 40 : 2))
    func `a machine that stops anywhere and tears what was not synced loses nothing acknowledged`(seed: UInt64) throws {
        var dice = SeededDice(seed: seed)
        for _ in 0..<6 {
            _ = try survives(.stop, at: Int(dice.word() % 400) + 1, .mixed, seed: dice.word())
        }
    }

    /// - Returns: whether the story got to the failing operation.
    private func survives(
        _ failure: FailingFiles<MemoryFiles>.Failure, at number: Int, _ tearing: MemoryFiles.Tearing?, seed: UInt64
    ) throws -> Bool {
        let memory = MemoryFiles()
        let failing = FailingFiles(memory, failing: failure, at: number)
        var acknowledged: [[UInt8]] = []
        let first = try Self.harness(failing)
        do {
            try first.create()
            try live(first, &acknowledged, frames: 30)
        } catch is LogError {
        } catch is FileError {
        }
        var dice = SeededDice(seed: seed)
        if let tearing { memory.crash(tearing, dice: &dice) }
        let second = try Self.harness(memory)
        do throws(LogError) {
            try second.create()
            #expect(acknowledged.isEmpty)
        } catch {
            #expect(error == .exists)
        }
        try live(second, &acknowledged, frames: 6)
        memory.crash(.losesAll, dice: &dice)
        let (third, recovery) = try Self.harness(memory).open()
        #expect(!recovery.isFaulty)
        try check(third, acknowledged, failure, number, seed)
        return failing.hasFailed
    }

    private static func harness<Store>(_ store: Store) throws -> LogHarness<Store> {
        let harness = try LogHarness(store, crypto: Crypto(), keys: Means.keys)
        harness.configuration.bodyCapacity = 900
        return harness
    }

    /// Opens, checks what was acknowledged, then appends in batches.
    private func live<Store>(
        _ harness: LogHarness<Store>, _ acknowledged: inout [[UInt8]], frames: Int
    ) throws {
        let (log, recovery) = try harness.open()
        #expect(!recovery.isFaulty)
        try check(log, acknowledged)
        while acknowledged.count < log.lastIndex {
            acknowledged.append(try log.frame(at: UInt64(acknowledged.count + 1)).body)
        }
        for round in 0..<frames {
            try harness.append(log, events: round % 3)
            if round % 3 == 2 { try harness.append(log) }
            try harness.flush(log)
            while acknowledged.count < log.durableIndex {
                acknowledged.append(try log.frame(at: UInt64(acknowledged.count + 1)).body)
            }
            try harness.close(log)
            if round % 7 == 6 { try harness.settle(log) }
        }
    }

    private func check<Store>(
        _ log: EntryLog<Store, PlainEntries>, _ bodies: [[UInt8]],
        _ failure: FailingFiles<MemoryFiles>.Failure? = nil, _ number: Int = 0, _ seed: UInt64 = 0
    ) throws {
        guard log.lastIndex >= UInt64(bodies.count) else {
            Issue.record("\(bodies.count) acknowledged, \(log.lastIndex) there: \(failure as Any) \(number) \(seed)")
            return
        }
        for (offset, body) in bodies.enumerated() {
            #expect(try log.frame(at: UInt64(offset + 1)).body == body)
        }
    }
}

extension Recovery {
    fileprivate var isFaulty: Bool {
        if case .faulty = self { return true }
        return false
    }
}
