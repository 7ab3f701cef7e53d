internal import COpenSSL

/// A raw key over Curve25519 as libcrypto holds it, freed with its owner.
@safe struct CurveKey: ~Copyable {
    enum Use {
        /// X25519 (RFC 7748).
        case agreement
        /// Ed25519 (RFC 8032).
        case signing

        var kind: Int32 {
            switch self {
            case .agreement: EVP_PKEY_X25519
            case .signing: EVP_PKEY_ED25519
            }
        }
    }

    static let publicBytes = 32

    private let key: OpaquePointer

    /// - Throws: `.failed` when libcrypto refuses.
    init(secret: SecretKey, for use: Use) throws(KeyError) {
        let made = unsafe secret.withBytes { bytes in
            unsafe EVP_PKEY_new_raw_private_key(
                use.kind, nil, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count)
        }
        guard let made = unsafe made else { throw Self.refusal() }
        unsafe key = made
    }

    /// - Throws: `.malformed` when there are not 32 bytes, `.failed` when libcrypto refuses.
    init(publicKey bytes: [UInt8], for use: Use) throws(KeyError) {
        guard bytes.count == Self.publicBytes else { throw .malformed }
        guard let made = unsafe EVP_PKEY_new_raw_public_key(use.kind, nil, bytes, bytes.count) else {
            throw Self.refusal()
        }
        unsafe key = made
    }

    deinit { unsafe EVP_PKEY_free(key) }

    /// `.failed`; what libcrypto says of it is taken from its queue, where the next TLS session would find it.
    private static func refusal() -> KeyError {
        ERR_clear_error()
        return .failed
    }

    /// The public part, 32 bytes.
    func publicKey() throws(KeyError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.publicBytes)
        var count = bytes.count
        guard unsafe EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1, count == bytes.count else {
            throw Self.refusal()
        }
        return bytes
    }

    /// What both sides come to, of a secret key of agreement.
    ///
    /// - Throws: `.malformed` when it is the same whatever the secret is (RFC 7748, section 6.1), which libcrypto refuses.
    func agreed(with peer: borrowing CurveKey) throws(KeyError) -> SecretKey {
        guard let context = unsafe EVP_PKEY_CTX_new(key, nil) else { throw Self.refusal() }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_derive_init(context) == 1, unsafe EVP_PKEY_derive_set_peer(context, peer.key) == 1 else {
            throw Self.refusal()
        }
        let shared = unsafe SecretKey { target in
            var count = target.count
            return unsafe EVP_PKEY_derive(
                context, target.assumingMemoryBound(to: UInt8.self).baseAddress, &count) == 1
                && count == SecretKey.count
        }
        guard let shared else {
            ERR_clear_error()
            throw .malformed
        }
        return shared
    }

    /// 64 bytes, the same each time for the same message, of a secret key of signing.
    func signature(of message: [UInt8]) throws(KeyError) -> [UInt8] {
        guard let context = unsafe EVP_MD_CTX_new() else { throw Self.refusal() }
        defer { unsafe EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: SigningKey.signatureBytes)
        var count = signature.count
        guard unsafe EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
            unsafe EVP_DigestSign(context, &signature, &count, message, message.count) == 1, count == signature.count
        else { throw Self.refusal() }
        return signature
    }

    /// Whether this key made the signature. What cannot be checked is not so.
    func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        guard let context = unsafe EVP_MD_CTX_new() else { return false }
        defer { unsafe EVP_MD_CTX_free(context) }
        let isSo =
            unsafe EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
        if !isSo { ERR_clear_error() }
        return isSo
    }
}
