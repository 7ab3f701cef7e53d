import Bytes
import Files
import Keys
import SegmentedLog
import Testing

#if DEBUG
private let stride = 1499
#else
private let stride = 37
#endif

/// Damage on one replica is mended with what another has; nothing damaged is served or denied meanwhile.
@Suite struct RepairTests {
    typealias Harness = LogHarness<MemoryFiles>

    enum Kind: CaseIterable { case bit, zeroed, cut, gone }

    @Test(arguments: Kind.allCases)
    func `one damage anywhere is repaired from a peer, and the files are equal again`(kind: Kind) throws {
        let world = try Mended()
        for (number, path) in world.paths.enumerated() {
            let bytes = try #require(world.harness.store.contents(path))
            for damaged in bytes.damages(kind, every: number == 0 ? stride * 3 : stride) where damaged != bytes {
                // Without the genesis there is no log: that is another story.
                if number == 0, world.hitsFirst(bytes, damaged) { continue }
                try world.judge(path, damaged)
            }
        }
    }

    @Test func `a run of lost headers is repaired from its end, for each is known by the next`() throws {
        let world = try Mended()
        let (log, _) = try world.harness.open()
        let description = try #require(log.description(of: 2))
        let store = world.harness.store.copy()
        var bytes = try #require(store.contents(world.paths[1]))
        let first = description.headerOffset(of: description.firstIndex + 1)
        for at in first..<(first + 3 * 144) { bytes[at] = 0 }
        store.put(world.paths[1], bytes)
        let other = try Harness(store, crypto: world.harness.crypto, keys: world.harness.keys)
        other.configuration = world.harness.configuration
        let (wounded, recovery) = try other.open()
        #expect(recovery == .whole)
        #expect(throws: LogError.self) { try wounded.frame(at: description.firstIndex + 1) }
        #expect(wounded.wounds.count == 3 && wounded.wanted == description.firstIndex + 3)
        let early = try world.copy(description.firstIndex + 1)
        #expect(throws: LogError.self) { try wounded.repair(early) }
        try world.repairAll(wounded)
        #expect(
            wounded.wounds.isEmpty && store.contents(world.paths[1]) == world.harness.store.contents(world.paths[1]))
    }

    @Test(arguments: [1, 2])
    func `where one frame is met damaged the scrub looks at once, and finds all that are`(of file: Int) throws {
        let world = try Mended()
        let description = try #require(world.log.description(of: UInt64(file) + 1))
        let store = world.harness.store.copy()
        let other = try Harness(store, crypto: world.harness.crypto, keys: world.harness.keys)
        other.configuration = world.harness.configuration
        let (wounded, _) = try other.open()
        let next = try #require(world.log.description(of: UInt64(file) + 2)).firstIndex
        var bytes = try #require(store.contents(world.paths[file]))
        let struck = Array(description.firstIndex..<next).filter { $0 % 2 == 1 }
        for index in struck { bytes[try world.log.header(at: index).bodyOffset] ^= 1 }
        store.put(world.paths[file], bytes)
        #expect(struck.count > 1 && !wounded.hasSuspects)
        #expect(throws: LogError.self) { try wounded.frame(at: struck[0]) }
        #expect(wounded.hasSuspects && wounded.wounds.map(\.index) == [struck[0]])
        let work = try #require(wounded.nextScrub())
        #expect(work.segment == UInt64(file) + 1)
        wounded.scrubbed(
            work, faults: try work.carryOut(on: store, crypto: world.harness.crypto, leaves: PlainEntries()))
        #expect(wounded.wounds.map(\.index) == struck)
        try world.repairAll(wounded)
        #expect(
            wounded.wounds.isEmpty
                && store.contents(world.paths[file]) == world.harness.store.contents(world.paths[file]))
    }

    @Test func `a copy that is not the frame which stood there changes nothing`() throws {
        let world = try Mended()
        let path = world.paths[world.paths.count - 1]
        let log = world.log
        let store = world.harness.store.copy()
        var bytes = try #require(store.contents(path))
        let header = try log.header(at: log.lastIndex - 1)
        bytes[header.bodyOffset + 20] ^= 4
        store.put(path, bytes)
        let other = try Harness(store, crypto: world.harness.crypto, keys: world.harness.keys)
        other.configuration = world.harness.configuration
        let (wounded, recovery) = try other.open()
        guard case .faulty(let fault) = recovery else {
            Issue.record("not faulty")
            return
        }
        #expect(fault.index == header.index)
        #expect(throws: LogError.absent) { try wounded.repair(world.copy(header.index - 1)) }
        var broken = try world.copy(header.index)
        broken.body[3] ^= 1
        #expect(throws: LogError.refusedFrame(.body)) { try wounded.repair(broken) }
        // Another primary's frame at the same index.
        let fork = try Harness(world.harness.store.copy(), crypto: world.harness.crypto, keys: world.harness.keys)
        fork.configuration = world.harness.configuration
        let (forked, _) = try fork.open()
        try forked.truncate(after: header.index - 1)
        try fork.append(forked, events: 2)
        let stranger = try forked.stored(from: header.index, through: header.index, bytesMax: 1)[0]
        #expect(throws: LogError.otherFrame) { try wounded.repair(stranger) }
        #expect(store.contents(path) == bytes && wounded.fault == fault)
        // That primary's word counts for a log that gives its own up.
        try wounded.giveUp(from: header.index)
        #expect(wounded.fault == nil && wounded.lastIndex == header.index - 1)
        _ = try wounded.append(stored: stranger)
        try other.flush(wounded)
        let (again, verdict) = try other.open()
        #expect(verdict == .whole && again.end == forked.end)
    }

    @Test(arguments: [MemoryFiles.Tearing.keepsAll, .losesAll, .mixed])
    func `a crash at any operation of a repair leaves the damage or the repair`(tearing: MemoryFiles.Tearing) throws {
        let world = try Mended()
        let path = world.paths[world.paths.count - 1]
        var bytes = try #require(world.harness.store.contents(path))
        let header = try world.log.header(at: world.log.lastIndex - 1)
        bytes[header.bodyOffset + 20] ^= 4
        var number = 1
        var hasFailed = true
        while hasFailed {
            let memory = world.harness.store.copy()
            memory.put(path, bytes)
            let failing = FailingFiles(memory, failing: .stop, at: number)
            let stopped = try LogHarness(failing, crypto: world.harness.crypto, keys: world.harness.keys)
            stopped.configuration = world.harness.configuration
            do throws(LogError) {
                let (log, _) = try stopped.open()
                try log.repair(world.copy(header.index))
            } catch {}
            hasFailed = failing.hasFailed
            var dice = SeededDice(seed: UInt64(number))
            memory.crash(tearing, dice: &dice)
            let harness = try Harness(memory, crypto: world.harness.crypto, keys: world.harness.keys)
            harness.configuration = world.harness.configuration
            let (log, recovery) = try harness.open()
            if case .faulty(let fault) = recovery { #expect(fault.index == header.index) }
            try world.repairAll(log)
            #expect(log.end == world.log.end)
            number += 1
        }
        #expect(number > 10)
    }
}

/// A whole replica of a few segments: closed ones, a full one, the tail; and a peer with all frames.
struct Mended {
    let harness: RepairTests.Harness
    let log: RepairTests.Harness.Log
    let paths: [String]
    let frames: [StoredFrame]
    let bodies: [[UInt8]]

    init() throws {
        harness = try RepairTests.Harness(MemoryFiles(), crypto: Crypto(), keys: Means.keys)
        harness.configuration.hasPeers = true
        harness.configuration.bodyCapacity = 800
        try harness.create()
        log = try harness.open().log
        var round = 0
        while log.description(of: 4) == nil || log.lastIndex < 18 {
            try harness.append(log, events: 1 + round % 2)
            if round % 2 == 1 { try harness.flush(log) }
            round += 1
            if log.description(of: 3) == nil || log.description(of: 4) == nil { try harness.close(log) }
        }
        for _ in 0..<3 { try harness.append(log) }
        try harness.flush(log)
        try harness.append(log)
        try harness.flush(log)
        paths = harness.store.paths.filter { $0.hasSuffix(".segment") }
        frames = try log.stored(from: 1, through: .max, bytesMax: .max)
        let known = log
        bodies = try (1...log.lastIndex).map { try known.frame(at: $0).body }
        #expect(log.durableIndex == log.lastIndex && paths.count == 4 && log.closedSegments.count == 2)
    }

    func copy(_ index: UInt64) throws(LogError) -> StoredFrame {
        guard index >= 1, index <= UInt64(frames.count) else { throw .absent }
        return frames[Int(index) - 1]
    }

    /// Whether the damage reaches what says how the log begins.
    func hitsFirst(_ bytes: [UInt8], _ damaged: [UInt8]) -> Bool {
        guard let header = try? log.header(at: 1), damaged.count > header.bodyOffset + header.bodyLength else {
            return true
        }
        let ranges = [0..<160, 4096..<(4096 + 144), header.bodyOffset..<(header.bodyOffset + header.bodyLength)]
        return ranges.contains { bytes[$0] != damaged[$0] }
    }

    func repairAll(_ log: RepairTests.Harness.Log) throws(LogError) {
        var steps = 0
        while let wanted = log.wanted, steps < 100 {
            if wanted > UInt64(frames.count) { return try log.giveUp(from: wanted) }
            try log.repair(try copy(wanted))
            steps += 1
        }
        #expect(log.wanted == nil)
    }

    /// Opens, is refused or served rightly, mends, catches up, closes; then all is as it was.
    func judge(_ path: String, _ damaged: [UInt8]?) throws {
        let store = harness.store.copy()
        if let damaged, !damaged.isEmpty { store.put(path, damaged) } else { store.drop(path) }
        let other = try RepairTests.Harness(store, crypto: harness.crypto, keys: harness.keys)
        other.configuration = harness.configuration
        let (log, recovery) = try other.open()
        let claim = log.claimedLast(currentTerm: 9)
        if case .faulty = recovery {
            #expect(claim.term > self.log.end.term || claim.index >= self.log.lastIndex)
        } else {
            #expect(claim.index == log.lastIndex && claim.term == log.end.term)
        }
        try serves(log)
        try repairAll(log)
        // What the scrub finds is repaired as well, and closed anew.
        for _ in 0..<3 {
            for _ in paths {
                guard let work = log.nextScrub() else { continue }
                log.scrubbed(
                    work, faults: try work.carryOut(on: store, crypto: harness.crypto, leaves: PlainEntries()))
                try repairAll(log)
            }
            try other.close(log)
        }
        while log.lastIndex < self.log.lastIndex { _ = try log.append(stored: try copy(log.lastIndex + 1)) }
        try other.flush(log)
        #expect(log.end == self.log.end)
        try serves(log, all: true)
        try other.close(log)
        for path in paths.dropLast() {
            guard let closed = self.log.closedSegments.first(where: { path.hasSuffix(SegmentFormat.name(of: $0)) })
            else { continue }
            if store.contents(path) != harness.store.contents(path) { Issue.record("segment \(closed) differs") }
        }
        let (again, verdict) = try other.open()
        #expect(verdict == .whole && again.end == self.log.end)
    }

    private func serves(_ log: RepairTests.Harness.Log, all: Bool = false) throws {
        for index in 1...UInt64(bodies.count) {
            do throws(LogError) {
                let body = try log.frame(at: index).body
                #expect(body == bodies[Int(index) - 1])
            } catch {
                if all { Issue.record("\(index): \(error)") }
            }
        }
    }
}

extension MemoryFiles {
    /// Takes a file away as if it had never been.
    fileprivate func drop(_ path: String) {
        do throws(FileError) {
            try remove(path)
            try syncDirectory("log")
        } catch {
            Issue.record("\(error)")
        }
    }
}

extension [UInt8] {
    fileprivate func damages(_ kind: RepairTests.Kind, every step: Int) -> [[UInt8]] {
        switch kind {
        case .bit:
            return Swift.stride(from: 0, to: count * 8, by: step).map { bit in
                var bytes = self
                bytes[bit / 8] ^= 1 << UInt8(bit % 8)
                return bytes
            }
        case .zeroed:
            return Swift.stride(from: 0, to: count, by: 512).map { page in
                var bytes = self
                for at in page..<Swift.min(page + 512, count) { bytes[at] = 0 }
                return bytes
            }
        case .cut:
            return Swift.stride(from: 1, to: count, by: step).map { Array(self[..<$0]) }
        case .gone:
            return [[]]
        }
    }
}
