package import Bytes

/// Where the log stands after a frame: all that the next one must follow from.
package struct ChainEnd: Equatable, Sendable {
    /// What the next frame will have.
    package var nextIndex: UInt64
    package var nextPosition: UInt64
    package var nextRecord: UInt64
    /// What the next frame may not go below.
    package var term: UInt64
    package var stamp: Instant
    /// Hash of the last frame; zero before the genesis.
    package var hash: Digest
    /// Where the next body goes, in the segment the last frame lies in.
    package var bodyOffset: Int

    /// Before the genesis.
    package static let start = ChainEnd(
        nextIndex: 1, nextPosition: 1, nextRecord: 1, term: 0, stamp: Instant(microseconds: .min), hash: .zero,
        bodyOffset: 0)

    /// Before the first frame of a segment, as the segment's header tells it. The term before is not in it.
    package init(before header: SegmentHeader, term: UInt64 = 0) {
        self.init(
            nextIndex: header.description.firstIndex, nextPosition: header.firstPosition,
            nextRecord: header.firstRecord, term: term, stamp: header.stampBefore, hash: header.previousHash,
            bodyOffset: header.description.bodiesAt)
    }

    package init(
        nextIndex: UInt64, nextPosition: UInt64, nextRecord: UInt64, term: UInt64, stamp: Instant, hash: Digest,
        bodyOffset: Int
    ) {
        self.nextIndex = nextIndex
        self.nextPosition = nextPosition
        self.nextRecord = nextRecord
        self.term = term
        self.stamp = stamp
        self.hash = hash
        self.bodyOffset = bodyOffset
    }

    /// Whether a header read back is the next frame in the stated segment. The hash is not looked at.
    func check(_ header: FrameHeader, in segment: SegmentHeader) throws(FrameFlaw) {
        let description = segment.description
        guard header.cluster == segment.cluster, header.segment == description.segment, header.index == nextIndex,
            header.keyEpoch == description.keyEpoch
        else { throw .misplaced }
        guard header.firstPosition == nextPosition, header.firstRecord == nextRecord, header.term >= term,
            header.firstStamp >= stamp, header.lastStamp >= header.firstStamp, header.bodyOffset == bodyOffset,
            header.bodyLength <= description.bodiesEnd - bodyOffset,
            header.opensSegment == (header.index == description.firstIndex)
        else { throw .numbering }
    }

    /// Whether a segment begins here: what the frame before left.
    package func isFollowed(by header: SegmentHeader) -> Bool {
        header.description.firstIndex == nextIndex && header.firstPosition == nextPosition
            && header.firstRecord == nextRecord && header.stampBefore == stamp && header.previousHash == hash
    }

    mutating func pass(_ header: FrameHeader, hash: Digest) {
        nextIndex += 1
        nextPosition = header.nextPosition
        nextRecord = header.nextRecord
        term = header.term
        stamp = header.lastStamp
        self.hash = hash
        bodyOffset = header.bodyOffset + header.bodyLength
    }
}
