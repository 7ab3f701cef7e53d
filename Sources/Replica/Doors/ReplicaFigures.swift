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
}

extension Replica {
    /// Asks the disk for its free space, so not for every turn.
    package var figures: ReplicaFigures {
        var term = raft.term
        var isPrimary = false
        if case .primary(let mine) = life {
            term = mine
            isPrimary = true
        }
        return ReplicaFigures(
            position: book.position, record: book.record, index: foldedIndex, term: term,
            undurableEntries: log.lastIndex - log.durableIndex, isPrimary: isPrimary, logBytes: UInt64(log.bytes),
            freeBytes: UInt64((try? store.freeSpace()) ?? 0))
    }
}
