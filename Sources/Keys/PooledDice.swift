internal import Bytes

/// The system's dice, drawn 4 KiB at a time: a nonce costs a tenth of what asking libcrypto each time does (2 us).
///
/// One for each thread. A class, so that two names of it share the pool and no byte goes out twice; what went out is
/// wiped from the pool.
package final class PooledDice: Dice {
    private static let poolBytes = 4096

    private var source = SystemDice()
    private var pool: [UInt8] = []
    private var next = 0

    package init() {}

    deinit { Wipe.bytes(&pool) }

    package func bytes(_ count: Int) -> [UInt8] {
        guard count <= 64 else { return source.bytes(count) }
        if next + count > pool.count {
            pool = source.bytes(Self.poolBytes)
            next = 0
        }
        let range = next..<(next + count)
        next += count
        let drawn = Array(pool[range])
        for index in range { pool[index] = 0 }
        return drawn
    }
}
