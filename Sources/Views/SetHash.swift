internal import Bytes

/// A hash of words in order: two 64-bit lanes, each step a bijection of its lane, so that a change of one word alone
/// never cancels.
struct RowHash {
    private var first: UInt64
    private var second: UInt64

    /// - Parameter kind: keeps rows of different tables apart.
    init(kind: UInt64) {
        first = 0x2545_f491_4f6c_dd1d ^ kind
        second = 0x9e6c_63d0_876a_46b3 &+ kind
    }

    mutating func add(_ word: UInt64) {
        first = (first ^ word) &* 0x9fb2_1c65_1e98_df25
        first ^= first >> 35
        second = (second &+ word) &* 0xd6e8_feb8_6659_fd93
        second ^= second >> 32
        second = (second << 27) | (second >> 37)
    }

    /// 256 bits of the 128: what a set adds.
    var digest: Digest {
        Digest(
            words: Mix.word(first), Mix.word(second), Mix.word(first &+ (second << 1 | second >> 63)),
            Mix.word(second &+ (first << 17 | first >> 47)))
    }
}

/// A hash of a set of rows that does not depend on their order: the sum of their hashes, lane by lane modulo 2^64.
///
/// Adding and taking away one row costs the same however many there are. Two sets that differ by a fault (a lost,
/// doubled or altered row) agree with probability about 2^-128. It does not withstand somebody who chooses rows to
/// collide (sums of hashes never do at this size): proof against intent is the Merkle tree's affair.
struct SetHash: Equatable, Sendable {
    private(set) var sum = Digest.zero

    init() {}

    init(sum: Digest) { self.sum = sum }

    mutating func add(_ row: Digest) {
        sum.words.0 &+= row.words.0
        sum.words.1 &+= row.words.1
        sum.words.2 &+= row.words.2
        sum.words.3 &+= row.words.3
    }

    mutating func remove(_ row: Digest) {
        sum.words.0 &-= row.words.0
        sum.words.1 &-= row.words.1
        sum.words.2 &-= row.words.2
        sum.words.3 &-= row.words.3
    }
}
