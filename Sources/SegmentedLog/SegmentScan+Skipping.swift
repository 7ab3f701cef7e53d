internal import Bytes
internal import Files

/// What opening need not judge again.
extension SegmentScan {
    /// Passes over the frames that a watermark vouches for: their headers are those that were verified when it was
    /// written, by their common checksum, and their bodies are those of the headers, by their own. So neither seals
    /// are opened nor leaves computed. Passes over nothing when anything is not as it was; then each frame is judged.
    mutating func skip<Store: FileStore>(
        through mark: Watermark, _ reader: SegmentReader<Store>
    ) throws(LogError) {
        let segment = reader.header
        guard mark.headersSum != 0, mark.through >= end.nextIndex, index.count == 0 else { return }
        let count = Int(mark.through - segment.description.firstIndex) + 1
        let table = try reader.headers(count)
        guard table.count == count * FrameHeader.count else { return }
        var skipped = self
        var sum: UInt32 = 0
        for offset in stride(from: 0, to: table.count, by: FrameHeader.count) {
            let header: FrameHeader
            do throws(FrameFlaw) {
                header = try FrameHeader(table, at: offset)
                try skipped.end.check(header, in: segment)
            } catch {
                return
            }
            sum = HeadersSum.adding(table, in: offset..<(offset + FrameHeader.count), to: sum)
            guard try reader.isBodyWhole(header) else { return }
            skipped.end.pass(header, hash: .zero)
            skipped.index.append(header)
            skipped.terms.append(header.index, term: header.term)
        }
        guard sum == mark.headersSum else { return }
        skipped.end.hash = mark.hash
        skipped.headersSum = sum
        self = skipped
    }
}
