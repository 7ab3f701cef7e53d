package import Bytes

/// What stands in the header table for each frame: 144 bytes with their own checksum, the same on every replica.
/// Format.md has the table.
package struct FrameHeader: Equatable, Sendable {
    package static let count = 144
    /// "CLFR", read as a little-endian word.
    static let magic: UInt32 = 0x5246_4c43
    static let version: UInt16 = 1
    /// Flag: the frame opens its segment, so the segment's description stands in the clear before the sealed body.
    static let opensSegmentFlag: UInt16 = 1
    /// Offsets of the two checksums, which count as zero where the header is associated data.
    static let bodyChecksumAt = 136
    static let checksumAt = 140

    package var cluster: ClusterIdentity
    package var segment: UInt64
    package var index: UInt64
    package var term: UInt64
    package var firstStamp: Instant
    package var lastStamp: Instant
    /// Position of the first event, or of the next one to come when there is none. So with `firstRecord`.
    package var firstPosition: UInt64
    package var firstRecord: UInt64
    package var eventCount: Int
    package var recordCount: Int
    /// Where the stored body begins, in bytes from the start of the segment file.
    package var bodyOffset: Int
    /// Bytes stored: the segment's description if the frame opens one, nonce, ciphertext, tag.
    package var bodyLength: Int
    /// Hash of the frame before, zero for the genesis.
    package var previousHash: Digest
    package var keyEpoch: UInt32
    package var opensSegment: Bool
    package var bodyChecksum: UInt32

    package var lastPosition: UInt64 { nextPosition - 1 }
    package var nextPosition: UInt64 { firstPosition &+ UInt64(eventCount) }
    package var nextRecord: UInt64 { firstRecord &+ UInt64(recordCount) }

    package init(
        cluster: ClusterIdentity, segment: UInt64, index: UInt64, term: UInt64, firstStamp: Instant,
        lastStamp: Instant, firstPosition: UInt64, firstRecord: UInt64, eventCount: Int, recordCount: Int,
        bodyOffset: Int, bodyLength: Int, previousHash: Digest, keyEpoch: UInt32, opensSegment: Bool,
        bodyChecksum: UInt32
    ) {
        self.cluster = cluster
        self.segment = segment
        self.index = index
        self.term = term
        self.firstStamp = firstStamp
        self.lastStamp = lastStamp
        self.firstPosition = firstPosition
        self.firstRecord = firstRecord
        self.eventCount = eventCount
        self.recordCount = recordCount
        self.bodyOffset = bodyOffset
        self.bodyLength = bodyLength
        self.previousHash = previousHash
        self.keyEpoch = keyEpoch
        self.opensSegment = opensSegment
        self.bodyChecksum = bodyChecksum
    }

    /// The 144 bytes, own checksum included.
    package var bytes: [UInt8] {
        var writer = unsealedWriter
        writer.patch(u32: bodyChecksum, at: Self.bodyChecksumAt)
        let own = Checksum.crc32c(writer.bytes, in: 0..<Self.checksumAt)
        writer.patch(u32: own, at: Self.checksumAt)
        return writer.bytes
    }

    /// The header as associated data of its body: both checksums zero.
    package var associated: [UInt8] { unsealedWriter.bytes }

    private var unsealedWriter: ByteWriter {
        var writer = ByteWriter(reserving: Self.count)
        writer.u32(Self.magic)
        writer.u16(Self.version)
        writer.u16(opensSegment ? Self.opensSegmentFlag : 0)
        writer.u64(cluster.low)
        writer.u64(cluster.high)
        writer.u64(segment)
        writer.u64(index)
        writer.u64(term)
        writer.u64(UInt64(bitPattern: firstStamp.microseconds))
        writer.u64(UInt64(bitPattern: lastStamp.microseconds))
        writer.u64(firstPosition)
        writer.u64(firstRecord)
        writer.u32(UInt32(eventCount))
        writer.u32(UInt32(recordCount))
        writer.u32(UInt32(bodyOffset))
        writer.u32(UInt32(bodyLength))
        writer.digest(previousHash)
        writer.u32(keyEpoch)
        writer.zeros(Self.count - writer.count)
        return writer
    }

    /// The header in `bytes` from `offset` on.
    ///
    /// - Throws: `.blank` when all its bytes are zero; `.header` when checksum, magic, reserved bytes or counts are
    ///   not right, or there are fewer than 144 bytes; `.version` when a later format wrote it.
    package init(_ bytes: [UInt8], at offset: Int) throws(FrameFlaw) {
        guard offset >= 0, bytes.count - offset >= Self.count else { throw .header }
        let range = offset..<(offset + Self.count)
        do {
            var reader = ByteReader(bytes, in: range)
            try self.init(&reader, checksum: Checksum.crc32c(bytes, in: offset..<(offset + Self.checksumAt)))
        } catch let flaw as FrameFlaw {
            throw bytes[range].allSatisfy { $0 == 0 } ? .blank : flaw
        } catch {
            throw .header
        }
    }

    private init(_ reader: inout ByteReader, checksum: UInt32) throws {
        guard try reader.u32() == Self.magic else { throw FrameFlaw.header }
        let version = try reader.u16()
        let flags = try reader.u16()
        opensSegment = flags & Self.opensSegmentFlag != 0
        cluster = ClusterIdentity(low: try reader.u64(), high: try reader.u64())
        segment = try reader.u64()
        index = try reader.u64()
        term = try reader.u64()
        firstStamp = Instant(microseconds: Int64(bitPattern: try reader.u64()))
        lastStamp = Instant(microseconds: Int64(bitPattern: try reader.u64()))
        firstPosition = try reader.u64()
        firstRecord = try reader.u64()
        eventCount = Int(try reader.u32())
        recordCount = Int(try reader.u32())
        bodyOffset = Int(try reader.u32())
        bodyLength = Int(try reader.u32())
        previousHash = try reader.digest()
        keyEpoch = try reader.u32()
        let reserved = try reader.u32()
        bodyChecksum = try reader.u32()
        guard try reader.u32() == checksum else { throw FrameFlaw.header }
        guard version == Self.version else { throw FrameFlaw.version }
        guard flags & ~Self.opensSegmentFlag == 0, reserved == 0 else { throw FrameFlaw.header }
    }
}

/// What can be wrong with one frame. None of it says whether the frame was ever acknowledged.
package enum FrameFlaw: Error, Equatable, Sendable {
    /// The place in the header table holds only zeros.
    case blank
    /// The header is not whole.
    case header
    /// A later version of the format wrote it.
    case version
    /// It belongs to another cluster, segment or index: a misdirected, duplicated or stale write.
    case misplaced
    /// Position, record, stamp or offset do not follow from the frame before.
    case numbering
    /// Bytes are missing or the body's checksum does not match.
    case body
    /// The seal does not open.
    case seal
    /// The opened body is not an entry of the stated counts.
    case form
    /// The frame before hashes to something else than this frame names.
    case chain
}
