import Bytes
import Testing

@Suite struct ReadWriteTests {
    /// The examples of the DWARF 5 specification (7.6) and the edges.
    static let shortest: [(UInt64, [UInt8])] = [
        (0, [0]), (2, [2]), (127, [0x7f]), (128, [0x80, 1]), (129, [0x81, 1]), (12857, [0xb9, 0x64]),
        (624_485, [0xe5, 0x8e, 0x26]),
        (9_223_372_036_854_775_808, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]),
        (18_446_744_073_709_551_615, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
    ]

    @Test(arguments: shortest)
    func `a varint is written in its shortest form, and read back`(value: UInt64, expected: [UInt8]) throws {
        var writer = ByteWriter()
        writer.varint(value)
        #expect(writer.bytes == expected)
        var reader = ByteReader(expected)
        #expect(try reader.varint() == value)
        #expect(reader.isAtEnd)
    }

    @Test(arguments: 0..<64)
    func `a varint at every power of two comes back`(power: Int) throws {
        let bit: UInt64 = 1 << UInt64(power)
        for value: UInt64 in [bit, bit - 1, bit + 1] {
            var writer = ByteWriter()
            writer.varint(value)
            var reader = ByteReader(writer.bytes)
            #expect(try reader.varint() == value)
            #expect(writer.count == max(1, (64 - value.leadingZeroBitCount + 6) / 7))
        }
    }

    static let refused: [([UInt8], ByteError)] = [
        ([], .short), ([0x80], .short), ([0x80, 0], .overlong), ([0xff, 0x80, 0], .overlong),
        ([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], .overlong),
        ([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], .overlong),
        ([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1], .overlong),
    ]

    @Test(arguments: refused)
    func `a varint that is cut, padded or too large is refused, and the cursor stays`(
        bytes: [UInt8], error: ByteError
    ) {
        var reader = ByteReader(bytes)
        #expect(throws: error) { try reader.varint() }
        #expect(reader.offset == 0)
    }

    @Test func `what was written is read back in order, and stands in little-endian bytes`() throws {
        var writer = ByteWriter(reserving: 8)
        writer.u8(1)
        writer.u16(0x0302)
        writer.u32(0x0706_0504)
        writer.u64(0x0f0e_0d0c_0b0a_0908)
        writer.digest(Digest([UInt8](16..<48)))
        writer.token(Token128(low: 0x3736_3534_3332_3130, high: 0x3f3e_3d3c_3b3a_3938))
        #expect(writer.bytes == [UInt8](1..<64))
        writer.counted([9, 9])
        writer.zeros(3)
        var reader = ByteReader(writer.bytes)
        #expect(try reader.u8() == 1)
        #expect(try reader.u16() == 0x0302)
        #expect(try reader.u32() == 0x0706_0504)
        #expect(try reader.u64() == 0x0f0e_0d0c_0b0a_0908)
        #expect(try reader.digest().bytes == [UInt8](16..<48))
        #expect(try reader.token() == Token128(low: 0x3736_3534_3332_3130, high: 0x3f3e_3d3c_3b3a_3938))
        let count = try reader.count(atMost: 2)
        #expect(try reader.array(count) == [9, 9])
        #expect(try reader.range(3) == 66..<69)
        #expect(reader.isAtEnd && reader.remaining == 0)
    }

    @Test func `a read past the end is short and moves nothing`() throws {
        var reader = ByteReader([UInt8](0..<40), in: 2..<5)
        #expect(throws: ByteError.short) { try reader.u32() }
        #expect(throws: ByteError.short) { try reader.u64() }
        #expect(throws: ByteError.short) { try reader.digest() }
        #expect(throws: ByteError.short) { try reader.token() }
        #expect(throws: ByteError.short) { try reader.array(4) }
        #expect(throws: ByteError.short) { try reader.range(-1) }
        #expect(throws: ByteError.short) { try reader.range(Int.max) }
        #expect(reader.offset == 2)
        #expect(try reader.array(3) == [2, 3, 4])
        #expect(throws: ByteError.short) { try reader.u8() }
        #expect(throws: ByteError.short) { try reader.u16() }
    }

    @Test func `a count beyond its limit is malformed and moves nothing`() throws {
        var reader = ByteReader([0x80, 1])
        #expect(throws: ByteError.malformed) { try reader.count(atMost: 127) }
        #expect(reader.offset == 0)
        #expect(try reader.count(atMost: 128) == 128)
    }

    @Test func `a word written before is patched in place`() {
        var writer = ByteWriter()
        writer.zeros(6)
        writer.patch(u32: 0x0403_0201, at: 1)
        #expect(writer.bytes == [0, 1, 2, 3, 4, 0])
        writer.append([1, 2, 3], in: 1..<2)
        #expect(writer.bytes.last == 2 && writer.count == 7)
    }
}
