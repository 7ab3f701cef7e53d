package import Bytes
package import Files
package import Keys

/// Giving a full segment its footer: read every frame, cut the space ahead, write index and leaves, then the trailer,
/// then both watermark slots as closed, each durable before the next. For the background thread, with its own store
/// and `Crypto`.
///
/// May stop anywhere: while the slots do not say so a segment is not closed, and closing begins anew.
package struct ClosingWork: Sendable {
    package let path: String
    let header: SegmentHeader
    let start: ChainEnd
    /// What the scan must come to.
    let end: ChainEnd
    let key: SecretKey

    package var segment: UInt64 { header.description.segment }

    package enum Outcome: Sendable {
        case closed(SegmentTrailer)
        /// The segment stays open; `closed` takes the fault to the log.
        case faulty(Fault)
    }

    package func carryOut(
        on store: some FileStore, crypto: Crypto, leaves leafReader: some LeafReader
    ) throws(LogError) -> Outcome {
        let scan = try scan(store, crypto, leafReader)
        guard scan.flaw == nil, scan.end == end else {
            return .faulty(
                Fault(
                    index: scan.end.nextIndex, segment: segment, position: scan.end.nextPosition,
                    kind: .frame(scan.flaw ?? .chain)))
        }
        let (sections, trailer) = SegmentTrailer.footer(
            of: header, frameHeaders: scan.frameHeaders, index: scan.index, leaves: scan.leaves, end: end)
        do throws(FileError) {
            let file = try store.open(path, .readWrite)
            defer { store.close(file) }
            let description = header.description
            let unused = description.headerOffset(of: end.nextIndex)..<description.secondControlAt
            try store.write(file, at: unused.lowerBound, [UInt8](repeating: 0, count: unused.count))
            try store.truncate(file, to: end.bodyOffset)
            try store.truncate(file, to: trailer.footerAt)
            try store.write(file, at: trailer.footerAt, sections)
            try store.sync(file)
            try store.write(file, at: trailer.trailerAt, trailer.bytes)
            try store.sync(file)
            for slot in 0...1 {
                let page = Self.controlPage(closedMark(slot), header)
                try store.write(file, at: description.controlAt(slot), page)
            }
            try store.sync(file)
        } catch {
            throw .file(error)
        }
        return .closed(trailer)
    }

    private func scan<Store: FileStore>(
        _ store: Store, _ crypto: Crypto, _ leafReader: some LeafReader
    ) throws(LogError) -> SegmentScan {
        let reader: SegmentReader<Store>
        do throws(FileError) {
            reader = try SegmentReader(store, path: path, header: header, key: key, bodyStep: 1 << 20)
        } catch {
            throw .file(error)
        }
        var scan = SegmentScan(header, from: start, keepsLeaves: true)
        try scan.run(reader, through: end.nextIndex - 1, crypto: crypto, leafReader: leafReader)
        return scan
    }

    /// The whole page: also what stands in its reserved bytes is made right.
    private static func controlPage(_ mark: Watermark, _ header: SegmentHeader) -> [UInt8] {
        let page = mark.controlPage(under: header)
        return page + [UInt8](repeating: 0, count: SegmentFormat.pageBytes - page.count)
    }

    private func closedMark(_ slot: Int) -> Watermark {
        Watermark(
            cluster: header.cluster, segment: segment, slot: slot,
            sequence: slot == 0 ? Watermark.closedSequence.0 : Watermark.closedSequence.1,
            through: end.nextIndex - 1, hash: end.hash, headersSum: 0)
    }
}

extension EntryLog {
    /// The closed segments, oldest first.
    package var closedSegments: [UInt64] {
        segments.compactMap { state in
            if case .closed = state.phase { return state.header.description.segment }
            return nil
        }
    }

    /// The hash of a closed segment, by which replicas compare it; nil when it is not closed.
    package func closedHash(of segment: UInt64) -> Digest? {
        guard let state = segments.first(where: { $0.header.description.segment == segment }),
            case .closed(let trailer) = state.phase
        else { return nil }
        return trailer.hash
    }

    /// The full segments whose successor's first frame is committed, each once: they may get their footers.
    package func closable(committedThrough committed: UInt64) throws(LogError) -> [ClosingWork] {
        guard fault == nil else { return [] }
        var works: [ClosingWork] = []
        for place in segments.indices.dropLast() where segments[place].phase == .full {
            let state = segments[place]
            if wounds.contains(where: { $0.segment == state.header.description.segment }) { continue }
            let successor = segments[place + 1]
            guard successor.frameCount > 0, successor.firstIndex <= min(committed, durableIndex) else { break }
            do throws(KeyError) {
                works.append(
                    ClosingWork(
                        path: path(of: state.header.description.segment), header: state.header,
                        start: ChainEnd(before: state.header), end: state.end,
                        key: try keys.segmentKey(state.header)))
            } catch {
                throw .key(error)
            }
            segments[place].phase = .closing
        }
        return works
    }

    /// What came of closing a segment.
    package func closed(_ segment: UInt64, _ outcome: ClosingWork.Outcome) {
        guard let place = segments.firstIndex(where: { $0.header.description.segment == segment }) else { return }
        switch outcome {
        case .closed(let trailer):
            segments[place].phase = .closed(footer: trailer)
            segments[place].index = nil
        case .faulty(let found):
            // With peers it is closed again once it is repaired.
            if configuration.hasPeers { segments[place].phase = .full }
            note(found)
        }
    }
}
