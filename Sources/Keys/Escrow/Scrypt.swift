internal import COpenSSL

/// scrypt (RFC 7914): a key out of a passphrase, dear in time and memory for whoever guesses.
package enum Scrypt {
    /// The binary logarithm of the work factor when nobody says otherwise: 128 MiB and some tenths of a second.
    package static let log2WorkDefault = 17
    /// The dearest work factor that is done: 1 GiB and some seconds. A file that asks for more is not opened.
    package static let log2WorkMax = 20

    /// 32 bytes with block size 8 and parallelism 1, for which 2^`log2Work` KiB of memory are taken.
    ///
    /// - Precondition: `log2Work` is 1 to 20.
    /// - Throws: `.failed` when libcrypto refuses, e.g. for want of memory.
    package static func key(
        from passphrase: Passphrase, salt: [UInt8], log2Work: Int
    ) throws(KeyError) -> SecretKey {
        precondition((1...log2WorkMax).contains(log2Work))
        let key = unsafe passphrase.withBytes { secret in
            unsafe SecretKey { target in
                unsafe derive(secret, salt, 1 << UInt64(log2Work), blockSize: 8, parallelism: 1, into: target)
            }
        }
        guard let key else { throw .failed }
        return key
    }

    /// `count` bytes for any parameters, as the RFC states its cases.
    ///
    /// - Precondition: `count` is at least 1.
    /// - Throws: `.failed` when libcrypto refuses: `work` is no power of two above 1, or there is no memory.
    package static func bytes(
        from passphrase: [UInt8], salt: [UInt8], work: UInt64, blockSize: UInt64, parallelism: UInt64, count: Int
    ) throws(KeyError) -> [UInt8] {
        precondition(count >= 1)
        var output = [UInt8](repeating: 0, count: count)
        let isDone = unsafe output.withUnsafeMutableBytes { target in
            unsafe passphrase.withUnsafeBytes { secret in
                unsafe derive(secret, salt, work, blockSize: blockSize, parallelism: parallelism, into: target)
            }
        }
        guard isDone else { throw .failed }
        return output
    }

    private static func derive(
        _ secret: UnsafeRawBufferPointer, _ salt: [UInt8], _ work: UInt64, blockSize: UInt64, parallelism: UInt64,
        into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        let memoryBytesMax = 128 * blockSize * (work + parallelism + 2) + 1 << 20
        let isDone = unsafe EVP_PBE_scrypt(
            secret.assumingMemoryBound(to: CChar.self).baseAddress, secret.count, salt, salt.count, work, blockSize,
            parallelism, memoryBytesMax, target.assumingMemoryBound(to: UInt8.self).baseAddress, target.count)
        if isDone != 1 { ERR_clear_error() }
        return isDone == 1
    }
}
