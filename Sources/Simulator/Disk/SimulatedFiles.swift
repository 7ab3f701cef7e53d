package import Files
internal import Replica
internal import SegmentedLog

/// The disk of one simulated replica: what a reader sees, what would survive a loss of power, and whatever else can go
/// wrong with it.
///
/// As `MemoryFiles`, which it follows in what a crash may leave, but made to be written a hundred thousand times a
/// second and to be damaged: every file has two faces and a bit for each sector in which they may differ. Unlike a
/// test's disk it outlives the process: a process that dies leaves the page cache as it was, a loss of power does not.
package final class SimulatedFiles: FileStore {
    package static let sectorBytes = 512

    /// The most bytes all files may have together; further writes answer `.full`.
    var capacity = Int.max
    /// Mutations and syncs until the machine stands still; nil: it does not.
    var fuse: Int?
    /// What goes wrong at the next fitting operation.
    var armed = ArmedFaults()
    /// Looks of the harness do not meet armed faults.
    var isWatching = false
    var chance: Chance
    /// Whether a write to this file may land elsewhere in it.
    var mayMisdirect: (String) -> Bool = { _ in false }
    /// Segments of which a write landed elsewhere, and was called done.
    private(set) var misdirected: [String] = []
    private var rotted: [String] = []
    /// Entries through here were on the disk that was lost, and may have been promised.
    var lostThrough: UInt64 = 0

    var inodes: [SimulatedInode] = []
    private var handles: [Int] = []
    /// Slots before it are of earlier lives.
    private var firstLive = 0
    private var names = FileNames()
    private var used = 0

    init(chance: Chance) { self.chance = chance }

    // MARK: FileStore

    package func open(_ path: String, _ mode: FileMode) throws(FileError) -> FileHandle {
        let number: Int
        switch (mode, names.seen[path]) {
        case (.create, .some):
            throw .exists
        case (.create, .none):
            try burn()
            number = inodes.count
            try names.create(path, number: number)
            inodes.append(SimulatedInode())
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
        handles[file.slot] = -1
    }

    package func read(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let number = try number(of: file)
        try armed.read(isWatching)
        return Self.part(of: inodes[number].seen, at: offset, count: count)
    }

    package func readThrough(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let number = try number(of: file)
        try armed.read(isWatching)
        return Self.part(of: inodes[number].durable, at: offset, count: count)
    }

    package func write(_ file: FileHandle, at offset: Int, _ bytes: [UInt8]) throws(FileError) {
        let number = try number(of: file)
        try burn()
        let growth = max(0, offset + bytes.count - inodes[number].seen.count)
        guard growth <= capacity - used else { throw .full }
        if growth == 0, armed.misdirects(bytes.count), let path = path(of: number), mayMisdirect(path) {
            armed.isWriteMisdirected = false
            misdirected.append(path)
            return inodes[number].write(bytes, at: elsewhere(offset, bytes.count, in: inodes[number].seen.count))
        }
        used += growth
        inodes[number].write(bytes, at: offset)
    }

    package func size(_ file: FileHandle) throws(FileError) -> Int { inodes[try number(of: file)].seen.count }

    package func truncate(_ file: FileHandle, to size: Int) throws(FileError) {
        let number = try number(of: file)
        try burn()
        let growth = size - inodes[number].seen.count
        guard growth <= capacity - used else { throw .full }
        used += growth
        inodes[number].truncate(to: size)
    }

    package func sync(_ file: FileHandle) throws(FileError) {
        let number = try number(of: file)
        try burn()
        if armed.failsSync() {
            inodes[number].forgetUnsynced()
            throw .io(5)
        }
        inodes[number].sync()
    }

    package func syncDirectory(_ path: String) throws(FileError) {
        guard names.directories.contains(path) else { throw .missing }
        try burn()
        try names.syncDirectory(path)
    }

    package func rename(_ source: String, to target: String) throws(FileError) {
        guard names.seen[source] != nil else { throw .missing }
        try burn()
        if let replaced = names.seen[target] { used -= inodes[replaced].seen.count }
        names.rename(source, to: target)
    }

    package func remove(_ path: String) throws(FileError) {
        guard let removed = names.seen[path] else { throw .missing }
        try burn()
        used -= inodes[removed].seen.count
        names.remove(path)
    }

    package func exists(_ path: String) throws(FileError) -> Bool { names.exists(path) }

    package func list(_ path: String) throws(FileError) -> [String] { try names.list(path) }

    package func makeDirectory(_ path: String) throws(FileError) {
        try burn()
        names.makeDirectory(path)
    }

    package func freeSpace() throws(FileError) -> Int { capacity - used }

    // MARK: What the world does to it

    /// The process is gone: its handles are dead, the page cache is not.
    func loseHandles() {
        // Slots are never used again: what an earlier life left behind must not meet a later one's files.
        for slot in firstLive..<handles.count { handles[slot] = -1 }
        firstLive = handles.count
        fuse = nil
    }

    /// The power is gone: each sector and each name that was not synced is lost, kept or (sectors) mixed; or all of it
    /// is lost, when nothing may be torn.
    func losePower(tears: Bool) {
        guard tears else { return become(image) }
        loseHandles()
        names.crash { chance.oneIn(2) }
        for number in inodes.indices { inodes[number].tear(&chance) }
        forgetUnnamed()
    }

    /// The disk as it would be after a loss of power that keeps nothing.
    var image: SimulatedImage {
        SimulatedImage(
            names: names.durable, directories: names.directories, durable: inodes.map(\.durable))
    }

    /// Another disk's, or an older, image in the place of what is here.
    func become(_ image: SimulatedImage) {
        loseHandles()
        names = FileNames(durably: image.names, directories: image.directories)
        inodes = image.durable.map { SimulatedInode(durably: $0) }
        forgetUnnamed()
    }

    /// The bytes of a file that would survive a loss of power; nil when its name would not.
    func durableBytes(_ path: String, at offset: Int, count: Int) -> [UInt8]? {
        names.durable[path].map { Self.part(of: inodes[$0].durable, at: offset, count: count) }
    }

    /// The paths of all files as a reader sees them, sorted.
    package var paths: [String] { names.paths }

    /// The bytes of a file as a reader sees them; nil when there is none.
    package func contents(_ path: String) -> [UInt8]? { names.seen[path].map { inodes[$0].seen } }

    /// Flips one bit of a sector, on the disk and in a clean page cache.
    func rot(_ path: String, bit: Int) {
        guard let number = names.seen[path] else { return }
        inodes[number].flip(bit: bit)
        rotted.append(path)
    }

    /// Whether a file was ever damaged behind the back of whoever wrote it.
    func wasDamaged(_ path: String) -> Bool { rotted.contains(path) || misdirected.contains(path) }

    /// Whether a write to a segment landed elsewhere.
    func lied(about segment: UInt64) -> Bool {
        guard !misdirected.isEmpty else { return false }
        let path = ReplicaPaths.log + "/" + SegmentFormat.name(of: segment)
        return misdirected.contains(path)
    }

    // MARK: Helpers

    private func path(of number: Int) -> String? { names.seen.first { $0.value == number }?.key }

    /// Drops the bytes of files that no name leads to, and counts what is left.
    private func forgetUnnamed() {
        var isNamed = [Bool](repeating: false, count: inodes.count)
        for number in names.seen.values { isNamed[number] = true }
        used = 0
        for number in inodes.indices {
            if isNamed[number] { used += inodes[number].seen.count } else { inodes[number] = SimulatedInode() }
        }
    }

    private func elsewhere(_ offset: Int, _ count: Int, in size: Int) -> Int {
        let places = (size - count) / Self.sectorBytes
        guard places > 1 else { return offset }
        let chosen = chance.below(places) * Self.sectorBytes + offset % Self.sectorBytes
        return chosen + count <= size && chosen != offset ? chosen : offset % Self.sectorBytes
    }

    private func burn() throws(FileError) {
        guard let left = fuse else { return }
        guard left > 0 else { throw .io(5) }
        fuse = left - 1
    }

    private func number(of file: FileHandle) throws(FileError) -> Int {
        guard handles.indices.contains(file.slot), handles[file.slot] >= 0 else { throw .io(9) }
        return handles[file.slot]
    }

    private static func part(of bytes: [UInt8], at offset: Int, count: Int) -> [UInt8] {
        guard offset < bytes.count, count > 0 else { return [] }
        return Array(bytes[offset..<min(bytes.count, offset + count)])
    }
}

/// What a disk holds, as a value.
struct SimulatedImage {
    var names: [String: Int]
    var directories: Set<String>
    var durable: [[UInt8]]
}
