/// Agreement over Curve25519 (RFC 7748, section 6.1): two sides come to the same 32 bytes, each from its own secret
/// and the other's public key.
package enum X25519 {
    package static let publicKeyBytes = CurveKey.publicBytes

    /// The public key of a secret one. Any 32 bytes are a secret key; the curve's own rules for its bits are kept inside.
    ///
    /// - Throws: `.failed` when libcrypto refuses.
    package static func publicKey(of secret: SecretKey) throws(KeyError) -> [UInt8] {
        try CurveKey(secret: secret, for: .agreement).publicKey()
    }

    /// What both sides come to. It is no key yet: derive one from it.
    ///
    /// - Throws: `.malformed` when the public key has not 32 bytes, or is one of the few of which the same comes
    ///   whatever the secret is.
    package static func agreed(_ secret: SecretKey, with publicKey: [UInt8]) throws(KeyError) -> SecretKey {
        try CurveKey(secret: secret, for: .agreement).agreed(with: CurveKey(publicKey: publicKey, for: .agreement))
    }
}
