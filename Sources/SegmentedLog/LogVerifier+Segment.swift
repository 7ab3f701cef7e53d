package import Files
package import Keys

/// What the judgement of one segment came to.
package struct SegmentReport: Equatable, Sendable {
    /// After the last frame that is whole and follows.
    package let end: ChainEnd
    /// The next opening would cut what was being written, from this index on: in the last segment only.
    package let tornFrom: UInt64?
    /// One at most for frames, the first.
    package let faults: [Fault]
}

extension LogVerifier {
    /// Judges one segment as `verify` does each of a directory: for logs whose segments were written under several
    /// clusters' ids, or lie elsewhere.
    ///
    /// - Parameters:
    ///   - identity: The cluster under which this segment was written.
    ///   - before: Where the log stood; after a damaged one the segment's own header counts.
    ///   - isLast: Nothing comes after it: it may not be closed.
    ///   - asksMedium: Whether what is judged is what the medium holds, whatever was read or written lately.
    package static func check<Store: FileStore>(
        _ segment: UInt64, at path: String, of store: Store, identity: ClusterIdentity, after before: ChainEnd,
        isLast: Bool, asksMedium: Bool = true, keys: KeyRing, crypto: Crypto, leaves: some LeafReader
    ) throws(LogError) -> SegmentReport {
        let check = SegmentCheck(
            store: store, path: path, number: segment, lineage: Lineage(identity), isLast: isLast,
            readsThrough: asksMedium)
        let found = try check.run(after: before, keys: keys, crypto: crypto, leaves: leaves)
        return SegmentReport(end: found.end, tornFrom: found.tornFrom, faults: found.faults)
    }
}
