import Bytes
import Files
import Keys
import Testing

@testable import Views

@Suite struct IdentityIndexTests {
    static let place = SnapshotStoreTests.place

    static func token(_ number: UInt64) -> Token128 {
        Token128(low: Mix.word(number), high: Mix.word(~number))
    }

    @Test func `identities are found through freezes, merges and reopening`() throws {
        let files = MemoryFiles()
        var dice = SeededDice(seed: 1)
        var index = try IdentityIndex(store: files, place: Self.place, runs: [], crypto: try Crypto())
        var last: UInt64 = 0
        func check(_ index: IdentityIndex<MemoryFiles>) throws {
            for position in 1...last {
                #expect(try index.candidates(for: Self.token(position)) == [position])
            }
            for stranger in 1...last {
                #expect(try index.candidates(for: Self.token(stranger + 1 << 40)).isEmpty)
            }
            #expect(index.count == last)
        }
        var runs: [IdentityRun] = []
        for round in 1...18 as ClosedRange<UInt64> {
            for _ in 0..<(50 + round * 13) {
                last += 1
                index.add(Self.token(last), position: last)
            }
            if round % 5 == 0 { try check(index) }
            let work = index.freeze()
            last += 1
            index.add(Self.token(last), position: last)
            #expect(try index.candidates(for: Self.token(last - 1)) == [last - 1])
            runs = try work.carryOut(on: files, crypto: try Crypto(), dice: &dice)
            try index.adopt(runs)
            #expect(runs.reduce(0) { $0 + $1.entries } == last - 1)
            for level in runs.map({ $0.level }) {
                #expect(runs.count { $0.level == level } < IdentityWork.runsToMerge)
            }
            if round % 7 == 0 {
                // What was not in a run is added again, as the log's tail is folded again.
                index = try IdentityIndex(store: files, place: Self.place, runs: runs, crypto: try Crypto())
                index.add(Self.token(last), position: last)
            }
        }
        #expect(runs.contains { $0.level == 2 })
        try check(index)
    }

    @Test func `tokens that share a key are all candidates, over page borders too`() throws {
        let files = MemoryFiles()
        var dice = SeededDice(seed: 1)
        let index = try IdentityIndex(store: files, place: Self.place, runs: [], crypto: try Crypto())
        let shared = Token128(low: 0x1234_5678_9abc_0000, high: 1)
        let alike = Token128(low: 0x1234_5678_9abc_ffff, high: 2)
        for position in 1...3000 as ClosedRange<UInt64> {
            index.add(
                position % 3 == 0 ? (position % 2 == 0 ? shared : alike) : Self.token(position),
                position: position)
        }
        let expected = (1...1000).map { UInt64($0) * 3 }
        #expect(try index.candidates(for: shared) == expected)
        try index.adopt(try index.freeze().carryOut(on: files, crypto: try Crypto(), dice: &dice))
        #expect(try index.candidates(for: shared) == expected)
        #expect(try index.candidates(for: alike) == expected)
    }

    @Test func `after a failure in the background everything frozen goes along with the next`() throws {
        let files = MemoryFiles()
        var dice = SeededDice(seed: 1)
        let index = try IdentityIndex(store: files, place: Self.place, runs: [], crypto: try Crypto())
        index.add(Self.token(1), position: 1)
        _ = index.freeze()
        index.add(Self.token(2), position: 2)
        let runs = try index.freeze().carryOut(on: files, crypto: try Crypto(), dice: &dice)
        #expect(runs.map { $0.entries } == [2])
        try index.adopt(runs)
        #expect(index.recentCount == 0)
        for position in [UInt64(1), 2] {
            #expect(try index.candidates(for: Self.token(position)) == [position])
        }
    }

    @Test
    func `a run with any bit flipped is refused or answers as before, and a cut one is refused`()
        throws
    {
        let files = MemoryFiles()
        var dice = SeededDice(seed: 1)
        let index = try IdentityIndex(store: files, place: Self.place, runs: [], crypto: try Crypto())
        for position in 1...700 as ClosedRange<UInt64> {
            index.add(Self.token(position), position: position)
        }
        let runs = try index.freeze().carryOut(on: files, crypto: try Crypto(), dice: &dice)
        let path = Self.place.directory + "/" + FileNames.run(1)
        let whole = try #require(files.contents(path))
        #expect(whole.count == 5 * RunFormat.pageBytes)
        var refusals = 0
        let crypto = try Crypto()
        for at in stride(from: 0, to: whole.count, by: 61) {
            let other = MemoryFiles()
            other.put(path, SnapshotStoreTests.flipped(whole, at, bit: at % 8))
            for position in stride(from: UInt64(1), through: 700, by: 200) {
                if let found = try Self.answer(position, runs, other, crypto) {
                    #expect(found == [position])
                } else {
                    refusals += 1
                }
            }
        }
        #expect(refusals > whole.count / 61)
        for cut in stride(from: 0, to: whole.count, by: 512) {
            let other = MemoryFiles()
            other.put(path, Array(whole[..<cut]))
            #expect(throws: ViewError.self) {
                try IdentityIndex(store: other, place: Self.place, runs: runs, crypto: try Crypto())
            }
        }
    }

    /// The candidates; nil when the run is refused as damaged.
    static func answer(
        _ position: UInt64, _ runs: [IdentityRun], _ files: MemoryFiles, _ crypto: Crypto
    ) throws
        -> [UInt64]?
    {
        do {
            let index = try IdentityIndex(store: files, place: place, runs: runs, crypto: crypto)
            return try index.candidates(for: token(position))
        } catch {
            guard case .damaged = error else { throw error }
            return nil
        }
    }

    @Test func `an entry costs at most twelve bytes on disk`() throws {
        let files = MemoryFiles()
        var dice = SeededDice(seed: 1)
        let index = try IdentityIndex(store: files, place: Self.place, runs: [], crypto: try Crypto())
        for position in 1...20_000 as ClosedRange<UInt64> {
            index.add(Self.token(position), position: position)
        }
        _ = try index.freeze().carryOut(on: files, crypto: try Crypto(), dice: &dice)
        let bytes = try #require(files.contents(Self.place.directory + "/" + FileNames.run(1))).count
        #expect(bytes <= 12 * 20_000)
    }

    @Test func `a filter never denies what it holds and seldom affirms what it does not`() {
        var filter = KeyFilter(forKeys: 5000)
        for key in 0..<5000 as Range<UInt64> { filter.add(Mix.word(key) >> 16) }
        for key in 0..<5000 as Range<UInt64> { #expect(filter.mayHold(Mix.word(key) >> 16)) }
        let wrong = (5000..<25_000 as Range<UInt64>).count { filter.mayHold(Mix.word($0) >> 16) }
        #expect(wrong < 600)
    }
}
