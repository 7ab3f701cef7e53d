package import Bytes
internal import Files
internal import Keys

// Snapshots on their way to another store: the files that one is, and the same under another cluster's seal.
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

    /// Writes the newest snapshot for another cluster: page by page, opened under this place's seal and sealed under the
    /// other's. What it says is the same; nothing here is changed.
    ///
    /// - Precondition: nothing of that name is at the other place.
    /// - Returns: whether there is one.
    /// - Throws: when a page does not open, or cannot be written; the other place then has no snapshot that opens.
    package func transfer(to other: ViewPlace, dice: inout some Dice) throws(ViewError) -> Bool {
        guard let number = try numbers().first else { return false }
        let runs = try SnapshotReader.runs(of: number, on: store, place, crypto)
        let (store, directory) = (store, other.directory)
        try asViews { () throws(FileError) in try store.makeDirectory(directory) }
        for run in runs {
            try transfer(place.seal(.run, run.number, crypto), other.seal(.run, run.number, crypto), other) {
                (copy) throws(ViewError) in try copy.run(dice: &dice)
            }
        }
        try transfer(place.seal(.snapshot, number, crypto), other.seal(.snapshot, number, crypto), other) {
            (copy) throws(ViewError) in try copy.snapshot(dice: &dice)
        }
        try asViews { () throws(FileError) in try store.syncDirectory(directory) }
        return true
    }

    private func transfer(
        _ from: PageSeal, _ to: PageSeal, _ other: ViewPlace,
        _ body: (inout SealedCopy<Store>) throws(ViewError) -> Void
    ) throws(ViewError) {
        let store = store
        let (source, target) = (place.directory + "/" + from.name, other.directory + "/" + to.name)
        let files = try asViews { () throws(FileError) in
            let read = try store.open(source, .read)
            do throws(FileError) {
                if try store.exists(target + FileNames.unfinished) { try store.remove(target + FileNames.unfinished) }
                return (read: read, written: try store.open(target + FileNames.unfinished, .create))
            } catch {
                store.close(read)
                throw error
            }
        }
        defer {
            store.close(files.read)
            store.close(files.written)
        }
        var copy = SealedCopy(store: store, from: from, to: to, source: files.read, target: files.written)
        try body(&copy)
        try copy.finish()
        try asViews { () throws(FileError) in
            try store.sync(files.written)
            try store.rename(target + FileNames.unfinished, to: target)
        }
    }
}

/// One file of a snapshot, opened and sealed anew.
private struct SealedCopy<Store: FileStore> {
    let store: Store
    let from: PageSeal
    let to: PageSeal
    let source: FileHandle
    let target: FileHandle
    private var written = 0
    private var unwritten: [UInt8] = []

    private static var bytesAtOnce: Int { 1 << 20 }

    init(store: Store, from: PageSeal, to: PageSeal, source: FileHandle, target: FileHandle) {
        self.store = store
        self.from = from
        self.to = to
        self.source = source
        self.target = target
    }

    mutating func snapshot(dice: inout some Dice) throws(ViewError) {
        unwritten = try read(0, SnapshotFormat.headerBytes)
        var offset = SnapshotFormat.headerBytes
        var page = 0
        while true {
            let head = try read(offset, 5)
            let length = (0..<4).reduce(0) { $0 | Int(head[1 + $1]) << (8 * $1) }
            guard let role = SnapshotRole(rawValue: head[0]), length >= Crypto.overheadBytes,
                length <= SnapshotFormat.plainBytesMax + Crypto.overheadBytes
            else { throw .damaged(file: from.name, page: page) }
            unwritten.append(contentsOf: head)
            try pass(try read(offset + 5, length), page: page, role: role.rawValue, dice: &dice)
            page += 1
            offset += 5 + length
            if role == .end { return }
        }
    }

    mutating func run(dice: inout some Dice) throws(ViewError) {
        let store = store
        let file = source
        let size = try asViews { () throws(FileError) in try store.size(file) }
        guard size > 0, size % RunFormat.pageBytes == 0 else { throw .damaged(file: from.name, page: 0) }
        let last = size / RunFormat.pageBytes - 1
        let parts = try RunReader<Store>.parts(last, store, source, from)
        var bytes: [UInt8] = []
        for page in 0...last {
            let at = page * RunFormat.pageBytes
            let inBytes = at % Self.bytesAtOnce
            if inBytes == 0 { bytes = try read(at, min(Self.bytesAtOnce, size - at)) }
            try pass(
                Array(bytes[inBytes..<inBytes + RunFormat.pageBytes]), page: page, role: parts.role(of: page).rawValue,
                dice: &dice)
        }
    }

    mutating func finish() throws(ViewError) {
        let (store, file, offset, bytes) = (store, target, written, unwritten)
        try asViews { () throws(FileError) in try store.write(file, at: offset, bytes) }
        written += bytes.count
        unwritten.removeAll(keepingCapacity: true)
    }

    private mutating func pass(
        _ sealed: [UInt8], page: Int, role: UInt8, dice: inout some Dice
    ) throws(ViewError) {
        let plain = try from.open(sealed, in: 0..<sealed.count, page: page, role: role)
        try to.seal(plain, page: page, role: role, dice: &dice, onto: &unwritten)
        if unwritten.count >= Self.bytesAtOnce { try finish() }
    }

    private func read(_ offset: Int, _ count: Int) throws(ViewError) -> [UInt8] {
        let (store, file) = (store, source)
        let bytes = try asViews { () throws(FileError) in try store.read(file, at: offset, count: count) }
        guard bytes.count == count else { throw .damaged(file: from.name, page: 0) }
        return bytes
    }
}
