import Bytes
import Files
import Keys
import SegmentedLog
import Testing

/// The storage traps of replicated logs, one test each.
@Suite struct TrapTests {
    typealias Harness = LogHarness<MemoryFiles>

    private func made(_ store: MemoryFiles = MemoryFiles(), hasPeers: Bool = true) throws -> Harness {
        let harness = try Harness(store, crypto: Crypto(), keys: Means.keys)
        harness.configuration.hasPeers = hasPeers
        return harness
    }

    @Test func `trap 18, fsync failure is fatal: what it lost is not believed, though readers still see it`() throws {
        let harness = try made()
        try harness.create()
        let (log, _) = try harness.open()
        try harness.append(log)
        try harness.flush(log)
        try harness.append(log)
        let batch = try #require(log.takeBatch())
        let failing = FailingFiles(harness.store, failing: .sync, at: 1)
        #expect(throws: FileError.io(5)) { try batch.carryOut(on: failing) }
        #expect(log.durableIndex == 2)
        // The process ends, the machine goes on: the page cache has the frame, the disk does not.
        let (again, recovery) = try harness.open()
        #expect(recovery == .whole && again.lastIndex == 2)
    }

    @Test func `trap 19, acking before fsync: only a finished batch moves the durable index, on either side`() throws {
        let trio = try Trio()
        try trio.first.append(trio.log)
        let (harness, log) = trio.others[0]
        try trio.send(to: log, bytesMax: .max)
        #expect(log.lastIndex == 2 && log.durableIndex == 1 && trio.log.durableIndex == 1)
        let batch = try #require(log.takeBatch())
        #expect(log.durableIndex == 1)
        try batch.carryOut(on: harness.store)
        #expect(log.durableIndex == 1)
        log.persisted(batch: batch.number)
        #expect(log.durableIndex == 2 && trio.log.durableIndex == 1)
    }

    @Test(arguments: [true, false], [true, false])
    func `trap 20, torn tail or damaged frame: above the watermark a quorum judges what has an identity`(
        hasPeers: Bool, isSettled: Bool
    ) throws {
        for losesHeader in [true, false] {
            let harness = try made(hasPeers: hasPeers)
            try harness.create()
            let (log, _) = try harness.open()
            for term in 2...5 as ClosedRange<UInt64> {
                let draft = Harness.draft(after: log.end, term: term, events: [[1, 2, 3]], records: [])
                try log.append(draft, dice: &harness.dice)
                if term == 2 { try harness.flush(log) }
            }
            try harness.flush(log)
            if isSettled { try harness.settle(log) }
            let victim = try log.header(at: 4)
            let at = losesHeader ? 4096 + 3 * 144 + 7 : victim.bodyOffset + 3
            try harness.store.flip(at)
            let (again, recovery) = try harness.open()
            let claim = again.claimedLast(currentTerm: 6)
            #expect(again.lastIndex == 3)
            if isSettled || (hasPeers && !losesHeader) {
                #expect(again.fault?.index == 4)
                if hasPeers { #expect(claim == (5, 5)) }
            } else {
                #expect(recovery == .tornTail(cutFrom: 4))
                #expect(claim == (3, 3))
            }
        }
    }

    @Test func `trap 21, faulty is neither yes nor no: a log that lost its end claims more than anybody has`() throws {
        let harness = try made()
        try harness.create()
        let (log, _) = try harness.open()
        for _ in 0..<4 { try harness.append(log) }
        try harness.flush(log)
        try harness.settle(log)
        // The last two headers are gone, and the watermark says that they were there.
        for at in (4096 + 3 * 144)..<(4096 + 5 * 144) { try harness.store.flip(at) }
        let (again, _) = try harness.open()
        #expect(again.fault?.index == 4 && again.lastIndex == 3)
        #expect(again.claimedLast(currentTerm: 8) == (.max, 8))
        #expect(again.term(at: 4) == nil)
        #expect(throws: LogError.self) { try again.stored(from: 4, through: 4, bytesMax: 1) }
        #expect(throws: LogError.self) { try harness.append(again) }
        #expect(try again.stored(from: 2, through: 9, bytesMax: .max).count == 2)
        for index in [4, 5] as [UInt64] {
            try again.repair(try log.stored(from: index, through: index, bytesMax: 1)[0])
        }
        #expect(again.end == log.end && again.fault == nil)
        #expect(again.claimedLast(currentTerm: 8) == (5, log.end.term))
    }

    @Test func `trap 22, directory fsync: every name made, changed or removed is synced within its batch`() throws {
        let harness = try made()
        harness.configuration.bodyCapacity = 600
        try harness.create()
        let (log, _) = try harness.open()
        for round in 0..<30 {
            try harness.append(log)
            if round % 10 == 9 { try log.truncate(after: log.lastIndex - 5) }
            guard round % 3 == 2, let batch = log.takeBatch() else { continue }
            var open = 0
            for order in batch.orders {
                switch order {
                case .rename, .remove: open += 1
                case .syncDirectory: open = 0
                case .make, .fill, .write, .zero, .sync: break
                }
            }
            #expect(open == 0)
            try batch.carryOut(on: harness.store)
            log.persisted(batch: batch.number)
            // With nothing but what was synced.
            let disk = harness.store.copy()
            var dice = SeededDice(seed: UInt64(round))
            disk.crash(.losesAll, dice: &dice)
            let other = try made(disk)
            other.configuration.bodyCapacity = 600
            #expect(try other.open().log.lastIndex == log.durableIndex)
        }
    }

    @Test func `trap 22, stale bytes: a frame of another place, segment or cluster is none of this log`() throws {
        let harness = try made()
        try harness.create()
        let (log, _) = try harness.open()
        for _ in 0..<3 { try harness.append(log) }
        try harness.flush(log)
        let frames = try log.stored(from: 2, through: 4, bytesMax: .max)
        let other = try made()
        other.dice = SeededDice(seed: 77)
        try other.create()
        let (empty, _) = try other.open()
        // Another genesis, so another chain, though cluster, keys and indexes are the same.
        #expect(throws: LogError.refusedFrame(.chain)) { try empty.append(stored: frames[0]) }
        #expect(throws: LogError.refusedFrame(.misplaced)) { try empty.append(stored: frames[1]) }
    }

    @Test func `trap 23, rolled-back sectors: an old frame in the place of a new one breaks the chain`() throws {
        let harness = try made()
        try harness.create()
        let (log, _) = try harness.open()
        for _ in 0..<4 { try harness.append(log) }
        try harness.flush(log)
        let path = "log/000000000001.segment"
        let old = try #require(harness.store.contents(path))
        let second = try log.header(at: 2)
        try log.truncate(after: 1)
        for _ in 0..<4 {
            let draft = Harness.draft(after: log.end, term: 2, events: [harness.dice.bytes(40)], records: [])
            try log.append(draft, dice: &harness.dice)
        }
        try harness.flush(log)
        try harness.settle(log)
        var bytes = try #require(harness.store.contents(path))
        for range in [
            (4096 + 144)..<(4096 + 288), second.bodyOffset..<(second.bodyOffset + second.bodyLength),
        ] { bytes.replaceSubrange(range, with: old[range]) }
        harness.store.put(path, bytes)
        let (again, _) = try harness.open()
        // Frame 2 is whole and fits the genesis; what follows it says that it is another.
        #expect(again.fault?.kind == .frame(.chain) && again.fault?.index == 3)
        #expect(again.claimedLast(currentTerm: 2) == (5, 2))
        let copy = try log.stored(from: 3, through: 3, bytesMax: 1)[0]
        #expect(throws: LogError.refusedFrame(.chain)) { try again.repair(copy) }
        // Agreement goes back to where both are the same, and on from there.
        try again.truncate(after: 1)
        for frame in try log.stored(from: 2, through: 5, bytesMax: .max) { _ = try again.append(stored: frame) }
        try harness.flush(again)
        #expect(try harness.open().log.end == log.end)
    }

    @Test func `trap 24, torn at first start: every prefix of a creation opens or is created again`() throws {
        for tearing in [MemoryFiles.Tearing.keepsAll, .losesAll, .mixed] {
            var number = 1
            var hasFailed = true
            while hasFailed {
                let memory = MemoryFiles()
                let failing = FailingFiles(memory, failing: .stop, at: number)
                let first = try LogHarness(failing, crypto: Crypto(), keys: Means.keys)
                do throws(LogError) { try first.create() } catch {}
                hasFailed = failing.hasFailed
                var dice = SeededDice(seed: UInt64(number))
                memory.crash(tearing, dice: &dice)
                let second = try made(memory)
                do throws(LogError) { try second.create() } catch { #expect(error == .exists) }
                #expect(try second.open().recovery == .whole)
                number += 1
            }
            #expect(number > 10)
        }
    }
}

extension MemoryFiles {
    /// Changes one byte of the first segment, past every rule.
    fileprivate func flip(_ at: Int) throws {
        let path = "log/000000000001.segment"
        var bytes = try #require(contents(path))
        bytes[at] ^= 0x10
        put(path, bytes)
    }
}
