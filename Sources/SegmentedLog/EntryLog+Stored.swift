internal import Bytes
internal import Files
internal import Keys

/// Frames as bytes: what a primary sends and a secondary takes.
extension EntryLog {
    /// The frames from `first` through `last`, as many as there are and as `bytesMax` has room for, but at least one.
    /// The newest come from memory, older ones from the disk with both checksums looked at; their seals are not opened.
    ///
    /// - Returns: nothing only when `last < first`.
    /// - Throws: `.absent` outside 1 ... `lastIndex`; `.damaged` when the first of them is; `.file`, `.key`.
    package func stored(
        from first: UInt64, through last: UInt64, bytesMax: Int
    ) throws(LogError) -> [StoredFrame] {
        if let fault, first >= fault.index { throw .damaged(fault) }
        guard first >= 1, first <= lastIndex else { throw .absent }
        var found: [StoredFrame] = []
        var bytes = 0
        var index = first
        while index <= min(last, lastIndex) {
            let frame: StoredFrame
            do throws(LogError) {
                if let kept = window.frame(index) { frame = kept } else { frame = try storedOnDisk(index) }
            } catch {
                guard case .damaged = error, !found.isEmpty else { throw error }
                break
            }
            guard found.isEmpty || bytes + frame.count <= bytesMax else { break }
            bytes += frame.count
            found.append(frame)
            index += 1
        }
        return found
    }

    /// Takes the primary's next frame as it is: checks header, place, chain and body, opens it and computes its leaves,
    /// and only then stages its bytes. A frame that opens a segment ends the tail: the roll is the primary's.
    ///
    /// - Returns: the frame opened, as `frame(at:)` will give it.
    /// - Throws: `.refusedFrame` when it is not the next frame of this log or not whole, `.damaged` when this log is,
    ///   `.key`. Nothing is staged then.
    package func append(stored frame: StoredFrame) throws(LogError) -> OpenedFrame {
        if let fault { throw .damaged(fault) }
        let header: FrameHeader
        do throws(FrameFlaw) { header = try frame.parsed() } catch { throw .refusedFrame(error) }
        try dropEmptyTail()
        let (segment, key) = try segment(for: header, frame.body)
        let (opened, hash) = try open(frame, header, after: end, in: segment, key: key)
        if header.opensSegment { begin(segment, key: key) }
        beginStaging()
        staged.bodies.append(contentsOf: frame.body)
        took(frame, opened, hash: hash)
        return opened
    }

    /// The segment that a received frame belongs to: the tail, or the one that it opens.
    func segment(
        for header: FrameHeader, _ body: [UInt8]
    ) throws(LogError) -> (header: SegmentHeader, key: SecretKey) {
        try segment(for: header, body, after: end, in: (segments[segments.count - 1].header, tailKey))
    }

    /// The segment of a frame that is to follow `end`: the same as that one's, or the one that it opens.
    func segment(
        for header: FrameHeader, _ body: [UInt8], after end: ChainEnd, in last: (header: SegmentHeader, key: SecretKey)
    ) throws(LogError) -> (header: SegmentHeader, key: SecretKey) {
        guard lineage.admits(header), header.index == end.nextIndex else { throw .refusedFrame(.misplaced) }
        let number = last.header.description.segment
        guard header.opensSegment else {
            guard header.segment == number else { throw .refusedFrame(.misplaced) }
            return last
        }
        guard let description = SegmentDescription(body, at: 0), description.segment == header.segment,
            description.segment == number + 1, description.firstIndex == header.index,
            description.keyEpoch == header.keyEpoch
        else { throw .refusedFrame(.misplaced) }
        let made = SegmentHeader(
            cluster: header.cluster, description: description, firstPosition: end.nextPosition,
            firstRecord: end.nextRecord, stampBefore: end.stamp, previousHash: end.hash)
        guard lineage.admits(made) else { throw .refusedFrame(.misplaced) }
        return (made, try segmentKey(made))
    }

    /// Everything that can be said against a stored frame that is to follow `end`.
    func open(
        _ frame: StoredFrame, _ header: FrameHeader, after end: ChainEnd, in segment: SegmentHeader, key: SecretKey
    ) throws(LogError) -> (OpenedFrame, Digest) {
        var end = end
        if header.opensSegment { end.bodyOffset = segment.description.bodiesAt }
        do throws(FrameFlaw) {
            try end.check(header, in: segment)
            guard header.previousHash == end.hash else { throw .chain }
        } catch {
            throw .refusedFrame(error)
        }
        return try open(frame, header, in: segment, key: key)
    }

    /// As above, but for its place in the chain.
    func open(
        _ frame: StoredFrame, _ header: FrameHeader, in segment: SegmentHeader, key: SecretKey
    ) throws(LogError) -> (OpenedFrame, Digest) {
        do throws(OpenFailure) {
            let opened = try FrameCodec.open(
                header, stored: frame.body, in: 0..<frame.body.count, of: segment.description, key: key,
                crypto: crypto)
            let leaves: FrameLeaves
            do throws(FrameFlaw) {
                leaves = try SegmentScan.leaves(of: opened, crypto: crypto, leafReader: leafReader)
            } catch {
                throw .flaw(error)
            }
            return (opened, FrameCodec.hash(header: frame.header, in: 0..<FrameHeader.count, leaves: leaves))
        } catch {
            switch error {
            case .flaw(let flaw): throw .refusedFrame(flaw)
            case .key(let failure): throw .key(failure)
            }
        }
    }

    func segmentKey(_ header: SegmentHeader) throws(LogError) -> SecretKey {
        do throws(KeyError) { return try keys.segmentKey(header) } catch { throw .key(error) }
    }

    /// Term of a frame; nil when there is none such, or it lies at or behind a damage.
    package func term(at index: UInt64) -> UInt64? {
        if let fault, index >= fault.index { return nil }
        guard index >= 1, index <= lastIndex else { return nil }
        let place = place(ofIndex: index)
        let state = segments[place]
        if let term = state.terms.term(at: index) { return term }
        // Terms never fall, so a segment that ends in the term before it has no other.
        if index == state.lastIndex || (place > 0 && segments[place - 1].end.term == state.end.term) {
            return state.end.term
        }
        return (try? header(at: index))?.term
    }

    /// Bytes of a frame as stored: what it weighs on the way to a peer. 0 when there is none such.
    package func bytes(at index: UInt64) -> Int {
        if let frame = window.frame(index) { return frame.count }
        guard let header = try? header(at: index) else { return 0 }
        return FrameHeader.count + header.bodyLength
    }
}
