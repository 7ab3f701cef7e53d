/// A Bloom filter in blocks of 512 bits (Putze, Sanders, Singler 2007): one cache line a question, about 10 bits a key,
/// seven bits set in the key's block. Says "surely not" or "perhaps" (about 1 in 60 of those not held).
struct KeyFilter: Sendable {
    private(set) var words: [UInt64]
    private var blocks: UInt64 { UInt64(words.count / 8) }

    /// - Parameter count: how many keys it will hold.
    init(forKeys count: Int) {
        words = [UInt64](repeating: 0, count: max(1, (count * 10 + 511) / 512) * 8)
    }

    /// - Precondition: a multiple of eight words, and not none.
    init(words: [UInt64]) {
        precondition(!words.isEmpty && words.count % 8 == 0)
        self.words = words
    }

    mutating func add(_ key: UInt64) {
        let (block, bits) = place(of: key)
        for index in 0..<7 {
            let bit = Int(truncatingIfNeeded: bits >> UInt64(9 * index)) & 511
            words[block + bit >> 6] |= 1 << UInt64(bit & 63)
        }
    }

    func mayHold(_ key: UInt64) -> Bool {
        let (block, bits) = place(of: key)
        for index in 0..<7 {
            let bit = Int(truncatingIfNeeded: bits >> UInt64(9 * index)) & 511
            if words[block + bit >> 6] & 1 << UInt64(bit & 63) == 0 { return false }
        }
        return true
    }

    /// The first word of the key's block, and the bits that choose within it.
    private func place(of key: UInt64) -> (Int, UInt64) {
        let hash = Mix.word(key)
        return (Int(((hash >> 32) &* blocks) >> 32) * 8, Mix.word(hash))
    }
}
