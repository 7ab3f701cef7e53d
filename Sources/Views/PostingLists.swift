internal import Bytes

/// Lists of 32-bit numbers under 64-bit keys, in the order they were appended, as varints of zigzag differences.
///
/// A list of one value lives in its head. A longer one has a block of 24 bytes that moves to the next size when it is
/// full (the old block is used again), and from 128 bytes on a chain of blocks up to 1 KiB, newest first. A block is
/// 12 bytes of header (previous block, how many values stand before it, the value before it) and differences.
struct PostingLists: Sendable {
    /// 24 bytes a list.
    private struct Head {
        var keyLow: UInt32
        var keyHigh: UInt32
        /// The newest block; 0 while the list has one value.
        var tail: UInt32 = 0
        var count: UInt32 = 1
        var last: UInt32
        /// Bytes of differences in the newest block.
        var used: UInt16 = 0
        var size: UInt8 = 0

        var key: UInt64 { UInt64(keyHigh) << 32 | UInt64(keyLow) }
    }

    static let headerBytes = 12
    /// The largest block that moves; larger ones are chained.
    private static let movingSize: UInt8 = 5

    private var heads = ChunkedTable<Head>(shift: 9)
    private var index = OrdinalIndex()
    private var pool = BlockPool()

    /// Number of keys that have a list.
    var listCount: Int { heads.count }

    private func head(of key: UInt64) -> Int? {
        index.find(Mix.word(key)) { heads[Int($0)].key == key }.map { Int($0) }
    }

    func count(of key: UInt64) -> Int { head(of: key).map { Int(heads[$0].count) } ?? 0 }

    mutating func append(_ value: UInt32, to key: UInt64) {
        guard let list = head(of: key) else { return begin(value, key) }
        append(value, toList: list)
    }

    /// Makes a list of one value.
    ///
    /// - Precondition: there is none under `key`.
    mutating func begin(_ value: UInt32, _ key: UInt64) {
        take(value, key)
        index.insert(UInt32(heads.count - 1), hash: Mix.word(key))
    }

    /// Makes a list of one value, which is found only after `indexLists`.
    mutating func take(_ value: UInt32, _ key: UInt64) {
        heads.append(
            Head(keyLow: UInt32(truncatingIfNeeded: key), keyHigh: UInt32(truncatingIfNeeded: key >> 32), last: value))
    }

    /// Makes the lists that were taken known.
    ///
    /// - Returns: whether no key came twice.
    mutating func indexLists() -> Bool {
        let heads = heads
        return index.fill(
            heads.count, hash: { Mix.word(heads[$0].key) }, same: { heads[Int($0)].key == heads[Int($1)].key })
    }

    /// Appends to the list made as number `list`.
    mutating func append(_ value: UInt32, toList list: Int) {
        var head = heads[list]
        let code = Self.code(from: head.last, to: value)
        let bytes = Self.bytes(of: code)
        makeRoom(bytes, in: &head)
        pool.write(varint: code, at: BlockPool.place(head.tail) + Self.headerBytes + Int(head.used))
        head.used += UInt16(bytes)
        head.count += 1
        head.last = value
        heads[list] = head
    }

    /// Sees to it that the newest block has room for `bytes` more.
    private mutating func makeRoom(_ bytes: Int, in head: inout Head) {
        guard head.tail != 0 else { return chain(0, in: &head) }
        let held = Self.headerBytes + Int(head.used)
        guard held + bytes > BlockPool.blockBytes[Int(head.size)] else { return }
        if head.size < Self.movingSize {
            let moved = pool.take(head.size + 1)
            pool.copy(held, from: BlockPool.place(head.tail), to: BlockPool.place(moved))
            pool.giveBack(head.tail, size: head.size)
            head.tail = moved
            head.size += 1
        } else {
            chain(min(head.size + 1, Self.largestSize), in: &head)
        }
    }

    private static let largestSize = UInt8(BlockPool.blockBytes.count - 1)

    /// Begins a new newest block.
    private mutating func chain(_ size: UInt8, in head: inout Head) {
        let block = pool.take(size)
        pool.write(u32: head.tail, at: BlockPool.place(block))
        pool.write(u32: head.count, at: BlockPool.place(block) + 4)
        pool.write(u32: head.last, at: BlockPool.place(block) + 8)
        head.tail = block
        head.size = size
        head.used = 0
    }

    /// Appends to the list made last, many at once: as many of the codes as there is room for into a block.
    ///
    /// - Parameter reader: Stands at the first of `codes`, and is left behind the last.
    mutating func appendToLast(
        _ codes: Range<Int>, count: Int, from reader: inout ByteReader
    ) throws(ByteError) {
        var head = heads[heads.count - 1]
        var left = count
        var start = codes.lowerBound
        while left > 0 {
            makeRoom(for: codes.upperBound - start, in: &head)
            let room = BlockPool.blockBytes[Int(head.size)] - Self.headerBytes - Int(head.used)
            var taken = 0
            var value = head.last
            while taken < left,
                room - (reader.offset - start) >= min(Self.codeBytesMax, codes.upperBound - reader.offset)
            {
                value = Self.value(from: value, code: try reader.varint())
                taken += 1
            }
            let end = reader.offset
            guard taken > 0, end - start <= room else { throw .malformed }
            pool.write(
                reader.bytes, in: start..<end, at: BlockPool.place(head.tail) + Self.headerBytes + Int(head.used))
            head.used += UInt16(end - start)
            head.count += UInt32(taken)
            head.last = value
            left -= taken
            start = end
        }
        heads[heads.count - 1] = head
    }

    /// The longest code of a step between two numbers of 32 bits.
    private static let codeBytesMax = 5

    /// Sees to it that the newest block has room for one code at least, and of so many bytes for as many as can be.
    private mutating func makeRoom(for bytes: Int, in head: inout Head) {
        if head.tail != 0 {
            let room = BlockPool.blockBytes[Int(head.size)] - Self.headerBytes - Int(head.used)
            if room >= min(bytes, Self.codeBytesMax) { return }
        }
        var size: UInt8 = 0
        while size < Self.largestSize, BlockPool.blockBytes[Int(size)] < Self.headerBytes + bytes { size += 1 }
        chain(size, in: &head)
    }

    /// Appends what `encode` says of a whole list but its key.
    func encode(whole list: Int, onto writer: inout ByteWriter) {
        let head = heads[list]
        writer.varint(UInt64(head.count))
        guard head.tail != 0 else {
            writer.varint(UInt64(head.last))
            return writer.varint(0)
        }
        // A block says the value before its first; the first block's is the list's first.
        let blocks = blocks(of: head, from: 0)
        writer.varint(UInt64(blocks[0].base))
        let used = blocks.indices.map { pool.bytes(ofCodes: blocks[$0].end - blocks[$0].first, at: blocks[$0].at) }
        writer.varint(used.reduce(0, +))
        for (block, count) in zip(blocks, used) { pool.copy(count, from: block.at, onto: &writer) }
    }

    /// All values, oldest first.
    func values(of key: UInt64) -> [UInt32] { values(of: key, in: 0..<count(of: key)) }

    /// The values numbered `range` in their list, oldest first; blocks before the range are not read.
    ///
    /// - Precondition: `range` lies within 0..<count(of: key).
    func values(of key: UInt64, in range: Range<Int>) -> [UInt32] {
        guard let list = head(of: key) else { return [] }
        return values(ofList: list, in: range)
    }

    /// The key and length of the list made as number `list`, from 0.
    func list(_ list: Int) -> (key: UInt64, count: Int) { (heads[list].key, Int(heads[list].count)) }

    func values(ofList list: Int, in range: Range<Int>) -> [UInt32] {
        if range.isEmpty { return [] }
        let head = heads[list]
        precondition(range.lowerBound >= 0 && range.upperBound <= Int(head.count))
        if head.tail == 0 { return [head.last] }
        var values: [UInt32] = []
        values.reserveCapacity(range.count)
        for block in blocks(of: head, from: range.lowerBound) {
            if range.contains(0), block.first == 1 { values.append(block.base) }
            guard block.first < range.upperBound else { break }
            decode(block) { number, value in
                if number >= range.upperBound { return false }
                if number >= range.lowerBound { values.append(value) }
                return true
            }
        }
        return values
    }

    /// In an ascending list: how many values are below `bound`.
    func count(of key: UInt64, below bound: UInt32) -> Int {
        guard let list = head(of: key) else { return 0 }
        let head = heads[list]
        if head.last < bound { return Int(head.count) }
        var tail = head.tail
        var end = Int(head.count)
        while tail != 0 {
            let block = block(tail, end: end)
            if block.base < bound {
                var count = block.first
                decode(block) { _, value in
                    if value >= bound { return false }
                    count += 1
                    return true
                }
                return count
            }
            end = block.first
            tail = block.previous
        }
        return 0
    }

    func contains(_ value: UInt32, in key: UInt64) -> Bool {
        guard let list = head(of: key) else { return false }
        let head = heads[list]
        if head.last == value { return true }
        var tail = head.tail
        var end = Int(head.count)
        while tail != 0 {
            let block = block(tail, end: end)
            var found = block.base == value
            decode(block) { _, held in
                if held == value { found = true }
                return !found
            }
            if found { return true }
            end = block.first
            tail = block.previous
        }
        return false
    }
}

extension PostingLists {
    /// One block as it is read.
    private struct Block {
        var at: BlockPool.Place
        var previous: UInt32
        /// The number of its first value, and one past its last.
        var first: Int
        var end: Int
        /// The value before its first.
        var base: UInt32
    }

    private func block(_ unit: UInt32, end: Int) -> Block {
        let place = BlockPool.place(unit)
        return Block(
            at: place + Self.headerBytes, previous: pool.u32(at: place), first: Int(pool.u32(at: place + 4)), end: end,
            base: pool.u32(at: place + 8))
    }

    /// The blocks that hold value number `from` and those after it, oldest first.
    private func blocks(of head: Head, from: Int) -> [Block] {
        var blocks: [Block] = []
        var unit = head.tail
        var end = Int(head.count)
        while unit != 0 {
            let block = block(unit, end: end)
            blocks.append(block)
            if block.first <= from { break }
            end = block.first
            unit = block.previous
        }
        blocks.reverse()
        return blocks
    }

    /// Hands each value and its number to `each` until it says no more.
    private func decode(_ block: Block, _ each: (Int, UInt32) -> Bool) {
        var value = block.base
        var at = block.at
        var number = block.first
        while number < block.end {
            value = Self.value(from: value, code: pool.varint(at: &at))
            guard each(number, value) else { return }
            number += 1
        }
    }

    /// The zigzag code of a step.
    static func code(from: UInt32, to: UInt32) -> UInt64 {
        let step = Int64(to) - Int64(from)
        return UInt64(bitPattern: (step << 1) ^ (step >> 63))
    }

    static func value(from: UInt32, code: UInt64) -> UInt32 {
        let step = Int64(bitPattern: code >> 1) ^ -Int64(bitPattern: code & 1)
        return UInt32(truncatingIfNeeded: Int64(from) &+ step)
    }

    static func bytes(of code: UInt64) -> Int {
        var bytes = 1
        var rest = code >> 7
        while rest != 0 {
            bytes += 1
            rest >>= 7
        }
        return bytes
    }
}
