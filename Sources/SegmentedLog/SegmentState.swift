internal import Bytes

/// A segment as the log remembers it while it runs: about 200 bytes, and the index of one that is not closed.
struct SegmentState {
    let header: SegmentHeader
    /// After its last frame.
    var end: ChainEnd
    var firstStamp: Instant
    var phase: Phase
    /// Of a segment that is not closed; of a closed one the footer has it.
    var index: FrameIndex?
    /// Of a segment that was scanned or appended to in this life.
    var terms = TermRuns()
    /// Of all its frames; nil when it is not known, as after a cut.
    var headersSum: UInt32? = 0
    /// The highest sequence in the watermark's slots when it ceased to be the tail, in case it becomes the tail again.
    var markSequence: UInt64 = 0

    enum Phase: Equatable {
        /// Takes frames.
        case tail
        /// Has a successor; waits for its footer.
        case full
        /// The background is at it.
        case closing
        case closed(footer: SegmentTrailer)
    }

    var firstIndex: UInt64 { header.description.firstIndex }
    var lastIndex: UInt64 { end.nextIndex - 1 }
    var frameCount: Int { Int(end.nextIndex - firstIndex) }

    mutating func pass(_ frame: FrameHeader, hash: Digest) {
        if frameCount == 0 { firstStamp = frame.firstStamp }
        end.pass(frame, hash: hash)
        index?.append(frame)
        terms.append(frame.index, term: frame.term)
    }
}
