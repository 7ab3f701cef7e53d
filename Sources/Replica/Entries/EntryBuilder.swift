internal import Bytes
internal import Keys
internal import Records
internal import Views

/// A subject's key that an entry makes.
struct NewKey {
    var id: UInt64
    /// HMAC of the patient's stream name under the tenant's index key.
    var token: Token128
    var wrapped: [UInt8]
}

/// A batch being gathered: transactions and records in the order they were decided, sealed as they come.
struct EntryBuilder {
    let start: EntryStart
    private(set) var writer: ByteWriter
    private(set) var eventLeaves: [Digest] = []
    private(set) var recordLeaves: [Digest] = []
    private(set) var lastStamp: Instant
    private var transactionHead = Digest.zero
    private var event = MerkleLeaf.begin(number: 0, stamp: Instant(microseconds: 0))

    /// - Precondition: `start.stamp` is the stamp of the first thing that will be added.
    init(start: EntryStart, seed: AuditSeed, registryEpoch: UInt32) {
        precondition(seed.salt.count == EntryFormat.saltBytes)
        self.start = start
        lastStamp = start.stamp
        writer = ByteWriter(reserving: 4096)
        writer.u8(EntryFormat.version)
        writer.u8(EntryKind.batch.rawValue)
        writer.append(seed.salt)
        writer.varint(UInt64(seed.epoch))
        writer.varint(UInt64(registryEpoch))
    }

    var nextPosition: UInt64 { start.position + UInt64(eventLeaves.count) }
    var nextRecord: UInt64 { start.record + UInt64(recordLeaves.count) }

    /// A transaction up to its events; exactly `eventCount` of them must follow.
    mutating func beginTransaction(
        _ facts: TransactionFacts, idempotency: Token128?, keys: [NewKey], eventCount: Int, header: Sealing,
        crypto: Crypto
    ) throws(KeyError) {
        begin(.transaction, stamp: facts.stamp)
        let head = writer.count
        writer.varint(UInt64(facts.tenant))
        writer.u8((facts.behalf == 0 ? 0 : 1) | (idempotency == nil ? 0 : 2))
        writer.u64(facts.actor)
        if facts.behalf != 0 { writer.u64(facts.behalf) }
        if let idempotency { writer.token(idempotency) }
        try seal(header, crypto: crypto)
        transactionHead = SHA256.digest(writer.bytes, in: head..<writer.count)
        writer.varint(keys.count)
        for key in keys {
            writer.u64(key.id)
            writer.token(key.token)
            writer.append(key.wrapped)
        }
        writer.varint(eventCount)
    }

    /// The deciding part of the next event; `partCount` calls of `addPart` and one of `endEvent` must follow.
    mutating func beginEvent(_ facts: EventFacts, stamp: Instant, before: StreamBefore?, partCount: Int) {
        precondition(facts.position == nextPosition && (1...EntryFormat.partsMax).contains(partCount))
        let head = writer.count
        facts.writeHead(before: before, partCount: partCount, onto: &writer)
        event = MerkleLeaf.begin(number: facts.position, stamp: stamp)
        event.update(transactionHead)
        event.update(writer.bytes, in: head..<writer.count)
        if partCount > 1 { writer.varint(partCount) }
    }

    /// The deciding part of a rewind, as the next event: one call of `addPart` and one of `endEvent` must follow.
    ///
    /// - Parameters:
    ///   - streams: As `RewindCodec` tells them.
    ///   - number: 1, 2, 3 … of the store's rewinds; stands where other events have their stream's version.
    mutating func beginRewind(
        _ streams: [UInt8], position: UInt64, number: UInt32, identity: Token128, stamp: Instant
    ) {
        precondition(position == nextPosition)
        let head = writer.count
        writer.u8(DataForm.none.rawValue)
        writer.u8(EventVocabulary.rewound.code)
        writer.u64(0)
        writer.varint(UInt64(number))
        writer.token(identity)
        writer.append(streams)
        event = MerkleLeaf.begin(number: position, stamp: stamp)
        event.update(transactionHead)
        event.update(writer.bytes, in: head..<writer.count)
    }

    mutating func addPart(_ part: Sealing, crypto: Crypto) throws(KeyError) {
        let range = try seal(part, crypto: crypto)
        event.update(SHA256.digest(writer.bytes, in: range))
    }

    /// The leaf of the event.
    mutating func endEvent() -> Digest {
        let leaf = event.finish()
        eventLeaves.append(leaf)
        return leaf
    }

    /// A record; what comes back is its leaf.
    mutating func addRecord(_ facts: RecordFacts, value: Sealing, crypto: Crypto) throws(KeyError) -> Digest {
        precondition(facts.number == nextRecord)
        begin(.record, stamp: facts.stamp)
        let head = writer.count
        writer.varint(UInt64(facts.tenant))
        writer.u8(facts.behalf == 0 ? 0 : 1)
        writer.u8(facts.code.rawValue)
        writer.u8(facts.outcome.rawValue)
        writer.u64(facts.actor)
        if facts.behalf != 0 { writer.u64(facts.behalf) }
        writer.varint(facts.subjects.count)
        for subject in facts.subjects { writer.u64(subject) }
        var hash = MerkleLeaf.begin(number: facts.number, stamp: facts.stamp)
        hash.update(writer.bytes, in: head..<writer.count)
        let sealed = try seal(value, crypto: crypto)
        hash.update(SHA256.digest(writer.bytes, in: sealed))
        let leaf = hash.finish()
        recordLeaves.append(leaf)
        return leaf
    }

    private mutating func begin(_ kind: ItemKind, stamp: Instant) {
        precondition(stamp >= lastStamp)
        writer.u8(kind.rawValue)
        writer.varint(UInt64(stamp.microseconds - lastStamp.microseconds))
        lastStamp = stamp
    }

    /// Appends the sealed value after its length; where the value stands.
    @discardableResult
    private mutating func seal(_ value: Sealing, crypto: Crypto) throws(KeyError) -> Range<Int> {
        writer.varint(value.plain.count + Crypto.overheadBytes)
        let start = writer.count
        try crypto.seal(
            value.plain, in: 0..<value.plain.count, key: value.key, nonce: value.nonce, associated: value.associated,
            onto: &writer.bytes)
        return start..<writer.count
    }
}

/// What sealing one value takes: compressed bytes, key, nonce and what it is bound to.
struct Sealing {
    var plain: [UInt8]
    var key: SecretKey
    var nonce: [UInt8]
    var associated: [UInt8]
}

/// What sealed values are bound to (design 7), so that one moved elsewhere fails to open.
enum Binding {
    /// A value of an event: format version, writing cluster, tenant, stream tag, version, position, part, type, key.
    static func event(
        cluster: [UInt8], tenant: UInt32, stream: UInt64, version: UInt32, position: UInt64, part: Int,
        typeCode: UInt8, typeToken: UInt64, key: UInt64
    ) -> [UInt8] {
        var writer = ByteWriter(reserving: 64)
        writer.u8(EntryFormat.version)
        writer.append(cluster)
        writer.u32(tenant)
        writer.u64(stream)
        writer.u32(version)
        writer.u64(position)
        writer.u8(UInt8(truncatingIfNeeded: part))
        writer.u8(typeCode)
        writer.u64(typeToken)
        writer.u64(key)
        return writer.bytes
    }

    /// A transaction's header, by its first position.
    static func transaction(cluster: [UInt8], tenant: UInt32, position: UInt64) -> [UInt8] {
        item(.transaction, cluster: cluster, tenant: tenant, number: position)
    }

    /// A record's value, by its number.
    static func record(cluster: [UInt8], tenant: UInt32, number: UInt64) -> [UInt8] {
        item(.record, cluster: cluster, tenant: tenant, number: number)
    }

    private static func item(_ kind: ItemKind, cluster: [UInt8], tenant: UInt32, number: UInt64) -> [UInt8] {
        var writer = ByteWriter(reserving: 32)
        writer.u8(EntryFormat.version)
        writer.append(cluster)
        writer.u8(kind.rawValue)
        writer.u32(tenant)
        writer.u64(number)
        return writer.bytes
    }
}
