import Bytes
import Files
import Keys
import SegmentedLog
import TestSupport

/// Entries of a test: each event and record is a run of bytes; the body is their counts and lengths.
struct PlainEntries: LeafReader {
    func leaves(of frame: OpenedFrame, crypto: Crypto) throws(ByteError) -> FrameLeaves {
        var reader = ByteReader(frame.body)
        var leaves = FrameLeaves.none
        let events = try reader.count(atMost: 1000)
        let records = try reader.count(atMost: 1000)
        for _ in 0..<events { leaves.events.append(try leaf(&reader)) }
        for _ in 0..<records { leaves.records.append(try leaf(&reader)) }
        guard reader.isAtEnd else { throw .malformed }
        return leaves
    }

    private func leaf(_ reader: inout ByteReader) throws(ByteError) -> Digest {
        let bytes = try reader.array(try reader.count(atMost: 1 << 20))
        return SHA256.digest([0] + bytes)
    }

    static func body(events: [[UInt8]], records: [[UInt8]]) -> [UInt8] {
        var writer = ByteWriter()
        writer.varint(events.count)
        writer.varint(records.count)
        for item in events + records { writer.counted(item) }
        return writer.bytes
    }
}

/// One life after the other of a log on one store, with everything seeded.
final class LogHarness<Store: FileStore> {
    typealias Log = EntryLog<Store, PlainEntries>

    let store: Store
    var dice: SeededDice
    let keys: KeyRing
    let crypto: Crypto
    var configuration: LogConfiguration
    var lineage = Lineage(identity)
    static var identity: ClusterIdentity { ClusterIdentity(low: 0x1111, high: 0x2222) }

    init(_ store: Store, seed: UInt64 = 1, configuration: LogConfiguration = .tiny) throws {
        self.store = store
        self.configuration = configuration
        dice = SeededDice(seed: seed)
        var keyDice = SeededDice(seed: 99)
        let id = Self.identity.bytes
        let file = try KeyFile.create(
            MemoryFiles(), path: "keys", root: .random(dice: &keyDice), clusterID: id, dice: &keyDice)
        keys = KeyRing(file, clusterID: id)
        crypto = try Crypto()
    }

    /// With the means of another harness: making them is dear.
    init(_ store: Store, crypto: Crypto, keys: KeyRing) throws {
        self.store = store
        self.crypto = crypto
        self.keys = keys
        configuration = .tiny
        dice = SeededDice(seed: 2)
    }

    func create() throws(LogError) {
        try Log.create(
            store: store, directory: "log", identity: Self.identity,
            genesis: Self.draft(after: .start, events: [], records: []), keys: keys, crypto: crypto, dice: &dice,
            configuration: configuration)
    }

    func open() throws(LogError) -> (log: Log, recovery: Recovery) {
        try Log.open(
            store: store, directory: "log", lineage: lineage, keys: keys, crypto: crypto, leaves: PlainEntries(),
            configuration: configuration)
    }

    func verify() throws(LogError) -> VerifyReport {
        try LogVerifier.verify(
            store: store, directory: "log", lineage: lineage, keys: keys, crypto: crypto, leaves: PlainEntries())
    }

    static func draft(after end: ChainEnd, term: UInt64? = nil, events: [[UInt8]], records: [[UInt8]]) -> FrameDraft {
        let body = PlainEntries.body(events: events, records: records)
        let first = Instant(microseconds: max(end.stamp.microseconds, 1_000_000) + 1)
        return FrameDraft(
            term: term ?? max(1, end.term), firstStamp: first,
            lastStamp: Instant(microseconds: first.microseconds + Int64(events.count)),
            firstPosition: end.nextPosition, eventCount: events.count, firstRecord: end.nextRecord,
            recordCount: records.count, body: body,
            leaves: FrameLeaves(
                events: events.map { SHA256.digest([0] + $0) }, records: records.map { SHA256.digest([0] + $0) }))
    }

    /// Appends one frame with a few events and maybe a record.
    func append(_ log: Log, events: Int = 1, bytes: Int = 40) throws(LogError) {
        var items: [[UInt8]] = []
        for _ in 0..<events { items.append(dice.bytes(bytes)) }
        let records = log.lastIndex % 3 == 0 ? [dice.bytes(20)] : []
        try log.append(Self.draft(after: log.end, events: items, records: records), dice: &dice)
    }

    /// Writes everything staged.
    func flush(_ log: Log) throws(FileError) {
        guard let batch = log.takeBatch() else { return }
        try batch.carryOut(on: store)
        log.persisted(batch: batch.number)
    }

    func settle(_ log: Log) throws(FileError) {
        guard let batch = log.settle() else { return }
        try batch.carryOut(on: store)
        log.persisted(batch: batch.number)
    }

    /// Closes what may be closed.
    func close(_ log: Log) throws(LogError) {
        for work in try log.closable(committedThrough: log.durableIndex) {
            log.closed(work.segment, try work.carryOut(on: store, crypto: crypto, leaves: PlainEntries()))
        }
    }
}

/// The keys of all harnesses, made once: that is dear.
enum Means {
    static let keys: KeyRing = {
        do {
            return try LogHarness(MemoryFiles()).keys
        } catch {
            preconditionFailure("no keys")
        }
    }()
}

extension LogConfiguration {
    /// Segments of one page of headers and one or two of bodies: small enough to damage every bit.
    static var tiny: LogConfiguration {
        var tiny = LogConfiguration()
        tiny.bodyCapacity = 3 << 10
        tiny.slotsMin = 8
        tiny.slotsMax = 28
        tiny.fillStep = 512
        return tiny
    }
}
