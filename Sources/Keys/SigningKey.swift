/// A key that signs (Ed25519, RFC 8032, section 5.1): who has its public part can tell that bytes come from who holds
/// the seed, and that none of them was changed.
package struct SigningKey: Sendable {
    package static let publicKeyBytes = CurveKey.publicBytes
    package static let signatureBytes = 64

    private let seed: SecretKey
    /// 32 bytes; no secret.
    package let publicKey: [UInt8]

    /// The key whose seed (RFC 8032 calls it the private key) the 32 bytes are.
    ///
    /// - Throws: `.failed` when libcrypto refuses.
    package init(seed: SecretKey) throws(KeyError) {
        self.seed = seed
        publicKey = try CurveKey(secret: seed, for: .signing).publicKey()
    }

    /// The signature of the bytes, 64 bytes. No chance goes into it: the same bytes have the same one.
    ///
    /// - Throws: `.failed` when libcrypto refuses.
    package func sign(_ bytes: [UInt8]) throws(KeyError) -> [UInt8] {
        try CurveKey(secret: seed, for: .signing).signature(of: bytes)
    }

    /// Whether `signature` is the one that the holder of `publicKey` makes of `bytes`. Of another length than 64 and 32,
    /// or with a number that is not reduced (section 5.1.7), neither is anybody's.
    package static func verify(_ signature: [UInt8], of bytes: [UInt8], publicKey: [UInt8]) -> Bool {
        guard signature.count == signatureBytes, let key = try? CurveKey(publicKey: publicKey, for: .signing) else {
            return false
        }
        return key.verifies(signature, of: bytes)
    }
}
