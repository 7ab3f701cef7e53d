/// The one port between Chartlog and a disk.
///
/// Paths are relative to the store's root, `/`-separated, without `.` or `..`. Every call either does the whole of
/// what it says or throws; after a throw the bytes it should have written are undefined and must not be trusted.
/// What a crash may leave: bytes not yet synced are lost, kept or torn at 512-byte grains, each on its own; a name
/// made, renamed or removed without `syncDirectory` may be as before. A store is used by one thread; two threads use
/// two stores on the same root.
package protocol FileStore: AnyObject {
    /// Opens a file for reading and writing. `.create` makes it and fails with `.exists` when it is there.
    func open(_ path: String, _ mode: FileMode) throws(FileError) -> FileHandle
    /// Releases the handle. Makes nothing durable.
    func close(_ file: FileHandle)
    /// Bytes from `offset` on, as many as there are up to `count`; fewer only at the end of the file.
    func read(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8]
    /// As `read`, past any cache, so that what comes back is what the disk holds (O_DIRECT or its nearest).
    func readThrough(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8]
    /// Writes all of `bytes` at `offset`, lengthening the file when needed.
    func write(_ file: FileHandle, at offset: Int, _ bytes: [UInt8]) throws(FileError)
    /// As `write`, past the page cache where that can be: for much that is written once and not read soon. It is no sync.
    func writeThrough(_ file: FileHandle, at offset: Int, _ bytes: [UInt8]) throws(FileError)
    /// Bytes in the file.
    func size(_ file: FileHandle) throws(FileError) -> Int
    /// Cuts or lengthens (with zeros) the file.
    func truncate(_ file: FileHandle, to size: Int) throws(FileError)
    /// Returns once what was written is on the disk (fdatasync). A failure is final: the page cache may have dropped
    /// what it could not write, so nobody may sync again and believe it.
    func sync(_ file: FileHandle) throws(FileError)
    /// Has the disk begin with what was written there, and returns at once: a later `sync` waits for less then, and others
    /// wait less behind it. Promises nothing.
    func beginSync(_ file: FileHandle, at offset: Int, count: Int)
    /// Makes the names in a directory durable.
    func syncDirectory(_ path: String) throws(FileError)
    /// Puts `source` in the place of `target`, whatever stood there.
    func rename(_ source: String, to target: String) throws(FileError)
    func remove(_ path: String) throws(FileError)
    func exists(_ path: String) throws(FileError) -> Bool
    /// The names in a directory, sorted by bytes.
    func list(_ path: String) throws(FileError) -> [String]
    /// Makes the directory and those above it; no error when it is there.
    func makeDirectory(_ path: String) throws(FileError)
    /// Bytes that may still be written before the disk is full.
    func freeSpace() throws(FileError) -> Int
}

extension FileStore {
    package func beginSync(_ file: FileHandle, at offset: Int, count: Int) {}

    package func writeThrough(_ file: FileHandle, at offset: Int, _ bytes: [UInt8]) throws(FileError) {
        try write(file, at: offset, bytes)
        beginSync(file, at: offset, count: bytes.count)
    }

    /// Writes much from the start of a file on, piece by piece, so that it is on its way to the disk while the rest is written.
    package func writeMuch(_ file: FileHandle, _ bytes: [UInt8]) throws(FileError) {
        let piece = 1 << 20
        var offset = 0
        repeat {
            let end = min(bytes.count, offset + piece)
            try write(file, at: offset, end - offset == bytes.count ? bytes : Array(bytes[offset..<end]))
            beginSync(file, at: offset, count: end - offset)
            offset = end
        } while offset < bytes.count
    }
}

/// How a file is opened.
package enum FileMode: Sendable {
    case read
    case readWrite
    /// Read and write a file that must not exist yet; permissions 0600.
    case create
}

/// Names an open file of one store; copyable, meaningless elsewhere.
package struct FileHandle: Hashable, Sendable {
    package let slot: Int

    package init(slot: Int) { self.slot = slot }
}

/// The world's answers. `io` carries the errno, which is a number and names nobody.
package enum FileError: Error, Equatable, Sendable {
    case missing
    case exists
    case full
    case denied
    case io(Int32)
}
