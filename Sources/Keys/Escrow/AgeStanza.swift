internal import Bytes

/// One stanza of an age file's header: the file key, wrapped for one recipient.
enum AgeStanza: Equatable {
    /// `share` is the public key made for this stanza alone; both have 32 bytes.
    case x25519(share: [UInt8], wrapped: [UInt8])
    /// `salt` has 16 bytes, `wrapped` 32; `log2Work` is 1 to `Scrypt.log2WorkMax`.
    case scrypt(salt: [UInt8], log2Work: Int, wrapped: [UInt8])
    /// Of a kind that Chartlog does not know; it may be anybody's.
    case other

    static let fileKeyBytes = 16
    static let saltBytes = 16
    /// The file key and its tag.
    static let wrappedBytes = fileKeyBytes + ChaChaPoly.tagBytes

    /// - Throws: `.malformed` when a stanza of a known kind is not of its form.
    init(arguments: [[UInt8]], body: [UInt8]) throws(KeyError) {
        switch arguments[0] {
        case Array("X25519".utf8):
            guard arguments.count == 2, let share = AgeBase64.bytes(of: arguments[1]),
                share.count == X25519.publicKeyBytes, body.count == Self.wrappedBytes
            else { throw .malformed }
            self = .x25519(share: share, wrapped: body)
        case Array("scrypt".utf8):
            guard arguments.count == 3, let salt = AgeBase64.bytes(of: arguments[1]), salt.count == Self.saltBytes,
                let log2Work = Self.work(arguments[2]), body.count == Self.wrappedBytes
            else { throw .malformed }
            self = .scrypt(salt: salt, log2Work: log2Work, wrapped: body)
        default:
            self = .other
        }
    }

    /// A decimal number without leading zeros, of at most `Scrypt.log2WorkMax`.
    private static func work(_ digits: [UInt8]) -> Int? {
        guard (1...2).contains(digits.count), digits[0] != 0x30, digits.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        let value = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        return value <= Scrypt.log2WorkMax ? value : nil
    }

    /// The lines of a stanza of a known kind.
    var text: String {
        switch self {
        case .x25519(let share, let wrapped):
            "-> X25519 \(AgeBase64.text(of: share))\n\(AgeBase64.text(of: wrapped))\n"
        case .scrypt(let salt, let log2Work, let wrapped):
            "-> scrypt \(AgeBase64.text(of: salt)) \(log2Work)\n\(AgeBase64.text(of: wrapped))\n"
        case .other: preconditionFailure("what is not known is not written")
        }
    }
}

/// Wrapping the file key, and unwrapping it.
extension AgeStanza {
    private static let noNonce = [UInt8](repeating: 0, count: ChaChaPoly.nonceBytes)

    /// Wraps the file key for a recipient, whose wrapping key is used this once: hence the fixed nonce.
    ///
    /// - Throws: `.malformed` when the recipient's public key is none that keeps a secret.
    init(
        wrapping fileKey: [UInt8], for recipient: AgeRecipient, log2Work: Int, cipher: ChaChaPoly,
        dice: inout some Dice
    ) throws(KeyError) {
        var wrapped: [UInt8] = []
        switch recipient {
        case .x25519(let publicKey):
            let pair = try AgeKeyPair.random(dice: &dice)
            let key = try Self.key(
                X25519.agreed(pair.secret, with: publicKey), share: pair.publicKey, recipient: publicKey)
            try cipher.seal(fileKey, in: 0..<fileKey.count, key: key, nonce: Self.noNonce, onto: &wrapped)
            self = .x25519(share: pair.publicKey, wrapped: wrapped)
        case .passphrase(let passphrase):
            let salt = dice.bytes(Self.saltBytes)
            let key = try Self.key(passphrase, salt: salt, log2Work: log2Work)
            try cipher.seal(fileKey, in: 0..<fileKey.count, key: key, nonce: Self.noNonce, onto: &wrapped)
            self = .scrypt(salt: salt, log2Work: log2Work, wrapped: wrapped)
        }
    }

    /// The 16 bytes, if the stanza is for this identity; nil when it is of another kind. The caller wipes them.
    ///
    /// - Throws: `.wrongKey` when it is of the kind and does not open, `.malformed` when its share keeps no secret.
    func fileKey(for identity: AgeIdentity, cipher: ChaChaPoly) throws(KeyError) -> [UInt8]? {
        let key: SecretKey
        let body: [UInt8]
        switch (self, identity) {
        case (.x25519(let share, let wrapped), .x25519(let pair)):
            key = try Self.key(X25519.agreed(pair.secret, with: share), share: share, recipient: pair.publicKey)
            body = wrapped
        case (.scrypt(let salt, let log2Work, let wrapped), .passphrase(let passphrase)):
            key = try Self.key(passphrase, salt: salt, log2Work: log2Work)
            body = wrapped
        case (.x25519, .passphrase), (.scrypt, .x25519), (.other, _):
            return nil
        }
        var fileKey: [UInt8] = []
        fileKey.reserveCapacity(Self.fileKeyBytes)
        try cipher.open(body, in: 0..<body.count, key: key, nonce: Self.noNonce, onto: &fileKey)
        return fileKey
    }

    private static func key(_ agreed: SecretKey, share: [UInt8], recipient: [UInt8]) -> SecretKey {
        HKDF.key(from: agreed, salt: share + recipient, info: Array("age-encryption.org/v1/X25519".utf8))
    }

    private static func key(_ passphrase: Passphrase, salt: [UInt8], log2Work: Int) throws(KeyError) -> SecretKey {
        try Scrypt.key(
            from: passphrase, salt: Array("age-encryption.org/v1/scrypt".utf8) + salt, log2Work: log2Work)
    }
}

/// Base64 as age's header has it (RFC 4648, section 4): the standard alphabet without padding.
enum AgeBase64 {
    static func text(of bytes: [UInt8]) -> String { String(Base64.text(of: bytes).prefix { $0 != "=" }) }

    /// Nil for anything else, padding and unused bits that are not zero too.
    static func bytes(of text: some BidirectionalCollection<UInt8>) -> [UInt8]? {
        guard text.last != 0x3d else { return nil }
        return Base64.bytes(of: Array(text) + [UInt8](repeating: 0x3d, count: (4 - text.count % 4) % 4))
    }
}
