import Bytes
import Files
import Keys
import SegmentedLog
import Testing

#if DEBUG
/// Debug builds sample; release builds are exhaustive.
private let step = 13
#else
private let step = 1
#endif

/// Taking a log away through an index, while its owner goes on.
@Suite struct `Slices` {
    typealias Harness = LogHarness<MemoryFiles>

    /// Three segments; the first is closed, the second full, the third the tail.
    private func made(seed: UInt64 = 21, batch: UInt64 = 1) throws -> (harness: Harness, log: Harness.Log) {
        let harness = try Harness(MemoryFiles(), seed: seed)
        harness.configuration.bodyCapacity = 700
        try harness.create()
        let (log, _) = try harness.open()
        while log.description(of: 3) == nil || log.lastIndex % 3 != 0 {
            try harness.append(log, events: Int(log.lastIndex % 3))
            if log.lastIndex % batch == 0 { try harness.flush(log) }
        }
        try harness.flush(log)
        let works = try log.closable(committedThrough: log.durableIndex)
        let first = try #require(works.first)
        log.closed(1, try first.carryOut(on: harness.store, crypto: harness.crypto, leaves: PlainEntries()))
        return (harness, log)
    }

    /// A log directory of the slices' bytes.
    private func laidOut(_ slices: [LogSlice], of store: MemoryFiles) throws -> MemoryFiles {
        let files = MemoryFiles()
        for slice in slices {
            files.put("log/" + SegmentFormat.name(of: slice.segment), try slice.read(from: store))
        }
        return files
    }

    @Test func `through any index they open as a log that ends there, and opening changes nothing`() throws {
        let (harness, log) = try made()
        for index in 1...log.lastIndex {
            let slices = try log.slices(through: index)
            #expect(slices.last?.lastIndex == index)
            let files = try laidOut(slices, of: harness.store)
            let before = files.paths.map { files.contents($0) }
            let other = try Harness(files, crypto: harness.crypto, keys: harness.keys)
            let (copy, recovery) = try other.open()
            #expect(recovery == .whole && copy.lastIndex == index && copy.durableIndex == index)
            #expect(files.paths.map { files.contents($0) } == before)
            #expect(try copy.frame(at: index).body == log.frame(at: index).body)
            #expect(copy.end.hash == slices.last?.end.hash)
            #expect(try copy.end.hash == log.frameHash(at: index))
            let report = try LogVerifier.verify(
                store: files, directory: "log", identity: Harness.identity, keys: harness.keys,
                crypto: harness.crypto, leaves: PlainEntries())
            #expect(report.isOK && report.lastIndex == index && report.tornFrom == nil)
        }
    }

    @Test func `what opens goes on`() throws {
        let (harness, log) = try made()
        let files = try laidOut(try log.slices(through: log.lastIndex - 1), of: harness.store)
        let other = try Harness(files, crypto: harness.crypto, keys: harness.keys)
        other.configuration.bodyCapacity = 700
        let (copy, _) = try other.open()
        for _ in 0..<9 {
            try other.append(copy)
            try other.flush(copy)
        }
        try other.close(copy)
        #expect(try other.open().recovery == .whole)
    }

    @Test func `a closed segment is taken as it is, of any other one the frames`() throws {
        let (harness, log) = try made()
        let slices = try log.slices(through: log.lastIndex)
        #expect(slices.map(\.isClosed) == [true, false, false])
        #expect(slices.map(\.segment) == [1, 2, 3])
        #expect(try slices[0].read(from: harness.store) == harness.store.contents(slices[0].path))
        #expect(slices[0].trailer?.hash == log.closedHash(of: 1))
        for slice in slices { #expect(try slice.read(from: harness.store).count == slice.bytes) }
        let cut = try log.slices(through: slices[0].lastIndex - 1)
        #expect(cut.map(\.isClosed) == [false])
    }

    @Test func `the bytes are those of the frames, however they were written`() throws {
        let (one, log) = try made(batch: 1)
        let (two, other) = try made(batch: 4)
        for index in 1...log.lastIndex {
            let slices = try log.slices(through: index)
            let others = try other.slices(through: index)
            for (slice, twin) in zip(slices, others) {
                #expect(try slice.read(from: one.store) == twin.read(from: two.store))
            }
        }
    }

    @Test func `what the owner does between planning and reading changes nothing`() throws {
        let (harness, log) = try made()
        let slices = try log.slices(through: log.lastIndex)
        let before = try slices.map { (slice) in try slice.read(from: harness.store) }
        try harness.append(log)
        try harness.flush(log)
        #expect(try slices.map { (slice) in try slice.read(from: harness.store) } == before)
        try harness.settle(log)
        #expect(try slices.map { (slice) in try slice.read(from: harness.store) } == before)
        // The next life closes the full segment, and fills the tail.
        let (again, _) = try harness.open()
        try harness.close(again)
        while again.description(of: 4) == nil {
            try harness.append(again)
            try harness.flush(again)
        }
        try harness.append(again)
        try harness.flush(again)
        try harness.close(again)
        #expect(again.closedSegments == [1, 2, 3])
        #expect(try slices.map { (slice) in try slice.read(from: harness.store) } == before)
    }

    @Test func `each frame's hash is told by the one behind it`() throws {
        let (harness, log) = try made()
        let slices = try log.slices(through: log.lastIndex)
        for index in 1...log.lastIndex {
            let told = try slices.compactMap { (slice) in try slice.hash(at: index, from: harness.store) }
            #expect(try told == [log.frameHash(at: index)])
        }
    }

    @Test func `only what is durable here is to be had`() throws {
        let (harness, log) = try made()
        try harness.append(log)
        #expect(throws: LogError.absent) { try log.slices(through: 0) }
        #expect(throws: LogError.absent) { try log.slices(through: log.lastIndex) }
        #expect(try log.slices(through: log.durableIndex).count == 3)
        #expect(throws: LogError.absent) { try log.frameHash(at: log.lastIndex + 1) }
    }

    @Test func `damage is never taken along`() throws {
        let (harness, log) = try made()
        for slice in try log.slices(through: log.lastIndex) {
            let bytes = try #require(harness.store.contents(slice.path))
            let body = try log.header(at: slice.lastIndex).bodyOffset + 20
            for offset in [SegmentFormat.tableAt + 50, body] {
                var damaged = bytes
                damaged[offset] ^= 8
                let files = harness.store.copy()
                files.put(slice.path, damaged)
                do throws(LogError) {
                    _ = try slice.read(from: files)
                    Issue.record("taken")
                } catch {
                    guard case .damaged(let fault) = error else { throw error }
                    #expect(fault.segment == slice.segment)
                    #expect((slice.firstIndex...slice.lastIndex).contains(fault.index))
                }
            }
            let files = harness.store.copy()
            try files.remove(slice.path)
            #expect(throws: LogError.self) { try slice.read(from: files) }
        }
    }

    @Test func `every changed byte and every cut of a segment is found, and where`() throws {
        let (harness, log) = try made()
        let slices = try log.slices(through: log.lastIndex)
        let longest = 64 + 144 + 28 + 200
        for slice in [slices[0], slices[2]] {
            let bytes = try slice.read(from: harness.store)
            #expect(SegmentImage.flaw(in: bytes, of: slice.claim) == nil)
            for at in stride(from: 0, to: bytes.count, by: step) {
                var changed = bytes
                changed[at] ^= UInt8(1 << (at % 8))
                let flaw = SegmentImage.flaw(in: changed, of: slice.claim)
                guard let flaw, flaw.offset <= at, at - flaw.offset < longest else {
                    Issue.record("byte \(at): \(String(describing: flaw))")
                    continue
                }
                #expect(flaw.fault.segment == slice.segment)
            }
            for count in stride(from: 0, to: bytes.count, by: 97) {
                let flaw = SegmentImage.flaw(in: Array(bytes[..<count]), of: slice.claim)
                #expect(flaw != nil && (flaw?.offset ?? .max) <= count)
            }
            #expect(SegmentImage.flaw(in: bytes + [0], of: slice.claim) != nil)
        }
        let (first, last) = (try slices[0].read(from: harness.store), try slices[2].read(from: harness.store))
        #expect(SegmentImage.flaw(in: first, of: slices[2].claim)?.fault.kind == .segmentHeader)
        #expect(SegmentImage.flaw(in: last, of: slices[0].claim)?.fault.kind == .segmentHeader)
        var foreign = slices[0].claim
        foreign.cluster = ClusterIdentity(low: 1, high: 1)
        #expect(SegmentImage.flaw(in: first, of: foreign)?.fault.kind == .segmentHeader)
    }
}
