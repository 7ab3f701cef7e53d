internal import Bytes
internal import Records

/// A transaction in a body, up to its first event. Ranges lie in the body.
struct TransactionPlace {
    var stamp: Instant
    var tenant: UInt32
    var actor: UInt64
    var behalf: UInt64
    /// What stands for credential and Idempotency-Key; nil when none was sent.
    var idempotency: Token128?
    /// From the tenant to the end of the sealed header: what every event's leaf covers of its transaction.
    var head: Range<Int>
    /// Who, why, from where: sealed under the audit key.
    var sealedHeader: Range<Int>
    /// New subject keys, each `NewKeyPlace.bytes` long.
    var keys: Range<Int>
    var firstPosition: UInt64
    var eventCount: Int
    /// Where its first event stands.
    var events: Int
}

/// A record in a body.
struct RecordPlace {
    var number: UInt64
    var stamp: Instant
    var tenant: UInt32
    var code: RecordCode
    var outcome: AuditOutcome
    var actor: UInt64
    var behalf: UInt64
    var subjects: Range<Int>
    /// From the tenant to the sealed value: what the leaf covers beside number and stamp.
    var head: Range<Int>
    var sealed: Range<Int>

    func facts(in body: [UInt8], leafPrefix: UInt64) throws(ByteError) -> RecordFacts {
        var reader = ByteReader(body, in: subjects)
        var ids: [UInt64] = []
        ids.reserveCapacity(subjects.count / 8)
        while !reader.isAtEnd { ids.append(try reader.u64()) }
        return RecordFacts(
            number: number, stamp: stamp, tenant: tenant, actor: actor, behalf: behalf, code: code, outcome: outcome,
            subjects: ids, leafPrefix: leafPrefix)
    }
}

/// A subject's key as it rides in the entry of the first event that uses it.
struct NewKeyPlace {
    static let bytes = 8 + 16 + EntryFormat.wrappedBytes

    var id: UInt64
    /// HMAC of the patient's stream name under the tenant's index key.
    var token: Token128
    var wrapped: Range<Int>

    init(_ reader: inout ByteReader) throws(ByteError) {
        id = try reader.u64()
        token = try reader.token()
        wrapped = try reader.range(EntryFormat.wrappedBytes)
    }
}

/// One thing of a body, in the order of the body.
enum EntryStep {
    case transaction(TransactionPlace)
    /// An event of the transaction last seen.
    case event(EventPlace)
    case record(RecordPlace)
}

/// From what the key of an entry's audit values derives: the entry states it, since the segment is not known when its
/// values are sealed.
struct AuditSeed: Hashable {
    var salt: [UInt8]
    var epoch: UInt32
}

/// Walks a body. Pure: it needs the body and where its number lines begin, no key and no view.
struct EntryReader {
    let kind: EntryKind
    /// From which the audit key of this entry's values derives; nothing unless it is a batch.
    let seed: AuditSeed
    /// Under which the subject keys that ride here are wrapped.
    let registryEpoch: UInt32
    private(set) var reader: ByteReader
    private var position: UInt64
    private var record: UInt64
    private var stamp: Instant
    private var eventsLeft = 0

    init(_ body: [UInt8], start: EntryStart) throws(ByteError) {
        var reader = ByteReader(body)
        guard try reader.u8() == EntryFormat.version, let kind = EntryKind(rawValue: try reader.u8()) else {
            throw .malformed
        }
        self.kind = kind
        if kind == .batch {
            let salt = try reader.array(EntryFormat.saltBytes)
            seed = AuditSeed(salt: salt, epoch: UInt32(try reader.count(atMost: Int(UInt32.max))))
            registryEpoch = UInt32(try reader.count(atMost: Int(UInt32.max)))
        } else {
            seed = AuditSeed(salt: [], epoch: 0)
            registryEpoch = 0
        }
        self.reader = reader
        position = start.position
        record = start.record
        stamp = start.stamp
    }

    /// Begins at an event whose place is known, to read it alone.
    static func event(in body: [UInt8], at offset: Int, position: UInt64) throws(ByteError) -> EventPlace {
        guard offset <= body.count else { throw .short }
        var reader = ByteReader(body, in: offset..<body.count)
        return try EventPlace(&reader, position: position)
    }

    /// nil at the end of the body, and at once when it is no batch.
    mutating func next() throws(ByteError) -> EntryStep? {
        guard kind == .batch else { return nil }
        if eventsLeft > 0 {
            eventsLeft -= 1
            defer { position += 1 }
            return .event(try EventPlace(&reader, position: position))
        }
        guard !reader.isAtEnd else { return nil }
        guard let item = ItemKind(rawValue: try reader.u8()) else { throw .malformed }
        let delta = try reader.count(atMost: Int.max / 4)
        stamp = Instant(microseconds: stamp.microseconds &+ Int64(delta))
        switch item {
        case .transaction:
            let place = try transaction()
            eventsLeft = place.eventCount
            return .transaction(place)
        case .record:
            defer { record += 1 }
            return .record(try recordPlace())
        }
    }

    private mutating func transaction() throws(ByteError) -> TransactionPlace {
        let start = reader.offset
        let tenant = UInt32(try reader.count(atMost: Int(UInt32.max)))
        let flags = try reader.u8()
        guard flags & ~3 == 0 else { throw .malformed }
        let actor = try reader.u64()
        let behalf = flags & 1 == 0 ? 0 : try reader.u64()
        let idempotency = flags & 2 == 0 ? nil : try reader.token()
        let sealed = try reader.range(try reader.count(atMost: reader.remaining))
        let head = start..<reader.offset
        let keyCount = try reader.count(atMost: reader.remaining / NewKeyPlace.bytes)
        let keys = try reader.range(keyCount * NewKeyPlace.bytes)
        let count = try reader.count(atMost: EntryFormat.eventsMax)
        guard count > 0 else { throw .malformed }
        return TransactionPlace(
            stamp: stamp, tenant: tenant, actor: actor, behalf: behalf, idempotency: idempotency, head: head,
            sealedHeader: sealed, keys: keys, firstPosition: position, eventCount: count, events: reader.offset)
    }

    private mutating func recordPlace() throws(ByteError) -> RecordPlace {
        let start = reader.offset
        let tenant = UInt32(try reader.count(atMost: Int(UInt32.max)))
        let flags = try reader.u8()
        guard flags & ~1 == 0, let code = RecordCode(rawValue: try reader.u8()),
            let outcome = AuditOutcome(rawValue: try reader.u8())
        else { throw .malformed }
        let actor = try reader.u64()
        let behalf = flags & 1 == 0 ? 0 : try reader.u64()
        let count = try reader.count(atMost: reader.remaining / 8)
        let subjects = try reader.range(count * 8)
        let head = start..<reader.offset
        let sealed = try reader.range(try reader.count(atMost: reader.remaining))
        return RecordPlace(
            number: record, stamp: stamp, tenant: tenant, code: code, outcome: outcome, actor: actor, behalf: behalf,
            subjects: subjects, head: head, sealed: sealed)
    }
}
