package import Bytes
package import Keys

/// An entry as the primary proposes it, before the log gives it an index and seals it.
///
/// Positions and records are gapless: `firstPosition` is the position after the last event of the frame before, also
/// when this frame has no events; the same holds for records.
package struct FrameDraft: Sendable {
    package var term: UInt64
    /// Stamps of the first and the last transaction; of a frame without any, twice the last stamp before it.
    package var firstStamp: Instant
    package var lastStamp: Instant
    package var firstPosition: UInt64
    package var eventCount: Int
    package var firstRecord: UInt64
    package var recordCount: Int
    /// The entry, in the clear. It is sealed as a whole.
    package var body: [UInt8]
    package var leaves: FrameLeaves

    package init(
        term: UInt64, firstStamp: Instant, lastStamp: Instant, firstPosition: UInt64, eventCount: Int,
        firstRecord: UInt64, recordCount: Int, body: [UInt8], leaves: FrameLeaves
    ) {
        self.term = term
        self.firstStamp = firstStamp
        self.lastStamp = lastStamp
        self.firstPosition = firstPosition
        self.eventCount = eventCount
        self.firstRecord = firstRecord
        self.recordCount = recordCount
        self.body = body
        self.leaves = leaves
    }
}

/// The Merkle leaves of a frame: one for each event and one for each record, in order (design: one RFC 6962 tree by
/// position, one by record).
package struct FrameLeaves: Equatable, Sendable {
    package var events: [Digest]
    package var records: [Digest]

    package static let none = FrameLeaves(events: [], records: [])

    package init(events: [Digest], records: [Digest]) {
        self.events = events
        self.records = records
    }
}

/// A frame whose checksums, seal and place were found right.
package struct OpenedFrame: Sendable {
    package let header: FrameHeader
    /// The entry as the primary drafted it.
    package let body: [UInt8]

    package init(header: FrameHeader, body: [UInt8]) {
        self.header = header
        self.body = body
    }
}

/// Computes the leaves of an opened frame: the log knows no events, the hall does. A pure function of the frame.
package protocol LeafReader {
    /// - Throws: when the body is not an entry of the counts that its header states. The frame is damaged then.
    func leaves(of frame: OpenedFrame, crypto: Crypto) throws(ByteError) -> FrameLeaves
}
