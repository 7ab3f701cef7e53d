package import Bytes
package import Keys
package import SegmentedLog
package import Views

/// Where a replica's log and views stand, together: what a backup is made of. Everything through it is committed, folded
/// and on this disk.
package struct LogStand: Sendable {
    /// Whose the segments are; a branch's begin with its ancestors'.
    package var lineage: Lineage
    package var replica: Int
    package var at: Instant
    /// The log through there, segment by segment.
    package var slices: [LogSlice]
    package var digests: ViewDigests
    /// Records so far: the audit trail's length.
    package var record: UInt64
    /// What signs it, and names the epochs that are in use or were.
    package var keys: KeyRing
}

/// A backup to be made, by who keeps destinations.
package struct BackupJob: Sendable {
    package var id: UInt64
    /// The first is written, the others are copies of it. Absolute paths.
    package var destinations: [String]
    package var stand: LogStand
    /// The schedule's, of a place where backups were seen: it is not begun anew, whatever became of them.
    package var goesOn = false
}

/// What came of a backup.
package enum BackupOutcome: Sendable {
    /// `hash` is that of the last entry in it. `problem`: it is at the first destination and not at each of the others, and
    /// what to do.
    case made(manifest: UInt64, hash: Digest, problem: String? = nil)
    /// A sentence that says what to do; nobody's name.
    case failed(String)
}

/// A backup that was made, told to the primary, which records it.
package struct BackupNotice: Equatable, Sendable {
    package var id: UInt64
    /// The id of the credential that ordered it; empty when it was due by the schedule.
    package var credential: String
    package var destination: String
    package var manifest: UInt64
    /// Of the log's last frame in it.
    package var hash: Digest
    package var index: UInt64
    package var position: UInt64

    package static let textBytesMax = 4096

    package init(
        id: UInt64, credential: String, destination: String, manifest: UInt64, hash: Digest, index: UInt64,
        position: UInt64
    ) {
        self.id = id
        self.credential = credential
        self.destination = destination
        self.manifest = manifest
        self.hash = hash
        self.index = index
        self.position = position
    }

    /// As the audit view shows it.
    var text: String {
        "backup \(manifest) at \(destination), through position \(position), entry \(index) \(hash.hex)"
    }
}
