package import Backup
private import Files
package import Keys
private import Linux
private import Replica
private import SegmentedLog

/// A backup's log on its way into a new store, by threads of its own, since every byte of it is read twice: first it is
/// copied, while the views are read; then each frame of the copy is verified, while the new store is made of it.
package final class LogCopy {
    private typealias Source = DirectoryDestination<LinuxFiles>
    private typealias Copied = CopiedLog<Source, LinuxFiles, EntryLeaves>

    private let manifest: Manifest
    private let place: String
    private let data: String
    private let keys: KeyRing
    private let copying: Errand<Result<SegmentHeader?, BackupError>>
    private var verifying: [Errand<Result<Copied.Stretch, BackupError>>] = []

    /// Begins to copy.
    ///
    /// - Parameters:
    ///   - manifest: Of the backup.
    ///   - place: The directory of backups.
    ///   - data: Of the new store's first replica; it is there.
    ///   - keys: The parent's.
    ///   - told: The bytes that are there by now, on the thread that copies.
    /// - Throws: `.file` when there can be no thread.
    package init(
        _ manifest: Manifest, from place: String, to data: String, keys: KeyRing,
        told: @escaping @Sendable (Int) -> Void
    ) throws(BackupError) {
        self.manifest = manifest
        self.place = place
        self.data = data
        self.keys = keys
        copying = try Self.errand("copy") { () throws(BackupError) in
            let (source, store) = try Self.open(place, data)
            var restore = LogRestore(
                manifest, from: source, into: store, directory: ReplicaPaths.log, comparesHashes: false)
            var isDone = false
            var last: Errand<Result<SegmentHeader?, BackupError>>?
            while !isDone {
                if case .finished = try restore.step() { isDone = true }
                let bytes = restore.progress.bytesDone + restore.progress.bytesKept
                told(bytes)
                // The last segment comes first: while the others come it is verified.
                if last == nil, bytes > 0 {
                    last = try Self.errand("verify") { () throws(BackupError) in
                        let (source, store) = try Self.open(place, data)
                        return try Self.copied(manifest, source, store, keys).verifyLast()
                    }
                }
            }
            return try last?.wait().get() ?? nil
        }
    }

    /// Waits until every segment is there and the last one is verified: what is appended from then on is the new store's.
    ///
    /// - Throws: `.damaged` with the first thing that is not as it was written; `.occupied` when other segments stand
    ///   there; `.key`, `.file`.
    package func waitUntilCopied() throws(BackupError) {
        _ = try copying.wait().get()
        guard verifying.isEmpty else { return }
        let (manifest, place, data, keys) = (manifest, place, data, keys)
        let count = Copied.stretches(manifest, atMost: ThisProcess.processors)
        var begun: [Errand<Result<Copied.Stretch, BackupError>>] = []
        for number in 0..<count {
            begun.append(
                try Self.errand("verify") { () throws(BackupError) in
                    let (source, store) = try Self.open(place, data)
                    return try Self.copied(manifest, source, store, keys).verify(stretch: number, of: count)
                })
        }
        // All of them or none: a part would seem to be a log that is damaged.
        verifying = begun
    }

    /// Waits until all of it is verified; asked again it says the same.
    ///
    /// - Throws: as above.
    package func wait() throws(BackupError) {
        try waitUntilCopied()
        // Whatever was found in one, none goes on behind the caller's back.
        for errand in verifying { errand.wait() }
        var stretches: [Copied.Stretch] = []
        for errand in verifying { stretches.append(try errand.wait().get()) }
        let (source, store) = try Self.open(place, data)
        try Self.copied(manifest, source, store, keys).join(stretches, before: try copying.wait().get())
    }

    private static func errand<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () throws(BackupError) -> Value
    ) throws(BackupError) -> Errand<Result<Value, BackupError>> {
        do throws(LinuxError) {
            return try Errand(name) {
                do throws(BackupError) { return .success(try body()) } catch { return .failure(error) }
            }
        } catch {
            throw .file(.io(error.number), object: "")
        }
    }

    private static func copied(
        _ manifest: Manifest, _ source: Source, _ store: LinuxFiles, _ keys: KeyRing
    ) throws(BackupError) -> Copied {
        try CopiedLog(
            manifest, from: source, in: store, directory: ReplicaPaths.log, keys: keys, leaves: EntryLeaves())
    }

    private static func open(
        _ place: String, _ data: String
    ) throws(BackupError) -> (Source, LinuxFiles) {
        do throws(FileError) {
            return (DirectoryDestination(try LinuxFiles(root: place)), try LinuxFiles(root: data))
        } catch {
            throw .file(error, object: "")
        }
    }
}
