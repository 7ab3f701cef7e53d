internal import Bytes
internal import Keys

/// The keys of patients, by the log's order: which there are, whose they are, and in which entry each rides. Wrapped
/// keys are fetched from the log when first needed; so they lie nowhere else on the disk (design 7).
struct SubjectKeys {
    struct Row {
        var id: UInt64
        /// HMAC of the patient's stream name under the tenant's index key.
        var token: Token128
        var tenant: UInt32
        /// The entry in which the wrapped key rides.
        var index: UInt64
    }

    /// Unwrapped keys kept at hand.
    private static let openMax = 8192

    private(set) var rows: [Row] = []
    private var wrapped = WrappedKeys()
    private var byToken: [Token128: UInt32] = [:]
    private var byID: [UInt64: UInt32] = [:]
    private var open: [UInt64: SecretKey] = [:]
    /// Half of the opened keys, oldest first: what goes when room is needed.
    private var older: [UInt64: SecretKey] = [:]

    /// Folds a key that rides in the entry at `index`. One that is known stays as it is.
    mutating func add(_ row: Row, wrapped bytes: [UInt8]?, epoch: UInt32) {
        guard byID[row.id] == nil else { return }
        let ordinal = UInt32(rows.count)
        rows.append(row)
        byToken[row.token] = ordinal
        byID[row.id] = ordinal
        if let bytes { wrapped.add(bytes, epoch: epoch, of: ordinal) }
    }

    func id(of token: Token128, tenant: UInt32) -> UInt64? {
        guard let ordinal = byToken[token], rows[Int(ordinal)].tenant == tenant else { return nil }
        return rows[Int(ordinal)].id
    }

    func row(id: UInt64) -> Row? { byID[id].map { rows[Int($0)] } }

    /// The wrapped key, when it was seen in this life of the process.
    func wrapped(id: UInt64) -> (bytes: [UInt8], epoch: UInt32)? { byID[id].flatMap { wrapped[$0] } }

    mutating func found(_ bytes: [UInt8], epoch: UInt32, id: UInt64) {
        guard let ordinal = byID[id], wrapped[ordinal] == nil else { return }
        wrapped.add(bytes, epoch: epoch, of: ordinal)
    }

    /// An unwrapped key at hand.
    mutating func opened(id: UInt64) -> SecretKey? {
        if let key = open[id] { return key }
        guard let key = older.removeValue(forKey: id) else { return nil }
        keep(key, id: id)
        return key
    }

    mutating func keep(_ key: SecretKey, id: UInt64) {
        if open.count >= Self.openMax / 2 {
            older = open
            open = [:]
        }
        open[id] = key
    }

    /// For a snapshot: ids, tokens, tenants and entries, no key.
    func encode(onto writer: inout ByteWriter) {
        writer.varint(rows.count)
        for row in rows {
            writer.u64(row.id)
            writer.token(row.token)
            writer.varint(UInt64(row.tenant))
            writer.varint(row.index)
        }
    }

    mutating func decode(_ reader: inout ByteReader) throws(ByteError) {
        let count = try reader.count(atMost: reader.remaining / 26)
        rows.reserveCapacity(count)
        byToken.reserveCapacity(count)
        byID.reserveCapacity(count)
        for _ in 0..<count {
            let row = Row(
                id: try reader.u64(), token: try reader.token(),
                tenant: UInt32(truncatingIfNeeded: try reader.varint()),
                index: try reader.varint())
            add(row, wrapped: nil, epoch: 0)
        }
    }
}

/// Wrapped keys by the number of their row, end to end in blocks: an array for each would cost as much again.
private struct WrappedKeys {
    private static let perBlock = 256

    private var places: [UInt32: UInt32] = [:]
    private var epochs: [UInt32] = []
    private var blocks: [[UInt8]] = []

    /// - Precondition: there is none of that row.
    mutating func add(_ bytes: [UInt8], epoch: UInt32, of row: UInt32) {
        precondition(bytes.count == EntryFormat.wrappedBytes)
        places[row] = UInt32(epochs.count)
        if epochs.count % Self.perBlock == 0 {
            blocks.append([])
            blocks[blocks.count - 1].reserveCapacity(Self.perBlock * EntryFormat.wrappedBytes)
        }
        blocks[blocks.count - 1].append(contentsOf: bytes)
        epochs.append(epoch)
    }

    subscript(_ row: UInt32) -> (bytes: [UInt8], epoch: UInt32)? {
        guard let place = places[row].map({ Int($0) }) else { return nil }
        let start = place % Self.perBlock * EntryFormat.wrappedBytes
        let block = blocks[place / Self.perBlock]
        return (Array(block[start..<(start + EntryFormat.wrappedBytes)]), epochs[place])
    }
}
