internal import Bytes
internal import Keys

/// Draft ⇄ header and stored body. No files here.
package enum FrameCodec {
    /// What a frame's stored body has more than the draft's.
    package static func overhead(opensSegment: Bool) -> Int {
        Crypto.overheadBytes + (opensSegment ? SegmentDescription.count : 0)
    }

    /// Seals a draft as the frame after `end` and appends its stored body to `bodies`.
    ///
    /// - Returns: the header and its bytes.
    static func seal(
        _ draft: FrameDraft, after end: ChainEnd, in segment: SegmentHeader, key: SecretKey, crypto: Crypto,
        dice: inout some Dice, onto bodies: inout [UInt8]
    ) throws(KeyError) -> (header: FrameHeader, bytes: [UInt8]) {
        let description = segment.description
        let opens = end.nextIndex == description.firstIndex
        var header = FrameHeader(
            cluster: segment.cluster, segment: description.segment, index: end.nextIndex, term: draft.term,
            firstStamp: draft.firstStamp, lastStamp: draft.lastStamp, firstPosition: draft.firstPosition,
            firstRecord: draft.firstRecord, eventCount: draft.eventCount, recordCount: draft.recordCount,
            bodyOffset: end.bodyOffset, bodyLength: draft.body.count + overhead(opensSegment: opens),
            previousHash: end.hash, keyEpoch: description.keyEpoch, opensSegment: opens, bodyChecksum: 0)
        var bytes = ByteWriter()
        bytes.bytes = header.associated
        let start = bodies.count
        let associated: [UInt8]
        if opens {
            bodies.append(contentsOf: description.bytes)
            associated = bytes.bytes + description.bytes
        } else {
            associated = bytes.bytes
        }
        try crypto.seal(
            draft.body, in: 0..<draft.body.count, key: key, nonce: dice.bytes(Crypto.nonceBytes),
            associated: associated, onto: &bodies)
        header.bodyChecksum = Checksum.crc32c(bodies, in: start..<bodies.count)
        bytes.patch(u32: header.bodyChecksum, at: FrameHeader.bodyChecksumAt)
        bytes.patch(
            u32: Checksum.crc32c(bytes.bytes, in: 0..<FrameHeader.checksumAt), at: FrameHeader.checksumAt)
        return (header, bytes.bytes)
    }

    /// Opens a stored body.
    ///
    /// - Throws: `.flaw(.body)` when bytes lack or their checksum is another, `.flaw(.misplaced)` when the frame opens
    ///   another segment than this, `.flaw(.seal)` when the tag does not match; `.key` when libcrypto failed.
    static func open(
        _ header: FrameHeader, stored: [UInt8], in range: Range<Int>, of segment: SegmentDescription, key: SecretKey,
        crypto: Crypto
    ) throws(OpenFailure) -> OpenedFrame {
        guard range.count == header.bodyLength, range.count >= overhead(opensSegment: header.opensSegment),
            Checksum.crc32c(stored, in: range) == header.bodyChecksum
        else { throw .flaw(.body) }
        var associated = header.associated
        var sealed = range
        if header.opensSegment {
            let clear = range.lowerBound..<(range.lowerBound + SegmentDescription.count)
            guard Array(stored[clear]) == segment.bytes else { throw .flaw(.misplaced) }
            associated.append(contentsOf: stored[clear])
            sealed = clear.upperBound..<range.upperBound
        }
        var body: [UInt8] = []
        do throws(KeyError) {
            try crypto.open(stored, in: sealed, key: key, associated: associated, onto: &body)
        } catch {
            switch error {
            case .wrongKey, .malformed: throw .flaw(.seal)
            case .failed, .missing, .exhausted, .otherCluster, .file: throw .key(error)
            }
        }
        return OpenedFrame(header: header, body: body)
    }

    /// SHA-256 over 2, the 144 bytes of the header, the leaves of the events, the leaves of the records. The leading 2
    /// keeps it apart from the 0 and 1 of RFC 6962's leaves and nodes.
    static func hash(header bytes: [UInt8], in range: Range<Int>, leaves: FrameLeaves) -> Digest {
        var hash = SHA256()
        hash.update(u8: 2)
        hash.update(bytes, in: range)
        for leaf in leaves.events { hash.update(leaf) }
        for leaf in leaves.records { hash.update(leaf) }
        return hash.finish()
    }
}

/// Why a frame did not open: it is not right, or the means failed and nothing is known about it.
enum OpenFailure: Error {
    case flaw(FrameFlaw)
    case key(KeyError)
}
