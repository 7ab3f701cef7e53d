package import Bytes
package import Files
package import Keys

/// What the background does with a frozen part of the identities: writes it as a run and merges runs of one level
/// once they are four. Memory stays at a few pages a run and the filter of the run being written.
///
/// Nothing that exists is changed: a crash or failure leaves unnamed files, which the next opening removes.
package struct IdentityWork: Sendable {
    /// So many runs of a level become one of the next.
    package static let runsToMerge = 4

    let place: ViewPlace
    let entries: IdentityTable
    let runs: [IdentityRun]

    /// The runs that together hold everything through the freeze, for the snapshot to name.
    package func carryOut(
        on store: some FileStore, crypto: Crypto, dice: inout some Dice
    ) throws(ViewError) -> [IdentityRun] {
        var next = try nextNumber(on: store)
        var result = runs
        if entries.count > 0 {
            let sorted = entries.sorted
            result.append(
                try write(next, level: 0, entriesAtMost: sorted.count, on: store, crypto, &dice) {
                    (writer, dice) throws(ViewError) in
                    for entry in sorted { try writer.add(entry, dice: &dice) }
                })
            next += 1
        }
        while let level = levelToMerge(in: result) {
            let sources = result.filter { $0.level == level }
            let merged = try merge(sources, into: next, on: store, crypto, &dice)
            next += 1
            // The merged run takes the place of its first source, so that older runs stay before newer ones.
            let at = result.firstIndex { $0.level == level } ?? 0
            result.removeAll { $0.level == level }
            result.insert(merged, at: min(at, result.count))
        }
        return result
    }

    private func levelToMerge(in runs: [IdentityRun]) -> UInt8? {
        let levels = runs.map { $0.level }.sorted()
        return levels.first { level in level < 32 && levels.count { $0 == level } >= Self.runsToMerge }
    }

    private func nextNumber(on store: some FileStore) throws(ViewError) -> UInt64 {
        let directory = place.directory
        let names = try asViews { () throws(FileError) in
            try store.makeDirectory(directory)
            return try store.list(directory)
        }
        let present = names.compactMap { FileNames.number(of: $0, prefix: FileNames.runPrefix) }
        return max(present.max() ?? 0, runs.map { $0.number }.max() ?? 0) + 1
    }

    private func write<Store: FileStore, Chance: Dice>(
        _ number: UInt64, level: UInt8, entriesAtMost: Int, on store: Store, _ crypto: Crypto, _ dice: inout Chance,
        _ fill: (inout RunWriter<Store>, inout Chance) throws(ViewError) -> Void
    ) throws(ViewError) -> IdentityRun {
        var writer = try RunWriter(
            store: store, directory: place.directory, seal: place.seal(.run, number, crypto),
            entriesAtMost: entriesAtMost)
        do {
            try fill(&writer, &dice)
        } catch {
            writer.abandon()
            throw error
        }
        try writer.finish(dice: &dice)
        return IdentityRun(number: number, level: level, entries: UInt64(entriesAtMost))
    }

    private func merge<Store: FileStore>(
        _ sources: [IdentityRun], into number: UInt64, on store: Store, _ crypto: Crypto, _ dice: inout some Dice
    ) throws(ViewError) -> IdentityRun {
        var cursors: [RunCursor<Store>] = []
        defer { for cursor in cursors { cursor.close() } }
        for source in sources {
            let reader = try RunReader(
                store: store, directory: place.directory, seal: place.seal(.run, source.number, crypto))
            cursors.append(RunCursor(reader))
        }
        for index in cursors.indices { try cursors[index].fill() }
        let count = Int(sources.reduce(0) { $0 + $1.entries })
        let level = (sources.first?.level ?? 0) + 1
        return try write(number, level: level, entriesAtMost: count, on: store, crypto, &dice) {
            (writer, dice) throws(ViewError) in
            while true {
                var least: Int?
                for index in cursors.indices {
                    guard let entry = cursors[index].current else { continue }
                    if let held = least, let other = cursors[held].current, other <= entry { continue }
                    least = index
                }
                guard let least, let entry = cursors[least].current else { return }
                try writer.add(entry, dice: &dice)
                try cursors[least].advance()
            }
        }
    }
}

/// Goes through a run's entries in order, a page in memory.
private struct RunCursor<Store: FileStore> {
    private let reader: RunReader<Store>
    private var page = 0
    private var entries: [IdentityEntry] = []
    private var at = 0

    init(_ reader: RunReader<Store>) { self.reader = reader }

    var current: IdentityEntry? { at < entries.count ? entries[at] : nil }

    mutating func advance() throws(ViewError) {
        at += 1
        try fill()
    }

    mutating func fill() throws(ViewError) {
        while at == entries.count, page < reader.pageCount {
            entries = try reader.entries(ofPage: page)
            at = 0
            page += 1
        }
    }

    func close() { reader.close() }
}
