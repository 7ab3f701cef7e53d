internal import Bytes
internal import Files

/// What the two control pages of a segment file hold: the header twice, and the watermark's two slots.
struct ControlPages {
    /// The header, from either copy.
    var header: SegmentHeader?
    /// Both copies are whole and equal.
    var bothHeaders = false
    /// The slots that are whole and of this segment.
    var slots: [Watermark?] = [nil, nil]

    /// The newest word about what is durable.
    var newest: Watermark? { slots.compactMap { $0 }.max { $0.sequence < $1.sequence } }

    /// A slot says that the segment is closed, which is written after everything else of closing was synced.
    var saysClosed: Bool { slots.contains { $0.map(\.isClosed) == true } }
    var bothSayClosed: Bool { slots.allSatisfy { $0.map(\.isClosed) == true } }

    /// The first page says where the second is; if the first is damaged, every page that could be it is tried.
    init(
        of segment: UInt64, in file: FileHandle, of store: some FileStore, readsThrough: Bool
    ) throws(FileError) {
        let bytes = SegmentFormat.watermarkInPage + Watermark.count
        func read(_ offset: Int) throws(FileError) -> [UInt8] {
            try readsThrough
                ? store.readThrough(file, at: offset, count: bytes) : store.read(file, at: offset, count: bytes)
        }
        let first = try read(0)
        header = SegmentHeader(first, at: 0)
        slots[0] = Watermark(first, at: SegmentFormat.watermarkInPage)
        var second: [UInt8] = []
        if let header {
            second = try read(header.description.secondControlAt)
            bothHeaders = SegmentHeader(second, at: 0) == header
        } else {
            (header, second) = try Self.search(try store.size(file), read)
        }
        slots[1] = Watermark(second, at: SegmentFormat.watermarkInPage)
        for slot in 0...1 where !fits(slots[slot], segment, slot) { slots[slot] = nil }
    }

    private func fits(_ mark: Watermark?, _ segment: UInt64, _ slot: Int) -> Bool {
        guard let mark, let header else { return false }
        let first = header.description.firstIndex
        return mark.cluster == header.cluster && mark.segment == segment && mark.slot == slot && mark.through >= first
            && mark.through - first < UInt64(header.description.slots)
    }

    /// The largest table there may be ends below this.
    private static let searchBytesMax = 1 << 28

    private static func search(
        _ fileBytes: Int, _ read: (Int) throws(FileError) -> [UInt8]
    ) throws(FileError) -> (SegmentHeader?, [UInt8]) {
        var offset = SegmentFormat.tableAt + SegmentFormat.pageBytes
        while offset < min(fileBytes, searchBytesMax) {
            let page = try read(offset)
            if let header = SegmentHeader(page, at: 0), header.description.secondControlAt == offset {
                return (header, page)
            }
            offset += SegmentFormat.pageBytes
        }
        return (nil, [])
    }
}
