/// Rows by number in chunks of a fixed count, so that a copy shares storage and a later change copies one chunk.
///
/// A copy handed to another thread costs one retain; the first change after it copies the list of chunks (8 bytes
/// each) and the touched chunk (about 16 KiB), never the table. Rows are only appended and overwritten in place.
struct ChunkedTable<Row: Sendable>: Sendable {
    private var chunks: [[Row]] = []
    private(set) var count = 0
    private let shift: Int
    private let mask: Int

    /// - Parameter shift: a chunk holds 2^shift rows.
    init(shift: Int) {
        self.shift = shift
        self.mask = (1 << shift) - 1
    }

    mutating func append(_ row: Row) {
        if count & mask == 0 {
            var chunk: [Row] = []
            // The first chunk grows as it is filled, so that an empty table costs nothing.
            if count > 0 { chunk.reserveCapacity(1 << shift) }
            chunks.append(chunk)
        }
        chunks[count >> shift].append(row)
        count += 1
    }

    subscript(_ number: Int) -> Row {
        get { chunks[number >> shift][number & mask] }
        _modify { yield &chunks[number >> shift][number & mask] }
    }
}
