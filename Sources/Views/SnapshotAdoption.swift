package import Bytes
package import Files
internal import Keys

// Snapshots on their way to another store: the files that one is, and what it says for another cluster.
extension SnapshotStore {
    /// The files of the newest snapshot that stands at an entry or before it: its runs, then itself. Empty where there is
    /// none that opens.
    ///
    /// - Throws: only when the directory cannot be read.
    package func files(through index: UInt64) throws(ViewError) -> [String] {
        for number in try numbers() {
            guard let (stand, runs) = try? SnapshotReader.stand(of: number, on: store, place, crypto),
                stand.index <= index
            else { continue }
            return runs.map { FileNames.run($0.number) } + [FileNames.snapshot(number)]
        }
        return []
    }

    /// Takes over for another cluster the newest snapshot that stands at an entry or before it: what it says, in memory, and
    /// its runs written in the other place, page by page opened under this place's seal and sealed under the other's. Nothing
    /// here is changed.
    ///
    /// - Precondition: nothing of their names is at the other place.
    /// - Parameter beside: Does a part of it meanwhile.
    /// - Returns: nil where there is none. The other place has no snapshot before the one returned is written there.
    /// - Throws: when a page does not open, or cannot be written.
    package func adopted<Other: FileStore>(
        through index: UInt64, into other: Other, _ otherPlace: ViewPlace, beside: any Beside = InTurn(),
        dice: inout some Dice
    ) throws(ViewError) -> Snapshot? {
        var newest: UInt64?
        for number in try numbers() where newest == nil {
            let (stand, _) = try SnapshotReader.stand(of: number, on: store, place, crypto)
            if stand.index <= index { newest = number }
        }
        guard let number = newest else { return nil }
        let snapshot = try SnapshotReader.read(number, on: store, place, crypto, beside: beside)
        let directory = otherPlace.directory
        try asViews { () throws(FileError) in try other.makeDirectory(directory) }
        for run in snapshot.runs {
            try adopt(
                place.seal(.run, run.number, crypto), otherPlace.seal(.run, run.number, crypto), into: other, directory,
                dice: &dice)
        }
        try asViews { () throws(FileError) in try other.syncDirectory(directory) }
        return snapshot
    }

    private func adopt<Other: FileStore>(
        _ from: PageSeal, _ to: PageSeal, into other: Other, _ directory: String, dice: inout some Dice
    ) throws(ViewError) {
        let store = store
        let (source, target) = (place.directory + "/" + from.name, directory + "/" + to.name)
        let read = try asViews { () throws(FileError) in try store.open(source, .read) }
        defer { store.close(read) }
        let written = try asViews { () throws(FileError) in
            let draft = target + FileNames.unfinished
            if try other.exists(draft) { try other.remove(draft) }
            return try other.open(draft, .create)
        }
        defer { other.close(written) }
        var copy = SealedRun(from: from, to: to, source: read, of: store, target: written, of: other)
        try copy.pass(dice: &dice)
        try asViews { () throws(FileError) in
            try other.sync(written)
            try other.rename(target + FileNames.unfinished, to: target)
        }
    }
}

/// A run of identities, opened and sealed anew.
private struct SealedRun<Source: FileStore, Target: FileStore> {
    private let from: PageSeal
    private let to: PageSeal
    private let source: FileHandle
    private let sources: Source
    private let target: FileHandle
    private let targets: Target
    private var written = 0
    private var unwritten: [UInt8] = []

    private static var bytesAtOnce: Int { 1 << 20 }

    init(
        from: PageSeal, to: PageSeal, source: FileHandle, of sources: Source, target: FileHandle, of targets: Target
    ) {
        self.from = from
        self.to = to
        self.source = source
        self.sources = sources
        self.target = target
        self.targets = targets
    }

    mutating func pass(dice: inout some Dice) throws(ViewError) {
        let (sources, file) = (sources, source)
        let size = try asViews { () throws(FileError) in try sources.size(file) }
        guard size > 0, size % RunFormat.pageBytes == 0 else { throw .damaged(file: from.name, page: 0) }
        let last = size / RunFormat.pageBytes - 1
        let parts = try RunReader<Source>.parts(last, sources, source, from)
        var bytes: [UInt8] = []
        for page in 0...last {
            let at = page * RunFormat.pageBytes
            let inBytes = at % Self.bytesAtOnce
            if inBytes == 0 { bytes = try read(at, min(Self.bytesAtOnce, size - at)) }
            let role = parts.role(of: page).rawValue
            let plain = try from.open(bytes, in: inBytes..<inBytes + RunFormat.pageBytes, page: page, role: role)
            try to.seal(plain, page: page, role: role, dice: &dice, onto: &unwritten)
            if unwritten.count >= Self.bytesAtOnce { try writeOut() }
        }
        try writeOut()
    }

    private mutating func writeOut() throws(ViewError) {
        let (targets, file, offset, bytes) = (targets, target, written, unwritten)
        try asViews { () throws(FileError) in
            try targets.write(file, at: offset, bytes)
            targets.beginSync(file, at: offset, count: bytes.count)
        }
        written += bytes.count
        unwritten.removeAll(keepingCapacity: true)
    }

    private func read(_ offset: Int, _ count: Int) throws(ViewError) -> [UInt8] {
        let (sources, file) = (sources, source)
        let bytes = try asViews { () throws(FileError) in try sources.read(file, at: offset, count: count) }
        guard bytes.count == count else { throw .damaged(file: from.name, page: 0) }
        return bytes
    }
}
