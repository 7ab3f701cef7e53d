internal import Bytes
internal import Files

/// An open run: its fences and filter in memory, its entries a page at a time.
struct RunReader<Store: FileStore> {
    private let store: Store
    private let seal: PageSeal
    private let file: FileHandle
    private let fences: [UInt64]
    private let filter: KeyFilter
    let entries: UInt64

    /// Opens and checks everything but the entry pages, which are checked as they are read.
    init(store: Store, directory: String, seal: PageSeal) throws(ViewError) {
        self.store = store
        self.seal = seal
        let file = try asViews { () throws(FileError) in try store.open(directory + "/" + seal.name, .read) }
        do throws(ViewError) {
            let size = try asViews { () throws(FileError) in try store.size(file) }
            guard size > 0, size % RunFormat.pageBytes == 0 else { throw .damaged(file: seal.name, page: 0) }
            let last = size / RunFormat.pageBytes - 1
            let parts = try Self.parts(last, store, file, seal)
            entries = parts.entries
            fences = try Self.words(
                parts.entryPages, from: parts.entryPages, through: parts.filterFirst, .fences, store, file, seal)
            filter = KeyFilter(
                words: try Self.words(
                    parts.filterWords, from: parts.filterFirst, through: last, .filter, store, file, seal))
            self.file = file
        } catch {
            store.close(file)
            throw error
        }
    }

    func close() { store.close(file) }

    var pageCount: Int { fences.count }

    /// Appends the positions of every entry with `key`.
    func collect(_ key: UInt64, into positions: inout [UInt64]) throws(ViewError) {
        guard filter.mayHold(key) else { return }
        // The key may begin at the end of the page before the first fence that is not below it.
        var page = max(0, firstFence(notBelow: key) - 1)
        while page < fences.count, fences[page] <= key {
            for entry in try entries(ofPage: page) where entry.key == key { positions.append(UInt64(entry.position)) }
            page += 1
        }
    }

    func entries(ofPage page: Int) throws(ViewError) -> [IdentityEntry] {
        let plain = try Self.page(page, .entries, store, file, seal)
        var reader = ByteReader(plain)
        var entries: [IdentityEntry] = []
        do {
            let count = Int(try reader.u16())
            entries.reserveCapacity(count)
            var key: UInt64 = 0
            for _ in 0..<count {
                key &+= try reader.varint()
                entries.append(IdentityEntry(key: key, position: UInt32(try reader.count(atMost: Int(UInt32.max)))))
            }
        } catch { throw .damaged(file: seal.name, page: page) }
        return entries
    }

    private func firstFence(notBelow key: UInt64) -> Int {
        var low = 0
        var high = fences.count
        while low < high {
            let middle = (low + high) / 2
            if fences[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    struct Parts {
        var entries: UInt64
        var last: Int
        var entryPages: Int
        var filterFirst: Int
        var filterWords: Int

        func role(of page: Int) -> RunFormat.Role {
            if page < entryPages { return .entries }
            if page < filterFirst { return .fences }
            return page < last ? .filter : .summary
        }
    }

    /// What the last page says of the others.
    static func parts(
        _ last: Int, _ store: Store, _ file: FileHandle, _ seal: PageSeal
    ) throws(ViewError) -> Parts {
        try parse(try page(last, .summary, store, file, seal), last, seal.name)
    }

    private static func parse(_ summary: [UInt8], _ last: Int, _ name: String) throws(ViewError) -> Parts {
        var reader = ByteReader(summary)
        do {
            guard try reader.u32() == RunFormat.version else { throw ViewError.unknownVersion(file: name) }
            let entries = try reader.u64()
            let entryPages = Int(try reader.u32())
            let filterFirst = Int(try reader.u32())
            let filterWords = try reader.u64()
            guard entryPages <= filterFirst, filterFirst < last, filterWords >= 8, filterWords % 8 == 0,
                filterWords <= UInt64((last - filterFirst) * RunFormat.wordsInPage)
            else { throw ViewError.damaged(file: name, page: last) }
            return Parts(
                entries: entries, last: last, entryPages: entryPages, filterFirst: filterFirst,
                filterWords: Int(filterWords))
        } catch let error as ViewError { throw error } catch { throw .damaged(file: name, page: last) }
    }

    private static func words(
        _ count: Int, from first: Int, through end: Int, _ role: RunFormat.Role, _ store: Store, _ file: FileHandle,
        _ seal: PageSeal
    ) throws(ViewError) -> [UInt64] {
        var words: [UInt64] = []
        words.reserveCapacity(count)
        var page = first
        while words.count < count {
            guard page < end else { throw .damaged(file: seal.name, page: page) }
            var reader = ByteReader(try Self.page(page, role, store, file, seal))
            for _ in 0..<min(RunFormat.wordsInPage, count - words.count) {
                guard let word = try? reader.u64() else { throw .damaged(file: seal.name, page: page) }
                words.append(word)
            }
            page += 1
        }
        return words
    }

    private static func page(
        _ page: Int, _ role: RunFormat.Role, _ store: Store, _ file: FileHandle, _ seal: PageSeal
    ) throws(ViewError) -> [UInt8] {
        let sealed = try asViews { () throws(FileError) in
            try store.read(file, at: page * RunFormat.pageBytes, count: RunFormat.pageBytes)
        }
        guard sealed.count == RunFormat.pageBytes else { throw .damaged(file: seal.name, page: page) }
        return try seal.open(sealed, in: 0..<sealed.count, page: page, role: role.rawValue)
    }
}
