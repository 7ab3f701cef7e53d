/// 32 bytes of a SHA-256, held as four little-endian words of its bytes so that it costs no allocation.
package struct Digest: Hashable, Sendable {
    package var words: (UInt64, UInt64, UInt64, UInt64)

    package static let zero = Digest(words: 0, 0, 0, 0)

    @inlinable package init(words a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) { words = (a, b, c, d) }

    /// - Precondition: `bytes` has 32 bytes.
    package init(_ bytes: [UInt8]) {
        precondition(bytes.count == 32)
        func word(_ at: Int) -> UInt64 {
            var value: UInt64 = 0
            for index in 0..<8 { value |= UInt64(bytes[at + index]) << UInt64(8 * index) }
            return value
        }
        words = (word(0), word(8), word(16), word(24))
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(reserving: 32)
        writer.digest(self)
        return writer.bytes
    }

    package var hex: String { Hex.text(of: bytes) }

    @inlinable package static func == (a: Digest, b: Digest) -> Bool {
        // Constant time: no early exit on the first word that differs.
        (a.words.0 ^ b.words.0) | (a.words.1 ^ b.words.1) | (a.words.2 ^ b.words.2) | (a.words.3 ^ b.words.3) == 0
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
}

/// The first 128 bits of a keyed hash (HMAC-SHA-256), little-endian words of its bytes: what stands for a name
/// where the name may not stand.
package struct Token128: Hashable, Sendable {
    package var low: UInt64
    package var high: UInt64

    package static let zero = Token128(low: 0, high: 0)

    @inlinable package init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// Half of a keyed hash tells tokens apart as well as all of it.
    @inlinable package func hash(into hasher: inout Hasher) { hasher.combine(low) }

    /// A token is the output of a keyed hash: its bits are as even as any that hashing it again would make.
    @inlinable package func _rawHashValue(seed: Int) -> Int { Int(truncatingIfNeeded: low) ^ seed }
}

/// Lower-case hexadecimal text.
package enum Hex {
    package static func text(of bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that `text` spells, upper or lower case; nil when it is not an even number of hexadecimal digits.
    package static func bytes(of text: String) -> [UInt8]? {
        func digit(_ byte: UInt8) -> UInt8? {
            switch byte {
            case 0x30...0x39: byte - 0x30
            case 0x61...0x66: byte - 0x57
            case 0x41...0x46: byte - 0x37
            default: nil
            }
        }
        let source = Array(text.utf8)
        guard source.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(source.count / 2)
        for at in stride(from: 0, to: source.count, by: 2) {
            guard let high = digit(source[at]), let low = digit(source[at + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}
