package import Bytes

/// Where a replica stands, for status and for the primary's judgement of it. Numbers alone.
package struct PeerFigures: Equatable, Sendable {
    package var state: ReplicaState
    package var boot: UInt64
    package var term: UInt64
    /// Through here it has folded: entry, event, record, and the stamp of the last.
    package var index: UInt64
    package var position: UInt64
    package var record: UInt64
    package var stamp: Instant
    /// Last entry in its log, last on its disk, and last that it knows to be committed.
    package var lastIndex: UInt64
    package var durableIndex: UInt64
    package var committedIndex: UInt64
    /// Digests of the views, at `position` and `record`.
    package var patientDigest: Digest
    package var appointmentDigest: Digest
    package var auditDigest: Digest
    package var freeBytes: UInt64
    /// The sender's UTC when it said this, as its machine tells it, and what it thinks of it.
    package var clock: Instant
    package var clockTrust: ClockTrust
    /// What an operator should know of the backups that it makes.
    package var backupTrouble: BackupTrouble

    package init(
        state: ReplicaState, boot: UInt64, term: UInt64, index: UInt64, position: UInt64, record: UInt64,
        stamp: Instant, lastIndex: UInt64, durableIndex: UInt64, committedIndex: UInt64, patientDigest: Digest,
        appointmentDigest: Digest, auditDigest: Digest, freeBytes: UInt64, clock: Instant,
        clockTrust: ClockTrust, backupTrouble: BackupTrouble = []
    ) {
        self.state = state
        self.boot = boot
        self.term = term
        self.index = index
        self.position = position
        self.record = record
        self.stamp = stamp
        self.lastIndex = lastIndex
        self.durableIndex = durableIndex
        self.committedIndex = committedIndex
        self.patientDigest = patientDigest
        self.appointmentDigest = appointmentDigest
        self.auditDigest = auditDigest
        self.freeBytes = freeBytes
        self.clock = clock
        self.clockTrust = clockTrust
        self.backupTrouble = backupTrouble
    }
}

/// What is wrong with the backups of one replica.
package struct BackupTrouble: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The last one that it was to make failed.
    package static let failed = BackupTrouble(rawValue: 1)
    /// It makes backups, and does not know the keys to be escrowed.
    package static let unescrowed = BackupTrouble(rawValue: 2)
    static let all: BackupTrouble = [.failed, .unescrowed]
}

/// What a replica thinks of its machine's clock.
package enum ClockTrust: UInt8, Sendable {
    /// Nothing speaks against it, but the replica was started with it and knows no other that shares it.
    case unproven = 0
    /// It was shared, in this life, by another that knew, or by a quorum, or an operator said that it is right.
    case proven = 1
    /// It jumped ahead, or is ahead of all others: nothing is stamped with it.
    case ahead = 2
}

/// What a replica says of itself, or what others say of one that does not.
package enum ReplicaState: UInt8, CaseIterable, Sendable {
    /// Opens, or waits to hear who leads.
    case starting = 0
    /// Serves: leads, or has what the primary has.
    case ready = 1
    /// Follows, and has still to fold or to receive what the others have.
    case catchingUp = 2
    /// A frame cannot be read and is being fetched from the others, or must be restored.
    case damaged = 3
    /// Its disk does not finish what it was given.
    case diskStalled = 4
    case diskFull = 5
    case stopping = 6
    case failed = 7
    /// Has less than others saw it have: it is refused.
    case rolledBack = 8
    /// Not heard of for 5 s, for a minute, for so long that it is replaced.
    case suspect = 9
    case down = 10
    case lost = 11
    /// A spare that waits.
    case spare = 12
    /// Its place was taken, for ever.
    case retired = 13
    /// Not heard of for longer than a replica that is well lets pass: what is shown of it is as old as that.
    case silent = 14

    /// As status shows it.
    package var name: String {
        switch self {
        case .starting: "starting"
        case .ready: "ready"
        case .catchingUp: "catching-up"
        case .damaged: "damaged"
        case .diskStalled: "disk-stalled"
        case .diskFull: "disk-full"
        case .stopping: "stopping"
        case .failed: "failed"
        case .rolledBack: "rolled-back"
        case .suspect: "suspect"
        case .down: "down"
        case .lost: "lost"
        case .spare: "spare"
        case .retired: "retired"
        case .silent: "silent"
        }
    }
}
