/// Base64 (RFC 4648): the standard alphabet with padding, and the URL-safe one without.
package enum Base64 {
    /// Standard alphabet, padded (section 4).
    package static func text(of bytes: [UInt8]) -> String { text(of: bytes, digits: standard, padded: true) }

    /// URL-safe alphabet, not padded (section 5).
    package static func urlText(of bytes: [UInt8]) -> String { text(of: bytes, digits: urlSafe, padded: false) }

    /// What standard, padded text spells; nil when it is not in that form. Unused bits must be zero.
    package static func bytes(of text: some Sequence<UInt8>) -> [UInt8]? {
        var text = Array(text)
        guard text.count % 4 == 0 else { return nil }
        let padding = text.suffix(2).filter { $0 == 0x3d }.count
        if padding == 2, text[text.count - 2] != 0x3d { return nil }
        text.removeLast(padding)
        return bytes(of: text, marks: (0x2b, 0x2f))
    }

    /// What URL-safe, unpadded text spells; nil when it is not in that form. Unused bits must be zero.
    package static func urlBytes(of text: some Sequence<UInt8>) -> [UInt8]? {
        bytes(of: Array(text), marks: (0x2d, 0x5f))
    }

    private static let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    private static let standard = Array((letters + "+/").utf8)
    private static let urlSafe = Array((letters + "-_").utf8)

    private static func text(of bytes: [UInt8], digits: [UInt8], padded: Bool) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var group: UInt32 = 0
            for index in 0..<3 {
                group = group << 8 | (index < count ? UInt32(bytes[start + index]) : 0)
            }
            for index in 0...count { text.append(digits[Int(group >> UInt32(18 - 6 * index)) & 63]) }
            if padded { text.append(contentsOf: repeatElement(0x3d, count: 3 - count)) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func bytes(of text: [UInt8], marks: (UInt8, UInt8)) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3 + 2)
        var held: UInt32 = 0
        var bits = 0
        for character in text {
            let value: UInt8
            switch character {
            case 0x41...0x5a: value = character - 0x41
            case 0x61...0x7a: value = character - 0x61 + 26
            case 0x30...0x39: value = character - 0x30 + 52
            case marks.0: value = 62
            case marks.1: value = 63
            default: return nil
            }
            held = (held << 6 | UInt32(value)) & 0xffff
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: held >> UInt32(bits)))
            }
        }
        return held & (1 << UInt32(bits) - 1) == 0 ? bytes : nil
    }
}
