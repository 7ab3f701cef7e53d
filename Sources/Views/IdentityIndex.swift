package import Bytes
package import Files
package import Keys

/// One sorted, sealed file of identities.
package struct IdentityRun: Equatable, Sendable {
    package var number: UInt64
    /// 0 for one frozen from memory, one more for each merge it came through.
    package var level: UInt8
    package var entries: UInt64

    package init(number: UInt64, level: UInt8, entries: UInt64) {
        self.number = number
        self.level = level
        self.entries = entries
    }
}

/// Where the views' files are and what opens them; the same for snapshots and runs.
package struct ViewPlace: Sendable {
    package let directory: String
    package let clusterID: [UInt8]
    /// The snapshot key of design 7.
    package let key: SecretKey

    package init(directory: String, clusterID: [UInt8], key: SecretKey) {
        self.directory = directory
        self.clusterID = clusterID
        self.key = key
    }

    func seal(_ kind: PageSeal.FileKind, _ number: UInt64, _ crypto: Crypto) -> PageSeal {
        let name = kind == .run ? FileNames.run(number) : FileNames.snapshot(number)
        return PageSeal(kind: kind, number: number, name: name, clusterID: clusterID, key: key, crypto: crypto)
    }
}

/// Which position bears an event's identity (the hash of its source and id), for ever.
///
/// What was added since the last snapshot is in memory; `freeze` hands it to the background, which writes it as a
/// sorted run and merges runs that have become many; the snapshot names the runs it stands on, and `adopt` puts them
/// in the place of what was frozen. Only 48 bits of each token are kept, so an answer is a list of candidates: the
/// caller compares the event in the log.
package final class IdentityIndex<Store: FileStore> {
    private let store: Store
    private let place: ViewPlace
    private let crypto: Crypto
    private var recent = IdentityTable()
    private var frozen: IdentityTable?
    private var runs: [(run: IdentityRun, reader: RunReader<Store>)] = []

    /// Opens the runs that the loaded snapshot names; none without a snapshot.
    ///
    /// - Throws: `.damaged` when one is not whole: the snapshot that names it cannot be used either.
    package init(store: Store, place: ViewPlace, runs: [IdentityRun], crypto: Crypto) throws(ViewError) {
        self.store = store
        self.place = place
        self.crypto = crypto
        for run in runs { self.runs.append((run, try open(run))) }
    }

    deinit { for (_, reader) in runs { reader.close() } }

    /// Entries not yet in a run.
    package var recentCount: Int { recent.count + (frozen?.count ?? 0) }

    /// All entries.
    package var count: UInt64 { runs.reduce(UInt64(recentCount)) { $0 + $1.run.entries } }

    /// - Precondition: `position` is below 2^32 and was not added before.
    package func add(_ token: Token128, position: UInt64) {
        recent.add(IdentityEntry(key: IdentityEntry.key(of: token), position: UInt32(position)))
    }

    /// Positions whose event may bear the identity, ascending; all that do are among them.
    ///
    /// - Throws: when a run cannot be read; "not there" is never said in its place.
    package func candidates(for token: Token128) throws(ViewError) -> [UInt64] {
        let key = IdentityEntry.key(of: token)
        var positions: [UInt64] = []
        recent.collect(key, into: &positions)
        frozen?.collect(key, into: &positions)
        for (_, reader) in runs { try reader.collect(key, into: &positions) }
        if positions.count > 1 { positions.sort() }
        return positions
    }

    /// Sets apart what is in memory for the background to write; call it at the log index of the book's copy.
    ///
    /// After a failure in the background call it again: what was set apart before goes along.
    package func freeze() -> IdentityWork {
        var table = frozen ?? IdentityTable()
        if frozen == nil {
            table = recent
        } else {
            for number in 0..<recent.count { table.add(recent[number]) }
        }
        frozen = table
        recent = IdentityTable()
        return IdentityWork(place: place, entries: table, runs: runs.map { $0.run })
    }

    /// Reads from the runs the background wrote, once the snapshot that names them is durable.
    ///
    /// - Throws: when one cannot be opened; everything stays as it was.
    package func adopt(_ adopted: [IdentityRun]) throws(ViewError) {
        var opened: [(run: IdentityRun, reader: RunReader<Store>)] = []
        for run in adopted {
            if let held = runs.first(where: { $0.run == run }) {
                opened.append(held)
                continue
            }
            do {
                opened.append((run, try open(run)))
            } catch {
                for (run, reader) in opened where !runs.contains(where: { $0.run == run }) { reader.close() }
                throw error
            }
        }
        for (run, reader) in runs where !adopted.contains(run) { reader.close() }
        runs = opened
        frozen = nil
    }

    private func open(_ run: IdentityRun) throws(ViewError) -> RunReader<Store> {
        let reader = try RunReader(store: store, directory: place.directory, seal: place.seal(.run, run.number, crypto))
        guard reader.entries == run.entries else {
            reader.close()
            throw .damaged(file: FileNames.run(run.number), page: 0)
        }
        return reader
    }
}
