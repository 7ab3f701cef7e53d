package import Bytes
internal import COpenSSL

/// AES-256-GCM and the hashes, with their contexts kept. One for each thread.
///
/// A sealed value is nonce (12 bytes) ‖ ciphertext (as long as the plain bytes) ‖ tag (16). Every call sets a key
/// anew; what stays in the contexts between calls is the schedule of the last one.
@safe package final class Crypto {
    package static let nonceBytes = 12
    package static let tagBytes = 16
    /// What sealing adds to a value.
    package static let overheadBytes = nonceBytes + tagBytes

    private let sealer: OpaquePointer
    private let opener: OpaquePointer

    package convenience init() throws(KeyError) { try self.init(cipher: "AES-256-GCM") }

    /// Fetches the cipher, which is dear, once. It must have keys of 32 bytes, nonces of 12 and tags of 16.
    init(cipher name: String) throws(KeyError) {
        guard let cipher = unsafe EVP_CIPHER_fetch(nil, name, nil) else { throw .failed }
        defer { unsafe EVP_CIPHER_free(cipher) }
        guard let sealer = unsafe EVP_CIPHER_CTX_new() else { throw .failed }
        guard let opener = unsafe EVP_CIPHER_CTX_new() else {
            unsafe EVP_CIPHER_CTX_free(sealer)
            throw .failed
        }
        unsafe self.sealer = sealer
        unsafe self.opener = opener
        guard unsafe EVP_EncryptInit_ex(sealer, cipher, nil, nil, nil) == 1,
            unsafe EVP_DecryptInit_ex(opener, cipher, nil, nil, nil) == 1
        else { throw .failed }
    }

    deinit {
        unsafe EVP_CIPHER_CTX_free(sealer)
        unsafe EVP_CIPHER_CTX_free(opener)
    }

    /// Appends nonce ‖ ciphertext ‖ tag. After a throw `onto` is as before.
    ///
    /// - Precondition: the nonce has 12 bytes and was never used with this key; `range` lies within `plain`.
    package func seal(
        _ plain: [UInt8], in range: Range<Int>, key: SecretKey, nonce: [UInt8], associated: [UInt8],
        onto: inout [UInt8]
    ) throws(KeyError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= plain.count && nonce.count == Self.nonceBytes)
        let start = onto.count
        onto.append(contentsOf: nonce)
        var sealed = false
        onto.append(addingCapacity: range.count + Self.tagBytes) { span in
            unsafe span.withUnsafeMutableBufferPointer { target, filled in
                sealed = unsafe plain.withUnsafeBufferPointer { source in
                    unsafe encrypt(
                        UnsafeBufferPointer(rebasing: source[range]), key: key, nonce: nonce, associated: associated,
                        target: target)
                }
                filled = range.count + Self.tagBytes
                if !sealed { unsafe target.update(repeating: 0) }
            }
        }
        guard sealed else {
            onto.removeSubrange(start...)
            throw .failed
        }
    }

    private func encrypt(
        _ plain: UnsafeBufferPointer<UInt8>, key: SecretKey, nonce: [UInt8], associated: [UInt8],
        target: UnsafeMutableBufferPointer<UInt8>
    ) -> Bool {
        guard let output = target.baseAddress else { return false }
        let isKeyed = unsafe key.withBytes { bytes in
            unsafe EVP_EncryptInit_ex(
                sealer, nil, nil, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, nonce) == 1
        }
        guard isKeyed else { return false }
        var count: Int32 = 0
        if !associated.isEmpty {
            guard unsafe EVP_EncryptUpdate(sealer, nil, &count, associated, Int32(associated.count)) == 1 else {
                return false
            }
        }
        if !plain.isEmpty {
            guard unsafe EVP_EncryptUpdate(sealer, output, &count, plain.baseAddress, Int32(plain.count)) == 1,
                count == plain.count
            else { return false }
        }
        return unsafe EVP_EncryptFinal_ex(sealer, output + plain.count, &count) == 1
            && EVP_CIPHER_CTX_ctrl(
                sealer, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagBytes), output + plain.count) == 1
    }

    /// Appends the plain bytes of one sealed value. After a throw `onto` is as before, and no unproven byte stays.
    ///
    /// - Throws: `.malformed` when there is no room for nonce and tag, `.wrongKey` when the tag does not match.
    package func open(
        _ sealed: [UInt8], in range: Range<Int>, key: SecretKey, associated: [UInt8], onto: inout [UInt8]
    ) throws(KeyError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= sealed.count)
        let count = range.count - Self.overheadBytes
        guard count >= 0 else { throw .malformed }
        var result = KeyError?.none
        onto.append(addingCapacity: count) { span in
            unsafe span.withUnsafeMutableBufferPointer { target, filled in
                let plain = unsafe UnsafeMutableBufferPointer(rebasing: target[0..<count])
                result = unsafe sealed.withUnsafeBufferPointer { source in
                    unsafe decrypt(
                        UnsafeBufferPointer(rebasing: source[range]), key: key, associated: associated, target: plain)
                }
                if result == nil {
                    filled = count
                } else {
                    unsafe OPENSSL_cleanse(plain.baseAddress, count)
                }
            }
        }
        if let result { throw result }
    }

    private func decrypt(
        _ sealed: UnsafeBufferPointer<UInt8>, key: SecretKey, associated: [UInt8],
        target: UnsafeMutableBufferPointer<UInt8>
    ) -> KeyError? {
        guard let nonce = sealed.baseAddress else { return .malformed }
        let isKeyed = unsafe key.withBytes { bytes in
            unsafe EVP_DecryptInit_ex(
                opener, nil, nil, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, nonce) == 1
        }
        guard isKeyed else { return .failed }
        var count: Int32 = 0
        if !associated.isEmpty {
            guard unsafe EVP_DecryptUpdate(opener, nil, &count, associated, Int32(associated.count)) == 1 else {
                return .failed
            }
        }
        if !target.isEmpty {
            let body = unsafe nonce + Self.nonceBytes
            guard unsafe EVP_DecryptUpdate(opener, target.baseAddress, &count, body, Int32(target.count)) == 1 else {
                return .failed
            }
        }
        let tag = unsafe UnsafeMutableRawPointer(mutating: nonce + Self.nonceBytes + target.count)
        guard unsafe EVP_CIPHER_CTX_ctrl(opener, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagBytes), tag) == 1 else {
            return .failed
        }
        var nothing: UInt8 = 0
        return unsafe EVP_DecryptFinal_ex(opener, &nothing, &count) == 1 ? nil : .wrongKey
    }
}

/// The hashes, for callers that hold a `Crypto`.
extension Crypto {
    package func sha256(_ bytes: [UInt8]) -> Digest { SHA256.digest(bytes) }

    package func sha256(_ bytes: [UInt8], in range: Range<Int>) -> Digest { SHA256.digest(bytes, in: range) }

    /// The digest of the parts one after the other.
    package func sha256(parts: [UInt8]...) -> Digest {
        var hash = SHA256()
        for part in parts { hash.update(part) }
        return hash.finish()
    }

    package func hmac(_ bytes: [UInt8], key: MACKey) -> Digest {
        var mac = MAC(key: key)
        mac.update(bytes)
        return mac.finish()
    }

    /// What stands for a name of one or more parts: the first 128 bits of the HMAC-SHA-256 of, for each part, its
    /// length as eight little-endian bytes and its bytes, so that no two lists of parts read alike.
    package func token(_ parts: [UInt8]..., key: MACKey) -> Token128 {
        var mac = MAC(key: key)
        for part in parts {
            mac.update(u64: UInt64(part.count))
            mac.update(part)
        }
        return mac.finishToken()
    }

    /// 32 bytes of HKDF (RFC 5869).
    package func hkdf(secret: SecretKey, salt: [UInt8], info: [UInt8]) -> SecretKey {
        HKDF.key(from: secret, salt: salt, info: info)
    }
}
