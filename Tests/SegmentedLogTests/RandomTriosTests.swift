import Bytes
import Files
import Keys
import SegmentedLog
import Testing

#if DEBUG
private let seeds: UInt64 = 10
#else
private let seeds: UInt64 = 300
#endif

/// Three replicas through changes of primary, cuts and crashes, with batches that are late, against lists of bodies.
@Suite struct RandomTriosTests {
    @Test(arguments: 0..<seeds)
    func `three logs through random lives keep what two held, and close to the same bytes`(seed: UInt64) throws {
        var world = try TrioWorld(seed: seed)
        for _ in 0..<250 { try world.step() }
        try world.finish()
    }
}

private struct TrioWorld {
    typealias Harness = LogHarness<MemoryFiles>

    var dice: SeededDice
    var harnesses: [Harness] = []
    var logs: [Harness.Log] = []
    /// What each log should hold, and every frame that ever had an index.
    var lists: [[StoredFrame]] = []
    var ever: [[StoredFrame]] = []
    /// Batches given to a disk that has not done them yet.
    var late: [[DiskBatch]] = [[], [], []]
    var primary = 0
    var term: UInt64 = 1
    /// What two held durably of a primary's own term, and all before it: it never changes.
    var agreed: [StoredFrame] = []
    var committed: Int { agreed.count }

    init(seed: UInt64) throws {
        dice = SeededDice(seed: seed)
        let first = try Harness(MemoryFiles(), crypto: Crypto(), keys: Means.keys)
        first.dice = SeededDice(seed: seed + 1000)
        first.configuration.hasPeers = true
        first.configuration.bodyCapacity = 500 + Int(dice.word() % 1500)
        first.configuration.sendingBytes = Int(dice.word() % 4000)
        try first.create()
        for number in 0..<3 {
            let harness = try Harness(first.store.copy(), crypto: first.crypto, keys: first.keys)
            harness.dice = SeededDice(seed: seed + 2000 + UInt64(number))
            harness.configuration = first.configuration
            harnesses.append(harness)
            let log = try harness.open().log
            logs.append(log)
            lists.append(try log.stored(from: 1, through: 1, bytesMax: 1))
        }
        ever = [lists[0]]
        agreed = lists[0]
    }

    mutating func step() throws {
        let one = Int(dice.word() % 3)
        switch dice.word() % 24 {
        case 0...6: try append()
        case 7...12: try send(to: one)
        case 13...14: if let batch = logs[one].takeBatch() { late[one].append(batch) }
        case 15...18: try carryOut(one)
        case 19: if late[one].isEmpty, let batch = logs[one].settle() { late[one].append(batch) }
        case 20: try close(one)
        case 21: try elect(one)
        default: if dice.word() % 3 == 0 { try crash(one) }
        }
        commit()
    }

    mutating func append() throws {
        let log = logs[primary]
        let events = (0..<(dice.word() % 4)).map { _ in harnesses[primary].dice.bytes(Int(dice.word() % 90)) }
        try log.append(
            Harness.draft(after: log.end, term: term, events: events, records: []), dice: &harnesses[primary].dice)
        let frame = try log.stored(from: log.lastIndex, through: log.lastIndex, bytesMax: 1)[0]
        remember(frame, at: Int(log.lastIndex))
        lists[primary].append(frame)
    }

    private mutating func remember(_ frame: StoredFrame, at index: Int) {
        if ever.count < index { ever.append([]) }
        ever[index - 1].append(frame)
    }

    /// What is the same in both, from the beginning.
    private func match(_ a: Int, _ b: Int) -> Int { zip(lists[a], lists[b]).prefix { $0 == $1 }.count }

    /// As much of what is agreed as a log has; it knows no more of it as committed.
    private func held(_ one: Int) -> Int { zip(lists[one], agreed).prefix { $0 == $1 }.count }

    mutating func send(to one: Int) throws {
        guard one != primary else { return }
        let same = match(one, primary)
        if lists[one].count > same {
            #expect(same >= held(one))
            try logs[one].truncate(after: UInt64(same))
            lists[one].removeLast(lists[one].count - same)
        }
        guard same < lists[primary].count else { return }
        let frames = try logs[primary].stored(
            from: UInt64(same) + 1, through: .max, bytesMax: Int(dice.word() % 2500))
        for frame in frames {
            _ = try logs[one].append(stored: frame)
            lists[one].append(frame)
        }
    }

    mutating func carryOut(_ one: Int) throws {
        guard !late[one].isEmpty else { return }
        let batch = late[one].removeFirst()
        try batch.carryOut(on: harnesses[one].store)
        logs[one].persisted(batch: batch.number)
        #expect(logs[one].durableIndex <= logs[one].lastIndex)
    }

    mutating func close(_ one: Int) throws {
        for work in try logs[one].closable(committedThrough: UInt64(held(one))) {
            let outcome = try work.carryOut(
                on: harnesses[one].store, crypto: harnesses[one].crypto, leaves: PlainEntries())
            if case .faulty(let fault) = outcome { Issue.record("\(fault)") }
            logs[one].closed(work.segment, outcome)
        }
    }

    /// A log at least as good as one other becomes the primary of a new term.
    mutating func elect(_ one: Int) throws {
        func standing(_ one: Int) -> (UInt64, Int) { (logs[one].end.term, lists[one].count) }
        guard (0..<3).contains(where: { $0 != one && standing($0) <= standing(one) }) else { return }
        #expect(Array(lists[one].prefix(committed)) == agreed)
        primary = one
        term += 1
        try append()
    }

    mutating func commit() {
        let held = (0..<3).map { min(match($0, primary), Int(logs[$0].durableIndex)) }.sorted()[1]
        guard held > committed, logs[primary].term(at: UInt64(held)) == term else { return }
        #expect(Array(lists[primary].prefix(committed)) == agreed)
        agreed = Array(lists[primary].prefix(held))
    }

    mutating func crash(_ one: Int) throws {
        let durable = Int(logs[one].durableIndex)
        let harness = harnesses[one]
        let orders = late[one].flatMap(\.orders)
        let some = DiskBatch(
            number: 0, orders: Array(orders.prefix(Int(dice.word() % UInt64(orders.count + 1)))), afterwards: [],
            lastIndex: 0)
        try some.carryOut(on: harness.store)
        late[one] = []
        harness.store.crash(.mixed, dice: &dice)
        let (log, recovery) = try harness.open()
        logs[one] = log
        if case .faulty(let fault) = recovery { #expect(fault.index > durable) }
        #expect(log.lastIndex >= durable)
        try mend(one, log)
        var found = try log.stored(from: 1, through: .max, bytesMax: .max)
        #expect(found.prefix(durable) == lists[one].prefix(durable))
        for (offset, frame) in found.enumerated() { #expect(ever[offset].contains(frame)) }
        swap(&found, &lists[one])
        if one == primary {
            // It comes back as a secondary; somebody else may have to lead.
            for other in 0..<3 where primary == one && other != one { try elect(other) }
            if primary == one { try elect(one) }
        }
    }

    private mutating func mend(_ one: Int, _ log: Harness.Log) throws {
        while let wanted = log.wanted {
            let claim = log.claimedLast(currentTerm: term)
            #expect((claim.term, claim.index) >= (log.end.term, log.lastIndex))
            var isMended = false
            for other in 0..<3 where other != one && lists[other].count >= wanted && !isMended {
                do throws(LogError) {
                    try log.repair(lists[other][Int(wanted) - 1])
                    isMended = true
                } catch {}
            }
            guard !isMended else { continue }
            #expect(wanted > committed)
            try log.giveUp(from: wanted)
        }
    }

    mutating func finish() throws {
        for one in 0..<3 {
            while lists[one] != lists[primary] { try send(to: one) }
            if let batch = logs[one].takeBatch() { late[one].append(batch) }
            while !late[one].isEmpty { try carryOut(one) }
        }
        #expect(Array(lists[primary].prefix(committed)) == agreed)
        agreed = lists[primary]
        for one in 0..<3 {
            try close(one)
            let (again, recovery) = try harnesses[one].open()
            #expect(recovery == .whole)
            #expect(try again.stored(from: 1, through: .max, bytesMax: .max) == lists[primary])
            #expect(logs[one].closedSegments == logs[0].closedSegments)
            for segment in logs[one].closedSegments {
                let path = "log/" + SegmentFormat.name(of: segment)
                #expect(harnesses[one].store.contents(path) == harnesses[0].store.contents(path))
            }
        }
    }
}
