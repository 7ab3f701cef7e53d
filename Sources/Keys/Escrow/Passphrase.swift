internal import COpenSSL

/// What a person remembers or has written down in place of a key: 1 to 1024 bytes in locked memory where possible,
/// wiped when the last owner lets go.
///
/// Invariant: the bytes never change after `init`. They count exactly as they are: cutting a line end off is the
/// caller's, and no Unicode form is made equal to another. It has no textual form.
package final class Passphrase: Sendable {
    /// Longer ones are refused.
    package static let bytesMax = 1024

    private let place: UInt
    private let count: Int

    /// Takes the bytes and wipes the array, if nobody else holds it.
    ///
    /// - Throws: `.malformed` when there is none, or more than 1024.
    package init(_ bytes: consuming [UInt8]) throws(KeyError) {
        guard (1...Self.bytesMax).contains(bytes.count) else {
            Wipe.bytes(&bytes)
            throw .malformed
        }
        count = bytes.count
        place = SecureHeap.allocate(bytes.count)
        unsafe SecureHeap.bytes(at: place, bytes.count).copyBytes(from: bytes)
        Wipe.bytes(&bytes)
    }

    deinit { SecureHeap.release(place, count) }

    /// Lends the bytes for the length of the call. They must not be kept.
    func withBytes<Answer>(_ body: (UnsafeRawBufferPointer) -> Answer) -> Answer {
        withExtendedLifetime(self) { unsafe body(UnsafeRawBufferPointer(SecureHeap.bytes(at: place, count))) }
    }
}
