internal import Consensus
internal import Files
internal import SegmentedLog
internal import Views

/// Where a replica stands, as numbers for whoever watches it; cheap enough to be read several times a second.
package struct ReplicaFigures: Equatable, Sendable {
    /// The last committed event, record and entry.
    package var position: UInt64
    package var record: UInt64
    package var index: UInt64
    package var term: UInt64
    /// Entries appended and not yet durable.
    package var undurableEntries: UInt64
    package var isPrimary: Bool
    /// Bytes of headers and frames in the log's segments; the space ahead and footers are not counted.
    package var logBytes: UInt64
    /// Bytes free on the log's disk; 0 when it does not say.
    package var freeBytes: UInt64
    /// Who leads, as far as it knows; 0: nobody.
    package var primary: Int
    /// Through here entries are on its disk, and decided.
    package var durableIndex: UInt64
    package var committedIndex: UInt64
    /// Disks that hold what was acknowledged, but for the last second or 8 MiB; 0 unless it leads.
    package var minDurableCopies: Int
    /// Entries committed and not folded here yet.
    package var unfoldedEntries: UInt64
    /// Replicas there is a link to.
    package var linkedPeers: Int
    /// Frames from a primary that did not fit or were not whole.
    package var refusedFrames: UInt64
    /// Of the newest backup it knows of; nil: of none.
    package var backupAgeSeconds: UInt64?
}

extension Replica {
    /// Asks the disk for its free space, so not for every turn.
    package var figures: ReplicaFigures {
        ReplicaFigures(
            position: book.position, record: book.record, index: foldedIndex, term: raft.term,
            undurableEntries: log.lastIndex - log.durableIndex, isPrimary: isPrimary, logBytes: UInt64(log.bytes),
            freeBytes: UInt64((try? store.freeSpace()) ?? 0),
            primary: (isPrimary ? configuration.id : knownPrimary) ?? 0,
            durableIndex: log.durableIndex, committedIndex: committedIndex, minDurableCopies: minDurableCopies,
            unfoldedEntries: max(committedIndex, foldedIndex) - foldedIndex,
            linkedPeers: peers.views.count(where: \.isConnected), refusedFrames: refusedFrames,
            backupAgeSeconds: backupAgeSeconds)
    }
}
