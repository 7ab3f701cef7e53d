package import Bytes
internal import Files
package import Keys
package import SegmentedLog
package import Views

/// What a whole log folds to.
package struct FoldedViews: Equatable, Sendable {
    /// The last entry folded, the last event and record in it or before, and the last stamp.
    package var index: UInt64
    package var position: UInt64
    package var record: UInt64
    package var stamp: Instant
    package var digests: ViewDigests
}

extension Replica {
    /// Folds a log from its first entry to its last, as opening a replica without a snapshot does, and changes nothing:
    /// it may stand in a store that refuses to be written.
    ///
    /// - Parameters:
    ///   - directory: Of the segments.
    ///   - lineage: Whose the segments are; nil: all the ring's cluster's.
    ///   - ring: Must hold every epoch under which something in the log is sealed; its cluster is the log's.
    ///   - progress: Told the entries folded and those there are, now and then.
    /// - Throws: `.log(.damaged)` at the first damage: nothing is said of a part of a log; `.entry` for an entry that
    ///   does not follow from those before it; `.key`, `.views`.
    package static func foldAll(
        _ store: Store, directory: String = ReplicaPaths.log, lineage: Lineage? = nil, ring: KeyRing,
        sizes: LogConfiguration = LogConfiguration(), progress: (_ done: UInt64, _ of: UInt64) -> Void = { _, _ in }
    ) throws(ReplicaError) -> FoldedViews {
        let crypto = try asKeys { () throws(KeyError) in try Crypto() }
        let log = try asLog { () throws(LogError) in
            try EntryLog<Store, EntryLeaves>.open(
                store: store, directory: directory, lineage: lineage ?? Lineage(ClusterIdentity(ring.clusterID)),
                keys: ring, crypto: crypto, leaves: EntryLeaves(), configuration: sizes
            ).log
        }
        if let fault = log.fault { throw .log(.damaged(fault)) }
        let place = ViewPlace(
            directory: ReplicaPaths.views, clusterID: ring.clusterID,
            key: try asKeys { () throws(KeyError) in try ring.snapshotKey() })
        var folded = Folded()
        var identities = try unkept(store, place, crypto)
        while folded.index < log.lastIndex {
            let next = folded.index + 1
            let frame = try asLog { () throws(LogError) in try log.frame(at: next) }
            do throws(ByteError) {
                try Folding.fold(
                    frame, book: &folded.book, subjectKeys: &folded.subjectKeys, idempotency: &folded.idempotency,
                    identities: identities)
            } catch {
                throw .entry(error, index: next)
            }
            folded.index = next
            if identities.recentCount > 1 << 16 { identities = try unkept(store, place, crypto) }
            if next % 256 == 0 || next == log.lastIndex { progress(next, log.lastIndex) }
        }
        return FoldedViews(
            index: folded.index, position: folded.book.position, record: folded.book.record,
            stamp: log.lastStamp, digests: folded.book.digests)
    }

    /// Where identities go that nobody will ask for: no digest depends on them.
    private static func unkept(
        _ store: Store, _ place: ViewPlace, _ crypto: Crypto
    ) throws(ReplicaError) -> IdentityIndex<Store> {
        do throws(ViewError) {
            return try IdentityIndex(store: store, place: place, runs: [], crypto: crypto)
        } catch {
            throw .views(error)
        }
    }
}
