internal import Bytes

/// HKDF with HMAC-SHA-256 (RFC 5869): other keys out of one, told apart by their info.
package enum HKDF {
    /// Extract, then expand to 32 bytes. An empty salt is 32 zero bytes, as the RFC has it.
    package static func key(from secret: SecretKey, salt: [UInt8], info: [UInt8]) -> SecretKey {
        var input = unsafe secret.withBytes { unsafe Array($0) }
        defer { Wipe.bytes(&input) }
        return SecretKey(bytes(from: input, salt: salt, info: info, count: SecretKey.count))
    }

    /// `count` bytes of output, 1 to 8160.
    package static func bytes(from secret: [UInt8], salt: [UInt8], info: [UInt8], count: Int) -> [UInt8] {
        precondition((1...255 * 32).contains(count))
        var extract = MAC(key: MACKey(bytes: salt))
        extract.update(secret)
        var pseudorandomKey = extract.finish().bytes
        defer { Wipe.bytes(&pseudorandomKey) }
        let key = MACKey(bytes: pseudorandomKey)
        var output: [UInt8] = []
        output.reserveCapacity(count + 32)
        var block: [UInt8] = []
        defer { Wipe.bytes(&block) }
        var number: UInt8 = 0
        while output.count < count {
            number += 1
            var expand = MAC(key: key)
            expand.update(block)
            expand.update(info)
            expand.update(u8: number)
            block = expand.finish().bytes
            output.append(contentsOf: block.prefix(count - output.count))
        }
        return output
    }
}
