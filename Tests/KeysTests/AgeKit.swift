import Bytes
import Keys

/// Age files put together by hand from their parts, wrong wherever a test wants them so, with a MAC that fits all the
/// same: `AgeFile`'s dumb twin, after age.md and nothing else.
struct AgeKit {
    let pair: AgeKeyPair
    let passphrase: Passphrase
    let fileKey = [UInt8](0x30..<0x40)
    let nonce = [UInt8](0x50..<0x60)
    private let cipher: ChaChaPoly

    init() throws {
        pair = try AgeKeyPair(secret: SecretKey([UInt8](1...32)))
        passphrase = try Passphrase(Array("correct horse".utf8))
        cipher = try ChaChaPoly()
    }

    static func base64(_ bytes: [UInt8]) -> String { String(Base64.text(of: bytes).prefix { $0 != "=" }) }

    private func sealed(_ plain: [UInt8], _ key: SecretKey, _ nonce: [UInt8]) throws -> [UInt8] {
        var sealed: [UInt8] = []
        try cipher.seal(plain, in: 0..<plain.count, key: key, nonce: nonce, onto: &sealed)
        return sealed
    }

    /// The share and the body of a stanza for `pair`, or for another.
    func x25519(for publicKey: [UInt8]? = nil, fileKey: [UInt8]? = nil) throws -> (share: [UInt8], body: [UInt8]) {
        let recipient = publicKey ?? pair.publicKey
        let ephemeral = SecretKey([UInt8](101...132))
        let share = try X25519.publicKey(of: ephemeral)
        let key = HKDF.key(
            from: try X25519.agreed(ephemeral, with: recipient), salt: share + recipient,
            info: Array("age-encryption.org/v1/X25519".utf8))
        return (share, try sealed(fileKey ?? self.fileKey, key, [UInt8](repeating: 0, count: 12)))
    }

    /// The lines of a stanza for `pair`, or for another.
    func x25519Lines(for publicKey: [UInt8]? = nil) throws -> String {
        let (share, body) = try x25519(for: publicKey)
        return "-> X25519 \(Self.base64(share))\n\(Self.base64(body))\n"
    }

    /// The body of a stanza for `passphrase`.
    func scrypt(salt: [UInt8], log2Work: Int, fileKey: [UInt8]? = nil) throws -> [UInt8] {
        let key = try Scrypt.key(
            from: passphrase, salt: Array("age-encryption.org/v1/scrypt".utf8) + salt, log2Work: log2Work)
        return try sealed(fileKey ?? self.fileKey, key, [UInt8](repeating: 0, count: 12))
    }

    /// The MAC's text for a header that ends in `---`.
    func mac(of text: String) -> String {
        let key = HKDF.bytes(from: fileKey, salt: [], info: Array("header".utf8), count: 32)
        var mac = MAC(key: MACKey(bytes: key))
        mac.update(text)
        return Self.base64(mac.finish().bytes)
    }

    func header(_ stanzas: String, version: String = "age-encryption.org/v1\n") -> [UInt8] {
        let text = version + stanzas + "---"
        return Array("\(text) \(mac(of: text))\n".utf8)
    }

    /// One sealed chunk of a payload.
    func chunk(_ plain: [UInt8], number: UInt8, isLast: Bool) throws -> [UInt8] {
        let key = HKDF.bytes(from: fileKey, salt: nonce, info: Array("payload".utf8), count: 32)
        return try sealed(
            plain, SecretKey(key), [UInt8](repeating: 0, count: 10) + [number, isLast ? 1 : 0])
    }

    static let plain = Array("age".utf8)

    /// A file with these stanzas whose payload is right and says "age".
    func file(_ stanzas: String, version: String = "age-encryption.org/v1\n") throws -> [UInt8] {
        try header(stanzas, version: version) + nonce + chunk(Self.plain, number: 0, isLast: true)
    }

    /// A file whose header is right and whose payload this is, its nonce too.
    func file(payload: [UInt8]) throws -> [UInt8] { try header(x25519Lines()) + payload }

    func open(_ file: [UInt8]) throws(KeyError) -> [UInt8] { try AgeFile.open(file, with: [pair.identity]) }

    func openWithPassphrase(_ file: [UInt8]) throws(KeyError) -> [UInt8] {
        try AgeFile.open(file, with: [.passphrase(passphrase)])
    }
}
