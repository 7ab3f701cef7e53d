/// An append-only builder of little-endian bytes.
package struct ByteWriter {
    package var bytes: [UInt8]

    package init(reserving capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    @inlinable package var count: Int { bytes.count }

    @inlinable package mutating func u8(_ value: UInt8) { bytes.append(value) }

    @inlinable package mutating func u16(_ value: UInt16) {
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    @inlinable package mutating func u32(_ value: UInt32) {
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    @inlinable package mutating func u64(_ value: UInt64) {
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    /// Unsigned LEB128, 1 to 10 bytes, shortest form.
    @inlinable package mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    @inlinable package mutating func varint(_ value: Int) {
        precondition(value >= 0)
        varint(UInt64(value))
    }

    @inlinable package mutating func append(_ other: [UInt8]) { bytes.append(contentsOf: other) }

    @inlinable package mutating func append(_ other: [UInt8], in range: Range<Int>) {
        bytes.append(contentsOf: other[range])
    }

    /// `other` after its own length as a varint.
    package mutating func counted(_ other: [UInt8]) {
        varint(other.count)
        append(other)
    }

    @inlinable package mutating func digest(_ value: Digest) {
        u64(value.words.0)
        u64(value.words.1)
        u64(value.words.2)
        u64(value.words.3)
    }

    @inlinable package mutating func token(_ value: Token128) {
        u64(value.low)
        u64(value.high)
    }

    package mutating func zeros(_ count: Int) { bytes.append(contentsOf: repeatElement(0, count: count)) }

    /// Overwrites four bytes that were written before, e.g. a length or a checksum known only afterwards.
    package mutating func patch(u32 value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= bytes.count)
        for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
    }
}
