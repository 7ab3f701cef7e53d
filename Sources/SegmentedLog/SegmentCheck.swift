internal import Bytes
internal import Files
internal import Keys

/// One segment file read whole and judged, for `LogVerifier` and the background scrub.
struct SegmentCheck<Store: FileStore> {
    let store: Store
    let path: String
    let number: UInt64
    let lineage: Lineage
    /// The last of its log: it may end in what a crash tore.
    let isLast: Bool
    /// What the medium holds is judged, whatever was written or read lately.
    var readsThrough = true

    struct Outcome {
        var end: ChainEnd
        var tornFrom: UInt64?
        var faults: [Fault] = []
    }

    /// - Parameter before: where the log stood; the segment's own header counts where it says something else.
    /// - Throws: `.lineage(.other)` when the segment is whole where it stands, and begins elsewhere than the lineage says.
    func run(
        after before: ChainEnd, keys: KeyRing, crypto: Crypto, leaves: some LeafReader
    ) throws(LogError) -> Outcome {
        let (file, pages, bytes) = try open()
        defer { store.close(file) }
        var outcome = Outcome(end: before)
        guard let header = pages.header, header.description.segment == number,
            header.cluster == lineage.identity(ofSegment: number)
        else {
            outcome.faults.append(fault(.segmentHeader, at: before))
            return outcome
        }
        if !before.isFollowed(by: header) {
            outcome.faults.append(fault(.segmentHeader, at: before))
        } else if !lineage.admits(header) {
            throw .lineage(.other)
        }
        let key: SecretKey
        do throws(KeyError) { key = try keys.segmentKey(header) } catch { throw .key(error) }
        let reader: SegmentReader<Store>
        do throws(FileError) {
            reader = try SegmentReader(
                store, path: path, header: header, key: key, readsThrough: readsThrough, bodyStep: 1 << 20)
        } catch {
            throw .file(error)
        }
        let trailer = try trailer(file, header, bytes)
        var scan = SegmentScan(header, from: ChainEnd(before: header), keepsLeaves: true)
        try scan.run(reader, through: trailer?.lastIndex ?? .max, crypto: crypto, leafReader: leaves)
        outcome.end = scan.end
        judge(scan, trailer, pages, &outcome)
        if outcome.faults.allSatisfy(\.leavesFramesWhole), outcome.tornFrom == nil {
            try judgeSpare(file, header, scan, trailer, pages, &outcome)
        }
        return outcome
    }

    /// Frames: whole through what is known to be durable.
    private func judge(
        _ scan: SegmentScan, _ trailer: SegmentTrailer?, _ pages: ControlPages, _ outcome: inout Outcome
    ) {
        let known = trailer?.lastIndex ?? max(pages.newest?.through ?? 0, scan.index.firstIndex)
        if let flaw = scan.flaw, scan.end.nextIndex <= known || !(isLast || flaw == .blank) {
            outcome.faults.append(fault(.frame(flaw), at: scan.end))
        } else if let flaw = scan.flaw, flaw != .blank {
            if pages.newest == nil {
                outcome.faults.append(fault(.frame(flaw), at: scan.end))
            } else {
                outcome.tornFrom = scan.end.nextIndex
            }
        } else if isLast, trailer != nil {
            outcome.faults.append(fault(.segmentMissing, at: scan.end, segment: number + 1))
        }
    }

    /// What repeats or reserves: it may be made anew, but closed files are compared byte by byte.
    private func judgeSpare(
        _ file: FileHandle, _ header: SegmentHeader, _ scan: SegmentScan, _ trailer: SegmentTrailer?,
        _ pages: ControlPages, _ outcome: inout Outcome
    ) throws(LogError) {
        if let trailer {
            let made = SegmentTrailer.footer(
                of: header, frameHeaders: scan.frameHeaders, index: scan.index, leaves: scan.leaves, end: scan.end)
            let stored = try read(file, trailer.footerAt, trailer.fileBytes - trailer.footerAt)
            if made.sections + made.trailer.bytes != stored {
                outcome.faults.append(fault(.footer, at: scan.end))
            }
        } else if pages.saysClosed {
            // The slots say so only after the trailer was synced.
            outcome.faults.append(fault(.footer, at: scan.end))
        }
        let description = header.description
        var isSpareWhole = pages.bothHeaders && pages.slots.allSatisfy { $0?.hash != nil }
        var reserved: [(Int, Int)] = []
        for page in [0, description.secondControlAt] {
            reserved.append((page + SegmentHeader.count, page + SegmentFormat.watermarkInPage))
            reserved.append(
                (page + SegmentFormat.watermarkInPage + Watermark.count, page + SegmentFormat.pageBytes))
        }
        reserved.append((description.headerOffset(of: scan.end.nextIndex), description.secondControlAt))
        if let trailer { reserved.append((scan.end.bodyOffset, trailer.footerAt)) }
        for (start, end) in reserved where start < end {
            let bytes = try read(file, start, end - start)
            if !bytes.allSatisfy({ $0 == 0 }) { isSpareWhole = false }
        }
        if !isSpareWhole { outcome.faults.append(fault(.spare, at: scan.end)) }
    }

    private func open() throws(LogError) -> (FileHandle, ControlPages, Int) {
        do throws(FileError) {
            let file = try store.open(path, .read)
            return (
                file, try ControlPages(of: number, in: file, of: store, readsThrough: readsThrough),
                try store.size(file)
            )
        } catch {
            throw .file(error)
        }
    }

    private func trailer(
        _ file: FileHandle, _ header: SegmentHeader, _ bytes: Int
    ) throws(LogError) -> SegmentTrailer? {
        guard bytes > header.description.bodiesAt + SegmentTrailer.count else { return nil }
        let found = SegmentTrailer(try read(file, bytes - SegmentTrailer.count, SegmentTrailer.count))
        return found?.fits(header, fileBytes: bytes) == true ? found : nil
    }

    private func read(_ file: FileHandle, _ offset: Int, _ count: Int) throws(LogError) -> [UInt8] {
        do throws(FileError) {
            return try readsThrough
                ? store.readThrough(file, at: offset, count: count) : store.read(file, at: offset, count: count)
        } catch {
            throw .file(error)
        }
    }

    private func fault(_ kind: Fault.Kind, at end: ChainEnd, segment: UInt64? = nil) -> Fault {
        Fault(index: end.nextIndex, segment: segment ?? number, position: end.nextPosition, kind: kind)
    }
}
