package import Backup
private import Files
package import Keys
private import Linux

/// The verification of a backup's log while it is copied and folded: on a thread of its own, since it reads every byte.
/// The copy is compared with the same objects, hash by hash.
package final class SourceProof {
    private let thread: Thread
    private let outcome: Guarded<Result<Void, BackupError>?>
    private var isJoined = false

    /// Begins.
    ///
    /// - Parameters:
    ///   - place: The directory of backups.
    ///   - keys: The parent's.
    /// - Throws: `.file` when there can be no thread.
    package init(_ manifest: Manifest, in place: String, keys: KeyRing) throws(BackupError) {
        let outcome = Guarded<Result<Void, BackupError>?>(nil)
        self.outcome = outcome
        do throws(LinuxError) {
            thread = try Thread.start("verify") {
                let result: Result<Void, BackupError>
                do throws(BackupError) {
                    let files: LinuxFiles
                    do throws(FileError) { files = try LinuxFiles(root: place) } catch {
                        throw .file(error, object: "")
                    }
                    try BackupLog(manifest, in: DirectoryDestination(files), asksMedium: false).verify(keys: keys)
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                outcome.withLock { $0 = result }
            }
        } catch {
            throw .file(.io(error.number), object: "")
        }
    }

    /// Waits for its end; asked again it says the same.
    ///
    /// - Throws: `.damaged` with the first thing that is not as it was written; `.key`, `.file`.
    package func wait() throws(BackupError) {
        if !isJoined { thread.join() }
        isJoined = true
        try outcome.withLock { $0 }?.get()
    }
}
