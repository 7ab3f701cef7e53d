import Bytes
import Files
import Keys
import SegmentedLog
import Testing

#if DEBUG
/// Debug builds try a sample, release builds far more.
private let crashCuts: [UInt64] = [1, 7, 8]
private let tornSeeds: UInt64 = 2
#else
private let crashCuts = Array(1...24) as [UInt64]
private let tornSeeds: UInt64 = 8
#endif

/// A tail that agreement decided against goes, and nothing else.
@Suite struct TruncationTests {
    typealias Harness = LogHarness<MemoryFiles>

    @Test(arguments: 1...24)
    func `a log cut anywhere goes on as if what was cut had never been`(cut: UInt64) throws {
        let story = try Story()
        let (log, bodies) = (story.log, story.bodies)
        try log.truncate(after: cut)
        #expect(log.lastIndex == cut && log.durableIndex == cut)
        #expect(throws: LogError.absent) { try log.frame(at: cut + 1) }
        #expect(throws: LogError.absent) { try log.stored(from: cut + 1, through: .max, bytesMax: .max) }
        #expect(log.term(at: cut + 1) == nil && log.bytes(at: cut + 1) == 0)
        let more = try story.goOn()
        try story.harness.flush(log)
        try check(log, Array(bodies[..<Int(cut)]) + more)
        let (again, recovery) = try story.harness.open()
        #expect(recovery == .whole)
        #expect(again.end == log.end)
        try check(again, Array(bodies[..<Int(cut)]) + more)
        try story.harness.close(again)
        try story.harness.settle(again)
        let report = try LogVerifier.verify(
            store: story.harness.store, directory: "log", identity: Harness.identity, keys: story.harness.keys,
            crypto: story.harness.crypto, leaves: PlainEntries())
        #expect(report.isOK && report.lastIndex == again.lastIndex)
    }

    @Test(arguments: [MemoryFiles.Tearing.keepsAll, .losesAll, .mixed], crashCuts)
    func `a crash at any order of a cut leaves the old tail, the cut one or whole frames in between`(
        tearing: MemoryFiles.Tearing, cut: UInt64
    ) throws {
        var number = 1
        var hasFailed = true
        while hasFailed {
            for seed in 0..<(tearing == .mixed ? tornSeeds : 1) {
                hasFailed = try survives(cut: cut, stopsAt: number, tearing, seed: seed)
            }
            number += 1
        }
        #expect(number > 6)
    }

    private func survives(
        cut: UInt64, stopsAt number: Int, _ tearing: MemoryFiles.Tearing, seed: UInt64
    ) throws -> Bool {
        let story = try Story(settles: seed % 2 == 0)
        let memory = story.harness.store
        let failing = FailingFiles(memory, failing: .stop, at: number)
        try story.log.truncate(after: cut)
        let batch = try #require(story.log.takeBatch())
        do throws(FileError) { try batch.carryOut(on: failing) } catch {}
        var dice = SeededDice(seed: seed)
        memory.crash(tearing, dice: &dice)
        let (log, recovery) = try story.harness.open()
        if case .faulty(let fault) = recovery { Issue.record("faulty: \(fault), \(cut) \(number) \(seed)") }
        #expect(log.lastIndex >= cut && log.lastIndex <= 25)
        if !failing.hasFailed { #expect(log.lastIndex == cut) }
        try check(log, Array(story.bodies[..<Int(log.lastIndex)]))
        try log.truncate(after: cut)
        try story.harness.append(log)
        try story.harness.flush(log)
        let (again, verdict) = try story.harness.open()
        #expect(verdict == .whole && again.lastIndex == cut + 1)
        return failing.hasFailed
    }

    @Test func `trap 28, ABA on async append: a batch handed out before the cut never counts cut frames`() throws {
        let harness = try Story.harness()
        let (log, _) = try harness.open()
        for _ in 0..<3 { try harness.append(log) }
        let late = try #require(log.takeBatch())
        try log.truncate(after: 2)
        var other: [[UInt8]] = []
        for _ in 0..<3 {
            try harness.append(log)
            other.append(try log.frame(at: log.lastIndex).body)
        }
        let next = try #require(log.takeBatch())
        #expect(log.lastIndex == 5)
        try late.carryOut(on: harness.store)
        log.persisted(batch: late.number)
        #expect(log.durableIndex == 2)
        #expect(try log.frame(at: 4).body == other[1])
        try next.carryOut(on: harness.store)
        log.persisted(batch: next.number)
        #expect(log.durableIndex == 5)
        let (again, recovery) = try harness.open()
        #expect(recovery == .whole)
        #expect(try again.frame(at: 3).body == other[0] && again.lastIndex == 5)
    }

    @Test func `a cut of what no batch held yet, across segments, leaves no file behind`() throws {
        let harness = try Story.harness()
        let (log, _) = try harness.open()
        for _ in 0..<40 { try harness.append(log) }
        #expect(log.description(of: 3) != nil)
        try log.truncate(after: 3)
        try harness.append(log)
        try harness.flush(log)
        #expect(harness.store.paths.filter { $0.hasSuffix(".segment") } == ["log/000000000001.segment"])
        let (again, recovery) = try harness.open()
        #expect(recovery == .whole && again.lastIndex == 4 && again.end == log.end)
    }

    private func check(_ log: Harness.Log, _ bodies: [[UInt8]]) throws {
        #expect(log.lastIndex == UInt64(bodies.count))
        for (offset, body) in bodies.enumerated() {
            let index = UInt64(offset + 1)
            let frame = try log.frame(at: index)
            #expect(frame.body == body)
            #expect(log.term(at: index) == frame.header.term)
            #expect(try log.lastIndex(stampedAtOrBefore: frame.header.firstStamp) == index)
            if frame.header.eventCount > 0 {
                #expect(try log.index(ofPosition: frame.header.firstPosition) == index)
            }
        }
    }
}

/// A log of 25 durable frames in four segments or so, none of them closed.
private struct Story {
    let harness: TruncationTests.Harness
    let log: TruncationTests.Harness.Log
    var bodies: [[UInt8]]

    static func harness() throws -> TruncationTests.Harness {
        let harness = try TruncationTests.Harness(MemoryFiles(), crypto: Crypto(), keys: Means.keys)
        harness.configuration.bodyCapacity = 900
        harness.configuration.hasPeers = true
        try harness.create()
        return harness
    }

    init(settles: Bool = true) throws {
        harness = try Self.harness()
        log = try harness.open().log
        bodies = [try log.frame(at: 1).body]
        for round in 2...25 {
            try harness.append(log, events: round % 3, bytes: 30)
            bodies.append(try log.frame(at: log.lastIndex).body)
            if round % 4 == 1 { try harness.flush(log) }
        }
        if settles { try harness.settle(log) }
        #expect(log.durableIndex == 25 && log.description(of: 3) != nil)
    }

    /// A later term goes on, into the next segment.
    func goOn() throws -> [[UInt8]] {
        var more: [[UInt8]] = []
        for _ in 0..<8 {
            let draft = TruncationTests.Harness.draft(
                after: log.end, term: 5, events: [harness.dice.bytes(70)], records: [])
            try log.append(draft, dice: &harness.dice)
            more.append(draft.body)
        }
        return more
    }
}
