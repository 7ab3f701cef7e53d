internal import Bytes
internal import Files
internal import Keys

/// Mending damage with what a peer has. The only writing that this type does itself: it is rare, and what comes after
/// depends on it.
extension EntryLog {
    /// The frame that is asked of peers next; nil when nothing is damaged. Of wounds the last one, since a frame whose
    /// own header is lost is known by the one after it; of a run that nothing names yet the one that follows it.
    package var wanted: UInt64? {
        if let wound = wounds.last { return wound.index }
        guard let run, !run.isNamed else { return fault?.index }
        return run.end.nextIndex
    }

    /// The first damaged entry known behind `index`; nil when there is none.
    package func firstWound(after index: UInt64) -> UInt64? {
        let wound = wounds.first { $0.index > index }?.index
        guard let fault, fault.index > index else { return wound }
        return min(fault.index, wound ?? .max)
    }

    /// Writes a peer's copy in the place of the damaged frame, durable on return, and goes on verifying behind it, to
    /// the next damage or the end. A segment whose file is missing, or whose headers are, is made anew from its frames.
    ///
    /// The copy must be whole and be *that* frame: equal to the header that survives, or else hash to what the next
    /// frame, the watermark or the next segment says of it, or stand in a run that ends in such a one (`follow`). Where
    /// nothing is left to say it, the copy must follow from the frame before; it is then the peer's word.
    ///
    /// - Parameter isTrusted: The copy is the primary's of the term, or of a frame that is committed: its word will do.
    /// - Throws: `.otherFrame` when another frame stood here than the peer has: ask elsewhere, or give it up if that peer
    ///   is the primary; `.refusedFrame` when the copy is not whole or does not follow; `.damaged` when only a frame that
    ///   is damaged as well could tell (it is `wanted` then); `.absent` when nothing is damaged at that index. Nothing is
    ///   changed then. `.file` is final.
    package func repair(_ frame: StoredFrame, isTrusted: Bool = true) throws(LogError) {
        let header: FrameHeader
        do throws(FrameFlaw) { header = try frame.parsed() } catch { throw .refusedFrame(error) }
        guard lineage.admits(header) else { throw .refusedFrame(.misplaced) }
        if wounds.contains(where: { $0.index == header.index }) {
            try heal(frame, header)
        } else if let fault, fault.index == header.index, header.index == end.nextIndex {
            try mend(frame, header, isTrusted: isTrusted)
        } else {
            throw .absent
        }
    }

    /// Gives up the damaged frame and all after it: a quorum never had it, or the primary of the term has another.
    /// The log goes on from the frame before. Durable with the next batch, as a cut is.
    ///
    /// - Precondition: `index` is 2 or more, not after the damage, and nothing from there on is committed.
    /// - Throws: `.damaged` when the frame before stands in a closed segment: then its successor's was committed.
    package func giveUp(from index: UInt64) throws(LogError) {
        precondition(index > 1)
        try truncate(after: index - 1)
    }

    // MARK: What opening stopped at

    private func mend(_ frame: StoredFrame, _ header: FrameHeader, isTrusted: Bool) throws(LogError) {
        let (segment, key) = try self.segment(for: header, frame.body)
        let (_, hash) = try open(frame, header, after: end, in: segment, key: key)
        let path = path(of: header.segment)
        let found = try identify(header, hash, after: end, in: segment, path)
        let told = run.flatMap { $0.isNamed ? $0.header(at: header.index) : nil }
        guard told.map({ $0 == header }) ?? (found.isNamed || isTrusted) else { throw .otherFrame }
        if found.isThere {
            var written = inPlace(frame, header, segment, path)
            if found.page != segment {
                for slot in 0...1 {
                    let at = segment.description.controlAt(slot)
                    written.insert(DiskOrder.write(path, at: at, bytes: segment.bytes), at: 0)
                }
            }
            try carryOut(written)
        } else {
            try carryOut(anew(frame, header, segment, hash: hash))
        }
        var opener = LogOpener(
            store: store, directory: directory, lineage: lineage, keys: keys, crypto: crypto,
            leafReader: leafReader, configuration: configuration)
        adopt(try opener.resume(segments))
    }

    /// What a disk still says of a frame.
    struct Identity {
        /// There is a file of its segment.
        var isThere = false
        /// The segment's header, if both control pages have it.
        var page: SegmentHeader?
        /// Something names this frame, and no other, in its place.
        var isNamed = false
    }

    /// Holds a copy that follows from `before` against what the disk still says of the frame in its place.
    ///
    /// - Throws: `.otherFrame` when that is another.
    func identify(
        _ header: FrameHeader, _ hash: Digest, after before: ChainEnd, in segment: SegmentHeader, _ path: String
    ) throws(LogError) -> Identity {
        var found = Identity()
        var said: Digest?
        if try files({ () throws(FileError) in try store.exists(path) }) {
            let file = try files { () throws(FileError) in try store.open(path, .read) }
            defer { store.close(file) }
            let pages = try files { () throws(FileError) in
                try ControlPages(of: header.segment, in: file, of: store, readsThrough: true)
            }
            found.isThere = true
            found.page = pages.bothHeaders ? pages.header : nil
            let places = try places(header.index, segment.description, file)
            if let own = places.own, own.previousHash == before.hash, follows(own, before, segment) {
                guard own == header else { throw .otherFrame }
                found.isNamed = true
                return found
            }
            if let stood = pages.header, stood != segment { throw .otherFrame }
            said = places.next?.previousHash
            if said == nil, let newest = pages.newest, newest.through == header.index { said = newest.hash }
        }
        if said == nil { said = try hashBefore(segment: header.segment + 1, index: header.index + 1) }
        guard let said else { return found }
        guard said == hash else { throw .otherFrame }
        found.isNamed = true
        return found
    }

    private func follows(_ header: FrameHeader, _ end: ChainEnd, _ segment: SegmentHeader) -> Bool {
        var before = end
        if header.opensSegment { before.bodyOffset = segment.description.bodiesAt }
        do throws(FrameFlaw) { try before.check(header, in: segment) } catch { return false }
        return true
    }

    /// What the header table says of a frame and of the next one.
    private func places(
        _ index: UInt64, _ description: SegmentDescription, _ file: FileHandle
    ) throws(LogError) -> (own: FrameHeader?, next: FrameHeader?) {
        let bytes = try files { () throws(FileError) in
            try store.readThrough(file, at: description.headerOffset(of: index), count: 2 * FrameHeader.count)
        }
        let cluster = lineage.identity(ofSegment: description.segment)
        func header(_ place: Int) -> FrameHeader? {
            do throws(FrameFlaw) {
                let found = try FrameHeader(bytes, at: place * FrameHeader.count)
                let isHere = found.cluster == cluster && found.segment == description.segment
                return isHere && found.index == index + UInt64(place) ? found : nil
            } catch {
                return nil
            }
        }
        let hasNext = index + 1 < description.firstIndex + UInt64(description.slots)
        return (header(0), hasNext ? header(1) : nil)
    }

    /// What a segment says of the frame before it, in its header or in that of its first frame, if that segment is there
    /// and begins at the index.
    private func hashBefore(segment: UInt64, index: UInt64) throws(LogError) -> Digest? {
        let path = path(of: segment)
        let cluster = lineage.identity(ofSegment: segment)
        return try files { () throws(FileError) in
            guard try store.exists(path) else { return nil }
            let file = try store.open(path, .read)
            defer { store.close(file) }
            let pages = try ControlPages(of: segment, in: file, of: store, readsThrough: true)
            if let header = pages.header {
                return header.cluster == cluster && header.description.firstIndex == index ? header.previousHash : nil
            }
            let bytes = try store.readThrough(file, at: SegmentFormat.tableAt, count: FrameHeader.count)
            guard bytes.count == FrameHeader.count, let first = try? FrameHeader(bytes, at: 0),
                first.cluster == cluster, first.segment == segment, first.index == index, first.opensSegment
            else { return nil }
            return first.previousHash
        }
    }

    private func inPlace(
        _ frame: StoredFrame, _ header: FrameHeader, _ segment: SegmentHeader, _ path: String
    ) -> [DiskOrder] {
        let at = segment.description.headerOffset(of: header.index)
        return [
            .write(path, at: header.bodyOffset, bytes: frame.body), .write(path, at: at, bytes: frame.header),
            .sync(path),
        ]
    }

    /// The file of a segment with its first frame, under its name only when it is durable.
    private func anew(
        _ frame: StoredFrame, _ header: FrameHeader, _ segment: SegmentHeader, hash: Digest
    ) -> [DiskOrder] {
        let path = path(of: header.segment)
        let temporary = path + SegmentFormat.temporarySuffix
        var orders: [DiskOrder] = [.make(temporary), .fill(temporary, through: segment.description.bodiesAt)]
        for slot in 0...1 {
            let mark = Watermark(
                cluster: segment.cluster, segment: header.segment, slot: slot, sequence: UInt64(slot) + 1,
                through: header.index, hash: hash, headersSum: HeadersSum.first(frame.header))
            orders.append(
                .write(
                    temporary, at: segment.description.controlAt(slot), bytes: mark.controlPage(under: segment)))
        }
        orders += inPlace(frame, header, segment, temporary)
        return orders + [.rename(temporary, to: path), .syncDirectory(directory)]
    }

    private func adopt(_ opened: OpenedLog) {
        fault = opened.fault
        if let run, run.isNamed, let fault, run.header(at: fault.index) != nil {} else { run = nil }
        beyond = opened.beyond
        claim = opened.claim
        segments = opened.segments
        tailKey = opened.tailKey
        durableIndex = lastIndex
        watermark = opened.watermark
        ahead = AheadState(tailFilled: opened.tailBytes)
        readers = []
    }

    // MARK: Wounds

    private func heal(_ frame: StoredFrame, _ header: FrameHeader) throws(LogError) {
        let place = place(ofIndex: header.index)
        let state = segments[place]
        let description = state.header.description
        guard header.segment == description.segment, header.bodyOffset >= description.bodiesAt,
            header.bodyOffset + header.bodyLength <= state.end.bodyOffset
        else { throw .refusedFrame(.misplaced) }
        let (_, hash) = try open(frame, header, in: state.header, key: try segmentKey(state.header))
        let path = path(of: header.segment)
        let file = try files { () throws(FileError) in try store.open(path, .read) }
        defer { store.close(file) }
        let places = try places(header.index, description, file)
        if let own = places.own {
            guard own == header else { throw .otherFrame }
        } else if header.index == state.lastIndex {
            guard state.end.hash == hash else { throw .otherFrame }
        } else if let next = places.next {
            guard next.previousHash == hash else { throw .otherFrame }
        } else {
            throw damage(.header, header.index + 1, in: state)
        }
        try carryOut(inPlace(frame, header, state.header, path))
        wounds.removeAll { $0.index == header.index }
        readers.removeAll { $0.header.description.segment == header.segment }
        scrubbing.suspect(header.segment)
    }

    private func carryOut(_ orders: [DiskOrder]) throws(LogError) {
        let hand = DiskHand(store)
        defer { hand.release() }
        try files { () throws(FileError) in try hand.carryOut(orders) }
    }

    func files<Value>(_ body: () throws(FileError) -> Value) throws(LogError) -> Value {
        do throws(FileError) { return try body() } catch { throw .file(error) }
    }
}
