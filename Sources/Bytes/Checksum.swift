private import CChecksum

/// CRC32C (Castagnoli, RFC 3720 appendix B.4): finds accidents, proves nothing against intent.
package enum Checksum {
    package static func crc32c(_ bytes: [UInt8]) -> UInt32 { crc32c(bytes, in: 0..<bytes.count) }

    /// The checksum of `range`; `seed` is the checksum of what stood before it, 0 at the start.
    package static func crc32c(_ bytes: [UInt8], in range: Range<Int>, seed: UInt32 = 0) -> UInt32 {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        guard hardware else { return portable(bytes, in: range, seed: seed) }
        return unsafe bytes.withUnsafeBytes { buffer in
            let part = unsafe UnsafeRawBufferPointer(rebasing: buffer[range])
            return unsafe ~cchecksum_crc32c(~seed, part.baseAddress, part.count)
        }
    }

    /// The same without the processor's instruction: a table of 256 entries.
    package static func portable(_ bytes: [UInt8], in range: Range<Int>, seed: UInt32 = 0) -> UInt32 {
        var crc = ~seed
        for index in range {
            crc = tables[Int((crc ^ UInt32(bytes[index])) & 0xff)] ^ (crc >> 8)
        }
        return ~crc
    }

    private static let hardware = cchecksum_crc32c_in_hardware() != 0

    private static let tables: [UInt32] = (0..<256).map { index in
        var crc = UInt32(index)
        for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0x82f6_3b78 : crc >> 1 }
        return crc
    }
}
