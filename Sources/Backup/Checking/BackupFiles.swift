package import Files
internal import Replica
internal import SegmentedLog

/// A backup's segments as a log directory, and its snapshot of the views as theirs, that can be read and nothing else.
/// Whoever tries to change it gets `.denied`.
package final class BackupFiles<Destination: BackupDestination>: FileStore {
    private let destination: Destination
    private let directory: String
    /// Path and object: the segments in their order, without a gap, then the files of the views.
    private let files: [(path: String, object: ManifestObject)]
    private let segments: Int

    /// - Parameter directory: What the log directory is called.
    package init(_ manifest: Manifest, in destination: Destination, directory: String = "log") {
        self.destination = destination
        self.directory = directory
        segments = manifest.segments.count
        files =
            manifest.segments.map { (directory + "/" + SegmentFormat.name(of: $0.segment), $0) }
            + manifest.views.compactMap { object in
                BackupLayout.viewFile(object.name).map { (ReplicaPaths.views + "/" + $0, object) }
            }
    }

    private func place(_ path: String) -> Int? {
        if FileNames.directory(of: path) == directory {
            guard let number = SegmentFormat.segment(named: FileNames.name(of: path)), number >= 1,
                number <= UInt64(segments)
            else { return nil }
            return Int(number) - 1
        }
        return files.indices.dropFirst(segments).first { files[$0].path == path }
    }

    package func open(_ path: String, _ mode: FileMode) throws(FileError) -> FileHandle {
        if case .create = mode { throw .denied }
        guard let place = place(path) else { throw .missing }
        return FileHandle(slot: place)
    }

    package func close(_ file: FileHandle) {}

    package func read(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try read { () throws(BackupError) in
            try destination.readSoon(files[file.slot].object.name, in: offset..<(offset + count))
        }
    }

    package func readThrough(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try read { () throws(BackupError) in
            try destination.read(files[file.slot].object.name, in: offset..<(offset + count))
        }
    }

    private func read(_ body: () throws(BackupError) -> [UInt8]) throws(FileError) -> [UInt8] {
        do throws(BackupError) { return try body() } catch {
            switch error {
            case .missing: throw .missing
            case .file(let failure, _): throw failure
            case .log, .key, .occupied, .damaged, .flawed, .unmarked, .marker, .laterVersion, .otherCluster, .ahead,
                .otherHistory, .otherChain, .olderRegisters, .empty, .hold, .busy:
                throw .io(5)
            }
        }
    }

    package func size(_ file: FileHandle) throws(FileError) -> Int { files[file.slot].object.bytes }
    package func exists(_ path: String) throws(FileError) -> Bool {
        path == directory || path == ReplicaPaths.views || place(path) != nil
    }

    package func list(_ path: String) throws(FileError) -> [String] {
        guard path == directory || path == ReplicaPaths.views else { throw .missing }
        return files.map(\.path).filter { FileNames.directory(of: $0) == path }.map { FileNames.name(of: $0) }
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
