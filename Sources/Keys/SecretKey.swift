package import Bytes
internal import COpenSSL

/// 32 secret bytes, in locked memory where possible, wiped when the last owner lets go.
///
/// Invariant: the bytes never change after `init`; so threads may share a key. It has no textual form, and its
/// equality takes the same time whatever the bytes are.
package final class SecretKey: Sendable, Equatable {
    package static let count = 32

    private let place: UInt

    /// Takes the 32 bytes and wipes the array, if nobody else holds it.
    ///
    /// - Precondition: `bytes` has 32 bytes.
    package init(_ bytes: consuming [UInt8]) {
        precondition(bytes.count == Self.count)
        place = SecureHeap.allocate(Self.count)
        unsafe SecureHeap.bytes(at: place, Self.count).copyBytes(from: bytes)
        Wipe.bytes(&bytes)
    }

    /// A key that `fill` writes into place, so that it never stands elsewhere; nil when `fill` says that it failed.
    init?(filling fill: (UnsafeMutableRawBufferPointer) -> Bool) {
        place = SecureHeap.allocate(Self.count)
        let bytes = unsafe SecureHeap.bytes(at: place, Self.count)
        unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0)
        guard unsafe fill(bytes) else { return nil }
    }

    deinit { SecureHeap.release(place, Self.count) }

    package static func random(dice: inout some Dice) -> SecretKey { SecretKey(dice.bytes(count)) }

    package static func == (a: SecretKey, b: SecretKey) -> Bool {
        unsafe a.withBytes { left in
            unsafe b.withBytes { right in unsafe CRYPTO_memcmp(left.baseAddress, right.baseAddress, count) == 0 }
        }
    }

    /// Lends the bytes for the length of the call. They must not be kept.
    func withBytes<Answer>(_ body: (UnsafeRawBufferPointer) -> Answer) -> Answer {
        withExtendedLifetime(self) {
            unsafe body(UnsafeRawBufferPointer(SecureHeap.bytes(at: place, Self.count)))
        }
    }
}

/// Overwriting what must not stay in memory, in a way that the optimizer may not leave out.
package enum Wipe {
    package static func bytes(_ bytes: inout [UInt8]) {
        unsafe bytes.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
    }
}

/// Comparison whose time depends on the lengths alone.
package enum ConstantTime {
    /// False at once when the lengths differ: a length is no secret here.
    package static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        return unsafe a.withUnsafeBytes { left in
            unsafe b.withUnsafeBytes { right in
                unsafe CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
            }
        }
    }
}
