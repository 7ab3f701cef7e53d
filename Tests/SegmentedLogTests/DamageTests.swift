import Bytes
import Files
import Keys
import SegmentedLog
import Testing

#if DEBUG
/// Debug builds sample; release builds are exhaustive.
private let stride = 397
#else
private let stride = 1
#endif

/// Every byte cut, every bit flipped, every 512-byte page zeroed, swapped, duplicated: each outcome is the one that
/// Format.md states.
@Suite struct DamageTests {
    enum Kind: CaseIterable { case cut, bit, zeroed, swapped, duplicated }

    @Test(arguments: Kind.allCases, [true, false])
    func `a damaged tail is cut above the watermark and faulty at or below it`(kind: Kind, isSettled: Bool) throws {
        let victim = try Victim(isSettled: isSettled)
        #expect(victim.bytes.count <= 16 << 10)
        for damaged in victim.bytes.damages(kind, every: stride) {
            try victim.judge(damaged)
        }
    }

    @Test(arguments: Kind.allCases)
    func `nothing damaged in a closed segment is served, and verify finds every changed byte`(kind: Kind) throws {
        let victim = try ClosedVictim()
        for damaged in victim.bytes.damages(kind, every: stride * 3) where damaged != victim.bytes {
            try victim.judge(damaged)
        }
    }

    @Test func `a closed segment that lost its trailer gets the same one again`() throws {
        let victim = try ClosedVictim()
        var damaged = victim.bytes
        damaged[damaged.count - 20] ^= 1
        let store = victim.harness.store.copy()
        store.put(victim.path, damaged)
        let harness = try LogHarness(store)
        let (log, recovery) = try harness.open()
        #expect(recovery == .whole)
        try harness.close(log)
        #expect(store.contents(victim.path) == victim.bytes)
    }

    @Test func `a missing segment is a fault at its first index`() throws {
        let victim = try ClosedVictim()
        let store = MemoryFiles()
        for path in victim.harness.store.paths where path != victim.path {
            store.put(path, try #require(victim.harness.store.contents(path)))
        }
        let (log, recovery) = try LogHarness(store).open()
        guard case .faulty(let fault) = recovery else {
            Issue.record("not faulty")
            return
        }
        #expect(fault.kind == .segmentMissing && fault.segment == 2 && fault.index == victim.firstIndex)
        #expect(log.lastIndex == victim.firstIndex - 1)
    }
}

/// A log of one segment of seven frames; unless settled, the last three are above the watermark.
private struct Victim {
    let harness: LogHarness<MemoryFiles>
    let bytes: [UInt8]
    let bodies: [[UInt8]]
    let headers: [FrameHeader]
    let marks: [(range: Range<Int>, through: UInt64)]
    static let path = "log/000000000001.segment"

    init(isSettled: Bool) throws {
        harness = try LogHarness(MemoryFiles(), seed: 5)
        harness.configuration.slotsMin = 12
        try harness.create()
        let (log, _) = try harness.open()
        for batch in [1, 2, 3] {
            for _ in 0..<batch { try harness.append(log) }
            try harness.flush(log)
        }
        if isSettled { try harness.settle(log) }
        bytes = try #require(harness.store.contents(Self.path))
        bodies = try (1...7).map { try log.frame(at: $0).body }
        headers = try (1...7).map { try log.header(at: $0) }
        let second = 4096 + 4096
        let file = bytes
        marks = [0, second].map { page in
            ((page + 512)..<(page + 600), Watermark(file, at: page + 512)?.through ?? 0)
        }
        let known = marks.map(\.through).max()
        #expect(known == (isSettled ? 7 : 4))
    }

    /// What Format.md says of a file that differs from the original in these places.
    func judge(_ damaged: [UInt8]) throws {
        let store = MemoryFiles()
        store.put(Self.path, damaged)
        let harness = try LogHarness(store, crypto: harness.crypto, keys: harness.keys)
        harness.configuration.slotsMin = 12
        let expected = outcome(damaged)
        do throws(LogError) {
            let (log, recovery) = try harness.open()
            guard recovery == expected.recovery, log.lastIndex == expected.lastIndex else {
                Issue.record("\(recovery) \(log.lastIndex), expected \(expected)")
                return
            }
            try served(log, through: expected.lastIndex)
            if case .faulty(let fault) = recovery {
                #expect(throws: LogError.damaged(fault)) { try harness.append(log) }
                #expect(throws: LogError.damaged(fault)) { try log.frame(at: fault.index) }
                #expect(store.contents(Self.path) == damaged)
            } else {
                try harness.append(log)
            }
        } catch {
            guard case .damaged(let fault) = error, fault.index == 1, expected.lastIndex == 0 else {
                Issue.record("\(error), expected \(expected)")
                return
            }
        }
    }

    private func served(_ log: EntryLog<MemoryFiles, PlainEntries>, through last: UInt64) throws(LogError) {
        for index in 1...7 where UInt64(index) <= last {
            let body = try log.frame(at: UInt64(index)).body
            #expect(body == bodies[index - 1])
        }
    }

    private func outcome(_ damaged: [UInt8]) -> (recovery: Recovery, lastIndex: UInt64) {
        func isChanged(_ range: Range<Int>) -> Bool {
            range.upperBound > damaged.count || damaged[range] != bytes[range]
        }
        let second = 4096 + 4096
        let bothHeaders = isChanged(0..<160) && isChanged(second..<(second + 160))
        let known = marks.filter { !isChanged($0.range) }.map(\.through).max()
        let firstBad = headers.first { header in
            isChanged(slot(header.index)) || isChanged(header.bodyOffset..<(header.bodyOffset + header.bodyLength))
        }
        func fault(_ index: UInt64, _ kind: Fault.Kind) -> Fault {
            Fault(index: index, segment: 1, position: headers[Int(index) - 1].firstPosition, kind: kind)
        }
        if bothHeaders { return (.faulty(fault(1, .segmentHeader)), 0) }
        let next = firstBad?.index ?? 8
        let tableRest = (slot(next).lowerBound)..<(4096 + 12 * 144)
        let bodiesEnd = next == 1 ? 12288 : headers[Int(next) - 2].bodyOffset + headers[Int(next) - 2].bodyLength
        func isDirty(_ range: Range<Int>) -> Bool {
            range.contains { $0 < damaged.count && damaged[$0] != 0 }
        }
        if let firstBad {
            let isBlank = !isDirty(slot(firstBad.index))
            let endsHere = known == nil && isBlank && !isDirty(tableRest)
            if firstBad.index <= max(known ?? 0, 1) || (known == nil && !endsHere) {
                return (.faulty(fault(firstBad.index, .frame(flaw(firstBad, damaged)))), firstBad.index - 1)
            }
        }
        let isTorn = isDirty(tableRest) || isDirty(bodiesEnd..<max(bodiesEnd, damaged.count))
        return (isTorn ? .tornTail(cutFrom: next) : .whole, next - 1)
    }

    private func slot(_ index: UInt64) -> Range<Int> {
        (4096 + Int(index - 1) * 144)..<(4096 + Int(index) * 144)
    }

    private func flaw(_ header: FrameHeader, _ damaged: [UInt8]) -> FrameFlaw {
        let slot = slot(header.index)
        let present = slot.clamped(to: 0..<max(slot.lowerBound, damaged.count))
        if present.count == slot.count, damaged[slot] == bytes[slot] { return .body }
        let found = Array(damaged[present.clamped(to: 0..<damaged.count)])
        if found.allSatisfy({ $0 == 0 }) { return .blank }
        // A whole header in a foreign place: only swapped or copied pages bring that about.
        do {
            _ = try FrameHeader(damaged, at: slot.lowerBound)
            return .misplaced
        } catch {
            return error
        }
    }
}

/// The closed second segment of a log of three.
private struct ClosedVictim {
    let harness: LogHarness<MemoryFiles>
    let path = "log/000000000002.segment"
    let bytes: [UInt8]
    let bodies: [[UInt8]]
    let firstIndex: UInt64
    let lastIndex: UInt64

    init() throws {
        harness = try LogHarness(MemoryFiles(), seed: 6)
        harness.configuration.bodyCapacity = 700
        try harness.create()
        let (log, _) = try harness.open()
        while harness.store.paths.filter({ $0.hasSuffix(".segment") }).count < 3 {
            try harness.append(log)
            try harness.flush(log)
        }
        try harness.append(log)
        try harness.flush(log)
        try harness.close(log)
        try harness.settle(log)
        bytes = try #require(harness.store.contents(path))
        bodies = try (1...log.lastIndex).map { try log.frame(at: $0).body }
        firstIndex = try #require(log.description(of: 2)).firstIndex
        lastIndex = try #require(log.description(of: 3)).firstIndex - 1
        let report = try verify(harness.store)
        #expect(report.isOK && report.lastIndex == log.lastIndex)
    }

    func verify(_ store: MemoryFiles) throws -> VerifyReport {
        try LogVerifier.verify(
            store: store, directory: "log", identity: LogHarness<MemoryFiles>.identity, keys: harness.keys,
            crypto: harness.crypto, leaves: PlainEntries())
    }

    func judge(_ damaged: [UInt8]) throws {
        let store = harness.store.copy()
        store.put(path, damaged)
        #expect(try !verify(store).isOK)
        let harness = try LogHarness(store, crypto: harness.crypto, keys: harness.keys)
        let (log, recovery) = try harness.open()
        if case .faulty(let fault) = recovery {
            #expect((firstIndex...lastIndex).contains(fault.index) && fault.segment == 2)
        } else {
            #expect(recovery == .whole)
            #expect(log.lastIndex == UInt64(bodies.count))
        }
        var first: UInt64?
        for index in 1...UInt64(bodies.count) {
            do throws(LogError) {
                let frame = try log.frame(at: index)
                #expect(frame.body == bodies[Int(index) - 1])
                #expect(first == nil)
            } catch {
                guard case .damaged(let fault) = error else {
                    Issue.record("\(error)")
                    return
                }
                first = first ?? index
                #expect(fault.index == first && fault.segment == 2)
            }
        }
        if let first {
            #expect((firstIndex...lastIndex).contains(first))
            #expect(throws: LogError.self) { try harness.append(log) }
        }
    }
}

extension [UInt8] {
    /// The same bytes after each damage of a kind; only every so many of them.
    fileprivate func damages(_ kind: DamageTests.Kind, every step: Int) -> AnySequence<[UInt8]> {
        let pages = (count + 511) / 512
        func page(_ number: Int) -> Range<Int> { (number * 512)..<Swift.min(count, number * 512 + 512) }
        let number: Int
        let damage: (Int) -> [UInt8]
        switch kind {
        case .cut:
            number = count
            damage = { Array(self[..<$0]) }
        case .bit:
            number = count * 8
            damage = {
                var bytes = self
                bytes[$0 / 8] ^= 1 << UInt8($0 % 8)
                return bytes
            }
        case .zeroed:
            number = pages
            damage = {
                var bytes = self
                for at in page($0) { bytes[at] = 0 }
                return bytes
            }
        case .swapped, .duplicated:
            number = pages * pages
            damage = {
                var bytes = self
                let (source, target) = (page($0 / pages), page($0 % pages))
                let shorter = Swift.min(source.count, target.count)
                let (first, second) = (Array(self[source].prefix(shorter)), Array(self[target].prefix(shorter)))
                bytes.replaceSubrange(target.prefix(shorter), with: first)
                if kind == .swapped { bytes.replaceSubrange(source.prefix(shorter), with: second) }
                return bytes
            }
        }
        return AnySequence(Swift.stride(from: 0, to: number, by: number > 500 ? step : 1).lazy.map(damage))
    }
}
