package import Bytes

/// Who an age file is sealed to.
package enum AgeRecipient: Sendable {
    /// Whoever knows it. It is then the file's only recipient.
    case passphrase(Passphrase)
    /// Whoever holds the secret of this key of X25519, 32 bytes.
    case x25519(publicKey: [UInt8])

    /// The recipient whose text this is: `age1` and 58 characters, in lower case.
    ///
    /// - Throws: `.malformed` for anything else, white space around it too.
    package static func parse(_ text: String) throws(KeyError) -> AgeRecipient {
        let text = Array(text.utf8)
        guard !text.contains(where: { (0x41...0x5a).contains($0) }), let read = Bech32.read(text),
            read.prefix == AgeKeyPair.recipientPrefix, read.bytes.count == X25519.publicKeyBytes
        else { throw .malformed }
        return .x25519(publicKey: read.bytes)
    }
}

/// What opens an age file.
package enum AgeIdentity: Sendable {
    /// Opens what was sealed to the same passphrase.
    case passphrase(Passphrase)
    /// Opens what was sealed to its public key.
    case x25519(AgeKeyPair)

    /// The identities of an identity file: a line each, `AGE-SECRET-KEY-1` and 58 characters in upper case; empty lines
    /// and those that begin with `#` say nothing. Lines end in LF or CR LF. The array is wiped, if nobody else holds it.
    ///
    /// - Throws: `.malformed` for any other line, and when there is no identity.
    package static func parse(_ text: consuming [UInt8]) throws(KeyError) -> [AgeIdentity] {
        defer { Wipe.bytes(&text) }
        var identities: [AgeIdentity] = []
        var start = 0
        while start < text.count {
            let end = text[start...].firstIndex(of: 0x0a) ?? text.count
            let isLong = end > start && text[end - 1] == 0x0d
            var line = Array(text[start..<(isLong ? end - 1 : end)])
            defer { Wipe.bytes(&line) }
            if let first = line.first, first != 0x23 { identities.append(.x25519(try keyPair(line))) }
            start = end + 1
        }
        guard !identities.isEmpty else { throw .malformed }
        return identities
    }

    private static func keyPair(_ line: [UInt8]) throws(KeyError) -> AgeKeyPair {
        guard !line.contains(where: { (0x61...0x7a).contains($0) }), var read = Bech32.read(line) else {
            throw .malformed
        }
        defer { Wipe.bytes(&read.bytes) }
        guard read.prefix == AgeKeyPair.identityPrefix, read.bytes.count == SecretKey.count else { throw .malformed }
        return try AgeKeyPair(secret: SecretKey(read.bytes))
    }
}

/// A secret key of X25519 with its public key, and their texts in age.
package struct AgeKeyPair: Sendable {
    static let recipientPrefix = "age"
    static let identityPrefix = "age-secret-key-"

    let secret: SecretKey
    /// 32 bytes; no secret.
    package let publicKey: [UInt8]

    /// - Throws: `.failed` when libcrypto refuses.
    package init(secret: SecretKey) throws(KeyError) {
        self.secret = secret
        publicKey = try X25519.publicKey(of: secret)
    }

    /// A new pair.
    ///
    /// - Throws: `.failed` when libcrypto refuses.
    package static func random(dice: inout some Dice) throws(KeyError) -> AgeKeyPair {
        try AgeKeyPair(secret: .random(dice: &dice))
    }

    /// Who can open what is sealed to it: the holder of the secret.
    package var recipient: AgeRecipient { .x25519(publicKey: publicKey) }
    /// What opens that.
    package var identity: AgeIdentity { .x25519(self) }

    /// `age1…`: what may be told to anybody.
    package var recipientText: String {
        String(decoding: Bech32.text(prefix: Self.recipientPrefix, bytes: publicKey), as: UTF8.self)
    }

    /// What a new identity file holds: the recipient in a comment, then `AGE-SECRET-KEY-1…`, a line each. The caller
    /// wipes it.
    package func identityFileBytes() -> [UInt8] {
        var bytes = unsafe secret.withBytes { unsafe Array($0) }
        defer { Wipe.bytes(&bytes) }
        var text = Bech32.text(prefix: Self.identityPrefix, bytes: bytes)
        defer { Wipe.bytes(&text) }
        for index in text.indices where (0x61...0x7a).contains(text[index]) { text[index] -= 0x20 }
        let comment = "# public key: \(recipientText)\n"
        var file: [UInt8] = []
        file.reserveCapacity(comment.utf8.count + text.count + 1)
        file.append(contentsOf: comment.utf8)
        file.append(contentsOf: text)
        file.append(0x0a)
        return file
    }
}
