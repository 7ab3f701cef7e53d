internal import Bytes
internal import Keys

/// What a copy of a segment, or of its first frames, must be to be the one that is meant.
package struct SegmentClaim: Equatable, Sendable {
    /// The one under which the segment was written.
    package var cluster: ClusterIdentity
    package var segment: UInt64
    package var firstIndex: UInt64
    /// The last frame in it.
    package var lastIndex: UInt64
    /// It is the whole file of a closed segment; else it ends with its last frame.
    package var isClosed: Bool

    package init(
        cluster: ClusterIdentity, segment: UInt64, firstIndex: UInt64, lastIndex: UInt64, isClosed: Bool
    ) {
        self.cluster = cluster
        self.segment = segment
        self.firstIndex = firstIndex
        self.lastIndex = lastIndex
        self.isClosed = isClosed
    }
}

/// The first thing that is not right in the bytes of a segment file.
package struct ImageFlaw: Error, Equatable, Sendable {
    /// Where, in bytes from the start of the file: the very byte where what should stand there is known, else the start
    /// of the header, body or leaf whose checksum or hash is another.
    package let offset: Int
    package let fault: Fault
}

/// A segment file as bytes in memory, made and judged without any key.
///
/// Everything in a closed segment's file follows from its header, frames and leaves, and everything in a prefix (a file
/// with the first frames of a segment and nothing else) from header, frames and the last one's hash. So every byte is
/// accounted for: frame headers and bodies by their checksums, leaves by the chain of hashes, all else by the checksum of
/// what is made anew. What a seal says, and whether a prefix's hashes are those of its leaves, only the keys can tell.
package enum SegmentImage {
    /// The file of a segment that ends with the frame at `last`: both control pages settled through it, the table with
    /// the frames' headers, their bodies. It opens as a log's tail, and as a segment that has a successor.
    ///
    /// - Parameters:
    ///   - headers: Those of the frames, as they stand in the table.
    ///   - hash: Of the frame at `last`.
    static func prefix(
        of header: SegmentHeader, headers: [UInt8], bodies: [UInt8], through last: UInt64, hash: Digest
    ) -> [UInt8] {
        var sum: UInt32 = 0
        for at in stride(from: 0, to: headers.count - FrameHeader.count + 1, by: FrameHeader.count) {
            sum = HeadersSum.adding(headers, in: at..<(at + FrameHeader.count), to: sum)
        }
        let description = header.description
        var writer = ByteWriter(reserving: description.bodiesAt + bodies.count)
        for slot in 0...1 {
            let mark = Watermark(
                cluster: header.cluster, segment: description.segment, slot: slot, sequence: UInt64(slot) + 1,
                through: last, hash: hash, headersSum: sum)
            writer.append(mark.wholePage(under: header))
            if slot == 0 {
                writer.append(headers)
                writer.zeros(description.secondControlAt - writer.count)
            }
        }
        writer.append(bodies)
        return writer.bytes
    }

    /// The trailer in a closed segment's bytes; nil when there is none.
    package static func trailer(of bytes: [UInt8]) -> SegmentTrailer? {
        SegmentTrailer(Array(bytes.suffix(SegmentTrailer.count)))
    }

    /// The header in a segment file's bytes, from either copy; nil when neither is whole.
    package static func header(of bytes: [UInt8]) -> SegmentHeader? {
        if let first = SegmentHeader(bytes, at: 0) { return first }
        for page in stride(from: SegmentFormat.tableAt, to: bytes.count, by: SegmentFormat.pageBytes) {
            if let found = SegmentHeader(bytes, at: page), found.description.secondControlAt == page { return found }
        }
        return nil
    }

    /// What is wrong with the bytes first, in the order of frames, footer, control pages; nil when they are what is
    /// claimed and every byte is as it was written.
    package static func flaw(in bytes: [UInt8], of claim: SegmentClaim) -> ImageFlaw? {
        do throws(ImageFlaw) {
            var judge = try ImageJudge(bytes, claim)
            try judge.run()
            return nil
        } catch {
            return error
        }
    }
}

extension Watermark {
    /// A control page to its end.
    func wholePage(under header: SegmentHeader) -> [UInt8] {
        let page = controlPage(under: header)
        return page + [UInt8](repeating: 0, count: SegmentFormat.pageBytes - page.count)
    }
}

/// One judgement of one file's bytes.
private struct ImageJudge {
    let bytes: [UInt8]
    let claim: SegmentClaim
    let header: SegmentHeader
    /// After the last frame that is whole; its hash is that of the last frame that the leaves bear out.
    private var end: ChainEnd
    private var frames: [FrameHeader] = []

    init(_ bytes: [UInt8], _ claim: SegmentClaim) throws(ImageFlaw) {
        func other() -> ImageFlaw {
            ImageFlaw(
                offset: 0,
                fault: Fault(index: claim.firstIndex, segment: claim.segment, position: 0, kind: .segmentHeader))
        }
        guard let header = SegmentImage.header(of: bytes), header.cluster == claim.cluster,
            header.description.segment == claim.segment, header.description.firstIndex == claim.firstIndex,
            claim.lastIndex >= claim.firstIndex, claim.lastIndex < .max,
            claim.lastIndex - claim.firstIndex < UInt64(header.description.slots)
        else { throw other() }
        self.bytes = bytes
        self.claim = claim
        self.header = header
        end = ChainEnd(before: header)
    }

    mutating func run() throws(ImageFlaw) {
        for number in claim.firstIndex...claim.lastIndex { try judgeFrame(number) }
        if claim.isClosed { try judgeFooter() }
        try judgePages()
    }

    private func flaw(_ kind: Fault.Kind, at offset: Int) -> ImageFlaw {
        ImageFlaw(
            offset: min(offset, bytes.count),
            fault: Fault(index: end.nextIndex, segment: claim.segment, position: end.nextPosition, kind: kind))
    }

    private mutating func judgeFrame(_ number: UInt64) throws(ImageFlaw) {
        let at = header.description.headerOffset(of: number)
        let frame: FrameHeader
        do throws(FrameFlaw) {
            frame = try FrameHeader(bytes, at: at)
            try end.check(frame, in: header)
            guard number > claim.firstIndex || frame.previousHash == header.previousHash else { throw .chain }
        } catch {
            throw flaw(.frame(error), at: at)
        }
        let body = frame.bodyOffset..<(frame.bodyOffset + frame.bodyLength)
        guard body.upperBound <= bytes.count, Checksum.crc32c(bytes, in: body) == frame.bodyChecksum else {
            throw flaw(.frame(.body), at: body.lowerBound)
        }
        end.pass(frame, hash: .zero)
        frames.append(frame)
    }

    /// Chain, index and trailer, all from the frames and the leaves that stand in the file.
    private mutating func judgeFooter() throws(ImageFlaw) {
        let counts = frames.reduce((events: 0, records: 0)) {
            ($0.events + $1.eventCount, $0.records + $1.recordCount)
        }
        let footerAt = (end.bodyOffset + 7) / 8 * 8
        let leavesAt = footerAt + frames.count * FrameIndex.bytesPerFrame
        let trailerAt = leavesAt + (counts.events + counts.records) * 32
        guard bytes.count == trailerAt + SegmentTrailer.count else {
            throw flaw(.footer, at: trailerAt + SegmentTrailer.count)
        }
        let leaves = leaves(at: leavesAt, counts.events, counts.records)
        try chain(leaves, leavesAt: leavesAt, trailerAt: trailerAt)
        // The file's length has bounded the counts by now.
        var index = FrameIndex(header)
        for frame in frames { index.append(frame) }
        let headers = SegmentFormat.tableAt..<header.description.headerOffset(of: end.nextIndex)
        let made = SegmentTrailer.footer(
            of: header, frameHeaders: Array(bytes[headers]), index: index, leaves: leaves, end: end)
        try compare(made.sections + made.trailer.bytes, at: footerAt, .footer)
        try compareZeros(end.bodyOffset..<footerAt, .spare)
    }

    private func leaves(at offset: Int, _ events: Int, _ records: Int) -> FrameLeaves {
        var leaves = FrameLeaves.none
        for number in 0..<(events + records) {
            let digest = Digest(Array(bytes[(offset + number * 32)..<(offset + number * 32 + 32)]))
            if number < events { leaves.events.append(digest) } else { leaves.records.append(digest) }
        }
        return leaves
    }

    /// Each frame names the hash of the one before. Where it does not, the footer's checksum tells whether the leaves
    /// are damaged or the frame is another.
    private mutating func chain(_ leaves: FrameLeaves, leavesAt: Int, trailerAt: Int) throws(ImageFlaw) {
        let trailer = SegmentImage.trailer(of: bytes)
        let areLeavesWhole = trailer?.leavesChecksum == Checksum.crc32c(bytes, in: leavesAt..<trailerAt)
        var before = (events: 0, records: 0)
        for place in frames.indices {
            let frame = frames[place]
            let after = (events: before.events + frame.eventCount, records: before.records + frame.recordCount)
            let own = FrameLeaves(
                events: Array(leaves.events[before.events..<after.events]),
                records: Array(leaves.records[before.records..<after.records]))
            let at = header.description.headerOffset(of: frame.index)
            end.hash = FrameCodec.hash(header: bytes, in: at..<(at + FrameHeader.count), leaves: own)
            let isLast = place == frames.count - 1
            let named = isLast ? trailer?.end.hash : frames[place + 1].previousHash
            if let named, named != end.hash {
                guard areLeavesWhole else { throw damagedLeaves(of: frame, before, leavesAt, leaves.events.count) }
                throw ImageFlaw(
                    offset: isLast ? trailerAt : header.description.headerOffset(of: frame.index + 1),
                    fault: Fault(
                        index: isLast ? frame.index : frame.index + 1, segment: claim.segment,
                        position: frame.nextPosition, kind: isLast ? .footer : .frame(.chain)))
            }
            before = after
        }
    }

    private func damagedLeaves(
        of frame: FrameHeader, _ before: (events: Int, records: Int), _ leavesAt: Int, _ events: Int
    ) -> ImageFlaw {
        let first = frame.eventCount > 0 ? before.events : events + before.records
        return ImageFlaw(
            offset: leavesAt + first * 32,
            fault: Fault(
                index: frame.index, segment: claim.segment, position: frame.firstPosition, kind: .footer))
    }

    /// All that is neither a frame nor the footer.
    private func judgePages() throws(ImageFlaw) {
        let description = header.description
        let headersEnd = description.headerOffset(of: end.nextIndex)
        var sum: UInt32 = 0
        for frame in frames {
            let at = description.headerOffset(of: frame.index)
            sum = HeadersSum.adding(bytes, in: at..<(at + FrameHeader.count), to: sum)
        }
        let hash = claim.isClosed ? end.hash : statedHash
        for slot in 0...1 {
            let closed = slot == 0 ? Watermark.closedSequence.0 : Watermark.closedSequence.1
            let mark = Watermark(
                cluster: header.cluster, segment: claim.segment, slot: slot,
                sequence: claim.isClosed ? closed : UInt64(slot) + 1, through: claim.lastIndex, hash: hash,
                headersSum: claim.isClosed ? 0 : sum)
            try compare(mark.wholePage(under: header), at: description.controlAt(slot), .spare)
        }
        try compareZeros(headersEnd..<description.secondControlAt, .spare)
        guard claim.isClosed || bytes.count == end.bodyOffset else { throw flaw(.spare, at: end.bodyOffset) }
    }

    /// A prefix says in both slots how its last frame hashes.
    private var statedHash: Digest {
        let slots = (0...1).compactMap {
            Watermark(bytes, at: header.description.controlAt($0) + SegmentFormat.watermarkInPage)
        }
        return slots.first { $0.cluster == claim.cluster && $0.through == claim.lastIndex }?.hash ?? .zero
    }

    private func compare(_ wanted: [UInt8], at offset: Int, _ kind: Fault.Kind) throws(ImageFlaw) {
        let range = min(offset, bytes.count)..<min(offset + wanted.count, bytes.count)
        let isEqual = range.count == wanted.count && Checksum.crc32c(bytes, in: range) == Checksum.crc32c(wanted)
        if isEqual { return }
        throw flaw(kind, at: offset + zip(bytes[range], wanted).prefix { $0 == $1 }.count)
    }

    private func compareZeros(_ range: Range<Int>, _ kind: Fault.Kind) throws(ImageFlaw) {
        try compare([UInt8](repeating: 0, count: range.count), at: range.lowerBound, kind)
    }
}
