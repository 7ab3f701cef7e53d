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
    @usableFromInline var at: Int
    /// One past the last byte that may be read.
    package let end: Int

    @inlinable package init(_ bytes: [UInt8]) {
        self.init(bytes, in: 0..<bytes.count)
    }

    /// - Precondition: `range` lies within `bytes`.
    @inlinable package init(_ bytes: [UInt8], in range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        self.bytes = bytes
        self.at = range.lowerBound
        self.end = range.upperBound
    }

    /// Where the next read begins, counted from the start of `bytes`.
    @inlinable package var offset: Int { at }
    @inlinable package var remaining: Int { end - at }
    @inlinable package var isAtEnd: Bool { at == end }

    @inlinable package mutating func u8() throws(ByteError) -> UInt8 {
        guard at < end else { throw .short }
        let value = bytes[at]
        at += 1
        return value
    }

    @inlinable package mutating func u16() throws(ByteError) -> UInt16 { try fixed(UInt16.self) }
    @inlinable package mutating func u32() throws(ByteError) -> UInt32 { try fixed(UInt32.self) }
    @inlinable package mutating func u64() throws(ByteError) -> UInt64 { try fixed(UInt64.self) }

    /// An unsigned LEB128 number of 1 to 10 bytes, in its shortest form only.
    @inlinable package mutating func varint() throws(ByteError) -> UInt64 {
        if at < end, bytes[at] < 0x80 {
            at += 1
            return UInt64(bytes[at - 1])
        }
        if at + 1 < end, bytes[at + 1] < 0x80, bytes[at + 1] > 0 {
            at += 2
            return UInt64(bytes[at - 2] & 0x7f) | UInt64(bytes[at - 1]) << 7
        }
        return try longVarint()
    }

    @usableFromInline mutating func longVarint() throws(ByteError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        var at = at
        while true {
            guard at < end else { throw .short }
            let byte = bytes[at]
            at += 1
            if shift == 63 && byte > 1 { throw .overlong }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 { throw .overlong }
                self.at = at
                return value
            }
            shift += 7
            if shift > 63 { throw .overlong }
        }
    }

    /// A varint that must fit a non-negative `Int` of at most `limit`.
    @inlinable package mutating func count(atMost limit: Int) throws(ByteError) -> Int {
        let before = at
        let value = try varint()
        guard value <= UInt64(limit) else {
            at = before
            throw .malformed
        }
        return Int(value)
    }

    /// The place of the next `count` bytes, which are passed over.
    @inlinable package mutating func range(_ count: Int) throws(ByteError) -> Range<Int> {
        guard count >= 0, count <= remaining else { throw .short }
        let range = at..<(at + count)
        at += count
        return range
    }

    @inlinable package mutating func array(_ count: Int) throws(ByteError) -> [UInt8] {
        let range = try range(count)
        return Array(bytes[range])
    }

    @inlinable package mutating func digest() throws(ByteError) -> Digest {
        Digest(words: try u64(), try u64(), try u64(), try u64())
    }

    @inlinable package mutating func token() throws(ByteError) -> Token128 {
        Token128(low: try u64(), high: try u64())
    }

    @inlinable mutating func fixed<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type
    ) throws(ByteError) -> Number {
        let count = MemoryLayout<Number>.size
        guard count <= remaining else { throw .short }
        let start = at
        at += count
        // `0 <= start` and `start + count <= end <= bytes.count`.
        return unsafe bytes.withUnsafeBytes { buffer in
            Number(littleEndian: unsafe buffer.loadUnaligned(fromByteOffset: start, as: type))
        }
    }
}
