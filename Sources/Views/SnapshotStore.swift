package import Bytes
package import Files
package import Keys

/// Where in the log a snapshot stands: everything through this entry is in it, nothing after.
package struct SnapshotStand: Equatable, Sendable {
    package var index: UInt64
    package var position: UInt64
    package var record: UInt64
    package var stamp: Instant

    package init(index: UInt64, position: UInt64, record: UInt64, stamp: Instant) {
        self.index = index
        self.position = position
        self.record = record
        self.stamp = stamp
    }
}

/// Everything a start needs beside the log's tail.
package struct Snapshot: Sendable {
    package var stand: SnapshotStand
    package var book: Book
    /// What `IdentityWork.carryOut` gave for the same stand.
    package var runs: [IdentityRun]
    /// What the replica keeps beside the views (registers, stored replies); opaque here.
    package var extra: [UInt8]

    package init(stand: SnapshotStand, book: Book, runs: [IdentityRun], extra: [UInt8]) {
        self.stand = stand
        self.book = book
        self.runs = runs
        self.extra = extra
    }
}

/// What opening found.
package struct LoadedSnapshot: Sendable {
    /// The newest whole snapshot; nil when there is none: the log rebuilds everything.
    package var snapshot: Snapshot?
    package var number: UInt64
    /// Why newer ones were passed over, newest first.
    package var refused: [ViewError]
}

/// Snapshots of the views: files of sealed pages, of which the newest is kept, and the one before it while it is small.
///
/// A snapshot is written under another name, synced, renamed, and the directory synced, so that at every moment the
/// one before is whole. One that does not open whole is reported and passed over, never used in part. The background
/// writes with a store object of its own, on its own thread's file store.
package final class SnapshotStore<Store: FileStore> {
    let store: Store
    let place: ViewPlace
    let crypto: Crypto

    /// Snapshots that are kept.
    package static var kept: Int { 2 }
    /// The second is kept up to so many bytes; a larger one would cost more disk than the log's replay costs time.
    package static var spareBytesMax: Int { 4 << 20 }

    package init(store: Store, place: ViewPlace, crypto: Crypto) {
        self.store = store
        self.place = place
        self.crypto = crypto
    }

    /// Writes a snapshot, makes it durable, then removes what it makes superfluous.
    ///
    /// - Returns: its number, one above every snapshot there is.
    /// - Throws: the snapshots that were there before still are.
    @discardableResult
    package func write(_ snapshot: Snapshot, dice: inout some Dice) throws(ViewError) -> UInt64 {
        let (store, directory) = (store, place.directory)
        try asViews { () throws(FileError) in try store.makeDirectory(directory) }
        let number = (try numbers().first ?? 0) + 1
        let seal = place.seal(.snapshot, number, crypto)
        let path = directory + "/" + seal.name + FileNames.unfinished
        let file = try asViews { () throws(FileError) in
            if try store.exists(path) { try store.remove(path) }
            return try store.open(path, .create)
        }
        try fill(file, with: snapshot, seal, dice: &dice)
        let target = directory + "/" + seal.name
        try asViews { () throws(FileError) in
            try store.rename(path, to: target)
            try store.syncDirectory(directory)
        }
        try sweep()
        return number
    }

    /// Writes and syncs the pages, and closes the file in any case.
    private func fill(
        _ file: FileHandle, with snapshot: Snapshot, _ seal: PageSeal, dice: inout some Dice
    ) throws(ViewError) {
        let store = store
        defer { store.close(file) }
        var writer = SnapshotWriter(store: store, file: file, seal: seal)
        try writer.write(snapshot, dice: &dice)
        try asViews { () throws(FileError) in try store.sync(file) }
    }

    /// Loads the newest snapshot that is whole, and removes what crashes have left behind.
    ///
    /// - Parameter beside: Does a part of it meanwhile.
    /// - Throws: only when the directory itself cannot be read.
    package func load(beside: any Beside = InTurn()) throws(ViewError) -> LoadedSnapshot {
        let (store, directory) = (store, place.directory)
        try asViews { () throws(FileError) in try store.makeDirectory(directory) }
        var loaded = LoadedSnapshot(snapshot: nil, number: 0, refused: [])
        for number in try numbers() {
            do throws(ViewError) {
                loaded.snapshot = try SnapshotReader.read(number, on: store, place, crypto, beside: beside)
                loaded.number = number
                break
            } catch { loaded.refused.append(error) }
        }
        try sweep()
        return loaded
    }

    /// Removes one snapshot, so that the next `load` passes it over: for a snapshot whose runs are damaged.
    package func discard(_ number: UInt64) throws(ViewError) {
        let (store, directory) = (store, place.directory)
        let path = directory + "/" + FileNames.snapshot(number)
        try asViews { () throws(FileError) in
            try store.remove(path)
            try store.syncDirectory(directory)
        }
    }

    /// Numbers of the snapshots there are, newest first, whole or not.
    func numbers() throws(ViewError) -> [UInt64] {
        try names().compactMap { FileNames.number(of: $0, prefix: FileNames.snapshotPrefix) }.sorted(by: >)
    }

    private func bytes(of number: UInt64) throws(ViewError) -> Int {
        let (store, path) = (store, place.directory + "/" + FileNames.snapshot(number))
        return try asViews { () throws(FileError) in
            let file = try store.open(path, .read)
            defer { store.close(file) }
            return try store.size(file)
        }
    }

    private func names() throws(ViewError) -> [String] {
        let (store, directory) = (store, place.directory)
        return try asViews { () throws(FileError) in try store.list(directory) }
    }

    /// Removes unfinished files, snapshots that are not kept, and runs that no kept snapshot names.
    ///
    /// Damaged snapshots do not count among the kept ones, but stay until as many whole ones are newer.
    private func sweep() throws(ViewError) {
        var named: Set<UInt64> = []
        var whole = 0
        var knowsAllRuns = true
        var superfluous: [String] = []
        for number in try numbers() {
            // What is older than a spare that is too large goes as well.
            if whole > 0, try bytes(of: number) > Self.spareBytesMax { whole = Self.kept }
            if whole >= Self.kept {
                superfluous.append(FileNames.snapshot(number))
                continue
            }
            do throws(ViewError) {
                named.formUnion(try SnapshotReader.runs(of: number, on: store, place, crypto).map { $0.number })
                whole += 1
            } catch .damaged {
                continue
            } catch .unknownVersion {
                knowsAllRuns = false
            }
        }
        for name in try names() {
            if name.hasSuffix(FileNames.unfinished) { superfluous.append(name) }
            if let run = FileNames.number(of: name, prefix: FileNames.runPrefix), knowsAllRuns, !named.contains(run) {
                superfluous.append(name)
            }
        }
        let (store, directory) = (store, place.directory)
        for name in superfluous {
            try asViews { () throws(FileError) in try store.remove(directory + "/" + name) }
        }
    }
}
