internal import Bytes
internal import Files

/// Writes one run: entries in ascending order into sealed pages, then the fences, the filter and the summary.
///
/// The file bears its name only once it is whole and synced (`finish`).
struct RunWriter<Store: FileStore> {
    private let store: Store
    private let directory: String
    private let seal: PageSeal
    private let file: FileHandle
    private var filter: KeyFilter
    private var fences: [UInt64] = []
    private var entries: UInt64 = 0
    private var page = ByteWriter(reserving: RunFormat.plainBytes + 32)
    private var inPage = 0
    private var lastKey: UInt64 = 0
    private var pages = 0
    private var unwritten: [UInt8] = []

    private var path: String { directory + "/" + seal.name + FileNames.unfinished }

    init(store: Store, directory: String, seal: PageSeal, entriesAtMost: Int) throws(ViewError) {
        self.store = store
        self.directory = directory
        self.seal = seal
        self.filter = KeyFilter(forKeys: entriesAtMost)
        let path = directory + "/" + seal.name + FileNames.unfinished
        file = try asViews { () throws(FileError) in
            if try store.exists(path) { try store.remove(path) }
            return try store.open(path, .create)
        }
    }

    /// - Precondition: not below the entry added before.
    mutating func add(_ entry: IdentityEntry, dice: inout some Dice) throws(ViewError) {
        let before = page.count
        if inPage == 0 {
            page.u16(0)
            page.varint(entry.key)
        } else {
            page.varint(entry.key - lastKey)
        }
        page.varint(UInt64(entry.position))
        if page.count > RunFormat.plainBytes {
            page.bytes.removeLast(page.count - before)
            try flushEntries(dice: &dice)
            page.u16(0)
            page.varint(entry.key)
            page.varint(UInt64(entry.position))
        }
        if inPage == 0 { fences.append(entry.key) }
        inPage += 1
        entries += 1
        lastKey = entry.key
        filter.add(entry.key)
    }

    /// Writes what remains, syncs, and gives the file its name. Closes it in any case.
    mutating func finish(dice: inout some Dice) throws(ViewError) {
        defer { store.close(file) }
        if inPage > 0 { try flushEntries(dice: &dice) }
        let entryPages = pages
        try write(words: fences, role: .fences, dice: &dice)
        let filterFirst = pages
        try write(words: filter.words, role: .filter, dice: &dice)
        var summary = ByteWriter()
        summary.u32(RunFormat.version)
        summary.u64(entries)
        summary.u32(UInt32(entryPages))
        summary.u32(UInt32(filterFirst))
        summary.u64(UInt64(filter.words.count))
        page = summary
        try flush(.summary, dice: &dice)
        try writeOut()
        let (store, file, path) = (store, file, path)
        let target = directory + "/" + seal.name
        let directory = directory
        try asViews { () throws(FileError) in
            try store.sync(file)
            try store.rename(path, to: target)
            try store.syncDirectory(directory)
        }
    }

    /// Lets go of a file that will not be finished; its remains are removed at the next opening.
    func abandon() { store.close(file) }

    private mutating func flushEntries(dice: inout some Dice) throws(ViewError) {
        page.bytes[0] = UInt8(truncatingIfNeeded: inPage)
        page.bytes[1] = UInt8(truncatingIfNeeded: inPage >> 8)
        inPage = 0
        try flush(.entries, dice: &dice)
    }

    private mutating func write(words: [UInt64], role: RunFormat.Role, dice: inout some Dice) throws(ViewError) {
        for first in stride(from: 0, to: words.count, by: RunFormat.wordsInPage) {
            for word in words[first..<min(words.count, first + RunFormat.wordsInPage)] { page.u64(word) }
            try flush(role, dice: &dice)
        }
    }

    private mutating func flush(_ role: RunFormat.Role, dice: inout some Dice) throws(ViewError) {
        page.zeros(RunFormat.plainBytes - page.count)
        try seal.seal(page.bytes, page: pages, role: role.rawValue, dice: &dice, onto: &unwritten)
        pages += 1
        page.bytes.removeAll(keepingCapacity: true)
        if unwritten.count >= 16 * RunFormat.pageBytes { try writeOut() }
    }

    private mutating func writeOut() throws(ViewError) {
        let (store, file, bytes) = (store, file, unwritten)
        let offset = pages * RunFormat.pageBytes - bytes.count
        try asViews { () throws(FileError) in try store.write(file, at: offset, bytes) }
        unwritten.removeAll(keepingCapacity: true)
    }
}
