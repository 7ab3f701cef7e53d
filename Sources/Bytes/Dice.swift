/// Where chance comes from: nonces, keys, identifiers and timeouts. A core never draws elsewhere, so that a run can
/// be repeated from a seed; the shell hands in the machine's own generator.
package protocol Dice {
    /// `count` bytes that nobody can foretell (of a seeded source: that only its seed foretells).
    mutating func bytes(_ count: Int) -> [UInt8]
}

extension Dice {
    package mutating func word() -> UInt64 {
        var value: UInt64 = 0
        for (index, byte) in bytes(8).enumerated() { value |= UInt64(byte) << UInt64(8 * index) }
        return value
    }
}

/// xoshiro256** (Blackman and Vigna), seeded through splitmix64: for tests, the simulator and the clinic generator
/// only. Never a source of keys.
package struct SeededDice: Dice, RandomNumberGenerator, Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    package init(seed: UInt64) {
        var mix = seed
        func splitmix() -> UInt64 {
            mix &+= 0x9e37_79b9_7f4a_7c15
            var word = mix
            word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
            return word ^ (word >> 31)
        }
        state = (splitmix(), splitmix(), splitmix(), splitmix())
    }

    package mutating func next() -> UInt64 {
        func rotated(_ word: UInt64, _ by: UInt64) -> UInt64 { (word << by) | (word >> (64 - by)) }
        let result = rotated(state.1 &* 5, 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = rotated(state.3, 45)
        return result
    }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count {
            let word = next()
            for index in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * index))) }
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}
