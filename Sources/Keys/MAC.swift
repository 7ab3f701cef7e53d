package import Bytes
internal import COpenSSL

/// A key of HMAC-SHA-256 (RFC 2104) with its two padded blocks hashed ahead: a MAC costs two blocks less.
///
/// Both states lie in locked memory, never change after `init`, and are wiped when the last owner lets go.
package final class MACKey: Sendable {
    private static let count = 2 * MemoryLayout<SHA256_CTX>.stride

    private let place: UInt

    package convenience init(_ key: SecretKey) {
        self.init(states: unsafe key.withBytes { unsafe Self.states(of: $0) })
    }

    /// A key of any length, e.g. one that is no secret (the salt of HKDF). Longer than 64 bytes, its hash is the key.
    package convenience init(bytes: [UInt8]) {
        self.init(states: unsafe bytes.withUnsafeBytes { unsafe Self.states(of: $0) })
    }

    private init(states: (inner: SHA256, outer: SHA256)) {
        place = SecureHeap.allocate(Self.count)
        let bytes = unsafe SecureHeap.bytes(at: place, Self.count)
        unsafe bytes.storeBytes(of: states.inner.context, as: SHA256_CTX.self)
        unsafe bytes.storeBytes(
            of: states.outer.context, toByteOffset: MemoryLayout<SHA256_CTX>.stride, as: SHA256_CTX.self)
    }

    deinit { SecureHeap.release(place, Self.count) }

    /// The state in which the message begins.
    var inner: SHA256 { state(at: 0) }

    /// The state in which the inner digest is hashed again.
    var outer: SHA256 { state(at: MemoryLayout<SHA256_CTX>.stride) }

    private func state(at offset: Int) -> SHA256 {
        withExtendedLifetime(self) {
            let bytes = unsafe SecureHeap.bytes(at: place, Self.count)
            return unsafe SHA256(resuming: bytes.load(fromByteOffset: offset, as: SHA256_CTX.self))
        }
    }

    private static func states(of key: UnsafeRawBufferPointer) -> (inner: SHA256, outer: SHA256) {
        var block = [UInt8](repeating: 0, count: 64)
        defer { Wipe.bytes(&block) }
        if key.count > 64 {
            var hash = SHA256()
            unsafe hash.update(key)
            block.replaceSubrange(0..<32, with: hash.finish().bytes)
        } else {
            for index in 0..<key.count { unsafe block[index] = key[index] }
        }
        func state(_ pad: UInt8) -> SHA256 {
            for index in 0..<64 { block[index] ^= pad }
            defer { for index in 0..<64 { block[index] ^= pad } }
            var hash = SHA256()
            hash.update(block)
            return hash
        }
        return (inner: state(0x36), outer: state(0x5c))
    }
}

/// One HMAC-SHA-256 over several parts without joining them. Allocates nothing.
package struct MAC {
    private var inner: SHA256
    private let key: MACKey

    package init(key: MACKey) {
        inner = key.inner
        self.key = key
    }

    package mutating func update(_ bytes: [UInt8]) { inner.update(bytes) }
    package mutating func update(_ bytes: [UInt8], in range: Range<Int>) { inner.update(bytes, in: range) }
    /// The UTF-8 of a text.
    package mutating func update(_ text: String) {
        let bytes = text.utf8.span
        unsafe bytes.withUnsafeBytes { unsafe inner.update($0) }
    }

    package mutating func update(u8 value: UInt8) { inner.update(u8: value) }
    package mutating func update(u32 value: UInt32) { inner.update(u32: value) }
    package mutating func update(u64 value: UInt64) { inner.update(u64: value) }

    /// The 32 bytes. The state is spent: put nothing more in.
    package mutating func finish() -> Digest {
        var outer = key.outer
        outer.update(inner.finish())
        return outer.finish()
    }

    /// The first 16 bytes: what stands for a name.
    package mutating func finishToken() -> Token128 {
        let digest = finish()
        return Token128(low: digest.words.0, high: digest.words.1)
    }
}
