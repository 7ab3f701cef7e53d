/// The bytes of one file: as a reader sees them, as the disk holds them, and the sectors in which the two may differ.
struct SimulatedInode {
    private(set) var seen: [UInt8] = []
    private(set) var durable: [UInt8] = []
    /// One bit a sector.
    private var dirty: [UInt64] = []
    /// Words of `dirty` outside this range are zero.
    private var dirtyWords = 0..<0

    private static var grain: Int { SimulatedFiles.sectorBytes }

    init() {}

    init(durably bytes: [UInt8]) {
        seen = bytes
        durable = bytes
    }

    mutating func write(_ bytes: [UInt8], at offset: Int) {
        guard !bytes.isEmpty else { return }
        let end = offset + bytes.count
        if offset == seen.count {
            seen.append(contentsOf: bytes)
        } else {
            if end > seen.count { seen.append(contentsOf: repeatElement(0, count: end - seen.count)) }
            seen.replaceSubrange(offset..<end, with: bytes)
        }
        touch(offset..<end)
    }

    mutating func truncate(to size: Int) {
        if size > seen.count {
            let old = seen.count
            seen.append(contentsOf: repeatElement(0, count: size - old))
            touch(old..<size)
        } else {
            touch(size..<seen.count)
            seen.removeLast(seen.count - size)
        }
    }

    /// Only what is dirty is carried over: what a failed sync forgot stays forgotten.
    mutating func sync() {
        resizeDurable(to: seen.count)
        forEachDirtyRun { first, last, inode in
            let range = inode.bounds(first, last, in: inode.seen.count)
            if !range.isEmpty { inode.durable.replaceSubrange(range, with: inode.seen[range]) }
        }
        clean()
    }

    /// A failed fsync as Linux leaves it: the dirty pages count as clean, readers still see them, the disk lacks them
    /// and a later sync does not write them (Rebello et al., ATC 2020).
    mutating func forgetUnsynced() { clean() }

    /// The power goes: every unsynced sector is lost, kept or mixed, and the length is the old, the new or between.
    mutating func tear(_ chance: inout Chance) {
        guard !dirtyWords.isEmpty || seen.count != durable.count else {
            // A failed sync may have left the two apart without a dirty sector.
            seen = durable
            return
        }
        let shorter = min(seen.count, durable.count)
        let span = max(seen.count, durable.count) - shorter
        let size =
            switch chance.below(3) {
            case 0: durable.count
            case 1: seen.count
            default: shorter + chance.below(span + 1)
            }
        resizeDurable(to: size)
        let sectors = dirtySectors
        for sector in sectors {
            let range = bounds(sector, sector, in: min(size, seen.count))
            let fate = chance.below(4)
            guard !range.isEmpty, fate != 0 else { continue }
            if fate < 3 {
                durable.replaceSubrange(range, with: seen[range])
            } else {
                for at in range where chance.oneIn(2) { durable[at] = seen[at] }
            }
        }
        seen = durable
        clean()
    }

    /// One bit goes over on the disk; the page cache shows it too unless it holds something newer.
    mutating func flip(bit: Int) {
        let at = bit / 8
        guard at < durable.count else { return }
        let sector = at / Self.grain
        durable[at] ^= 1 << UInt8(bit % 8)
        let isDirty = dirty.indices.contains(sector / 64) && dirty[sector / 64] & 1 << UInt64(sector % 64) != 0
        if !isDirty, at < seen.count { seen[at] = durable[at] }
    }

    private var dirtySectors: [Int] {
        var sectors: [Int] = []
        for word in dirtyWords {
            var bits = dirty[word]
            while bits != 0 {
                sectors.append(word * 64 + bits.trailingZeroBitCount)
                bits &= bits - 1
            }
        }
        return sectors
    }

    /// Runs of neighbouring dirty sectors, so that a copy is one and not many.
    private mutating func forEachDirtyRun(_ body: (Int, Int, inout SimulatedInode) -> Void) {
        var first = -1
        var last = -1
        for word in dirtyWords {
            var bits = dirty[word]
            while bits != 0 {
                let sector = word * 64 + bits.trailingZeroBitCount
                bits &= bits - 1
                if sector != last + 1 || first < 0 {
                    if first >= 0 { body(first, last, &self) }
                    first = sector
                }
                last = sector
            }
        }
        if first >= 0 { body(first, last, &self) }
    }

    private mutating func clean() {
        for word in dirtyWords { dirty[word] = 0 }
        dirtyWords = 0..<0
    }

    private mutating func resizeDurable(to size: Int) {
        if size > durable.count {
            durable.append(contentsOf: repeatElement(0, count: size - durable.count))
        } else if size < durable.count {
            durable.removeLast(durable.count - size)
        }
    }

    private mutating func touch(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        let first = range.lowerBound / Self.grain
        let last = (range.upperBound - 1) / Self.grain
        if last / 64 >= dirty.count { dirty.append(contentsOf: repeatElement(0, count: last / 64 + 1 - dirty.count)) }
        for sector in first...last { dirty[sector / 64] |= 1 << UInt64(sector % 64) }
        let words = (first / 64)..<(last / 64 + 1)
        dirtyWords =
            dirtyWords.isEmpty
            ? words
            : min(dirtyWords.lowerBound, words.lowerBound)..<max(dirtyWords.upperBound, words.upperBound)
    }

    private func bounds(_ first: Int, _ last: Int, in size: Int) -> Range<Int> {
        min(first * Self.grain, size)..<min((last + 1) * Self.grain, size)
    }
}
