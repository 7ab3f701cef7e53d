package import Backup
private import Files
package import Keys
private import Linux
package import Replica

/// The verification of a backup's log while it is copied and folded: on a thread of its own, since it reads every byte.
/// The copy is compared with the same objects, hash by hash.
package final class SourceProof {
    private let thread: Thread
    private let outcome: Guarded<Result<Void, ReplicaError>?>
    private var isJoined = false

    /// Begins.
    ///
    /// - Parameters:
    ///   - place: The directory of backups.
    ///   - keys: The parent's.
    /// - Throws: `.file` when there can be no thread.
    package init(_ manifest: Manifest, in place: String, keys: KeyRing) throws(ReplicaError) {
        let outcome = Guarded<Result<Void, ReplicaError>?>(nil)
        self.outcome = outcome
        do throws(LinuxError) {
            thread = try Thread.start("verify") {
                let result: Result<Void, ReplicaError>
                do throws(ReplicaError) {
                    let files: LinuxFiles
                    do throws(FileError) { files = try LinuxFiles(root: place) } catch { throw .file(error) }
                    try BackupLog(manifest, in: DirectoryDestination(files), asksMedium: false).verify(keys: keys)
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                outcome.withLock { $0 = result }
            }
        } catch {
            throw .file(.io(error.number))
        }
    }

    /// Waits for its end; asked again it says the same.
    ///
    /// - Throws: `.log(.damaged)` with the first thing that is not as it was written; `.key`, `.file`.
    package func wait() throws(ReplicaError) {
        if !isJoined { thread.join() }
        isJoined = true
        try outcome.withLock { $0 }?.get()
    }
}
