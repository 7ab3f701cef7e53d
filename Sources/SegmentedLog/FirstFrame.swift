internal import Bytes
package import Files

/// The log's first frame as it is kept a second time, outside the log: without it nobody knows who is a member, and so
/// whom to ask for a frame that is damaged.
///
/// The file is header and stored body of the frame, as a peer would be sent it; both have their checksums, and the body
/// is sealed. Where the two differ and the copy is whole, the log's is written anew.
package enum FirstFrame {
    /// Puts the copy's bytes into the first segment where others stand there: header, body, and the segment's own
    /// header in both control pages. Everything is durable on return.
    ///
    /// - Parameter identity: The cluster that wrote the first segment: of a branch its oldest ancestor.
    /// - Returns: whether anything was written.
    /// - Throws: `.refusedFrame` when the copy is not whole or not of that cluster; `.file`.
    @discardableResult
    package static func restore(
        _ copy: [UInt8], in directory: String, of store: some FileStore, identity: ClusterIdentity
    ) throws(LogError) -> Bool {
        let (frame, header) = try read(copy, identity)
        let segment = try segmentHeader(frame, header)
        let description = segment.description
        let wanted: [(at: Int, bytes: [UInt8])] = [
            (description.controlAt(0), segment.bytes), (description.controlAt(1), segment.bytes),
            (description.headerOffset(of: 1), frame.header), (header.bodyOffset, frame.body),
        ]
        let path = directory + "/" + SegmentFormat.name(of: 1)
        do throws(FileError) {
            guard try store.exists(path) else { return false }
            let file = try store.open(path, .readWrite)
            defer { store.close(file) }
            var isChanged = false
            for (offset, bytes) in wanted {
                let found = try store.readThrough(file, at: offset, count: bytes.count)
                if found == bytes { continue }
                try store.write(file, at: offset, bytes)
                isChanged = true
            }
            if isChanged { try store.sync(file) }
            return isChanged
        } catch {
            throw .file(error)
        }
    }

    /// The bytes to keep of a frame.
    package static func copy(of frame: StoredFrame) -> [UInt8] { frame.header + frame.body }

    /// Makes a log that has this frame and nothing else, in a directory where there is none: byte for byte what the
    /// cluster's first replica began with. Everything is durable on return.
    ///
    /// - Parameter identity: The cluster that wrote the first segment: of a branch its oldest ancestor.
    /// - Throws: `.refusedFrame` when the copy is not whole or not of that cluster; `.exists`; `.file`.
    package static func plant(
        _ copy: [UInt8], in directory: String, of store: some FileStore, identity: ClusterIdentity
    ) throws(LogError) {
        let (frame, header) = try read(copy, identity)
        let segment = try segmentHeader(frame, header)
        let hash = FrameCodec.hash(header: frame.header, in: 0..<frame.header.count, leaves: .none)
        try make(segment, frame: frame, hash: hash, in: directory, of: store)
    }

    /// Writes the first segment under another name, with its watermark at the first frame, and then gives it its own.
    static func make(
        _ header: SegmentHeader, frame: StoredFrame, hash: Digest, in directory: String, of store: some FileStore
    ) throws(LogError) {
        let path = directory + "/" + SegmentFormat.name(of: 1)
        let temporary = path + SegmentFormat.temporarySuffix
        var orders: [DiskOrder] = [.make(temporary), .fill(temporary, through: header.description.bodiesAt)]
        for slot in 0...1 {
            let mark = Watermark(
                cluster: header.cluster, segment: 1, slot: slot, sequence: UInt64(slot) + 1, through: 1, hash: hash,
                headersSum: HeadersSum.first(frame.header))
            orders.append(
                .write(temporary, at: header.description.controlAt(slot), bytes: mark.controlPage(under: header)))
        }
        orders.append(.write(temporary, at: header.description.bodiesAt, bytes: frame.body))
        orders.append(.write(temporary, at: SegmentFormat.tableAt, bytes: frame.header))
        orders += [.sync(temporary), .rename(temporary, to: path), .syncDirectory(directory)]
        try write(orders, in: directory, store)
    }

    private static func write(
        _ orders: [DiskOrder], in directory: String, _ store: some FileStore
    ) throws(LogError) {
        let hand = DiskHand(store)
        defer { hand.release() }
        do throws(FileError) {
            try store.makeDirectory(directory)
            let names = try store.list(directory)
            if names.contains(where: { SegmentFormat.segment(named: $0) != nil }) { throw .exists }
            for name in names where name.hasSuffix(SegmentFormat.temporarySuffix) {
                try store.remove(directory + "/" + name)
            }
            try hand.carryOut(orders)
            let parent = directory.lastIndex(of: "/").map { String(directory[..<$0]) } ?? ""
            try store.syncDirectory(parent)
        } catch {
            throw error == .exists ? .exists : .file(error)
        }
    }

    private static func read(
        _ copy: [UInt8], _ identity: ClusterIdentity
    ) throws(LogError) -> (StoredFrame, FrameHeader) {
        guard copy.count > FrameHeader.count else { throw .refusedFrame(.header) }
        let frame = StoredFrame(
            header: Array(copy[..<FrameHeader.count]), body: Array(copy[FrameHeader.count...]))
        let header: FrameHeader
        do throws(FrameFlaw) { header = try frame.parsed() } catch { throw .refusedFrame(error) }
        guard header.cluster == identity, header.index == 1, header.opensSegment else {
            throw .refusedFrame(.misplaced)
        }
        guard frame.body.count == header.bodyLength,
            Checksum.crc32c(frame.body, in: 0..<frame.body.count) == header.bodyChecksum
        else { throw .refusedFrame(.body) }
        return (frame, header)
    }

    private static func segmentHeader(
        _ frame: StoredFrame, _ header: FrameHeader
    ) throws(LogError) -> SegmentHeader {
        guard let description = SegmentDescription(frame.body, at: 0), description.segment == 1,
            description.firstIndex == 1
        else { throw .refusedFrame(.form) }
        return SegmentHeader(
            cluster: header.cluster, description: description, firstPosition: header.firstPosition,
            firstRecord: header.firstRecord, stampBefore: ChainEnd.start.stamp, previousHash: .zero)
    }
}
