import Bytes
import Files
import Keys
import SegmentedLog
import Testing

/// What opening reads again, and what it takes a watermark's word for.
@Suite struct OpeningTests {
    @Test(arguments: [true, false])
    func `frames that the watermark vouches for are not opened again`(isSettled: Bool) throws {
        let harness = try made()
        let (log, _) = try harness.open()
        for round in 0..<20 {
            try harness.append(log, events: round % 3)
            try harness.flush(log)
        }
        if isSettled { try harness.settle(log) }
        let leaves = CountedLeaves()
        let (again, recovery) = try open(harness, leaves)
        #expect(recovery == .whole && again.end == log.end)
        // Without the last words a batch's frames are above the watermark that came with it.
        #expect(leaves.count == (isSettled ? 0 : 1))
        #expect(again.term(at: 7) == log.term(at: 7))
        for index in 1...again.lastIndex { #expect(try again.frame(at: index).body == log.frame(at: index).body) }
        // An opening settles the slots, so the next one judges nothing.
        let more = CountedLeaves()
        #expect(try open(harness, more).0.end == log.end)
        #expect(more.count == 0)
    }

    @Test func `what was cut is vouched for by nobody, and the next opening judges every frame`() throws {
        let harness = try made()
        let (log, _) = try harness.open()
        for _ in 0..<20 { try harness.append(log) }
        try harness.flush(log)
        try log.truncate(after: 11)
        for _ in 0..<4 { try harness.append(log) }
        try harness.flush(log)
        try harness.settle(log)
        let leaves = CountedLeaves()
        #expect(try open(harness, leaves).0.end == log.end)
        #expect(leaves.count == 15)
        let settled = CountedLeaves()
        #expect(try open(harness, settled).0.end == log.end)
        #expect(settled.count == 0)
    }

    private func made() throws -> LogHarness<MemoryFiles> {
        let harness = try LogHarness(MemoryFiles(), crypto: Crypto(), keys: Means.keys)
        harness.configuration.bodyCapacity = 1 << 16
        harness.configuration.slotsMin = 100
        harness.configuration.hasPeers = true
        try harness.create()
        return harness
    }

    private func open(
        _ harness: LogHarness<MemoryFiles>, _ leaves: CountedLeaves
    ) throws -> (EntryLog<MemoryFiles, CountedLeaves>, Recovery) {
        try EntryLog<MemoryFiles, CountedLeaves>.open(
            store: harness.store, directory: "log", identity: LogHarness<MemoryFiles>.identity, keys: harness.keys,
            crypto: harness.crypto, leaves: leaves, configuration: harness.configuration)
    }
}

/// Counts the frames whose leaves were asked for.
private final class CountedLeaves: LeafReader {
    private(set) var count = 0

    func leaves(of frame: OpenedFrame, crypto: Crypto) throws(ByteError) -> FrameLeaves {
        count += 1
        return try PlainEntries().leaves(of: frame, crypto: crypto)
    }
}
