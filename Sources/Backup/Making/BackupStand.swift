package import Bytes
internal import Keys
package import SegmentedLog
package import Views

/// All that a backup says of a replica at one entry of its log: a value, made where the log and the views are, carried
/// to whoever makes the backup.
package struct BackupStand: Sendable {
    package var cluster: ClusterIdentity
    /// The cluster's own part last.
    package var lineage: [LineagePart]
    package var replica: Int
    package var madeAt: Instant
    /// The log through the entry, as `EntryLog.slices` gives it.
    package var slices: [LogSlice]
    /// Of the views, folded through the last entry of `slices`.
    package var digests: ViewDigests
    package var registers: [RegisterHead]
    package var epochs: [EpochUse]

    /// - Precondition: `slices` holds the log from its first segment on without a gap; `lineage` ends with `cluster`.
    package init(
        cluster: ClusterIdentity, lineage: [LineagePart], replica: Int, madeAt: Instant, slices: [LogSlice],
        digests: ViewDigests, registers: [RegisterHead] = [], epochs: [EpochUse] = []
    ) {
        precondition(slices.first?.firstIndex == 1 && lineage.last?.cluster == cluster)
        precondition(zip(slices, slices.dropFirst()).allSatisfy { $1.firstIndex == $0.lastIndex + 1 })
        self.cluster = cluster
        self.lineage = lineage
        self.replica = replica
        self.madeAt = madeAt
        self.slices = slices
        self.digests = digests
        self.registers = registers.sorted { $0.kind < $1.kind }
        self.epochs = epochs.sorted { ($0.kind.rawValue, $0.epoch) < ($1.kind.rawValue, $1.epoch) }
    }

    package var head: LogHead {
        let end = slices[slices.count - 1].end
        return LogHead(
            index: end.nextIndex - 1, term: end.term, position: end.nextPosition - 1, record: end.nextRecord - 1,
            firstStamp: slices[0].firstStamp, stamp: end.stamp, hash: end.hash)
    }
}

/// A file of a sealed snapshot of the views, to be kept with a backup for a faster start.
package struct BackupView {
    /// As it is called in the views' directory.
    package let file: String
    /// About how many bytes it has, for the progress.
    package let bytes: Int
    /// Its bytes. It may be gone when it is asked for (a newer snapshot took its place): the backup then goes without.
    package let read: () throws(BackupError) -> [UInt8]

    /// - Precondition: `file` is a plain name (`BackupLayout.isPlain`).
    package init(file: String, bytes: Int, read: @escaping () throws(BackupError) -> [UInt8]) {
        precondition(BackupLayout.isPlain(file))
        self.file = file
        self.bytes = bytes
        self.read = read
    }
}

/// How far a run of many objects is.
package struct BackupProgress: Equatable, Sendable {
    /// Of what has to be written; what is there already does not count.
    package var bytesDone = 0
    package var bytesOf = 0
    package var objectsDone = 0
    package var objectsOf = 0
    /// What was there already.
    package var bytesKept = 0

    package init() {}
}

/// What came of one step of a run.
package enum BackupStep<Outcome: Sendable>: Sendable {
    /// There is more to do.
    case going
    case finished(Outcome)

    package var isFinished: Bool { if case .finished = self { true } else { false } }
}
