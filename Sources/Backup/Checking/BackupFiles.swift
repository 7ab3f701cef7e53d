package import Files
internal import SegmentedLog

/// A backup's segments as a log directory that can be read and nothing else. Whoever tries to change it gets `.denied`.
package final class BackupFiles<Destination: BackupDestination>: FileStore {
    private let destination: Destination
    private let directory: String
    /// Whether reading through the caches is asked for; else what was read lately is read again from there.
    private let asksMedium: Bool
    /// Path and object, in the order of the segments.
    private let files: [(name: String, object: ManifestObject)]

    /// - Parameter directory: What the log directory is called.
    package init(_ manifest: Manifest, in destination: Destination, directory: String = "log", asksMedium: Bool = true)
    {
        self.destination = destination
        self.directory = directory
        self.asksMedium = asksMedium
        files = manifest.segments.map { (SegmentFormat.name(of: $0.segment), $0) }
    }

    private func place(_ path: String) -> Int? {
        guard FileNames.directory(of: path) == directory else { return nil }
        // Segments stand without a gap.
        guard let number = SegmentFormat.segment(named: FileNames.name(of: path)), number >= 1,
            number <= UInt64(files.count)
        else { return nil }
        return Int(number) - 1
    }

    package func open(_ path: String, _ mode: FileMode) throws(FileError) -> FileHandle {
        if case .create = mode { throw .denied }
        guard let place = place(path) else { throw .missing }
        return FileHandle(slot: place)
    }

    package func close(_ file: FileHandle) {}

    package func read(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        do throws(BackupError) {
            let (name, range) = (files[file.slot].object.name, offset..<(offset + count))
            return try asksMedium ? destination.read(name, in: range) : destination.readSoon(name, in: range)
        } catch {
            switch error {
            case .missing: throw .missing
            case .file(let failure, _): throw failure
            case .log, .key, .occupied, .damaged, .flawed, .unmarked, .marker, .laterVersion, .otherCluster, .ahead,
                .otherHistory, .olderRegisters, .empty, .hold:
                throw .io(5)
            }
        }
    }

    package func readThrough(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try read(file, at: offset, count: count)
    }

    package func size(_ file: FileHandle) throws(FileError) -> Int { files[file.slot].object.bytes }
    package func exists(_ path: String) throws(FileError) -> Bool { path == directory || place(path) != nil }
    package func list(_ path: String) throws(FileError) -> [String] {
        guard path == directory else { throw .missing }
        return files.map(\.name)
    }
    package func freeSpace() throws(FileError) -> Int { 0 }

    /// Everything is durable: there is nothing to do.
    package func sync(_ file: FileHandle) throws(FileError) {}
    package func syncDirectory(_ path: String) throws(FileError) {}
    package func makeDirectory(_ path: String) throws(FileError) {}

    package func write(_ file: FileHandle, at offset: Int, _ bytes: [UInt8]) throws(FileError) { throw .denied }
    package func truncate(_ file: FileHandle, to size: Int) throws(FileError) { throw .denied }
    package func rename(_ source: String, to target: String) throws(FileError) { throw .denied }
    package func remove(_ path: String) throws(FileError) { throw .denied }
}
