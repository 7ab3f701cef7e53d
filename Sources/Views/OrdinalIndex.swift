/// An open-addressing hash index that stores ordinals alone; keys stay in the rows they number.
///
/// 64 shards by the top bits of the hash, each an array of its own: a copy shares all of them, a change after a copy
/// copies one, and growing doubles one at a time, so no single insertion ever moves the whole index. Nothing is removed.
struct OrdinalIndex: Sendable {
    /// A slot holds ordinal + 1; 0 is empty. A shard's length is 0 or a power of two; at most 3/4 of it is used.
    private var shards: [[UInt32]] = Array(repeating: [], count: 64)
    private var counts: [UInt32] = Array(repeating: 0, count: 64)

    /// The ordinal whose key hashes to `hash` and `matches`.
    func find(_ hash: UInt64, matches: (UInt32) -> Bool) -> UInt32? {
        let shard = Int(hash >> 58)
        let mask = shards[shard].count - 1
        guard mask >= 0 else { return nil }
        var slot = Int(truncatingIfNeeded: hash) & mask
        while true {
            let held = shards[shard][slot]
            if held == 0 { return nil }
            if matches(held - 1) { return held - 1 }
            slot = (slot + 1) & mask
        }
    }

    /// Adds an ordinal that is not there yet; `hashOf` gives the hash of one that is, asked when its shard grows.
    mutating func insert(_ ordinal: UInt32, hash: UInt64, hashOf: (UInt32) -> UInt64) {
        let shard = Int(hash >> 58)
        if (Int(counts[shard]) + 1) * 4 > shards[shard].count * 3 { grow(shard, hashOf: hashOf) }
        Self.place(ordinal + 1, hash, in: &shards[shard])
        counts[shard] += 1
    }

    /// Makes place for so many at once, while the index is empty, so that filling it moves nothing.
    mutating func reserve(_ count: Int) {
        guard counts.allSatisfy({ $0 == 0 }), count >= 1024 else { return }
        // A shard gets a sixty-fourth, give or take a tenth; one that gets more grows.
        let slots = (count / 64 * 11 / 10 + 1) * 4 / 3
        var length = 4
        while length < slots { length *= 2 }
        for shard in shards.indices { shards[shard] = [UInt32](repeating: 0, count: length) }
    }

    private mutating func grow(_ shard: Int, hashOf: (UInt32) -> UInt64) {
        var grown = [UInt32](repeating: 0, count: max(4, shards[shard].count * 2))
        for held in shards[shard] where held != 0 { Self.place(held, hashOf(held - 1), in: &grown) }
        shards[shard] = grown
    }

    private static func place(_ held: UInt32, _ hash: UInt64, in slots: inout [UInt32]) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = held
    }
}

/// 64-bit words (key ids, tokens), each numbered when first seen.
struct WordTable: Sendable {
    private(set) var words = ChunkedTable<UInt64>(shift: 11)
    private var index = OrdinalIndex()

    func ordinal(of word: UInt64) -> UInt32? {
        index.find(Mix.word(word)) { words[Int($0)] == word }
    }

    /// Makes place for so many words.
    mutating func reserve(_ words: Int) { index.reserve(words) }

    /// The word's number, given now if it has none.
    mutating func number(_ word: UInt64) -> UInt32 {
        if let known = ordinal(of: word) { return known }
        let ordinal = UInt32(words.count)
        words.append(word)
        let words = words
        index.insert(ordinal, hash: Mix.word(word)) { Mix.word(words[Int($0)]) }
        return ordinal
    }
}
