internal import Bytes
internal import Files

/// What a damaged log says of its last frame, so that its replica votes neither as if it lacked what it cannot read nor
/// as if it had it (Protocol-Aware Recovery, FAST 2018).
enum LogClaim: Equatable, Sendable {
    /// The headers that survive tell it.
    case known(index: UInt64, term: UInt64)
    /// The end itself is lost.
    case unknown
}

extension EntryLog {
    /// The last frame that this replica may have acknowledged: that of the log, or, behind a damage, what the headers
    /// say that survive. Where not even they tell, it is more than any other log has in this term or before, so that
    /// nobody is voted for who may lack it.
    ///
    /// - Parameter currentTerm: the highest term that this replica made durable; no frame of it has a higher one.
    package func claimedLast(currentTerm: UInt64) -> (index: UInt64, term: UInt64) {
        switch claim {
        case nil: (lastIndex, end.term)
        case .known(let index, let term): (index, term)
        case .unknown: (.max, currentTerm)
        }
    }
}

extension LogOpener {
    /// What the header table of the last segment's file says of the end.
    func claim(of segment: UInt64) throws(LogError) -> LogClaim {
        let path = directory + "/" + SegmentFormat.name(of: segment)
        return try files { () throws(FileError) in
            let file = try store.open(path, .read)
            defer { store.close(file) }
            let pages = try ControlPages(of: segment, in: file, of: store, readsThrough: true)
            // Closed, or on the way to it: there was a segment after it.
            if pages.saysClosed { return .unknown }
            let places = pages.header?.description.slots ?? configuration.slotsMax
            let table = try store.readThrough(file, at: SegmentFormat.tableAt, count: places * FrameHeader.count)
            // A file has its whole table from the first: what is cut short says nothing of what stood behind.
            guard pages.header == nil || table.count == places * FrameHeader.count else { return .unknown }
            guard let (last, isLastBlank) = lastHeader(table, of: segment, first: pages.header) else {
                return .unknown
            }
            guard last.index >= end.nextIndex, pages.newest.map({ $0.through <= last.index }) ?? isLastBlank else {
                return .unknown
            }
            return .known(index: last.index, term: max(last.term, end.term))
        }
    }

    /// The last whole header in its place, and whether the place after it holds only zeros.
    private func lastHeader(
        _ table: [UInt8], of segment: UInt64, first: SegmentHeader?
    ) -> (FrameHeader, isNextBlank: Bool)? {
        let cluster = lineage.identity(ofSegment: segment)
        var last: FrameHeader?
        var isNextBlank = true
        var firstIndex = first?.description.firstIndex
        var offset = 0
        while offset + FrameHeader.count <= table.count {
            defer { offset += FrameHeader.count }
            let place = UInt64(offset / FrameHeader.count)
            do throws(FrameFlaw) {
                let header = try FrameHeader(table, at: offset)
                guard header.cluster == cluster, header.segment == segment, header.index > place,
                    header.index - place == firstIndex ?? (header.index - place)
                else { throw .misplaced }
                firstIndex = header.index - place
                last = header
                isNextBlank = true
            } catch {
                if let last, place == last.index - (firstIndex ?? last.index) + 1 { isNextBlank = error == .blank }
            }
        }
        return last.map { ($0, isNextBlank) }
    }
}
