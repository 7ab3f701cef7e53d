/// An open-addressing hash index that stores ordinals and half of each hash; keys stay in the rows they number.
///
/// A row is a line of memory away, often one that no cache holds, so it is looked at only when its half hash fits: a
/// search that finds nothing mostly reads one line, and growing reads no row at all.
///
/// 64 shards by the top bits of the hash, each an array of its own: a copy shares all of them, a change after a copy
/// copies one, and growing doubles one at a time, so no single insertion ever moves the whole index. Nothing is removed.
struct OrdinalIndex: Sendable {
    /// A slot holds the lower half of the hash above ordinal + 1; 0 is empty. A shard's length is 0 or a power of two; at
    /// most 3/4 of it is used.
    private var shards: [[UInt64]] = Array(repeating: [], count: 64)
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
            if (held >> 32) == hash & 0xffff_ffff {
                let ordinal = UInt32(truncatingIfNeeded: held) - 1
                if matches(ordinal) { return ordinal }
            }
            slot = (slot + 1) & mask
        }
    }

    /// Adds an ordinal that is not there yet.
    mutating func insert(_ ordinal: UInt32, hash: UInt64) {
        let shard = Int(hash >> 58)
        if (Int(counts[shard]) + 1) * 4 > shards[shard].count * 3 { grow(shard) }
        Self.place(hash << 32 | UInt64(ordinal + 1), in: &shards[shard])
        counts[shard] += 1
    }

    /// Adds 0, 1, 2 … to an empty index, shard by shard, so that what is filled stays near.
    ///
    /// - Parameters:
    ///   - hash: Of the key of an ordinal.
    ///   - same: Whether two ordinals have the same key.
    /// - Returns: whether no two have.
    mutating func fill(_ count: Int, hash: (Int) -> UInt64, same: (UInt32, UInt32) -> Bool) -> Bool {
        precondition(counts.allSatisfy { $0 == 0 })
        var starts = [Int](repeating: 0, count: 65)
        var hashes: [UInt64] = []
        hashes.reserveCapacity(count)
        for ordinal in 0..<count {
            hashes.append(hash(ordinal))
            starts[Int(hashes[ordinal] >> 58) + 1] += 1
        }
        for shard in 0..<64 { starts[shard + 1] += starts[shard] }
        var next = starts
        var held = [UInt64](repeating: 0, count: count)
        for ordinal in 0..<count {
            let shard = Int(hashes[ordinal] >> 58)
            held[next[shard]] = hashes[ordinal] << 32 | UInt64(ordinal + 1)
            next[shard] += 1
        }
        for shard in 0..<64 {
            let few = starts[shard + 1] - starts[shard]
            guard few > 0 else { continue }
            var length = 4
            while few * 4 > length * 3 { length *= 2 }
            var slots = [UInt64](repeating: 0, count: length)
            for at in starts[shard]..<starts[shard + 1] where !Self.place(held[at], in: &slots, unless: same) {
                return false
            }
            shards[shard] = slots
            counts[shard] = UInt32(few)
        }
        return true
    }

    private static func place(_ held: UInt64, in slots: inout [UInt64], unless same: (UInt32, UInt32) -> Bool) -> Bool {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: held >> 32) & mask
        while slots[slot] != 0 {
            if slots[slot] >> 32 == held >> 32,
                same(UInt32(truncatingIfNeeded: slots[slot]) - 1, UInt32(truncatingIfNeeded: held) - 1)
            {
                return false
            }
            slot = (slot + 1) & mask
        }
        slots[slot] = held
        return true
    }

    private mutating func grow(_ shard: Int) {
        var grown = [UInt64](repeating: 0, count: max(4, shards[shard].count * 2))
        for held in shards[shard] where held != 0 { Self.place(held, in: &grown) }
        shards[shard] = grown
    }

    private static func place(_ held: UInt64, in slots: inout [UInt64]) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: held >> 32) & mask
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

    /// Adds a word whose number is asked for only after `indexWords`.
    mutating func take(_ word: UInt64) { words.append(word) }

    /// Makes the words that were taken known.
    ///
    /// - Returns: whether none of them came twice.
    mutating func indexWords() -> Bool {
        let words = words
        return index.fill(words.count, hash: { Mix.word(words[$0]) }, same: { words[Int($0)] == words[Int($1)] })
    }

    /// The word's number, given now if it has none.
    mutating func number(_ word: UInt64) -> UInt32 {
        if let known = ordinal(of: word) { return known }
        let ordinal = UInt32(words.count)
        words.append(word)
        index.insert(ordinal, hash: Mix.word(word))
        return ordinal
    }
}
