/// A store in front of another that makes one chosen operation fail, or everything from it on.
///
/// Operations are counted from 1 over those that the failure is about (`Failure`), so a test runs its story with 1, 2,
/// 3 … until `hasFailed` stays false: then every place has been tried.
package final class FailingFiles<Inner: FileStore>: FileStore {
    /// What goes wrong, and which operations are counted for it.
    package enum Failure: Equatable, Sendable {
        /// Any operation: it does nothing and answers `io` with this errno. Later ones work.
        case error(Int32)
        /// A write: half of the bytes arrive, the answer is `io(EIO)`.
        case shortWrite
        /// A sync of a file or directory: what was dirty is lost though readers still see it, the answer is `io(EIO)`.
        case sync
        /// A write, a lengthening or a new file: `.full`, nothing is changed.
        case full
        /// Any operation: this one and all later ones answer `io(EIO)`: the machine stands still here.
        case stop
    }

    package let inner: Inner
    package let failure: Failure
    /// Which of the counted operations fails; 0 for none.
    package let number: Int
    /// How many of the counted operations were asked for.
    package private(set) var counted = 0
    package var hasFailed: Bool { number > 0 && counted >= number }

    package init(_ inner: Inner, failing failure: Failure, at number: Int) {
        self.inner = inner
        self.failure = failure
        self.number = number
    }

    private enum Operation { case look, write, sync, name }

    private static var broken: FileError { .io(5) }

    /// Counts the operation; true when it is the one that fails.
    private func fails(_ operation: Operation) -> Bool {
        let counts =
            switch failure {
            case .error, .stop: true
            case .shortWrite: operation == .write
            case .sync: operation == .sync
            case .full: operation == .write
            }
        guard counts else { return false }
        counted += 1
        return failure == .stop ? number > 0 && counted >= number : counted == number
    }

    private func check(_ operation: Operation) throws(FileError) {
        guard fails(operation) else { return }
        switch failure {
        case .error(let number): throw .io(number)
        case .full: throw .full
        case .shortWrite, .sync, .stop: throw Self.broken
        }
    }

    package func open(_ path: String, _ mode: FileMode) throws(FileError) -> FileHandle {
        if case .create = mode, failure == .full { try check(.write) } else { try check(.name) }
        return try inner.open(path, mode)
    }

    package func close(_ file: FileHandle) { inner.close(file) }

    package func read(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try check(.look)
        return try inner.read(file, at: offset, count: count)
    }

    package func readThrough(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try check(.look)
        return try inner.readThrough(file, at: offset, count: count)
    }

    package func write(_ file: FileHandle, at offset: Int, _ bytes: [UInt8]) throws(FileError) {
        if fails(.write) {
            if failure == .shortWrite {
                try inner.write(file, at: offset, Array(bytes[..<(bytes.count / 2)]))
                throw Self.broken
            }
            if case .error(let number) = failure { throw .io(number) }
            throw failure == .full ? .full : Self.broken
        }
        try inner.write(file, at: offset, bytes)
    }

    package func size(_ file: FileHandle) throws(FileError) -> Int {
        try check(.look)
        return try inner.size(file)
    }

    package func truncate(_ file: FileHandle, to size: Int) throws(FileError) {
        if failure == .full { try check(.write) } else { try check(.name) }
        try inner.truncate(file, to: size)
    }

    package func sync(_ file: FileHandle) throws(FileError) {
        if fails(.sync) {
            if failure == .sync, let memory = inner as? MemoryFiles { memory.forgetUnsynced(file) }
            if case .error(let number) = failure { throw .io(number) }
            throw Self.broken
        }
        try inner.sync(file)
    }

    package func syncDirectory(_ path: String) throws(FileError) {
        try check(.sync)
        try inner.syncDirectory(path)
    }

    package func rename(_ source: String, to target: String) throws(FileError) {
        try check(.name)
        try inner.rename(source, to: target)
    }

    package func remove(_ path: String) throws(FileError) {
        try check(.name)
        try inner.remove(path)
    }

    package func exists(_ path: String) throws(FileError) -> Bool {
        try check(.look)
        return try inner.exists(path)
    }

    package func list(_ path: String) throws(FileError) -> [String] {
        try check(.look)
        return try inner.list(path)
    }

    package func makeDirectory(_ path: String) throws(FileError) {
        try check(.name)
        try inner.makeDirectory(path)
    }

    package func freeSpace() throws(FileError) -> Int { try inner.freeSpace() }
}
