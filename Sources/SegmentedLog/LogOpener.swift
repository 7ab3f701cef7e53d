internal import Bytes
internal import Files
internal import Keys

/// What opening found out, from which a log is made.
struct OpenedLog {
    var segments: [SegmentState]
    var tailKey: SecretKey
    var watermark: WatermarkState
    var tailBytes: Int
    var fault: Fault?
    /// Segment files behind the damage, which were not judged.
    var beyond: [UInt64]
    /// What the log says of its end in an election, when it is damaged.
    var claim: LogClaim?
    var recovery: Recovery
}

/// Reads a directory as a crash, or anything worse, left it.
///
/// Closed segments are not read, but for their headers and trailers. A segment that has a successor was synced before
/// the successor got its name, so every frame in it counts as durable. The last segment is judged by its watermark.
struct LogOpener<Store: FileStore, Leaves: LeafReader> {
    let store: Store
    let directory: String
    let lineage: Lineage
    let keys: KeyRing
    let crypto: Crypto
    let leafReader: Leaves
    let configuration: LogConfiguration

    private var segments: [SegmentState] = []
    var end = ChainEnd.start
    private var fault: Fault?
    /// A segment of which the first frames are known to be whole.
    private var begun: SegmentState?
    private var present: [UInt64] = []
    /// Why the scan of an unclosed segment ended, until its successor tells whether frames are lacking.
    private var openEnd: FrameFlaw?

    init(
        store: Store, directory: String, lineage: Lineage, keys: KeyRing, crypto: Crypto,
        leafReader: Leaves, configuration: LogConfiguration
    ) {
        self.store = store
        self.directory = directory
        self.lineage = lineage
        self.keys = keys
        self.crypto = crypto
        self.leafReader = leafReader
        self.configuration = configuration
    }

    mutating func open() throws(LogError) -> OpenedLog {
        let names = try files { () throws(FileError) in try removingTemporaries() }
        present = names.compactMap { SegmentFormat.segment(named: $0) }.sorted()
        guard let last = present.last else { throw .missing }
        var tail: TailVerdict?
        for segment in present.dropFirst(segments.count) where fault == nil {
            let expected = UInt64(segments.count) + 1
            guard segment == expected else {
                note(.segmentMissing, segment: expected)
                break
            }
            tail = try take(segment, isLast: segment == last)
        }
        if fault == nil, let phase = segments.last?.phase, phase != .tail {
            note(.segmentMissing, segment: last + 1)
        }
        return try conclude(tail)
    }

    /// Goes on behind a damage that was repaired: everything in `known` is whole.
    ///
    /// - Precondition: a file stands there for each of them.
    mutating func resume(_ known: [SegmentState]) throws(LogError) -> OpenedLog {
        segments = known
        begun = segments.removeLast()
        end = segments.last?.end ?? .start
        return try open()
    }

    private func removingTemporaries() throws(FileError) -> [String] {
        guard try store.exists(directory) else { return [] }
        let names = try store.list(directory)
        let temporaries = names.filter { $0.hasSuffix(SegmentFormat.suffix + SegmentFormat.temporarySuffix) }
        for name in temporaries { try store.remove(directory + "/" + name) }
        // A process that was killed may have left names, or their absence, to the page cache alone.
        try store.syncDirectory(directory)
        return names
    }

    /// What the last segment's scan means.
    struct TailVerdict {
        var cutFrom: UInt64?
        var watermark: WatermarkState
        var fileBytes: Int
    }

    /// Takes one segment file into the account; the verdict when it is the tail.
    private mutating func take(_ segment: UInt64, isLast: Bool) throws(LogError) -> TailVerdict? {
        let path = directory + "/" + SegmentFormat.name(of: segment)
        let file = try files { () throws(FileError) in try store.open(path, isLast ? .readWrite : .read) }
        defer { store.close(file) }
        let fileBytes = try files { () throws(FileError) in try store.size(file) }
        let pages = try files { () throws(FileError) in
            if isLast { try store.sync(file) }
            return try ControlPages(of: segment, in: file, of: store, readsThrough: isLast)
        }
        guard let header = pages.header else {
            if let flaw = openEnd, flaw != .blank {
                note(.frame(flaw), segment: segment - 1)
            } else {
                note(.segmentHeader, segment: segment)
            }
            return nil
        }
        let cluster = lineage.identity(ofSegment: segment)
        if segment == 1, header.cluster != cluster { throw .otherCluster }
        if let flaw = openEnd, header.description.firstIndex > end.nextIndex {
            note(.frame(flaw), segment: segment - 1)
            return nil
        }
        guard header.cluster == cluster, follows(header) else {
            note(.segmentHeader, segment: segment)
            return nil
        }
        guard lineage.admits(header) else { throw .lineage(.other) }
        openEnd = nil
        if let trailer = try trailer(file, header, fileBytes) {
            end = trailer.end
            segments.append(
                SegmentState(
                    header: header, end: trailer.end, firstStamp: trailer.firstStamp,
                    phase: pages.bothSayClosed && pages.bothHeaders ? .closed(footer: trailer) : .full, index: nil))
            return nil
        }
        return try scan(file, path: path, header: header, pages: pages, fileBytes: fileBytes, isLast: isLast)
    }

    private func follows(_ header: SegmentHeader) -> Bool {
        header.description.segment == UInt64(segments.count) + 1
            && header.description.firstIndex == end.nextIndex && header.firstPosition == end.nextPosition
            && header.firstRecord == end.nextRecord && header.stampBefore == end.stamp
            && header.previousHash == end.hash
    }

    private func trailer(
        _ file: FileHandle, _ header: SegmentHeader, _ fileBytes: Int
    ) throws(LogError) -> SegmentTrailer? {
        guard fileBytes > header.description.bodiesAt + SegmentTrailer.count else { return nil }
        let bytes = try files { () throws(FileError) in
            try store.read(file, at: fileBytes - SegmentTrailer.count, count: SegmentTrailer.count)
        }
        guard let trailer = SegmentTrailer(bytes), trailer.fits(header, fileBytes: fileBytes) else { return nil }
        return trailer
    }

    /// An unclosed segment, frame by frame, past the page cache.
    private mutating func scan(
        _ file: FileHandle, path: String, header: SegmentHeader, pages: ControlPages, fileBytes: Int, isLast: Bool
    ) throws(LogError) -> TailVerdict? {
        let reader = try openSegment(path, header)
        var scan = SegmentScan(header, from: ChainEnd(before: header, term: end.term), keepsLeaves: false)
        if let begun, begun.header == header, let index = begun.index, let sum = begun.headersSum {
            scan.goOn(from: begun.end, index: index, terms: begun.terms, headersSum: sum)
        } else if let newest = pages.newest {
            try scan.skip(through: newest, reader)
        }
        try scan.run(reader, crypto: crypto, leafReader: leafReader)
        end = scan.end
        let firstStamp = Instant(microseconds: scan.index.stamps.first ?? end.stamp.microseconds)
        segments.append(
            SegmentState(
                header: header, end: end, firstStamp: firstStamp, phase: isLast ? .tail : .full, index: scan.index,
                terms: scan.terms, headersSum: scan.headersSum, markSequence: pages.newest?.sequence ?? 0))
        guard isLast else {
            openEnd = scan.flaw ?? .blank
            return nil
        }
        return try judgeTail(file, reader, scan, pages, fileBytes)
    }

    private func openSegment(_ path: String, _ header: SegmentHeader) throws(LogError) -> SegmentReader<Store> {
        let key: SecretKey
        do throws(KeyError) {
            key = try keys.segmentKey(header)
        } catch {
            throw .key(error)
        }
        return try files { () throws(FileError) in
            try SegmentReader(store, path: path, header: header, key: key, readsThrough: true, bodyStep: 1 << 20)
        }
    }

    private mutating func conclude(_ tail: TailVerdict?) throws(LogError) -> OpenedLog {
        if let last = segments.last, last.frameCount == 0 { segments.removeLast() }
        guard let state = segments.last else {
            throw .damaged(fault ?? place(.frame(.blank), segment: 1))
        }
        guard lineage.isWithin(state.end, state.header.description.segment) else { throw .lineage(.other) }
        let key: SecretKey
        do throws(KeyError) {
            key = try keys.segmentKey(state.header)
        } catch {
            throw .key(error)
        }
        let watermark = WatermarkState(
            through: state.lastIndex, sequence: state.markSequence, isSettled: true, durableHash: state.end.hash,
            durableSum: state.headersSum ?? 0)
        var recovery = Recovery.whole
        if let cut = tail?.cutFrom { recovery = .tornTail(cutFrom: cut) }
        if let fault { recovery = .faulty(fault) }
        return OpenedLog(
            segments: segments, tailKey: key, watermark: tail?.watermark ?? watermark,
            tailBytes: tail?.fileBytes ?? 0, fault: fault,
            beyond: fault == nil ? [] : present.filter { $0 > state.header.description.segment },
            claim: fault == nil ? nil : try claim(of: present[present.count - 1]), recovery: recovery)
    }

    private func place(_ kind: Fault.Kind, segment: UInt64) -> Fault {
        Fault(index: end.nextIndex, segment: segment, position: end.nextPosition, kind: kind)
    }

    mutating func note(_ kind: Fault.Kind, segment: UInt64) {
        if fault == nil { fault = place(kind, segment: segment) }
    }

    func files<Value>(_ body: () throws(FileError) -> Value) throws(LogError) -> Value {
        do throws(FileError) {
            return try body()
        } catch {
            throw .file(error)
        }
    }
}
