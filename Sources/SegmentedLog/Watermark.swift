package import Bytes

/// "Durable through": one of two slots in separate pages of a segment file, 88 bytes, written in turn.
///
/// Only a state that a finished sync has proved is ever written, so a torn slot loses a newer truth, never invents one.
package struct Watermark: Equatable, Sendable {
    package static let count = 88
    /// "CLWM".
    static let magic: UInt32 = 0x4d57_4c43
    static let version: UInt16 = 1
    static let checksumAt = 84
    /// Sequence of slot 0 and slot 1 in a closed segment, so that closed files are equal.
    static let closedSequence = (UInt64.max - 1, UInt64.max)

    package var cluster: ClusterIdentity
    package var segment: UInt64
    /// 0 or 1: also in the bytes, so that one slot copied over the other is no slot.
    package var slot: Int
    /// The higher one is the newer one.
    package var sequence: UInt64
    /// Every frame through this index was synced. One less than the segment's first index when none was.
    package var through: UInt64
    /// Hash of that frame.
    package var hash: Digest
    /// `HeadersSum` of all frames of the segment through that one; 0 when it is not known.
    package var headersSum: UInt32

    /// Says that the segment is closed.
    var isClosed: Bool { sequence >= Self.closedSequence.0 }

    package init(
        cluster: ClusterIdentity, segment: UInt64, slot: Int, sequence: UInt64, through: UInt64, hash: Digest,
        headersSum: UInt32
    ) {
        self.cluster = cluster
        self.segment = segment
        self.slot = slot
        self.sequence = sequence
        self.through = through
        self.hash = hash
        self.headersSum = headersSum
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(reserving: Self.count)
        writer.u32(Self.magic)
        writer.u16(Self.version)
        writer.u16(UInt16(slot))
        writer.u64(sequence)
        writer.u64(cluster.low)
        writer.u64(cluster.high)
        writer.u64(segment)
        writer.u64(through)
        writer.digest(hash)
        writer.u32(headersSum)
        writer.u32(Checksum.crc32c(writer.bytes))
        return writer.bytes
    }

    /// The slot in `bytes` from `offset` on; nil when it is not whole.
    package init?(_ bytes: [UInt8], at offset: Int) {
        guard offset >= 0, bytes.count - offset >= Self.count else { return nil }
        var reader = ByteReader(bytes, in: offset..<(offset + Self.count))
        do {
            guard try reader.u32() == Self.magic, try reader.u16() == Self.version else { return nil }
            slot = Int(try reader.u16())
            sequence = try reader.u64()
            cluster = ClusterIdentity(low: try reader.u64(), high: try reader.u64())
            segment = try reader.u64()
            through = try reader.u64()
            hash = try reader.digest()
            headersSum = try reader.u32()
            guard slot < 2,
                try reader.u32() == Checksum.crc32c(bytes, in: offset..<(offset + Self.checksumAt))
            else { return nil }
        } catch {
            return nil
        }
    }
}

/// CRC32C over the headers of a segment's first frames, each without its own checksum (with it every whole header would
/// count the same). Whoever finds it unchanged has the headers that were once verified, and the bodies' checksums with
/// them: no older frame came back in a place of its own.
enum HeadersSum {
    static func adding(_ header: [UInt8], in range: Range<Int>, to sum: UInt32) -> UInt32 {
        Checksum.crc32c(header, in: range.lowerBound..<(range.lowerBound + FrameHeader.checksumAt), seed: sum)
    }

    /// Of one frame that opens its segment.
    static func first(_ header: [UInt8]) -> UInt32 { adding(header, in: 0..<header.count, to: 0) }
}
