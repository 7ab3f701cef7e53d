internal import Bytes

/// Names of members and contents of strings: compared raw while no escape is in them, decoded otherwise.
enum JSONName {
    /// 32 bits that are equal for equal names, whichever way they are escaped. `start..<end` is within the quotes.
    @inline(__always)
    static func fingerprint(_ text: Span<UInt8>, _ start: Int, _ end: Int, escaped: Bool) -> UInt32 {
        if escaped {
            let decoded = decoded(text, start, end)
            return mix(decoded.span, 0, decoded.count)
        }
        return mix(text, start, end)
    }

    @inline(__always)
    private static func mix(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> UInt32 {
        var word: UInt64 = 0
        if end - start >= 8 {
            word = text.word(at: start) ^ (text.word(at: end - 8) &* 0x9e37_79b9_7f4a_7c15)
        } else {
            var at = start
            while at < end {
                word = word << 8 | UInt64(text[at])
                at += 1
            }
        }
        word = (word ^ UInt64(end - start)) &* 0xd6e8_feb8_6659_fd93
        return UInt32(truncatingIfNeeded: word >> 32)
    }

    static func equal(_ a: JSONCell, _ b: JSONCell, _ text: Span<UInt8>) -> Bool {
        guard !a.isEscaped, !b.isEscaped else { return decoded(a, text) == decoded(b, text) }
        guard a.end - a.start == b.end - b.start else { return false }
        for index in 0..<(a.end - a.start) where text[a.start + index] != text[b.start + index] { return false }
        return true
    }

    static func decoded(_ cell: JSONCell, _ text: Span<UInt8>) -> [UInt8] {
        decoded(text, cell.start + 1, cell.end - 1)
    }

    /// The UTF-8 that a checked string stands for. `start..<end` is within the quotes.
    static func decoded(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(end - start)
        var at = start
        while at < end {
            guard text[at] == 0x5c else {
                result.append(text[at])
                at += 1
                continue
            }
            switch text[at + 1] {
            case 0x62: result.append(0x08)
            case 0x66: result.append(0x0c)
            case 0x6e: result.append(0x0a)
            case 0x72: result.append(0x0d)
            case 0x74: result.append(0x09)
            case 0x75:
                var scalar = unit(text, at + 2)
                if scalar & 0xfc00 == 0xd800 {
                    scalar = 0x10000 + (scalar & 0x3ff) << 10 + (unit(text, at + 8) & 0x3ff)
                    at += 6
                }
                append(scalar, to: &result)
                at += 4
            default: result.append(text[at + 1])
            }
            at += 2
        }
        return result
    }

    static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x61...0x66: UInt32(byte - 0x57)
        case 0x41...0x46: UInt32(byte - 0x37)
        default: nil
        }
    }

    private static func unit(_ text: Span<UInt8>, _ at: Int) -> UInt32 {
        var unit: UInt32 = 0
        for index in at..<(at + 4) { unit = unit << 4 | (hexDigit(text[index]) ?? 0) }
        return unit
    }

    private static func append(_ scalar: UInt32, to bytes: inout [UInt8]) {
        switch scalar {
        case 0..<0x80: bytes.append(UInt8(scalar))
        case 0x80..<0x800:
            bytes.append(UInt8(0xc0 | scalar >> 6))
            bytes.append(UInt8(0x80 | scalar & 0x3f))
        case 0x800..<0x10000:
            bytes.append(UInt8(0xe0 | scalar >> 12))
            bytes.append(UInt8(0x80 | scalar >> 6 & 0x3f))
            bytes.append(UInt8(0x80 | scalar & 0x3f))
        default:
            bytes.append(UInt8(0xf0 | scalar >> 18))
            bytes.append(UInt8(0x80 | scalar >> 12 & 0x3f))
            bytes.append(UInt8(0x80 | scalar >> 6 & 0x3f))
            bytes.append(UInt8(0x80 | scalar & 0x3f))
        }
    }
}
