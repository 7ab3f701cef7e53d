/// Bech32 (BIP-173) without its limit of length, as age has it: bytes as letters and digits behind a prefix, with a
/// checksum that finds a slip of the finger.
///
/// Text is bytes here, so that a secret's can be wiped. Nothing is kept elsewhere: what a call makes on its way is wiped.
package enum Bech32 {
    private static let alphabet = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)
    private static let checksumCount = 6

    /// `prefix`1… in lower case.
    ///
    /// - Precondition: the prefix is not empty and of visible ASCII without capital letters.
    package static func text(prefix: String, bytes: [UInt8]) -> [UInt8] {
        precondition(!prefix.isEmpty && prefix.utf8.allSatisfy { isVisible($0) && !isCapital($0) })
        var fives = fives(of: bytes)
        defer { Wipe.bytes(&fives) }
        var check = Checksum(prefix: prefix.utf8)
        for five in fives { check.update(five) }
        var text: [UInt8] = []
        text.reserveCapacity(prefix.utf8.count + 1 + fives.count + checksumCount)
        text.append(contentsOf: prefix.utf8)
        text.append(0x31)
        for five in fives { text.append(alphabet[Int(five)]) }
        for five in check.finish() { text.append(alphabet[Int(five)]) }
        return text
    }

    /// The prefix in lower case and the bytes; nil for anything that is not exactly such a text, all in lower or all in
    /// upper case, with a right checksum and unused bits of zero.
    package static func read(_ text: [UInt8]) -> (prefix: String, bytes: [UInt8])? {
        guard text.allSatisfy(isVisible), let mark = text.lastIndex(of: 0x31), mark >= 1,
            text.count - mark - 1 >= checksumCount
        else { return nil }
        let isUpper = text.contains(where: isCapital)
        guard !isUpper || !text.contains(where: { (0x61...0x7a).contains($0) }) else { return nil }
        let prefix = text[..<mark].map(lowered)
        var check = Checksum(prefix: prefix)
        var fives: [UInt8] = []
        fives.reserveCapacity(text.count)
        defer { Wipe.bytes(&fives) }
        for character in text[(mark + 1)...] {
            guard let five = alphabet.firstIndex(of: lowered(character)) else { return nil }
            fives.append(UInt8(five))
            check.update(UInt8(five))
        }
        guard check.isWhole, let bytes = bytes(of: fives, count: fives.count - checksumCount) else { return nil }
        return (String(decoding: prefix, as: UTF8.self), bytes)
    }

    private static func isVisible(_ character: UInt8) -> Bool { (0x21...0x7e).contains(character) }
    private static func isCapital(_ character: UInt8) -> Bool { (0x41...0x5a).contains(character) }
    private static func lowered(_ character: UInt8) -> UInt8 { isCapital(character) ? character + 0x20 : character }

    /// Groups of five bits, the first the highest; the last filled up with zeros.
    private static func fives(of bytes: [UInt8]) -> [UInt8] {
        var fives: [UInt8] = []
        fives.reserveCapacity((bytes.count * 8 + 4) / 5)
        var held: UInt32 = 0
        var bits: UInt32 = 0
        for byte in bytes {
            held = (held << 8 | UInt32(byte)) & 0xfff
            bits += 8
            while bits >= 5 {
                bits -= 5
                fives.append(UInt8(held >> bits & 31))
            }
        }
        if bits > 0 { fives.append(UInt8(held << (5 - bits) & 31)) }
        return fives
    }

    /// The bytes of the first `count` groups; nil when a whole group, or a one, is left over.
    private static func bytes(of fives: [UInt8], count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * 5 / 8)
        var held: UInt32 = 0
        var bits: UInt32 = 0
        for five in fives[..<count] {
            held = (held << 5 | UInt32(five)) & 0xfff
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(held >> bits & 0xff))
            }
        }
        guard bits < 5, held & (1 << bits - 1) == 0 else {
            Wipe.bytes(&bytes)
            return nil
        }
        return bytes
    }

    /// The remainder of BIP-173's polynomial over GF(32).
    private struct Checksum {
        private static let generator: [UInt32] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]
        private var remainder: UInt32 = 1

        init(prefix: some Sequence<UInt8>) {
            let prefix = Array(prefix)
            for character in prefix { update(character >> 5) }
            update(0)
            for character in prefix { update(character & 31) }
        }

        mutating func update(_ five: UInt8) {
            let top = remainder >> 25
            remainder = (remainder & 0x1ff_ffff) << 5 ^ UInt32(five)
            for bit in 0..<5 where top >> UInt32(bit) & 1 == 1 { remainder ^= Self.generator[bit] }
        }

        /// Whether what went in ended with its own checksum.
        var isWhole: Bool { remainder == 1 }

        /// The six groups that make it whole.
        mutating func finish() -> [UInt8] {
            for _ in 0..<checksumCount { update(0) }
            let checksum = remainder ^ 1
            return (0..<checksumCount).map { UInt8(checksum >> UInt32(5 * (checksumCount - 1 - $0)) & 31) }
        }
    }
}
