internal import Bytes

/// The key above all others: 32 random bytes in a file of mode 0600 or on the output of a command, never in a backup.
/// Reading the file, checking its mode and running the command are the shell's; what the bytes mean is here.
package enum RootKey {
    /// The key that the bytes hold: 32 raw bytes, or 64 hexadecimal digits, or 44 characters of padded base64; after
    /// the texts, spaces and line ends.
    ///
    /// - Throws: `.malformed` for anything else, and for 32 equal bytes, which are a mistake and no key.
    package static func load(_ bytes: consuming [UInt8]) throws(KeyError) -> SecretKey {
        defer { Wipe.bytes(&bytes) }
        guard var key = decoded(bytes) else { throw .malformed }
        guard Set(key).count > 1 else {
            Wipe.bytes(&key)
            throw .malformed
        }
        return SecretKey(key)
    }

    /// What a new root key's file holds: 64 hexadecimal digits and a line end.
    package static func fileBytes(of key: SecretKey) -> [UInt8] {
        Array((Hex.text(of: unsafe key.withBytes { unsafe Array($0) }) + "\n").utf8)
    }

    private static func decoded(_ bytes: [UInt8]) -> [UInt8]? {
        if bytes.count == SecretKey.count { return bytes }
        var text = bytes
        defer { Wipe.bytes(&text) }
        while let last = text.last, [0x20, 0x09, 0x0a, 0x0d].contains(last) { text.removeLast() }
        let key =
            switch text.count {
            case 64: Hex.bytes(of: String(decoding: text, as: UTF8.self))
            case 44: Base64.bytes(of: text)
            default: [UInt8]?.none
            }
        return key?.count == SecretKey.count ? key : nil
    }
}
