import Bytes
import Files
import Keys
import Testing

@testable import Views

/// A snapshot that goes to another store: under another seal it says the same, or there is none.
@Suite struct `A snapshot for another store` {
    private static let other = ViewPlace(
        directory: "views", clusterID: Array(21...36), key: SecretKey([UInt8](repeating: 9, count: 32)))
    private let files = MemoryFiles()
    private let stood: Snapshot

    init() throws {
        var dice = SeededDice(seed: 3)
        let index = try IdentityIndex(store: files, place: SnapshotStoreTests.place, runs: [], crypto: try Crypto())
        for position in 1...900 as ClosedRange<UInt64> {
            index.add(IdentityIndexTests.token(position), position: position)
        }
        var snapshot = SnapshotStoreTests.snapshot(60, index: 7)
        snapshot.extra = dice.bytes(70_000)
        snapshot.runs = try index.freeze().carryOut(on: files, crypto: try Crypto(), dice: &dice)
        try SnapshotStore(store: files, place: SnapshotStoreTests.place, crypto: try Crypto()).write(
            snapshot, dice: &dice)
        stood = snapshot
    }

    /// What is adopted, written as the other store's first snapshot.
    private func adopt(_ files: some FileStore, through index: UInt64 = 7) throws(ViewError) -> Bool {
        var dice = SeededDice(seed: 4)
        let crypto: Crypto
        do { crypto = try Crypto() } catch { throw .key(.failed) }
        let adopted = try SnapshotStore(store: files, place: SnapshotStoreTests.place, crypto: crypto)
            .adopted(through: index, into: files, Self.other, dice: &dice)
        guard let adopted else { return false }
        try SnapshotStore(store: files, place: Self.other, crypto: crypto).write(adopted, dice: &dice)
        return true
    }

    private func arrived(_ files: MemoryFiles) throws -> Snapshot? {
        try SnapshotStore(store: files, place: Self.other, crypto: try Crypto()).load().snapshot
    }

    private func check(_ files: MemoryFiles) throws {
        let snapshot = try #require(try arrived(files))
        #expect(snapshot.stand == stood.stand && snapshot.extra == stood.extra && snapshot.runs == stood.runs)
        #expect(snapshot.book.encoded == stood.book.encoded)
        let index = try IdentityIndex(store: files, place: Self.other, runs: snapshot.runs, crypto: try Crypto())
        for position in stride(from: UInt64(1), through: 900, by: 37) {
            #expect(try index.candidates(for: IdentityIndexTests.token(position)) == [position])
        }
    }

    @Test func `says the same for the other, and its own is as it was`() throws {
        let before = try files.list(SnapshotStoreTests.place.directory)
        #expect(try adopt(files))
        try check(files)
        #expect(try files.list(SnapshotStoreTests.place.directory) == before)
        #expect(try SnapshotStoreTests.load(files).snapshot?.stand == stood.stand)
    }

    @Test func `is of these files, unless it stands too far`() throws {
        let store = SnapshotStore(store: files, place: SnapshotStoreTests.place, crypto: try Crypto())
        #expect(try store.files(through: 7) == files.list(SnapshotStoreTests.place.directory).sorted())
        #expect(try store.files(through: 6).isEmpty)
        #expect(try !adopt(files, through: 6))
    }

    @Test func `is none when a bit of it is wrong, wherever`() throws {
        for name in try files.list(SnapshotStoreTests.place.directory) {
            let path = SnapshotStoreTests.place.directory + "/" + name
            let bytes = try #require(files.contents(path))
            for at in stride(from: 0, to: bytes.count, by: 4999) {
                let damaged = files.copy()
                let file = try damaged.open(path, .readWrite)
                try damaged.write(file, at: at, [bytes[at] ^ 0x10])
                #expect(throws: ViewError.self) { try adopt(damaged) }
                #expect(try arrived(damaged) == nil)
            }
        }
    }

    @Test(arguments: [FailingFiles<MemoryFiles>.Failure.error(5), .shortWrite, .sync, .full, .stop])
    func `is none when an operation fails, whichever, and comes whole the next time`(
        failure: FailingFiles<MemoryFiles>.Failure
    ) throws {
        var number = 1
        while true {
            let copy = files.copy()
            let failing = FailingFiles(copy, failing: failure, at: number)
            let came = try? adopt(failing)
            guard failing.hasFailed else {
                #expect(came == true)
                break
            }
            if came == nil { #expect(try arrived(copy).map { $0.stand == stood.stand } ?? true) }
            for name in (try? copy.list(Self.other.directory)) ?? [] {
                try copy.remove(Self.other.directory + "/" + name)
            }
            #expect(try adopt(copy))
            try check(copy)
            number += 1
        }
        #expect(number > 2)
    }
}
