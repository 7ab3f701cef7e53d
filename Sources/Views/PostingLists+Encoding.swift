internal import Bytes

// Lists as they stand in a snapshot: their values, never their blocks, so that the bytes do not tell how they grew.
extension PostingLists {
    /// A run is at most this many values; a longer list is several runs.
    static let runValuesMax = 4096

    /// Appends a run: u64 key, varint count, varint code of its first value from 0, varint bytes of the other codes,
    /// the codes.
    func encode(list number: Int, from first: Int, onto writer: inout ByteWriter) {
        let (key, count) = list(number)
        writer.u64(key)
        guard count > Self.runValuesMax else { return encode(whole: number, onto: &writer) }
        let range = first..<min(count, first + Self.runValuesMax)
        let values = values(ofList: number, in: range)
        var codes = ByteWriter(reserving: values.count * 2)
        for index in values.indices.dropFirst() { codes.varint(Self.code(from: values[index - 1], to: values[index])) }
        writer.varint(values.count)
        writer.varint(UInt64(values[0]))
        writer.counted(codes.bytes)
    }

    /// Takes a run: a new list, or the end of the list made last. The lists are found once `indexLists` was told.
    mutating func take(runFrom reader: inout ByteReader) throws(ByteError) {
        let key = try reader.u64()
        let count = try reader.count(atMost: Self.runValuesMax)
        let first = UInt32(try reader.count(atMost: Int(UInt32.max)))
        let codes = try reader.range(try reader.count(atMost: reader.remaining))
        guard count >= 1 else { throw .malformed }
        var values = ByteReader(reader.bytes, in: codes)
        if listCount > 0, list(listCount - 1).key == key {
            append(first, toList: listCount - 1)
        } else {
            take(first, key)
        }
        if count > 1 { try appendToLast(codes, count: count - 1, from: &values) }
        guard values.isAtEnd else { throw .malformed }
    }
}
