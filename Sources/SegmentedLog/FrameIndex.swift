internal import Bytes

/// Where in one segment an event, a record or an instant is: 16 bytes a frame. Kept in memory for a segment that is
/// not closed yet, read from the footer of one that is.
package struct FrameIndex: Equatable, Sendable {
    package let firstIndex: UInt64
    package let firstPosition: UInt64
    package let firstRecord: UInt64
    /// First position and first record of each frame, counted from the segment's first.
    private(set) var positions: [UInt32] = []
    private(set) var records: [UInt32] = []
    /// First stamp of each frame, in microseconds.
    private(set) var stamps: [Int64] = []

    package static let bytesPerFrame = 16

    package init(_ segment: SegmentHeader) {
        firstIndex = segment.description.firstIndex
        firstPosition = segment.firstPosition
        firstRecord = segment.firstRecord
    }

    package var count: Int { stamps.count }

    mutating func append(_ header: FrameHeader) {
        positions.append(UInt32(header.firstPosition - firstPosition))
        records.append(UInt32(header.firstRecord - firstRecord))
        stamps.append(header.firstStamp.microseconds)
    }

    mutating func cut(after index: UInt64) {
        let count = Int(index + 1 - firstIndex)
        guard count < self.count else { return }
        positions.removeLast(self.count - count)
        records.removeLast(records.count - count)
        stamps.removeLast(stamps.count - count)
    }

    /// The last frame that begins at or before the position: the one that holds it, if the segment does.
    ///
    /// - Precondition: the segment has frames, and begins at or before the position. So with records and stamps.
    func index(ofPosition position: UInt64) -> UInt64 {
        firstIndex + UInt64(Self.last(positions) { UInt64($0) <= position - firstPosition })
    }

    func index(ofRecord record: UInt64) -> UInt64 {
        firstIndex + UInt64(Self.last(records) { UInt64($0) <= record - firstRecord })
    }

    func lastIndex(stampedAtOrBefore instant: Instant) -> UInt64 {
        firstIndex + UInt64(Self.last(stamps) { $0 <= instant.microseconds })
    }

    /// Place of the last value that fits; those that fit stand first.
    private static func last<Value>(_ values: [Value], where fits: (Value) -> Bool) -> Int {
        var low = 0
        var high = values.count
        while low < high {
            let middle = (low + high) / 2
            if fits(values[middle]) { low = middle + 1 } else { high = middle }
        }
        return max(0, low - 1)
    }

    /// All positions, then all records, then all stamps.
    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: count * Self.bytesPerFrame)
        for position in positions { writer.u32(position) }
        for record in records { writer.u32(record) }
        for stamp in stamps { writer.u64(UInt64(bitPattern: stamp)) }
        return writer.bytes
    }

    init(_ segment: SegmentHeader, bytes: [UInt8], count: Int) throws(ByteError) {
        self.init(segment)
        guard bytes.count == count * Self.bytesPerFrame else { throw .malformed }
        var reader = ByteReader(bytes)
        for _ in 0..<count { positions.append(try reader.u32()) }
        for _ in 0..<count { records.append(try reader.u32()) }
        for _ in 0..<count { stamps.append(Int64(bitPattern: try reader.u64())) }
    }
}
