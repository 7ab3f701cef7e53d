import Bytes
import Testing

@Suite struct ChecksumTests {
    /// RFC 3720, appendix B.4.
    static let published: [([UInt8], UInt32)] = [
        ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
        ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
        ([UInt8](0..<32), 0x46dd_794e),
        ([UInt8]((0..<32).reversed()), 0x113f_db5c),
        (
            [
                0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0,
                0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
            ], 0xd996_3a56
        ),
        (Array("123456789".utf8), 0xe306_9283), ([], 0),
    ]

    @Test(arguments: published)
    func `the checksum agrees with the published values of CRC32C`(bytes: [UInt8], expected: UInt32) {
        #expect(Checksum.crc32c(bytes) == expected)
        #expect(Checksum.portable(bytes, in: 0..<bytes.count) == expected)
    }

    @Test func `instruction, table and bit by bit agree on every length and offset`() {
        var dice = SeededDice(seed: 3)
        let bytes = dice.bytes(120)
        for start in 0..<9 {
            for end in start...bytes.count {
                let expected = dumb(bytes[start..<end])
                #expect(Checksum.crc32c(bytes, in: start..<end) == expected)
                #expect(Checksum.portable(bytes, in: start..<end) == expected)
            }
        }
    }

    @Test func `a checksum goes on from that of the part before`() {
        let bytes = [UInt8](0..<100)
        for cut in 0...100 {
            let seed = Checksum.crc32c(bytes, in: 0..<cut)
            #expect(Checksum.crc32c(bytes, in: cut..<100, seed: seed) == Checksum.crc32c(bytes))
            #expect(Checksum.portable(bytes, in: cut..<100, seed: seed) == Checksum.crc32c(bytes))
        }
    }

    /// The definition: one bit at a time, no table.
    private func dumb(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = (crc >> 1) ^ (crc & 1 == 1 ? 0x82f6_3b78 : 0) }
        }
        return ~crc
    }
}
