import Bytes
import Files
import SegmentedLog
import Testing

@Suite struct EntryLogTests {
    @Test func `what was appended comes back in the same life and in the next`() throws {
        let harness = try LogHarness(MemoryFiles())
        try harness.create()
        let (log, recovery) = try harness.open()
        #expect(recovery == .whole)
        #expect(log.lastIndex == 1)
        var bodies: [[UInt8]] = [try log.frame(at: 1).body]
        for round in 0..<40 {
            try harness.append(log, events: 1 + round % 3)
            bodies.append(try log.frame(at: log.lastIndex).body)
            if round % 4 == 3 { try harness.flush(log) }
        }
        try harness.flush(log)
        #expect(log.durableIndex == 41)
        try check(log, bodies)
        let (again, verdict) = try harness.open()
        #expect(verdict == .whole)
        #expect(again.end == log.end)
        try check(again, bodies)
    }

    @Test func `closed segments are found through their footers and stay readable`() throws {
        let harness = try LogHarness(MemoryFiles())
        try harness.create()
        let (log, _) = try harness.open()
        var bodies: [[UInt8]] = [try log.frame(at: 1).body]
        for round in 0..<200 {
            try harness.append(log, events: round % 4)
            bodies.append(try log.frame(at: log.lastIndex).body)
            try harness.flush(log)
            try harness.close(log)
        }
        try harness.settle(log)
        #expect(harness.store.paths.filter { $0.hasSuffix(".segment") }.count == 8)
        try check(log, bodies)
        let (again, verdict) = try harness.open()
        #expect(verdict == .whole)
        #expect(again.end == log.end)
        try check(again, bodies)
        try harness.append(again)
        #expect(again.lastIndex == 202)
    }

    private func check<Store>(_ log: EntryLog<Store, PlainEntries>, _ bodies: [[UInt8]]) throws {
        for (offset, body) in bodies.enumerated() {
            let index = UInt64(offset + 1)
            let frame = try log.frame(at: index)
            #expect(frame.body == body)
            for event in 0..<frame.header.eventCount {
                #expect(try log.index(ofPosition: frame.header.firstPosition + UInt64(event)) == index)
            }
            for record in 0..<frame.header.recordCount {
                #expect(try log.index(ofRecord: frame.header.firstRecord + UInt64(record)) == index)
            }
            #expect(try log.lastIndex(stampedAtOrBefore: frame.header.firstStamp) == index)
        }
        #expect(try log.index(ofPosition: log.lastPosition + 1) == nil)
        #expect(throws: LogError.absent) { try log.frame(at: UInt64(bodies.count + 1)) }
    }
}
