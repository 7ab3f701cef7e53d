package import Bytes
package import Files
package import Records

/// Names one request of one connection of the shell, for as long as its answer lasts.
package struct AskID: Hashable, Sendable {
    package var connection: UInt64
    package var number: UInt64

    package init(connection: UInt64, number: UInt64) {
        self.connection = connection
        self.number = number
    }
}

/// A fact the shell tells a replica. Order matters; time is a tick.
package enum ReplicaInput: Sendable {
    /// What the clocks say: UTC, and milliseconds of a clock that only runs forward (CLOCK_BOOTTIME). The first tick
    /// starts the replica. The shell ticks before every batch of other inputs, and at least every 50 ms.
    case ticked(wall: Instant, monotonicMilliseconds: UInt64)
    case asked(AskID, Ask)
    /// The client has taken the last piece of a long answer and wants more.
    case drained(AskID)
    /// Nobody waits for this answer any more. What was proposed for it stays proposed.
    case abandoned(AskID)
    /// The disk batch of this number is on the disk.
    case persisted(batch: UInt64)
    /// A disk batch failed. Final: what the disk holds of it is unknown (design 6).
    case diskFailed(FileError)
    case backgroundFinished(BackgroundResult)
    /// Refusals of strangers (401 and framing) of one address prefix within a minute, to be recorded.
    case strangers(StrangerCount)
    /// Another replica said something, over a link that proved who it is.
    case received(from: Int, PeerMessage)
    /// There is a link to another replica; what is sent to it from now on arrives in order, or the link breaks.
    case connected(Int)
    /// The link is gone, with all that was under way on it.
    case disconnected(Int)
    /// An operator's order; it is answered like a request.
    case operate(AskID, Caller, OperatorOrder)
    /// How far a backup is, and what came of it.
    case backupProgressed(UInt64, BackupStatus.Progress)
    case backupEnded(UInt64, BackupOutcome)
    /// When the newest backup at the destinations of the configuration was made, nil: there is none; and whether the keys
    /// are escrowed, nil: it was not said where. Before it was told once the schedule waits.
    case backupsFound(newest: Instant?, isEscrowed: Bool?)
    /// The operator accepts the clock as it stands.
    case clockAccepted(Caller)
    /// Stop: a snapshot is made and what is staged is written. `.stopped` follows.
    case stopRequested
}

/// 401s and framing errors of one address prefix within one minute, capped; none of them was waited for.
package struct StrangerCount: Equatable, Sendable {
    /// An IPv4 /24 or IPv6 /48 prefix in text.
    package var prefix: String
    package var problem: ProblemKind
    package var count: Int

    package init(prefix: String, problem: ProblemKind, count: Int) {
        self.prefix = prefix
        self.problem = problem
        self.count = count
    }
}
