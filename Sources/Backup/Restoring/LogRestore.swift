package import Files
internal import Bytes
internal import Keys
internal import SegmentedLog

/// Writing a backup's segments as a log directory: one segment a step.
///
/// The last segment comes first and the first one last. A directory without segment 1 opens as no log at all, so what a
/// crash cuts off is never taken for a shorter one. Begun again, it goes on: a segment that is there already is read and
/// compared. A file gets its name by: written under another, synced, renamed, directory synced.
package struct LogRestore<Destination: BackupDestination, Store: FileStore> {
    private let manifest: Manifest
    private let destination: Destination
    private let store: Store
    private let directory: String
    private let segments: [ManifestObject]
    private let comparesHashes: Bool
    /// How many are still to be written; nil before the directory was looked at.
    private var left: Int?
    package private(set) var progress = BackupProgress()

    /// - Parameters:
    ///   - directory: Of the log, within the store. It is made when needed.
    ///   - comparesHashes: Each segment is compared with the hash of what was backed up. Else with its length alone, for
    ///     who opens every frame of the copy afterwards (`CopiedLog`).
    package init(
        _ manifest: Manifest, from destination: Destination, into store: Store, directory: String,
        comparesHashes: Bool = true
    ) {
        self.manifest = manifest
        self.destination = destination
        self.comparesHashes = comparesHashes
        self.store = store
        self.directory = directory
        segments = manifest.segments
        progress.objectsOf = segments.count
        progress.bytesOf = segments.reduce(0) { $0 + $1.bytes }
    }

    /// Does the next thing.
    ///
    /// - Throws: `.damaged` when an object is not as it was backed up; `.occupied` when other segments stand in the
    ///   directory, which stay as they are; `.file`.
    package mutating func step() throws(BackupError) -> BackupStep<Manifest> {
        guard let left else {
            try begin()
            self.left = segments.count
            return .going
        }
        guard left > 0 else { return .finished(manifest) }
        try write(segments[left - 1])
        self.left = left - 1
        return left == 1 ? .finished(manifest) : .going
    }

    private func begin() throws(BackupError) {
        let names = try files(directory) { () throws(FileError) in
            try store.makeDurably(directory)
            return try store.list(directory)
        }
        let own = segments.map { SegmentFormat.name(of: $0.segment) }
        for name in names {
            if let stem = name.withoutSuffix(Self.unfinished), own.contains(stem) {
                try files(name) { () throws(FileError) in try store.remove(directory + "/" + name) }
            } else if !own.contains(name) {
                throw .occupied(object: directory + "/" + name)
            }
        }
    }

    /// As a log names what it has not finished, so that opening one removes it.
    private static var unfinished: String { ".tmp" }

    private mutating func write(_ object: ManifestObject) throws(BackupError) {
        let path = directory + "/" + SegmentFormat.name(of: object.segment)
        if try isThere(object, path) {
            progress.bytesKept += object.bytes
            progress.bytesOf -= object.bytes
            progress.objectsOf -= 1
            // The life that wrote it may have ended before its name was durable.
            return try files(path) { () throws(FileError) in try store.syncDirectory(directory) }
        }
        let draft = path + Self.unfinished
        let file = try files(path) { () throws(FileError) in
            if try store.exists(draft) { try store.remove(draft) }
            return try store.open(draft, .create)
        }
        defer { store.close(file) }
        if try !copy(object, to: file, path) {
            // Once more, as the medium holds it: it is as it was backed up, or said to be damaged.
            let bytes = try whole(object)
            try files(path) { () throws(FileError) in try store.writeMuch(file, bytes) }
        }
        try files(path) { () throws(FileError) in
            try store.sync(file)
            try store.rename(draft, to: path)
            try store.syncDirectory(directory)
        }
        progress.bytesDone += object.bytes
        progress.objectsDone += 1
    }

    /// Piece by piece, so that little memory is enough and the disk begins soon.
    ///
    /// - Returns: whether it came as it was backed up, as far as that is compared.
    private func copy(_ object: ManifestObject, to file: FileHandle, _ path: String) throws(BackupError) -> Bool {
        var hash = SHA256()
        let isRecent = manifest.isRecent(object)
        var offset = 0
        while offset < object.bytes {
            let end = min(object.bytes, offset + Self.pieceBytes)
            let piece: [UInt8]
            do throws(BackupError) {
                piece = try destination.readSoon(object.name, in: offset..<end)
            } catch {
                if case .missing = error { return false }
                throw error
            }
            guard piece.count == end - offset else { return false }
            if comparesHashes { hash.update(piece) }
            let at = offset
            try files(path) { () throws(FileError) in
                guard isRecent else { return try store.writeThrough(file, at: at, piece) }
                try store.write(file, at: at, piece)
                store.beginSync(file, at: at, count: piece.count)
            }
            offset = end
        }
        return !comparesHashes || hash.finish() == object.hash
    }

    /// An object, whole and as it was backed up.
    ///
    /// - Throws: `.damaged` when it is not.
    private func whole(_ object: ManifestObject) throws(BackupError) -> [UInt8] {
        let check = ObjectCheck(manifest: manifest, object: object)
        let bytes: [UInt8]
        do throws(BackupError) { bytes = try destination.read(object.name, atMost: object.bytes) } catch {
            if case .missing = error { throw .damaged(check.missing) }
            throw error
        }
        if let finding = check.finding(in: bytes) { throw .damaged(finding) }
        return bytes
    }

    private static var pieceBytes: Int { 1 << 20 }

    private func isThere(_ object: ManifestObject, _ path: String) throws(BackupError) -> Bool {
        let found = try files(path) { () throws(FileError) in
            guard try store.exists(path) else { return [UInt8]?.none }
            let file = try store.open(path, .read)
            defer { store.close(file) }
            return try store.readThrough(file, at: 0, count: try store.size(file))
        }
        guard let found else { return false }
        guard found.count == object.bytes, SHA256.digest(found) == object.hash else {
            throw .occupied(object: path)
        }
        return true
    }

    private func files<Value>(
        _ name: String, _ body: () throws(FileError) -> Value
    ) throws(BackupError) -> Value {
        do throws(FileError) { return try body() } catch { throw .file(error, object: name) }
    }
}

extension String {
    fileprivate func withoutSuffix(_ end: String) -> String? {
        hasSuffix(end) ? String(dropLast(end.count)) : nil
    }
}

extension Manifest {
    /// Whether a segment is among the last ones, of so many bytes, that are read again as soon as they are copied: to open
    /// the log, and to fold what the snapshot lacks. The others need no place in the page cache.
    func isRecent(_ object: ManifestObject) -> Bool {
        let later = segments.filter { $0.segment > object.segment }.reduce(0) { $0 + $1.bytes }
        return later < 128 << 20
    }
}
