internal import Bytes

/// Identities not yet in a run: 48 bits of the token and the position, 12 bytes an entry and an index.
struct IdentityTable: Sendable {
    private struct Row {
        var keyHigh: UInt32
        var position: UInt32
        var keyLow: UInt16

        var key: UInt64 { UInt64(keyHigh) << 16 | UInt64(keyLow) }
    }

    private var rows = ChunkedTable<Row>(shift: 10)
    private var index = OrdinalIndex()

    var count: Int { rows.count }

    mutating func add(_ entry: IdentityEntry) {
        let ordinal = UInt32(rows.count)
        rows.append(
            Row(
                keyHigh: UInt32(truncatingIfNeeded: entry.key >> 16), position: entry.position,
                keyLow: UInt16(truncatingIfNeeded: entry.key)))
        index.insert(ordinal, hash: Mix.word(entry.key))
    }

    func collect(_ key: UInt64, into positions: inout [UInt64]) {
        var found: [UInt64] = []
        // Two tokens may share a key, so the search goes on to the end of the probe.
        _ = index.find(Mix.word(key)) { ordinal in
            if rows[Int(ordinal)].key == key { found.append(UInt64(rows[Int(ordinal)].position)) }
            return false
        }
        positions.append(contentsOf: found)
    }

    subscript(_ number: Int) -> IdentityEntry {
        IdentityEntry(key: rows[number].key, position: rows[number].position)
    }

    var sorted: [IdentityEntry] { (0..<count).map { self[$0] }.sorted() }
}

/// 48 bits of a token and the position of the event that bears it.
struct IdentityEntry: Comparable {
    var key: UInt64
    var position: UInt32

    init(key: UInt64, position: UInt32) {
        self.key = key
        self.position = position
    }

    static func key(of token: Token128) -> UInt64 { token.low >> 16 }

    static func < (a: IdentityEntry, b: IdentityEntry) -> Bool { (a.key, a.position) < (b.key, b.position) }
}
