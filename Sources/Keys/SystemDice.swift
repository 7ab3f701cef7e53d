internal import Bytes
internal import COpenSSL

/// The machine's own randomness, through libcrypto's generator (CTR-DRBG of SP 800-90A, seeded by the kernel).
package struct SystemDice: Dice, Sendable {
    package init() {}

    /// - Precondition: libcrypto has randomness. Without it nothing may be sealed, so there is no going on.
    package mutating func bytes(_ count: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            precondition(unsafe RAND_bytes(buffer.baseAddress, Int32(count)) == 1, "no randomness")
            filled = count
        }
    }
}
