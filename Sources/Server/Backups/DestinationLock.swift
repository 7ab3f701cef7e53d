package import Backup
internal import Linux

/// Keeps the makers, copies, expiries and holds of one destination apart, whichever processes they are in: the lock (flock)
/// of its directory, for as long as this lives. It ends with the process, and leaves nothing in the directory.
///
/// Where the file system has no such locks, nobody is kept apart; what is written there is still never written over.
package final class DestinationLock {
    private let held: Descriptor?

    /// - Parameters:
    ///   - milliseconds: How long somebody else is waited for.
    ///   - isEnding: Ends the waiting.
    /// - Throws: `.busy` when somebody else has it still.
    package init(
        _ directory: String, waiting milliseconds: UInt64, isEnding: () -> Bool = { false }
    ) throws(BackupError) {
        let due = LinuxClock.monotonicMilliseconds() + milliseconds
        while true {
            do throws(LinuxError) {
                held = try SmallFile.lockDirectory(directory)
                return
            } catch {
                guard error.isLocked else { break }
            }
            guard LinuxClock.monotonicMilliseconds() < due, !isEnding() else { throw .busy }
            LinuxClock.pause(milliseconds: 50)
        }
        held = nil
    }
}
