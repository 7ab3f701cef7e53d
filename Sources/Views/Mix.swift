/// Mixing of words for hash tables and view digests: constants of the format, the same in every process.
enum Mix {
    /// The finalizer of splitmix64 (Steele, Lea, Flood 2014): a bijection of 64-bit words.
    static func word(_ value: UInt64) -> UInt64 {
        var word = value &+ 0x9e37_79b9_7f4a_7c15
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    /// Two words to one; the order matters.
    static func pair(_ first: UInt64, _ second: UInt64) -> UInt64 {
        word(word(first) ^ (second &* 0xd6e8_feb8_6659_fd93))
    }
}
