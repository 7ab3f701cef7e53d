import Bytes
import Files
import Keys
import Testing

@testable import Views

@Suite struct SnapshotStoreTests {
    static let place = ViewPlace(
        directory: "replica-1/views", clusterID: Array(1...16),
        key: SecretKey([UInt8](repeating: 7, count: 32)))

    static func snapshot(_ steps: Int, index: UInt64 = 9) -> Snapshot {
        var history = History(seed: 2)
        let book = Book(folding: history.steps(steps))
        return Snapshot(
            stand: SnapshotStand(
                index: index, position: book.position, record: book.record, stamp: book.lastStamp),
            book: book, runs: [], extra: Array("kept by the replica".utf8))
    }

    static func load(_ files: some FileStore) throws -> LoadedSnapshot {
        try SnapshotStore(store: files, place: place, crypto: Crypto()).load()
    }

    @Test func `the newest snapshot comes back whole`() throws {
        let files = MemoryFiles()
        var dice = SeededDice(seed: 1)
        let store = SnapshotStore(store: files, place: Self.place, crypto: try Crypto())
        #expect(try store.load().snapshot == nil)
        for number in 1...4 as ClosedRange<UInt64> {
            let snapshot = Self.snapshot(Int(number) * 50, index: number)
            #expect(try store.write(snapshot, dice: &dice) == number)
            let loaded = try store.load()
            #expect(loaded.number == number && loaded.refused.isEmpty)
            #expect(loaded.snapshot?.stand == snapshot.stand && loaded.snapshot?.extra == snapshot.extra)
            #expect(loaded.snapshot?.book.encoded == snapshot.book.encoded)
        }
        #expect(try files.list(Self.place.directory).count == SnapshotStore<MemoryFiles>.kept)
    }

    @Test func `a large snapshot is kept alone, and nothing older than it`() throws {
        let files = MemoryFiles()
        var dice = SeededDice(seed: 1)
        let store = SnapshotStore(store: files, place: Self.place, crypto: try Crypto())
        func names() throws -> [String] { try files.list(Self.place.directory) }
        try store.write(Self.snapshot(4, index: 1), dice: &dice)
        for number in 2...4 as ClosedRange<UInt64> {
            var snapshot = Self.snapshot(Int(number) * 4, index: number)
            snapshot.extra = dice.bytes(SnapshotStore<MemoryFiles>.spareBytesMax)
            try store.write(snapshot, dice: &dice)
            // The small one before the first large one is a spare worth its bytes.
            let kept = number == 2 ? [1, 2] : [number]
            #expect(try names() == kept.map { FileNames.snapshot($0) })
        }
        #expect(try store.load().snapshot?.stand.index == 4)
    }

    @Test func `a large extra part spans pages`() throws {
        let files = MemoryFiles()
        var dice = SeededDice(seed: 1)
        var snapshot = Self.snapshot(20)
        snapshot.extra = dice.bytes(200_000)
        let store = SnapshotStore(store: files, place: Self.place, crypto: try Crypto())
        try store.write(snapshot, dice: &dice)
        #expect(try store.load().snapshot?.extra == snapshot.extra)
    }

    @Test func `a snapshot with any bit flipped or any byte cut is passed over for the one before`()
        throws
    {
        let files = MemoryFiles()
        var dice = SeededDice(seed: 1)
        let store = SnapshotStore(store: files, place: Self.place, crypto: try Crypto())
        try store.write(Self.snapshot(4, index: 1), dice: &dice)
        try store.write(Self.snapshot(8, index: 2), dice: &dice)
        let path = Self.place.directory + "/" + FileNames.snapshot(2)
        let whole = try #require(files.contents(path))
        let crypto = try Crypto()
        for at in stride(from: 0, to: whole.count, by: 3) {
            for damaged in [Self.flipped(whole, at, bit: at % 8), Array(whole[..<at])] {
                let other = files.copy()
                other.put(path, damaged)
                let loaded = try SnapshotStore(store: other, place: Self.place, crypto: crypto).load()
                #expect(loaded.number == 1 && loaded.refused.count == 1)
                #expect(loaded.snapshot?.stand.index == 1)
            }
        }
        let longer = files.copy()
        longer.put(path, whole + [0])
        #expect(try Self.load(longer).number == 1)
    }

    @Test func `a snapshot under another number, key or cluster does not open`() throws {
        let files = MemoryFiles()
        var dice = SeededDice(seed: 1)
        try SnapshotStore(store: files, place: Self.place, crypto: try Crypto()).write(
            Self.snapshot(9), dice: &dice)
        let path = Self.place.directory + "/" + FileNames.snapshot(1)
        let renamed = MemoryFiles()
        renamed.put(
            Self.place.directory + "/" + FileNames.snapshot(2), try #require(files.contents(path)))
        #expect(try Self.load(renamed).snapshot == nil)
        for place in [
            ViewPlace(directory: Self.place.directory, clusterID: Array(2...17), key: Self.place.key),
            ViewPlace(
                directory: Self.place.directory, clusterID: Self.place.clusterID,
                key: SecretKey([UInt8](repeating: 8, count: 32))),
        ] {
            let loaded = try SnapshotStore(store: files, place: place, crypto: try Crypto()).load()
            #expect(loaded.snapshot == nil && loaded.refused.count == 1)
        }
    }

    @Test(arguments: [FailingFiles<MemoryFiles>.Failure.error(5), .shortWrite, .sync, .full, .stop])
    func `whichever operation of a snapshot fails, the one before stays valid`(
        failure: FailingFiles<MemoryFiles>.Failure
    ) throws {
        let first = MemoryFiles()
        var dice = SeededDice(seed: 1)
        let index = try IdentityIndex(store: first, place: Self.place, runs: [], crypto: try Crypto())
        for position in 1...300 as ClosedRange<UInt64> {
            index.add(IdentityIndexTests.token(position), position: position)
        }
        var before = Self.snapshot(8, index: 1)
        before.runs = try index.freeze().carryOut(on: first, crypto: try Crypto(), dice: &dice)
        try SnapshotStore(store: first, place: Self.place, crypto: try Crypto()).write(
            before, dice: &dice)
        try index.adopt(before.runs)
        for position in 301...500 as ClosedRange<UInt64> {
            index.add(IdentityIndexTests.token(position), position: position)
        }
        let work = index.freeze()

        var number = 1
        while true {
            let files = first.copy()
            let failing = FailingFiles(files, failing: failure, at: number)
            var after = Self.snapshot(16, index: 2)
            var succeeded = false
            do {
                after.runs = try work.carryOut(on: failing, crypto: try Crypto(), dice: &dice)
                try SnapshotStore(store: failing, place: Self.place, crypto: try Crypto()).write(
                    after, dice: &dice)
                succeeded = true
            } catch {}
            if !failing.hasFailed {
                #expect(succeeded)
                break
            }
            files.crash(number % 2 == 0 ? .losesAll : .mixed, dice: &dice)
            let loaded = try Self.load(files)
            let snapshot = try #require(loaded.snapshot)
            #expect(snapshot.stand == before.stand || snapshot.stand == after.stand)
            if succeeded { #expect(snapshot.stand == after.stand) }
            let reopened = try IdentityIndex(
                store: files, place: Self.place, runs: snapshot.runs, crypto: try Crypto())
            let last: UInt64 = snapshot.stand == after.stand ? 500 : 300
            for position in stride(from: UInt64(1), through: last, by: 23) {
                #expect(try reopened.candidates(for: IdentityIndexTests.token(position)) == [position])
            }
            // And the next one works.
            try SnapshotStore(store: files, place: Self.place, crypto: try Crypto()).write(
                snapshot, dice: &dice)
            #expect(try Self.load(files).snapshot?.stand == snapshot.stand)
            #expect(
                try files.list(Self.place.directory).allSatisfy { !$0.hasSuffix(FileNames.unfinished) })
            number += 1
        }
        #expect(number > 2)
    }

    static func flipped(_ bytes: [UInt8], _ at: Int, bit: Int) -> [UInt8] {
        var bytes = bytes
        bytes[at] ^= 1 << UInt8(bit)
        return bytes
    }
}
