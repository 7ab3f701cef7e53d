/// The order in which events and records stand in the log: one bit each, with running counts.
///
/// Item g (from 0) is the record or the event whose number follows from how many of either stand before it, since
/// both number lines are gapless from 1. So an audit posting is one ascending number, and a cut (position, record) is
/// the sum of both.
struct LogOrder: Sendable {
    /// Bit set: a record. 512 bits to a block of `ranks`.
    private(set) var words = ChunkedTable<UInt64>(shift: 11)
    /// Records before each block.
    private var ranks = ChunkedTable<UInt32>(shift: 12)
    private(set) var count = 0
    private var records: UInt32 = 0

    var recordCount: UInt64 { UInt64(records) }

    mutating func append(isRecord: Bool) {
        if count & 511 == 0 { ranks.append(records) }
        if count & 63 == 0 { words.append(0) }
        if isRecord {
            words[count >> 6] |= 1 << UInt64(count & 63)
            records += 1
        }
        count += 1
    }

    /// Appends the low `bits` of a word as `words` held it; only the last word has fewer than 64.
    mutating func append(word: UInt64, bits: Int) {
        precondition(count & 63 == 0)
        if count & 511 == 0 { ranks.append(records) }
        let held = bits == 64 ? word : word & ((1 << UInt64(bits)) - 1)
        words.append(held)
        records += UInt32(held.nonzeroBitCount)
        count += bits
    }

    /// - Precondition: `item` is below `count`.
    subscript(_ item: Int) -> AuditItem {
        let block = item >> 9
        var before = UInt64(ranks[block])
        let word = item >> 6
        var at = block << 3
        while at < word {
            before += UInt64(words[at].nonzeroBitCount)
            at += 1
        }
        let bits = words[word]
        let bit = UInt64(1) << UInt64(item & 63)
        before += UInt64((bits & (bit - 1)).nonzeroBitCount)
        return bits & bit != 0 ? .record(before + 1) : .event(UInt64(item) - before + 1)
    }
}
