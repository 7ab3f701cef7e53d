/// ChaCha20-Poly1305 (RFC 8439, section 2.8), the cipher of age files, with its contexts kept. One for each thread.
///
/// A sealed value is ciphertext (as long as the plain bytes) ‖ tag (16). The nonce does not stand with it: whoever
/// seals and opens knows it.
package final class ChaChaPoly {
    package static let nonceBytes = Crypto.nonceBytes
    /// What sealing adds to a value.
    package static let tagBytes = Crypto.tagBytes

    private let crypto: Crypto

    /// - Throws: `.failed` when libcrypto does not have the cipher.
    package init() throws(KeyError) { crypto = try Crypto(cipher: "ChaCha20-Poly1305") }

    /// Appends ciphertext ‖ tag. After a throw `onto` is as before.
    ///
    /// - Precondition: the nonce has 12 bytes and was never used with this key; `range` lies within `plain`.
    /// - Throws: `.failed` when libcrypto refuses.
    package func seal(
        _ plain: [UInt8], in range: Range<Int>, key: SecretKey, nonce: [UInt8], associated: [UInt8] = [],
        onto: inout [UInt8]
    ) throws(KeyError) {
        var sealed: [UInt8] = []
        sealed.reserveCapacity(range.count + Crypto.overheadBytes)
        try crypto.seal(plain, in: range, key: key, nonce: nonce, associated: associated, onto: &sealed)
        onto.append(contentsOf: sealed.dropFirst(Self.nonceBytes))
    }

    /// Appends the plain bytes of one sealed value. After a throw `onto` is as before, and no unproven byte stays.
    ///
    /// - Precondition: the nonce has 12 bytes; `range` lies within `sealed`.
    /// - Throws: `.malformed` when there is no room for the tag, `.wrongKey` when the tag does not match.
    package func open(
        _ sealed: [UInt8], in range: Range<Int>, key: SecretKey, nonce: [UInt8], associated: [UInt8] = [],
        onto: inout [UInt8]
    ) throws(KeyError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= sealed.count && nonce.count == Self.nonceBytes)
        let whole = nonce + sealed[range]
        try crypto.open(whole, in: 0..<whole.count, key: key, associated: associated, onto: &onto)
    }
}
