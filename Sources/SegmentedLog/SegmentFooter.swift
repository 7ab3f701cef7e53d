package import Bytes
internal import Keys

/// The last 216 bytes of a closed segment. Before them stand the index (`FrameIndex`) and the leaves.
///
/// Index, leaves and trailer are a pure function of the frames: closed segments are equal on all replicas and can be
/// compared by `hash` alone.
package struct SegmentTrailer: Equatable, Sendable {
    package static let count = 216
    /// "CHARTEND".
    static let magic: UInt64 = 0x444e_4554_5241_4843
    static let version: UInt16 = 1
    /// Where the hash stands; it covers the trailer up to here.
    static let hashAt = 180
    static let checksumAt = 212

    package var cluster: ClusterIdentity
    package var segment: UInt64
    package var frameCount: Int
    package var eventCount: Int
    package var recordCount: Int
    /// Where the footer begins: the end of the bodies, rounded up to 8.
    package var footerAt: Int
    package var indexChecksum: UInt32
    package var leavesChecksum: UInt32
    package var firstStamp: Instant
    /// Where the log stood after the last frame.
    package var end: ChainEnd
    /// SHA-256 over the segment's header, its frame headers, index, leaves, and the trailer up to here.
    package var hash: Digest

    var indexAt: Int { footerAt }
    var indexBytes: Int { frameCount * FrameIndex.bytesPerFrame }
    var leavesAt: Int { indexAt + indexBytes }
    var leavesBytes: Int { (eventCount + recordCount) * 32 }
    var trailerAt: Int { leavesAt + leavesBytes }
    package var fileBytes: Int { trailerAt + Self.count }
    package var lastIndex: UInt64 { end.nextIndex - 1 }

    private func bytes(upToHash writer: inout ByteWriter) {
        writer.u64(Self.magic)
        writer.u16(Self.version)
        writer.u16(0)
        writer.u32(UInt32(frameCount))
        writer.u64(cluster.low)
        writer.u64(cluster.high)
        writer.u64(segment)
        writer.u64(end.nextIndex)
        writer.u64(end.nextPosition)
        writer.u64(end.nextRecord)
        writer.u64(end.term)
        writer.u64(UInt64(bitPattern: firstStamp.microseconds))
        writer.u64(UInt64(bitPattern: end.stamp.microseconds))
        writer.u32(UInt32(eventCount))
        writer.u32(UInt32(recordCount))
        writer.u32(UInt32(footerAt))
        writer.u32(UInt32(end.bodyOffset))
        writer.u32(indexChecksum)
        writer.u32(leavesChecksum)
        writer.digest(end.hash)
        writer.zeros(Self.hashAt - writer.count)
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(reserving: Self.count)
        bytes(upToHash: &writer)
        writer.digest(hash)
        writer.u32(Checksum.crc32c(writer.bytes))
        return writer.bytes
    }

    /// The trailer in `bytes`; nil when it is not whole.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.count else { return nil }
        var reader = ByteReader(bytes)
        do {
            guard try reader.u64() == Self.magic, try reader.u16() == Self.version, try reader.u16() == 0 else {
                return nil
            }
            frameCount = Int(try reader.u32())
            cluster = ClusterIdentity(low: try reader.u64(), high: try reader.u64())
            segment = try reader.u64()
            end = .start
            end.nextIndex = try reader.u64()
            end.nextPosition = try reader.u64()
            end.nextRecord = try reader.u64()
            end.term = try reader.u64()
            firstStamp = Instant(microseconds: Int64(bitPattern: try reader.u64()))
            end.stamp = Instant(microseconds: Int64(bitPattern: try reader.u64()))
            eventCount = Int(try reader.u32())
            recordCount = Int(try reader.u32())
            footerAt = Int(try reader.u32())
            end.bodyOffset = Int(try reader.u32())
            indexChecksum = try reader.u32()
            leavesChecksum = try reader.u32()
            end.hash = try reader.digest()
            let reserved = try reader.array(Self.hashAt - reader.offset)
            hash = try reader.digest()
            guard try reader.u32() == Checksum.crc32c(bytes, in: 0..<Self.checksumAt),
                reserved.allSatisfy({ $0 == 0 })
            else { return nil }
        } catch {
            return nil
        }
    }

    /// The trailer of a segment, and what stands between its bodies and the trailer.
    static func footer(
        of segment: SegmentHeader, frameHeaders: [UInt8], index: FrameIndex, leaves: FrameLeaves, end: ChainEnd
    ) -> (sections: [UInt8], trailer: SegmentTrailer) {
        let indexBytes = index.bytes
        var leafWriter = ByteWriter(reserving: (leaves.events.count + leaves.records.count) * 32)
        for leaf in leaves.events { leafWriter.digest(leaf) }
        for leaf in leaves.records { leafWriter.digest(leaf) }
        var trailer = SegmentTrailer(
            cluster: segment.cluster, segment: segment.description.segment, frameCount: index.count,
            eventCount: leaves.events.count, recordCount: leaves.records.count,
            footerAt: (end.bodyOffset + 7) / 8 * 8, indexChecksum: Checksum.crc32c(indexBytes),
            leavesChecksum: Checksum.crc32c(leafWriter.bytes),
            firstStamp: Instant(microseconds: index.stamps.first ?? 0), end: end, hash: .zero)
        var own = ByteWriter(reserving: count)
        trailer.bytes(upToHash: &own)
        var hash = SHA256()
        hash.update(segment.bytes)
        hash.update(frameHeaders)
        hash.update(indexBytes)
        hash.update(leafWriter.bytes)
        hash.update(own.bytes)
        trailer.hash = hash.finish()
        return (indexBytes + leafWriter.bytes, trailer)
    }

    private init(
        cluster: ClusterIdentity, segment: UInt64, frameCount: Int, eventCount: Int, recordCount: Int, footerAt: Int,
        indexChecksum: UInt32, leavesChecksum: UInt32, firstStamp: Instant, end: ChainEnd, hash: Digest
    ) {
        self.cluster = cluster
        self.segment = segment
        self.frameCount = frameCount
        self.eventCount = eventCount
        self.recordCount = recordCount
        self.footerAt = footerAt
        self.indexChecksum = indexChecksum
        self.leavesChecksum = leavesChecksum
        self.firstStamp = firstStamp
        self.end = end
        self.hash = hash
    }

    /// Whether the trailer can be the one of this segment in a file of this size.
    func fits(_ header: SegmentHeader, fileBytes: Int) -> Bool {
        cluster == header.cluster && segment == header.description.segment && self.fileBytes == fileBytes
            && frameCount > 0 && frameCount <= header.description.slots
            && end.nextIndex == header.description.firstIndex + UInt64(frameCount)
            && end.bodyOffset <= footerAt && footerAt - end.bodyOffset < 8
            && end.bodyOffset <= header.description.bodiesEnd && end.bodyOffset > header.description.bodiesAt
            && end.nextPosition == header.firstPosition + UInt64(eventCount)
            && end.nextRecord == header.firstRecord + UInt64(recordCount)
    }
}
