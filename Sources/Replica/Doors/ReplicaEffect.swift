package import Records
package import SegmentedLog

/// An order of a replica to its shell, to be carried out in the order given.
package enum ReplicaEffect: Sendable {
    /// Hand to the log writer; answer with `.persisted(batch:)` or `.diskFailed`. One is under way at a time.
    case write(DiskBatch)
    /// A piece of an answer. Nothing follows the last one; after another, the next comes once `.drained` was said.
    case answer(AskID, Answer, isLast: Bool)
    /// Hand to the background thread; answer with `.backgroundFinished`.
    case background(BackgroundWork)
    /// Who may come in, replacing what was said before.
    case credentials([CredentialRow])
    /// Give to the link to that replica; nothing when there is none. Comes before the `write` of the same entries, so that
    /// the disks work side by side.
    case send(to: Int, PeerMessage)
    /// Who leads, as far as this replica knows; nil: nobody. This replica itself only once it acknowledges appends.
    case primary(Int?)
    /// Where those are that joined since the store was made: there is to be a link to each, and to none that was
    /// named before and is not now.
    case places([Place])
    /// Appends are acknowledged from now on, in this term.
    case ready(term: UInt64)
    /// This replica's place was taken, for ever: say so, and why nothing is answered any more.
    case retired(Problem)
    /// Make a backup, a while if need be; answer with `.backupProgressed` and `.backupEnded`. One is under way at a time.
    case backUp(BackupJob)
    /// Everything is on the disk and nothing more will come.
    case stopped
    /// Stop serving, say so, exit.
    case stop(Problem)
}
