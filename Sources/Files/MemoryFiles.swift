package import Bytes

/// A disk in memory that forgets what a real one may forget when the power goes.
///
/// Every file has two faces: what a reader sees (the page cache) and what the disk holds. `sync` carries the first
/// over to the second; `readThrough` reads the second. `crash` decides for every 512-byte sector not yet synced, and
/// for every name not yet synced, whether it reached the disk, from dice, so that a crash can be repeated from a seed.
///
/// Assumed of the disk (SQLite calls it powersafe overwrite): a sector being rewritten may end up old, new or mixed
/// byte by byte, but a byte that the write does not change stays as it was.
package final class MemoryFiles: FileStore {
    /// Bytes that reach the disk together.
    package static let sectorBytes = 512

    /// The most bytes all files may have together; further writes answer `.full`.
    package var capacity: Int
    private var files: [Inode] = []
    private var handles: [Int?] = []
    private var names = FileNames()

    package init(capacity: Int = Int.max) { self.capacity = capacity }

    // MARK: FileStore

    package func open(_ path: String, _ mode: FileMode) throws(FileError) -> FileHandle {
        let number: Int
        switch (mode, names.seen[path]) {
        case (.create, .some):
            throw .exists
        case (.create, .none):
            number = files.count
            try names.create(path, number: number)
            files.append(Inode())
        case (_, .some(let found)):
            number = found
        case (_, .none):
            throw .missing
        }
        handles.append(number)
        return FileHandle(slot: handles.count - 1)
    }

    package func close(_ file: FileHandle) {
        guard handles.indices.contains(file.slot) else { return }
        handles[file.slot] = nil
    }

    package func read(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let number = try number(of: file)
        return Self.part(of: files[number].seen, at: offset, count: count)
    }

    package func readThrough(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let number = try number(of: file)
        return Self.part(of: files[number].durable, at: offset, count: count)
    }

    package func write(_ file: FileHandle, at offset: Int, _ bytes: [UInt8]) throws(FileError) {
        let number = try number(of: file)
        let end = offset + bytes.count
        let growth = max(0, end - files[number].seen.count)
        guard growth <= capacity - used else { throw .full }
        files[number].write(bytes, at: offset)
    }

    package func size(_ file: FileHandle) throws(FileError) -> Int { files[try number(of: file)].seen.count }

    package func truncate(_ file: FileHandle, to size: Int) throws(FileError) {
        let number = try number(of: file)
        guard size - files[number].seen.count <= capacity - used else { throw .full }
        files[number].truncate(to: size)
    }

    package func sync(_ file: FileHandle) throws(FileError) { files[try number(of: file)].sync() }

    package func syncDirectory(_ path: String) throws(FileError) { try names.syncDirectory(path) }

    package func rename(_ source: String, to target: String) throws(FileError) {
        guard names.seen[source] != nil else { throw .missing }
        names.rename(source, to: target)
    }

    package func remove(_ path: String) throws(FileError) {
        guard names.seen[path] != nil else { throw .missing }
        names.remove(path)
    }

    package func exists(_ path: String) throws(FileError) -> Bool { names.exists(path) }

    package func list(_ path: String) throws(FileError) -> [String] { try names.list(path) }

    package func makeDirectory(_ path: String) throws(FileError) { names.makeDirectory(path) }

    package func freeSpace() throws(FileError) -> Int { capacity - used }

    // MARK: What only a disk in memory can do

    /// How much of what was not synced reaches the disk in a crash.
    package enum Tearing: Sendable {
        /// Nothing: the page cache is gone.
        case losesAll
        /// Everything: the process died, the machine did not.
        case keepsAll
        /// Each sector and each name on its own: lost, kept or (sectors) mixed.
        case mixed
    }

    /// The power goes: all handles are dead, and readers see from now on what the disk holds.
    package func crash(_ tearing: Tearing, dice: inout some Dice) {
        for handle in handles.indices { handles[handle] = nil }
        names.crash {
            switch tearing {
            case .losesAll: false
            case .keepsAll: true
            case .mixed: dice.word() & 1 == 0
            }
        }
        for number in files.indices { files[number].crash(tearing, dice: &dice) }
    }

    /// A failed fsync as Linux leaves it: the dirty pages count as clean, readers still see them, the disk lacks them
    /// and a later sync does not write them (Rebello et al., ATC 2020).
    package func forgetUnsynced(_ file: FileHandle) {
        guard handles.indices.contains(file.slot), let number = handles[file.slot] else { return }
        files[number].dirty = []
    }

    /// Everything a reader sees, and that the disk holds it: an independent disk with the same files.
    package func copy() -> MemoryFiles {
        let other = MemoryFiles(capacity: capacity)
        for directory in names.directories.sorted() { other.names.makeDirectory(directory) }
        for path in names.paths {
            if let bytes = contents(path) { other.put(path, bytes) }
        }
        return other
    }

    /// The paths of all files, sorted.
    package var paths: [String] { names.paths }

    /// The bytes of a file as a reader sees them; nil when there is none.
    package func contents(_ path: String) -> [UInt8]? { names.seen[path].map { files[$0].seen } }

    /// Puts a durable file in place, past every rule: for damaging one in a test, or laying out a golden one.
    package func put(_ path: String, _ bytes: [UInt8]) {
        files.append(Inode(durably: bytes))
        names.put(path, number: files.count - 1)
    }

    // MARK: Helpers

    private var used: Int { names.seen.values.reduce(0) { $0 + files[$1].seen.count } }

    private func number(of file: FileHandle) throws(FileError) -> Int {
        guard handles.indices.contains(file.slot), let number = handles[file.slot] else { throw .io(9) }
        return number
    }

    private static func part(of bytes: [UInt8], at offset: Int, count: Int) -> [UInt8] {
        guard offset < bytes.count, count > 0 else { return [] }
        return Array(bytes[offset..<min(bytes.count, offset + count)])
    }
}

/// The bytes of one file: as a reader sees them, as the disk holds them, and where the two may differ.
private struct Inode {
    var seen: [UInt8] = []
    var durable: [UInt8] = []
    /// Numbers of the sectors written since the last sync.
    var dirty: Set<Int> = []

    init() {}

    init(durably bytes: [UInt8]) {
        seen = bytes
        durable = bytes
    }

    mutating func write(_ bytes: [UInt8], at offset: Int) {
        guard !bytes.isEmpty else { return }
        let end = offset + bytes.count
        if end > seen.count { lengthen(to: end) }
        seen.replaceSubrange(offset..<end, with: bytes)
        touch(offset..<end)
    }

    mutating func truncate(to size: Int) {
        if size > seen.count {
            lengthen(to: size)
        } else {
            touch(size..<seen.count)
            seen.removeLast(seen.count - size)
        }
    }

    /// Only what is dirty is carried over: what a failed sync forgot stays forgotten.
    mutating func sync() {
        resizeDurable(to: seen.count)
        for sector in dirty.sorted() {
            let range = bounds(of: sector, in: seen.count)
            if !range.isEmpty { durable.replaceSubrange(range, with: seen[range]) }
        }
        dirty = []
    }

    mutating func crash(_ tearing: MemoryFiles.Tearing, dice: inout some Dice) {
        switch tearing {
        case .losesAll: break
        case .keepsAll: sync()
        case .mixed: tear(dice: &dice)
        }
        seen = durable
        dirty = []
    }

    private mutating func tear(dice: inout some Dice) {
        let shorter = min(seen.count, durable.count)
        let span = max(seen.count, durable.count) - shorter
        let size =
            switch dice.word() % 3 {
            case 0: durable.count
            case 1: seen.count
            default: shorter + Int(dice.word() % UInt64(span + 1))
            }
        resizeDurable(to: size)
        for sector in dirty.sorted() {
            let range = bounds(of: sector, in: min(size, seen.count))
            let fate = dice.word() % 4
            guard !range.isEmpty, fate != 0 else { continue }
            if fate < 3 {
                durable.replaceSubrange(range, with: seen[range])
            } else {
                let mask = dice.bytes(range.count)
                for (offset, at) in range.enumerated() where mask[offset] & 1 == 0 { durable[at] = seen[at] }
            }
        }
    }

    private mutating func lengthen(to size: Int) {
        let old = seen.count
        seen.append(contentsOf: repeatElement(0, count: size - old))
        touch(old..<size)
    }

    private mutating func resizeDurable(to size: Int) {
        if size > durable.count {
            durable.append(contentsOf: repeatElement(0, count: size - durable.count))
        } else {
            durable.removeLast(durable.count - size)
        }
    }

    private mutating func touch(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        let grain = MemoryFiles.sectorBytes
        for sector in (range.lowerBound / grain)...((range.upperBound - 1) / grain) { dirty.insert(sector) }
    }

    private func bounds(of sector: Int, in size: Int) -> Range<Int> {
        let first = sector * MemoryFiles.sectorBytes
        return min(first, size)..<min(first + MemoryFiles.sectorBytes, size)
    }
}
