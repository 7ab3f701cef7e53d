import Bytes
import Files
import Keys
import SegmentedLog
import Testing

/// Secondaries take the primary's bytes as they are.
@Suite struct StoredFrameTests {
    @Test func `closed segments are the same bytes on all replicas, however their batches fell`() throws {
        var dice = SeededDice(seed: 4)
        let primary = try Trio()
        for round in 0..<400 {
            try primary.first.append(primary.log, events: round % 4, bytes: round % 90)
            if round % 3 == 0 { try primary.first.flush(primary.log) }
            for (harness, log) in primary.others {
                if dice.word() % 4 == 0 { try primary.send(to: log, bytesMax: Int(dice.word() % 3000)) }
                if dice.word() % 5 == 0 { try harness.flush(log) }
                if dice.word() % 9 == 0 { try harness.settle(log) }
                if dice.word() % 7 == 0 { try harness.close(log) }
            }
        }
        try primary.finish()
        let paths = primary.first.store.paths
        #expect(paths.filter { $0.hasSuffix(".segment") }.count > 10)
        for path in paths where path.hasSuffix(".segment") && path != paths.last(where: { $0.hasSuffix(".segment") }) {
            let bytes = try #require(primary.first.store.contents(path))
            for (harness, _) in primary.others { #expect(harness.store.contents(path) == bytes) }
        }
        for (harness, log) in primary.others {
            #expect(log.end == primary.log.end)
            let (again, recovery) = try harness.open()
            #expect(recovery == .whole)
            #expect(again.end == primary.log.end)
            for index in 1...again.lastIndex {
                #expect(try again.frame(at: index).body == primary.log.frame(at: index).body)
            }
        }
    }

    @Test func `frames are sent from memory and from the disk alike, never after the last`() throws {
        let harness = try LogHarness(MemoryFiles())
        harness.configuration.hasPeers = true
        harness.configuration.sendingBytes = 1000
        try harness.create()
        let (log, _) = try harness.open()
        for round in 0..<60 {
            try harness.append(log, events: round % 3)
            if round % 5 == 4 { try harness.flush(log) }
        }
        let all = try log.stored(from: 1, through: .max, bytesMax: .max)
        #expect(all.count == Int(log.lastIndex))
        for (offset, frame) in all.enumerated() {
            let index = UInt64(offset + 1)
            #expect(try frame.parsed() == log.header(at: index))
            #expect(log.bytes(at: index) == frame.count)
            #expect(log.term(at: index) == 1 || index == 1)
            #expect(try log.stored(from: index, through: index, bytesMax: 1) == [frame])
        }
        #expect(try log.stored(from: 3, through: 2, bytesMax: 100).isEmpty)
        #expect(throws: LogError.absent) { try log.stored(from: log.lastIndex + 1, through: .max, bytesMax: 1) }
        #expect(throws: LogError.absent) { try log.stored(from: 0, through: 1, bytesMax: 1) }
        #expect(log.term(at: log.lastIndex + 1) == nil && log.term(at: 0) == nil)
        try harness.flush(log)
        let (again, _) = try harness.open()
        #expect(try again.stored(from: 1, through: .max, bytesMax: .max) == all)
    }

    @Test func `a stored frame that is not the next one, or not whole, changes nothing`() throws {
        let trio = try Trio()
        for round in 0..<3 { try trio.first.append(trio.log, events: round) }
        let frames = try trio.log.stored(from: 2, through: .max, bytesMax: .max)
        let (harness, log) = trio.others[0]
        let before = log.end
        #expect(throws: LogError.refusedFrame(.misplaced)) { try log.append(stored: frames[1]) }
        for bit in 0..<(frames[0].count * 8) {
            var damaged = frames[0]
            if bit < damaged.header.count * 8 {
                damaged.header[bit / 8] ^= 1 << UInt8(bit % 8)
            } else {
                damaged.body[bit / 8 - damaged.header.count] ^= 1 << UInt8(bit % 8)
            }
            #expect(throws: LogError.self) { try log.append(stored: damaged) }
        }
        #expect(log.end == before && log.takeBatch() == nil)
        for frame in frames { _ = try log.append(stored: frame) }
        #expect(throws: LogError.refusedFrame(.misplaced)) { try log.append(stored: frames[2]) }
        try harness.flush(log)
        #expect(log.durableIndex == 4)
    }

    @Test func `a roll that nothing was written to gives way to the primary's`() throws {
        let trio = try Trio()
        let (harness, log) = trio.others[0]
        try trio.first.append(trio.log, bytes: 2000)
        try trio.send(to: log, bytesMax: .max)
        #expect(try log.reserve(bodyBytes: 1000, dice: &harness.dice).segment == 2)
        while trio.log.description(of: 2) == nil { try trio.first.append(trio.log, bytes: 200) }
        try trio.send(to: log, bytesMax: .max)
        #expect(log.end == trio.log.end && log.description(of: 2) == trio.log.description(of: 2))
        try harness.flush(log)
        let (again, recovery) = try harness.open()
        #expect(recovery == .whole && again.end == trio.log.end)
    }
}

/// A primary and two secondaries that begin with the same bytes.
final class Trio {
    typealias Harness = LogHarness<MemoryFiles>

    let first: Harness
    let log: Harness.Log
    let others: [(harness: Harness, log: Harness.Log)]

    init(seed: UInt64 = 8, bodyCapacity: Int = 3000) throws {
        first = try Harness(MemoryFiles(), seed: seed)
        first.configuration.hasPeers = true
        first.configuration.bodyCapacity = bodyCapacity
        try first.create()
        var others: [(Harness, Harness.Log)] = []
        for number in 0..<2 {
            let other = try Harness(first.store.copy(), crypto: first.crypto, keys: first.keys)
            other.configuration = first.configuration
            // Its own sizes count only where it rolls itself.
            other.configuration.slotsMin += 3 * number
            other.configuration.fillStep *= 2
            others.append((other, try other.open().log))
        }
        self.others = others
        log = try first.open().log
    }

    /// What the other lacks, as much as fits.
    func send(to other: Harness.Log, bytesMax: Int) throws(LogError) {
        guard other.lastIndex < log.lastIndex else { return }
        for frame in try log.stored(from: other.lastIndex + 1, through: .max, bytesMax: bytesMax) {
            _ = try other.append(stored: frame)
        }
    }

    /// All of them whole, durable and closed as far as they can be.
    func finish() throws {
        for (harness, log) in [(first, log)] + others {
            try send(to: log, bytesMax: .max)
            try harness.flush(log)
            try harness.close(log)
            try harness.settle(log)
        }
    }
}
