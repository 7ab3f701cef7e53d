/// What can be wrong with bytes that should hold a number or a run of a stated length.
package enum ByteError: Error, Equatable, Sendable {
    /// The bytes end before the value does.
    case short
    /// A variable-length number is longer than it need be, or does not fit 64 bits.
    case overlong
    /// The bytes are not of the stated form.
    case malformed
}

/// A checked little-endian cursor over an array; reading moves it, nothing is copied but what is asked for.
///
/// Invariant: `offset <= end <= bytes.count`. A failed read leaves the cursor where it was.
package struct ByteReader {
    package let bytes: [UInt8]
    /// Where the next read begins, counted from the start of `bytes`.
    package private(set) var offset: Int
    /// One past the last byte that may be read.
    package let end: Int

    package init(_ bytes: [UInt8]) {
        self.init(bytes, in: 0..<bytes.count)
    }

    /// - Precondition: `range` lies within `bytes`.
    package init(_ bytes: [UInt8], in range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        self.bytes = bytes
        self.offset = range.lowerBound
        self.end = range.upperBound
    }

    package var remaining: Int { end - offset }
    package var isAtEnd: Bool { offset == end }

    package mutating func u8() throws(ByteError) -> UInt8 {
        guard offset < end else { throw .short }
        let value = bytes[offset]
        offset += 1
        return value
    }

    package mutating func u16() throws(ByteError) -> UInt16 { UInt16(truncatingIfNeeded: try fixed(2)) }
    package mutating func u32() throws(ByteError) -> UInt32 { UInt32(truncatingIfNeeded: try fixed(4)) }
    package mutating func u64() throws(ByteError) -> UInt64 { try fixed(8) }

    /// An unsigned LEB128 number of 1 to 10 bytes, in its shortest form only.
    package mutating func varint() throws(ByteError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        var at = offset
        while true {
            guard at < end else { throw .short }
            let byte = bytes[at]
            at += 1
            if shift == 63 && byte > 1 { throw .overlong }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 { throw .overlong }
                offset = at
                return value
            }
            shift += 7
            if shift > 63 { throw .overlong }
        }
    }

    /// A varint that must fit a non-negative `Int` of at most `limit`.
    package mutating func count(atMost limit: Int) throws(ByteError) -> Int {
        let before = offset
        let value = try varint()
        guard value <= UInt64(limit) else {
            offset = before
            throw .malformed
        }
        return Int(value)
    }

    /// The place of the next `count` bytes, which are passed over.
    package mutating func range(_ count: Int) throws(ByteError) -> Range<Int> {
        guard count >= 0, count <= remaining else { throw .short }
        let range = offset..<(offset + count)
        offset += count
        return range
    }

    package mutating func array(_ count: Int) throws(ByteError) -> [UInt8] {
        let range = try range(count)
        return Array(bytes[range])
    }

    package mutating func digest() throws(ByteError) -> Digest {
        Digest(words: try u64(), try u64(), try u64(), try u64())
    }

    package mutating func token() throws(ByteError) -> Token128 {
        Token128(low: try u64(), high: try u64())
    }

    private mutating func fixed(_ count: Int) throws(ByteError) -> UInt64 {
        guard count <= remaining else { throw .short }
        var value: UInt64 = 0
        var index = 0
        while index < count {
            value |= UInt64(bytes[offset + index]) << UInt64(8 * index)
            index += 1
        }
        offset += count
        return value
    }
}
