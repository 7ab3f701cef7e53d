internal import Bytes
package import Keys

/// The way into every reader of this room for bytes that nobody vouches for; for fuzzers and their stored findings.
package enum FrameFuzz {
    /// Reads the bytes as every structure of the format, as they are and once more with right checksums, so that what
    /// lies behind a checksum is reached. Must return for any bytes; opens nothing, since nothing there is sealed.
    ///
    /// - Returns: how many structures were whole.
    @discardableResult
    package static func run(_ bytes: [UInt8], crypto: Crypto, key: SecretKey) -> Int {
        var whole = read(bytes, crypto, key)
        var mended = bytes
        mend(&mended, FrameHeader.checksumAt)
        whole += read(mended, crypto, key)
        for checksumAt in [SegmentHeader.checksumAt, Watermark.checksumAt, SegmentTrailer.checksumAt] {
            mended = bytes
            mend(&mended, checksumAt)
            whole += read(mended, crypto, key)
        }
        if bytes.count > 4 {
            mended = bytes
            mend(&mended, bytes.count - 4)
            whole += read(mended, crypto, key)
        }
        return whole
    }

    private static func read(_ bytes: [UInt8], _ crypto: Crypto, _ key: SecretKey) -> Int {
        var whole = 0
        let segment = SegmentHeader(bytes, at: 0)
        if let segment {
            whole += segment.bytes == Array(bytes[..<SegmentHeader.count]) ? 1 : 0
            let end = ChainEnd(before: segment)
            precondition(end.bodyOffset == segment.description.bodiesAt)
        }
        if let mark = Watermark(bytes, at: 0) { whole += mark.bytes == Array(bytes[..<Watermark.count]) ? 1 : 0 }
        if bytes.count >= SegmentTrailer.count, let trailer = SegmentTrailer(Array(bytes[..<SegmentTrailer.count])) {
            whole += trailer.bytes == Array(bytes[..<SegmentTrailer.count]) ? 1 : 0
            if let segment { _ = trailer.fits(segment, fileBytes: trailer.fileBytes) }
        }
        if let lineage = try? Lineage(bytes) { whole += lineage.bytes == bytes ? 1 : 0 }
        do throws(FrameFlaw) {
            let header = try FrameHeader(bytes, at: 0)
            whole += 1
            open(header, bytes, segment, crypto, key)
        } catch {
            return whole
        }
        return whole
    }

    /// A header that is whole, held against a segment and its body looked for.
    private static func open(
        _ header: FrameHeader, _ bytes: [UInt8], _ segment: SegmentHeader?, _ crypto: Crypto, _ key: SecretKey
    ) {
        let description = SegmentDescription(
            segment: header.segment, firstIndex: header.index, keyEpoch: header.keyEpoch, slots: 1,
            bodyCapacity: 1 << 20, salt: .zero)
        let segment =
            segment
            ?? SegmentHeader(
                cluster: header.cluster, description: description, firstPosition: header.firstPosition,
                firstRecord: header.firstRecord, stampBefore: header.firstStamp, previousHash: header.previousHash)
        do throws(FrameFlaw) { try ChainEnd(before: segment).check(header, in: segment) } catch { return }
        do throws(OpenFailure) {
            _ = try FrameCodec.open(
                header, stored: bytes, in: FrameHeader.count..<bytes.count, of: description, key: key, crypto: crypto)
        } catch { return }
    }

    private static func mend(_ bytes: inout [UInt8], _ at: Int) {
        guard bytes.count >= at + 4 else { return }
        let sum = Checksum.crc32c(bytes, in: 0..<at)
        for index in 0..<4 { bytes[at + index] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * index)) }
    }
}
