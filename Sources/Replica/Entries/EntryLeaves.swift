package import Bytes
package import Keys
package import SegmentedLog
internal import Records

/// The leaves of a frame's body (design 10): of ciphertext, so that erasure keeps every proof valid.
package struct EntryLeaves: LeafReader {
    /// Where leaves are kept until the frame is folded, so that its bytes are hashed once; nil: nowhere.
    private let memo: LeafMemo?

    package init() { memo = nil }

    init(remembering memo: LeafMemo) { self.memo = memo }

    package func leaves(of frame: OpenedFrame, crypto: Crypto) throws(ByteError) -> FrameLeaves {
        let leaves = try computed(frame)
        memo?.keep(leaves, of: frame.header)
        return leaves
    }

    private func computed(_ frame: OpenedFrame) throws(ByteError) -> FrameLeaves {
        var leaves = FrameLeaves(events: [], records: [])
        var reader = try EntryReader(frame.body, start: EntryStart(frame))
        var transaction: (head: Digest, stamp: Instant)?
        while let step = try reader.next() {
            switch step {
            case .transaction(let place):
                transaction = (MerkleLeaf.transactionHead(place, in: frame.body), place.stamp)
            case .event(let place):
                guard let transaction else { throw .malformed }
                leaves.events.append(
                    try MerkleLeaf.event(
                        place, in: frame.body, transactionHead: transaction.head, stamp: transaction.stamp))
            case .record(let place):
                leaves.records.append(MerkleLeaf.record(place, in: frame.body))
            }
        }
        guard leaves.events.count == frame.header.eventCount, leaves.records.count == frame.header.recordCount else {
            throw .malformed
        }
        return leaves
    }
}

/// The leaves of the frames taken last. A replica folds a frame soon after it took it.
final class LeafMemo {
    private static let kept = 64
    private static let leavesMax = 1024

    private var places: [(header: FrameHeader, leaves: FrameLeaves)?] = Array(repeating: nil, count: kept)

    func keep(_ leaves: FrameLeaves, of header: FrameHeader) {
        let isSmall = leaves.events.count + leaves.records.count <= Self.leavesMax
        places[Int(header.index % UInt64(Self.kept))] = isSmall ? (header, leaves) : nil
    }

    /// Hands out the leaves of exactly this frame, once; nil when they are not kept.
    func take(_ header: FrameHeader) -> FrameLeaves? {
        let place = Int(header.index % UInt64(Self.kept))
        guard let found = places[place], found.header == header else { return nil }
        places[place] = nil
        return found.leaves
    }
}

extension EntryStart {
    init(_ frame: OpenedFrame) {
        self.init(
            position: frame.header.firstPosition, record: frame.header.firstRecord, stamp: frame.header.firstStamp)
    }
}

/// RFC 6962 leaves: SHA-256(0x00 ‖ header ‖ SHA-256 of each sealed value).
enum MerkleLeaf {
    /// What every leaf of a transaction's events covers of the transaction.
    static func transactionHead(_ place: TransactionPlace, in body: [UInt8]) -> Digest {
        SHA256.digest(body, in: place.head)
    }

    /// Header: position, stamp, SHA-256 of the transaction's head, the event's deciding part.
    static func event(
        _ place: EventPlace, in body: [UInt8], transactionHead: Digest, stamp: Instant
    ) throws(ByteError) -> Digest {
        var hash = begin(number: place.position, stamp: stamp)
        hash.update(transactionHead)
        hash.update(body, in: place.head)
        hash.update(SHA256.digest(body, in: place.firstPart))
        if place.partCount > 1 {
            for range in try place.partRanges(in: body).dropFirst() { hash.update(SHA256.digest(body, in: range)) }
        }
        return hash.finish()
    }

    /// Header: number, stamp, the record's head.
    static func record(_ place: RecordPlace, in body: [UInt8]) -> Digest {
        var hash = begin(number: place.number, stamp: place.stamp)
        hash.update(body, in: place.head)
        hash.update(SHA256.digest(body, in: place.sealed))
        return hash.finish()
    }

    /// A leaf's hash up to its header's own bytes.
    static func begin(number: UInt64, stamp: Instant) -> SHA256 {
        var hash = SHA256()
        hash.update(u8: 0)
        hash.update(u64: number)
        hash.update(u64: UInt64(bitPattern: stamp.microseconds))
        return hash
    }
}
