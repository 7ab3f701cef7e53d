internal import COpenSSL

/// Where secrets lie: one arena of libcrypto's secure heap, locked in memory, left out of core dumps, with guard pages
/// on both sides. When our share of it is taken (about 49,000 keys), or it cannot be made, secrets lie in ordinary memory;
/// either way they are wiped before the memory is given back.
///
/// libcrypto takes from the same arena what handshakes and private keys keep secret, and it has nowhere else to turn:
/// in a full arena no connection could be made. So the last quarter is left to it.
///
/// Places are handed out as integers, not pointers: a place is `Sendable`, and the owners that hold it as a `let`,
/// write it only in `init` and release it only in `deinit`, are checked by the compiler to be so too.
enum SecureHeap {
    /// A power of two. Every page of it stays resident, since it is locked.
    private static let arenaBytes = 2 << 20
    private static let ourShare = arenaBytes / 4 * 3

    /// The arena is made once in a process. If the limit of locked memory forbids locking it, it still serves, unlocked.
    private static let isReady: Bool =
        CRYPTO_secure_malloc_initialized() == 1 || CRYPTO_secure_malloc_init(arenaBytes, 32) != 0

    /// A place for `count` bytes, of undefined content.
    static func allocate(_ count: Int) -> UInt {
        let locked = isReady && CRYPTO_secure_used() + count <= ourShare ? unsafe copenssl_secure_malloc(count) : nil
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
