package import Bytes
package import Files

/// One segment's share of a log through an index, as it may be carried elsewhere: the file of a closed segment, or of
/// any other one a file with the frames through there and nothing else.
///
/// A value for another thread with a store of its own. The frames through the index are committed, so nobody changes
/// them: the bytes come out the same whatever the log's owner appends, closes or settles meanwhile, and the same on
/// every replica.
package struct LogSlice: Equatable, Sendable {
    /// As in the segment's file; its cluster is the one under which the segment was written.
    package let header: SegmentHeader
    /// Where the log stands after the last frame taken.
    package let end: ChainEnd
    /// Stamp of the first transaction of its first frame.
    package let firstStamp: Instant
    /// Of a closed segment that is taken whole.
    package let trailer: SegmentTrailer?
    /// Of the segment's file, in the log's store.
    package let path: String

    package var segment: UInt64 { header.description.segment }
    package var firstIndex: UInt64 { header.description.firstIndex }
    /// The last frame taken.
    package var lastIndex: UInt64 { end.nextIndex - 1 }
    package var isClosed: Bool { trailer != nil }
    /// How many bytes `read` gives.
    package var bytes: Int { trailer?.fileBytes ?? end.bodyOffset }

    /// What a copy of it must be.
    package var claim: SegmentClaim {
        SegmentClaim(
            cluster: header.cluster, segment: segment, firstIndex: firstIndex, lastIndex: lastIndex,
            isClosed: isClosed)
    }

    /// The bytes of a segment file that holds the slice, judged by all that can be told without a key.
    ///
    /// - Throws: `.damaged` when something in it is not as it was written (also while a closed segment is just being
    ///   closed anew, after the scrub found its footer damaged: ask again then); `.file`.
    package func read(from store: some FileStore) throws(LogError) -> [UInt8] {
        let bytes: [UInt8]
        do throws(FileError) {
            let file = try store.open(path, .read)
            defer { store.close(file) }
            bytes = try isClosed ? whole(file, store) : prefix(file, store)
        } catch {
            throw error == .missing ? .damaged(lost) : .file(error)
        }
        if let flaw = SegmentImage.flaw(in: bytes, of: claim) { throw .damaged(flaw.fault) }
        guard bytes.count == self.bytes, isClosed == false || SegmentImage.trailer(of: bytes) == trailer else {
            throw .damaged(lost)
        }
        return bytes
    }

    /// The hash of one of its frames, from the header of the next one.
    ///
    /// - Returns: nil when the slice does not hold the frame.
    /// - Throws: `.damaged` when the header that says it cannot be read; `.file`.
    package func hash(at index: UInt64, from store: some FileStore) throws(LogError) -> Digest? {
        if index == lastIndex { return end.hash }
        guard index >= firstIndex, index < lastIndex else { return nil }
        let bytes: [UInt8]
        do throws(FileError) {
            let file = try store.open(path, .read)
            defer { store.close(file) }
            let offset = header.description.headerOffset(of: index + 1)
            bytes = try store.read(file, at: offset, count: FrameHeader.count)
        } catch {
            throw .file(error)
        }
        do throws(FrameFlaw) {
            let next = try FrameHeader(bytes, at: 0)
            guard next.cluster == header.cluster, next.segment == segment, next.index == index + 1 else {
                throw .misplaced
            }
            return next.previousHash
        } catch {
            throw .damaged(
                Fault(index: index + 1, segment: segment, position: header.firstPosition, kind: .frame(error)))
        }
    }

    private var lost: Fault {
        Fault(index: firstIndex, segment: segment, position: header.firstPosition, kind: .segmentMissing)
    }

    private func whole<Store: FileStore>(_ file: FileHandle, _ store: Store) throws(FileError) -> [UInt8] {
        try store.read(file, at: 0, count: bytes)
    }

    /// Reads headers and bodies of the frames alone: what stands beside them is the writer's, and may be changing.
    private func prefix<Store: FileStore>(_ file: FileHandle, _ store: Store) throws(FileError) -> [UInt8] {
        let description = header.description
        let count = Int(end.nextIndex - firstIndex) * FrameHeader.count
        let headers = try store.read(file, at: SegmentFormat.tableAt, count: count)
        let bodiesAt = description.bodiesAt
        let bodies = try store.read(file, at: bodiesAt, count: end.bodyOffset - bodiesAt)
        return SegmentImage.prefix(of: header, headers: headers, bodies: bodies, through: lastIndex, hash: end.hash)
    }
}

extension EntryLog {
    /// The log through an index, segment by segment, the oldest first and without gaps: a closed segment that ends before
    /// it whole, of any other one the frames through there. So the last is never closed, and they open as a log.
    ///
    /// - Precondition: the frame at `index` is committed. What is not may be taken back while the slice is read.
    /// - Throws: `.absent` when `index` is 0 or not durable here; `.damaged` when the log ends before it, or the frame
    ///   at the cut cannot be read; `.file`, `.key`.
    package func slices(through index: UInt64) throws(LogError) -> [LogSlice] {
        if let fault, index >= fault.index { throw .damaged(fault) }
        guard index >= 1, index <= durableIndex else { throw .absent }
        var slices: [LogSlice] = []
        for state in segments where state.frameCount > 0 && state.firstIndex <= index {
            let isWhole = state.lastIndex <= index
            var trailer: SegmentTrailer?
            if state.lastIndex < index, case .closed(let footer) = state.phase { trailer = footer }
            slices.append(
                LogSlice(
                    header: state.header, end: isWhole ? state.end : try end(after: index, in: state),
                    firstStamp: state.firstStamp, trailer: trailer, path: path(of: state.header.description.segment)))
        }
        return slices
    }

    /// The hash of a frame, by which two logs are known to be one through there.
    ///
    /// - Throws: `.absent`, `.damaged`, `.file`, `.key`.
    package func frameHash(at index: UInt64) throws(LogError) -> Digest {
        if let fault, index >= fault.index { throw .damaged(fault) }
        guard index >= 1, index <= lastIndex else { throw .absent }
        return try hash(at: index)
    }

    private func end(after index: UInt64, in state: SegmentState) throws(LogError) -> ChainEnd {
        let last = try header(at: index)
        var end = ChainEnd(before: state.header)
        end.nextIndex = index
        end.pass(last, hash: try hash(at: index))
        return end
    }
}
