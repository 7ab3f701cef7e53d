package import Bytes
internal import COpenSSL

/// SHA-256 (FIPS 180-4) over several parts without joining them.
///
/// A plain value of 112 bytes: making, copying and finishing one allocates nothing.
package struct SHA256: Sendable {
    var context: SHA256_CTX

    package init() {
        context = SHA256_CTX()
        unsafe _ = SHA256_Init(&context)
    }

    init(resuming context: SHA256_CTX) { self.context = context }

    /// The digest of one array.
    package static func digest(_ bytes: [UInt8]) -> Digest { digest(bytes, in: 0..<bytes.count) }

    package static func digest(_ bytes: [UInt8], in range: Range<Int>) -> Digest {
        var hash = SHA256()
        hash.update(bytes, in: range)
        return hash.finish()
    }

    package mutating func update(_ bytes: [UInt8]) { update(bytes, in: 0..<bytes.count) }

    /// - Precondition: `range` lies within `bytes`.
    package mutating func update(_ bytes: [UInt8], in range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        unsafe bytes.withUnsafeBytes { unsafe update(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    package mutating func update(u8 value: UInt8) { unsafe withUnsafeBytes(of: value) { unsafe update($0) } }

    package mutating func update(u32 value: UInt32) {
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe update($0) }
    }

    package mutating func update(u64 value: UInt64) {
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe update($0) }
    }

    /// The 32 bytes of another digest.
    package mutating func update(_ digest: Digest) {
        let words = (
            digest.words.0.littleEndian, digest.words.1.littleEndian, digest.words.2.littleEndian,
            digest.words.3.littleEndian
        )
        unsafe withUnsafeBytes(of: words) { unsafe update($0) }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        unsafe _ = SHA256_Update(&context, bytes.baseAddress, bytes.count)
    }

    /// The digest of all that was put in. The state is spent: put nothing more in.
    package mutating func finish() -> Digest {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        unsafe withUnsafeMutableBytes(of: &words) { buffer in
            unsafe _ = SHA256_Final(buffer.assumingMemoryBound(to: UInt8.self).baseAddress, &context)
        }
        return Digest(
            words: UInt64(littleEndian: words.0), UInt64(littleEndian: words.1), UInt64(littleEndian: words.2),
            UInt64(littleEndian: words.3))
    }
}
