import Bytes
import Files
import Keys
import SegmentedLog
import TestSupport
import Testing

/// Logs of version 1 stay readable, and are still written the same.
@Suite struct GoldenTests {
    /// A closed segment, a tail and a term file, from a seed.
    private func made() throws -> LogHarness<MemoryFiles> {
        let harness = try LogHarness(MemoryFiles(), seed: 11)
        harness.configuration.bodyCapacity = 700
        try harness.create()
        let (log, _) = try harness.open()
        while log.description(of: 2) == nil || log.lastIndex % 4 != 0 {
            try harness.append(log, events: 1 + Int(log.lastIndex % 2))
            try harness.flush(log)
        }
        try harness.close(log)
        try harness.settle(log)
        let term = try TermStore.create(
            store: harness.store, path: "term", identity: LogHarness<MemoryFiles>.identity)
        try term.save(TermState(term: 3, vote: 1, boot: 2))
        return harness
    }

    @Test func `the golden log opens, reads, verifies, and is written to the same bytes`() throws {
        let fresh = try made()
        let store = MemoryFiles()
        for path in ["log/000000000001.segment", "log/000000000002.segment", "term"] {
            let name = "log/v1/" + path
            store.put(path, try Fixture.bytes(name, orWrite: fresh.store.contents(path) ?? []))
            #expect(store.contents(path) == fresh.store.contents(path))
        }
        let (log, recovery) = try LogHarness(store).open()
        #expect(recovery == .whole)
        #expect(log.lastIndex == 8)
        let (other, _) = try fresh.open()
        for index in 1...log.lastIndex { #expect(try log.frame(at: index).body == other.frame(at: index).body) }
        let report = try LogVerifier.verify(
            store: store, directory: "log", identity: LogHarness<MemoryFiles>.identity, keys: fresh.keys,
            crypto: fresh.crypto, leaves: PlainEntries())
        #expect(report.isOK && report.segments == 2 && report.lastPosition == log.lastPosition)
        let term = try TermStore.open(store: store, path: "term", identity: LogHarness<MemoryFiles>.identity)
        #expect(term.state == TermState(term: 3, vote: 1, boot: 2))
    }

    @Test func `seeds and random bytes never stop the readers`() throws {
        let fresh = try made()
        let tail = try #require(fresh.store.contents("log/000000000002.segment"))
        let closed = try #require(fresh.store.contents("log/000000000001.segment"))
        let key = SecretKey([UInt8](repeating: 1, count: 32))
        let header = Array(tail[4096..<(4096 + 144)]) + Array(tail[12288..<12488])
        let seeds: [(String, [UInt8])] = [
            ("segment-header", Array(tail[..<160])), ("watermark", Array(tail[512..<600])), ("frame", header),
            ("trailer", Array(closed.suffix(216))), ("lineage", try Fixture.bytes("log/v1/lineage")),
        ]
        var dice = SeededDice(seed: 3)
        for (name, bytes) in seeds {
            let stored = try Fixture.bytes("fuzz/frames/" + name, orWrite: bytes)
            #expect(FrameFuzz.run(stored, crypto: fresh.crypto, key: key) > 0)
            for _ in 0..<200 {
                var changed = stored
                changed[Int(dice.word() % UInt64(changed.count))] ^= UInt8(truncatingIfNeeded: dice.word())
                changed.removeLast(Int(dice.word() % 3))
                FrameFuzz.run(changed, crypto: fresh.crypto, key: key)
            }
        }
        for length in 0..<300 { FrameFuzz.run(dice.bytes(length), crypto: fresh.crypto, key: key) }
    }
}
