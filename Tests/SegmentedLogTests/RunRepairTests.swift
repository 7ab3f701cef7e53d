import Bytes
import Files
import Keys
import SegmentedLog
import Testing

/// Where the headers of neighbours are lost nothing names the first of them alone, and only a run of copies that ends in
/// what survives shows what stood there. No copy is trusted here: nobody knows what was decided.
@Suite struct RunRepairTests {
    typealias Harness = LogHarness<MemoryFiles>

    private let world: Mended
    /// Of the segment that is full and not closed: opening reads it.
    private let description: SegmentDescription
    private var path: String { world.paths[2] }

    init() throws {
        world = try Mended()
        description = try #require(world.log.description(of: 3))
        try #require(world.log.closedSegments == [1, 2])
        try #require(last >= description.firstIndex + 4)
    }

    private var last: UInt64 { world.log.description(of: 4).map { $0.firstIndex - 1 } ?? 0 }

    /// The replica after its headers from `first` through `last` were lost.
    private func damaged(_ first: UInt64, _ last: UInt64) throws -> MemoryFiles {
        let store = world.harness.store.copy()
        var bytes = try #require(store.contents(path))
        for at in description.headerOffset(of: first)..<description.headerOffset(of: last + 1) { bytes[at] = 0 }
        store.put(path, bytes)
        return store
    }

    private func harness<Store: FileStore>(_ store: Store) throws -> LogHarness<Store> {
        let harness = try LogHarness(store, crypto: world.harness.crypto, keys: world.harness.keys)
        harness.configuration = world.harness.configuration
        return harness
    }

    private func copies(_ first: UInt64, _ last: UInt64) throws(LogError) -> [StoredFrame] {
        var found: [StoredFrame] = []
        for index in first...last { found.append(try world.copy(index)) }
        return found
    }

    /// Asks for what is wanted until nothing is, so many copies at a time.
    private func mend<Store: FileStore>(_ log: LogHarness<Store>.Log, _ atATime: UInt64) throws(LogError) {
        for _ in 0..<100 {
            guard let wanted = log.wanted else { return }
            let found = try copies(wanted, min(wanted + atATime - 1, world.log.lastIndex))
            _ = try log.follow(found)
            for copy in found {
                do throws(LogError) {
                    try log.repair(copy, isTrusted: false)
                } catch {
                    guard error == .otherFrame || error == .absent else { throw error }
                }
            }
        }
    }

    @Test(arguments: [(1, 2), (1, 3), (0, 2), (2, 100), (0, 100)], [1, 2, 64] as [UInt64])
    func `neighbours whose headers are lost are mended by a run of copies`(
        _ places: (UInt64, UInt64), _ atATime: UInt64
    ) throws {
        let first = description.firstIndex + places.0
        let store = try damaged(first, min(description.firstIndex + places.1, last))
        let (log, recovery) = try harness(store).open()
        guard case .faulty(let fault) = recovery else {
            Issue.record("not faulty")
            return
        }
        #expect(fault.index == first && log.wanted == first)
        #expect(throws: LogError.otherFrame) { try log.repair(world.copy(first), isTrusted: false) }
        try mend(log, atATime)
        #expect(log.wanted == nil && log.end == world.log.end)
        #expect(store.contents(path) == world.harness.store.contents(path))
    }

    @Test func `a run that nothing names, or that what survives denies, changes nothing`() throws {
        let first = description.firstIndex + 1
        let store = try damaged(first, first + 1)
        let bytes = store.contents(path)
        // Another primary's frames, which follow from the same one.
        let fork = try harness(world.harness.store.copy())
        let (forked, _) = try fork.open()
        try forked.truncate(after: first - 1)
        for _ in 0..<2 { try fork.append(forked, events: 1, bytes: 30) }
        let strangers = try forked.stored(from: first, through: first + 1, bytesMax: .max)
        try #require(strangers.count == 2)
        let (log, _) = try harness(store).open()
        func isRefused() { #expect(throws: LogError.otherFrame) { try log.repair(strangers[0], isTrusted: false) } }
        #expect(try log.follow([strangers[0]]) && log.wanted == first + 1)
        isRefused()
        #expect(try !log.follow([strangers[1]]) && log.wanted == first)
        #expect(try !log.follow(strangers) && log.wanted == first)
        isRefused()
        // Who has no more of them leaves the run without a name, so that all is asked for anew.
        #expect(try log.follow([strangers[0]]) && log.wanted == first + 1)
        #expect(try !log.follow([]) && log.wanted == first)
        // A copy of the right frame does not follow from the stranger.
        #expect(try log.follow([strangers[0]]))
        #expect(try !log.follow([world.copy(first + 1)]) && log.wanted == first)
        #expect(store.contents(path) == bytes)
        try mend(log, 1)
        #expect(log.end == world.log.end)
        isAbsent(strangers[0], in: log)
    }

    private func isAbsent(_ copy: StoredFrame, in log: Harness.Log) {
        #expect(throws: LogError.absent) { try log.repair(copy, isTrusted: true) }
    }

    @Test func `what was shown to stand there counts more than a primary's word`() throws {
        let first = description.firstIndex + 1
        let (log, _) = try harness(try damaged(first, first + 1)).open()
        let fork = try harness(world.harness.store.copy())
        let (forked, _) = try fork.open()
        try forked.truncate(after: first - 1)
        try fork.append(forked, events: 1, bytes: 30)
        let stranger = try forked.stored(from: first, through: first, bytesMax: .max)[0]
        #expect(try log.follow(copies(first, first + 1)) && log.wanted == first)
        #expect(throws: LogError.otherFrame) { try log.repair(stranger, isTrusted: true) }
        // Whoever gives it up for that word goes on from there.
        try log.truncate(after: first - 1)
        #expect(log.wanted == nil)
        _ = try log.append(stored: stranger)
        #expect(log.end == forked.end)
    }

    @Test(arguments: [MemoryFiles.Tearing.keepsAll, .losesAll, .mixed])
    func `a crash at any operation leaves a run that can be mended`(tearing: MemoryFiles.Tearing) throws {
        let first = description.firstIndex + 1
        var number = 1
        var hasFailed = true
        while hasFailed {
            let memory = try damaged(first, first + 2)
            let failing = FailingFiles(memory, failing: .stop, at: number)
            let stopped = try harness(failing)
            do throws(LogError) {
                try mend(try stopped.open().log, 64)
            } catch {
                guard case .file = error else { throw error }
            }
            hasFailed = failing.hasFailed
            var dice = SeededDice(seed: UInt64(number))
            memory.crash(tearing, dice: &dice)
            let (log, _) = try harness(memory).open()
            try mend(log, 64)
            #expect(log.wanted == nil && log.end == world.log.end)
            #expect(memory.contents(path) == world.harness.store.contents(path))
            number += 1
        }
        #expect(number > 10)
    }
}
