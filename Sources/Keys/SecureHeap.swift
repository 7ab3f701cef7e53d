internal import COpenSSL

/// Where secrets lie: one arena of libcrypto's secure heap, locked in memory, left out of core dumps, with guard pages
/// on both sides. When it is full (about 65,000 keys), or cannot be made, secrets lie in ordinary memory; either way
/// they are wiped before the memory is given back.
///
/// Places are handed out as integers, not pointers: a place is `Sendable`, and the owners that hold it as a `let`,
/// write it only in `init` and release it only in `deinit`, are checked by the compiler to be so too.
enum SecureHeap {
    /// A power of two. Every page of it stays resident, since it is locked.
    private static let arenaBytes = 2 << 20

    /// The arena is made once in a process. If the limit of locked memory forbids locking it, it still serves, unlocked.
    private static let isReady: Bool =
        CRYPTO_secure_malloc_initialized() == 1 || CRYPTO_secure_malloc_init(arenaBytes, 32) != 0

    /// A place for `count` bytes, of undefined content.
    static func allocate(_ count: Int) -> UInt {
        let locked = isReady ? unsafe copenssl_secure_malloc(count) : nil
        let place = unsafe UInt(bitPattern: locked ?? copenssl_malloc(count))
        precondition(place != 0, "out of memory")
        return place
    }

    /// Wipes the bytes and gives the place back.
    static func release(_ place: UInt, _ count: Int) {
        unsafe copenssl_secure_clear_free(UnsafeMutableRawPointer(bitPattern: place), count)
    }

    /// The bytes at a place. The caller holds its owner for as long as it uses them.
    static func bytes(at place: UInt, _ count: Int) -> UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: place), count: count)
    }
}
