import Files
import Linux

/// A directory that is looked at and not touched: what anybody writes or repairs is dropped.
final class ReadOnlyFiles: FileStore {
    private let files: LinuxFiles

    init(root: String) throws(FileError) { files = try LinuxFiles(root: root) }

    func open(_ path: String, _ mode: FileMode) throws(FileError) -> FileHandle {
        if case .create = mode { throw .denied }
        return try files.open(path, .read)
    }

    func close(_ file: FileHandle) { files.close(file) }

    func read(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try files.read(file, at: offset, count: count)
    }

    func readThrough(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try files.readThrough(file, at: offset, count: count)
    }

    func size(_ file: FileHandle) throws(FileError) -> Int { try files.size(file) }
    func exists(_ path: String) throws(FileError) -> Bool { try files.exists(path) }
    func list(_ path: String) throws(FileError) -> [String] { try files.list(path) }
    func freeSpace() throws(FileError) -> Int { try files.freeSpace() }

    func write(_ file: FileHandle, at offset: Int, _ bytes: [UInt8]) throws(FileError) {}
    func truncate(_ file: FileHandle, to size: Int) throws(FileError) {}
    func sync(_ file: FileHandle) throws(FileError) {}
    func syncDirectory(_ path: String) throws(FileError) {}
    func rename(_ source: String, to target: String) throws(FileError) {}
    func remove(_ path: String) throws(FileError) {}
    func makeDirectory(_ path: String) throws(FileError) {}
}
