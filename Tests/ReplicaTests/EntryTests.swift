import Bytes
import Consensus
import Keys
import Records
@testable import Replica
import SegmentedLog
import TestSupport
import Testing
import Views

@Suite struct `Entries` {
    private static let start = EntryStart(
        position: 41, record: 7, stamp: Instant(microseconds: 1_790_000_000_000_000))
    private static let key = SecretKey([UInt8](repeating: 3, count: 32))

    private static func sealing(_ text: String, _ number: UInt8) -> Sealing {
        Sealing(
            plain: Array(text.utf8), key: key, nonce: [UInt8](repeating: number, count: 12), associated: [number])
    }

    private static let booked = AppointmentFacts(
        status: .booked, start: Instant(microseconds: 1_796_115_600_000_000),
        end: Instant(microseconds: 1_796_117_400_000_000), practitioners: [0x1111], locations: [0x2222])

    private static func event(
        _ position: UInt64, type: UInt8, stream: UInt64, version: UInt32, subjects: [UInt64],
        creates: Bool = false, appointment: AppointmentFacts? = nil, category: Records.Category = .appointment,
        state: StreamState = .live, data: DataForm = .mergePatch
    ) -> EventFacts {
        EventFacts(
            position: position, tenant: 1, category: category, typeCode: type, typeToken: type == 0 ? 0xbeef : 0,
            stream: stream, streamToken: creates ? Token128(low: stream, high: 9) : nil, version: version,
            identity: Token128(low: position, high: 77), subjects: subjects, appointment: appointment, state: state,
            data: data, leafPrefix: 0)
    }

    /// What the golden entry says: a transaction of four events, a record, a transaction of one, of all shapes.
    private static let story: [(facts: EventFacts, before: StreamBefore?, parts: Int)] = {
        var arrived = booked
        arrived.status = .arrived
        var odd = arrived
        odd.status = .cancelled
        odd.start = nil
        odd.end = nil
        odd.hasCancelationReason = true
        odd.allowsOverlap = true
        odd.locations = []
        let made = StreamBefore(category: .appointment, subjects: [5, 6], appointment: booked)
        return [
            (
                event(
                    41, type: 20, stream: 100, version: 1, subjects: [5, 6], creates: true, appointment: booked,
                    data: .resource), nil, 4
            ),
            (
                event(42, type: 21, stream: 100, version: 2, subjects: [5, 6], appointment: arrived, data: .none), made,
                1
            ),
            (
                event(43, type: 0, stream: 100, version: 3, subjects: [6], appointment: odd, state: .gone),
                StreamBefore(category: .appointment, subjects: [5, 6], appointment: arrived), 1
            ),
            (
                event(
                    44, type: 1, stream: 200, version: 1, subjects: [], creates: true, category: .disclosure,
                    data: .opaque), nil, 1
            ),
            (
                event(45, type: 2, stream: 100, version: 300, subjects: [6], appointment: odd),
                StreamBefore(category: .appointment, subjects: [6], appointment: odd), 1
            ),
        ]
    }()

    private static func built() throws -> (body: [UInt8], leaves: FrameLeaves) {
        let crypto = try Crypto()
        var builder = EntryBuilder(
            start: start, seed: AuditSeed(salt: Array(1...8), epoch: 1), registryEpoch: 1)
        func transaction(_ stamp: Int64, behalf: UInt64) -> TransactionFacts {
            TransactionFacts(
                stamp: Instant(microseconds: start.stamp.microseconds + stamp), tenant: 1, actor: 0xaaaa,
                behalf: behalf, events: [])
        }
        func add(_ at: Int, stamp: Int64) throws {
            let one = story[at]
            let stamp = Instant(microseconds: start.stamp.microseconds + stamp)
            builder.beginEvent(one.facts, stamp: stamp, before: one.before, partCount: one.parts)
            for part in 0..<one.parts {
                try builder.addPart(sealing("event \(at) part \(part)", UInt8(at * 8 + part)), crypto: crypto)
            }
            _ = builder.endEvent()
        }
        try builder.beginTransaction(
            transaction(0, behalf: 0xbbbb), idempotency: Token128(low: 1, high: 2),
            keys: [NewKey(id: 5, token: Token128(low: 3, high: 4), wrapped: [UInt8](repeating: 8, count: 60))],
            eventCount: 4, header: sealing("header", 200), crypto: crypto)
        for at in 0..<4 { try add(at, stamp: 0) }
        _ = try builder.addRecord(
            RecordFacts(
                number: 7, stamp: Instant(microseconds: start.stamp.microseconds + 300), tenant: 1, actor: 0xaaaa,
                behalf: 0xbbbb, code: .searched, outcome: .minorFailure, subjects: [5, 6], leafPrefix: 0),
            value: sealing("record", 201), crypto: crypto)
        try builder.beginTransaction(
            transaction(5_000_000, behalf: 0), idempotency: nil, keys: [], eventCount: 1,
            header: sealing("header", 202), crypto: crypto)
        try add(4, stamp: 5_000_000)
        return (
            builder.writer.bytes, FrameLeaves(events: builder.eventLeaves, records: builder.recordLeaves)
        )
    }

    @Test func `the bytes of a batch are those of the first version`() throws {
        let built = try Self.built()
        let golden = try Fixture.bytes("entries/v1/batch.bin", orWrite: built.body)
        #expect(golden == built.body)
        let leaves = try Fixture.bytes(
            "entries/v1/batch-leaves.bin",
            orWrite: (built.leaves.events + built.leaves.records).flatMap(\.bytes))
        #expect(leaves == (built.leaves.events + built.leaves.records).flatMap(\.bytes))
    }

    /// A book of two streams, and what a rewind to its first event says of it.
    private static func rewound() -> (book: Book, facts: RewindFacts, at: Instant) {
        var book = Book()
        let at = Instant(microseconds: 1_790_000_000_000_000)
        let booked = AppointmentFacts(
            status: .booked, start: at, end: Instant(microseconds: at.microseconds + 1_800_000_000),
            practitioners: [7])
        var arrived = booked
        arrived.status = .arrived
        func event(_ position: UInt64, _ stream: UInt64, _ version: UInt32, _ facts: AppointmentFacts?) -> EventFacts {
            EventFacts(
                position: position, tenant: 1, category: facts == nil ? .patient : .appointment, typeCode: 1,
                typeToken: 0, stream: stream, streamToken: version == 1 ? Token128(low: stream, high: 9) : nil,
                version: version, identity: Token128(low: position, high: 1), subjects: [5, position + 5],
                appointment: facts, state: .live, data: .resource, leafPrefix: position)
        }
        book.apply(
            TransactionFacts(
                stamp: at, tenant: 1, actor: 1, behalf: 0,
                events: [event(1, 100, 1, booked), event(2, 100, 2, arrived), event(3, 200, 1, nil)]))
        let facts = RewindFacts(
            position: 4, target: 1,
            streams: [
                RewoundStream(tag: 100, version: 3, state: .live, subjects: [5, 6], appointment: booked),
                RewoundStream(tag: 200, version: 2, state: .absent, subjects: [], appointment: nil),
            ], leafPrefix: 0)
        return (book, facts, at)
    }

    private static func rewindEntry() throws -> [UInt8] {
        let (book, facts, at) = rewound()
        let crypto = try Crypto()
        var builder = EntryBuilder(
            start: EntryStart(position: 4, record: 1, stamp: at), seed: AuditSeed(salt: Array(1...8), epoch: 1),
            registryEpoch: 1)
        try builder.beginTransaction(
            TransactionFacts(stamp: at, tenant: 1, actor: 0xaaaa, behalf: 0, events: []), idempotency: nil, keys: [],
            eventCount: 1, header: sealing("header", 200), crypto: crypto)
        let streams = RewindCodec.bytes(
            target: facts.target, facts.streams, of: [StreamOrdinal(raw: 0), StreamOrdinal(raw: 1)], book)
        builder.beginRewind(streams, position: 4, number: 1, identity: Token128(low: 1, high: 2), stamp: at)
        try builder.addPart(sealing("rewind", 201), crypto: crypto)
        _ = builder.endEvent()
        return builder.writer.bytes
    }

    @Test func `the bytes of a rewind are those of the first version and read back`() throws {
        let (book, facts, at) = Self.rewound()
        let body = try Fixture.bytes("entries/v1/rewind.bin", orWrite: Self.rewindEntry())
        #expect(try body == Self.rewindEntry())
        func read(_ body: [UInt8], _ book: Book) throws(ByteError) -> RewindFacts? {
            var reader = try EntryReader(body, start: EntryStart(position: 4, record: 1, stamp: at))
            var found: RewindFacts?
            while let step = try reader.next() {
                if case .event(let place) = step {
                    found = try RewindCodec.read(place, in: body, book, leafPrefix: 0)
                }
            }
            return found
        }
        #expect(try read(body, book) == facts)
        // Of another book it is no rewind: streams are missing, or were not changed, or stand at other versions.
        #expect(throws: ByteError.self) { try read(body, Book()) }
        var later = book
        later.apply(
            RecordFacts(
                number: 1, stamp: at, tenant: 1, actor: 1, behalf: 0, code: .accessed, outcome: .success, subjects: [],
                leafPrefix: 1))
        #expect(try read(body, later) == facts)
        later.apply(facts, of: TransactionFacts(stamp: at, tenant: 1, actor: 1, behalf: 0, events: []))
        #expect(throws: ByteError.self) { try read(body, later) }
        for count in 0..<body.count {
            let cut = try? read(Array(body[..<count]), book)
            #expect(cut == nil)
        }
    }

    private static let configurations = [
        ConfigurationEntry(Membership(voters: [1, 2, 3], retired: [4])),
        ConfigurationEntry(
            Membership(voters: [1, 2, 3], learners: [200]),
            change: MemberChange(
                joining: 200, leaving: 2, isAutomatic: true, begun: Instant(microseconds: 1_790_000_000_000_000)),
            replacedAt: Instant(microseconds: 1_790_000_000_000_000)),
        ConfigurationEntry(
            Membership(voters: [1, 2, 3], incoming: [1, 3]),
            change: MemberChange(joining: nil, leaving: 2, isAutomatic: false, begun: Instant(microseconds: -1))),
    ]

    @Test func `the bytes of configurations are those of the first version and read back`() throws {
        var writer = ByteWriter()
        for one in Self.configurations { writer.counted(one.body) }
        let golden = try Fixture.bytes("entries/v1/configurations.bin", orWrite: writer.bytes)
        #expect(golden == writer.bytes)
        var reader = ByteReader(golden)
        for one in Self.configurations {
            let body = try reader.array(reader.count(atMost: reader.remaining))
            #expect(try ConfigurationEntry(body: body) == one)
            for count in 0..<body.count {
                #expect(throws: ByteError.self) { try ConfigurationEntry(body: Array(body[..<count])) }
            }
            #expect(throws: ByteError.self) { try ConfigurationEntry(body: body + [0]) }
        }
    }

    @Test func `the bytes of a configuration with places are those of the first version and read back`() throws {
        var one = ConfigurationEntry(
            Membership(voters: [1], learners: [2]),
            change: MemberChange(joining: 2, leaving: nil, isAutomatic: false, begun: Instant(microseconds: 1)))
        one.places = [
            Place(id: 2, address: "::1", peerPort: 7502, clientPort: 7402),
            Place(id: 300, address: "10.0.0.3", peerPort: 65_535, clientPort: 1),
        ]
        let golden = try Fixture.bytes("entries/v1/configuration-places.bin", orWrite: one.body)
        #expect(golden == one.body)
        #expect(try ConfigurationEntry(body: golden) == one)
        for count in 0..<golden.count {
            #expect(throws: ByteError.self) { try ConfigurationEntry(body: Array(golden[..<count])) }
        }
        // What follows takes the places over.
        #expect(ConfigurationEntry(Membership(voters: [1, 2]), after: one).places == one.places)
        // But not of who was retired by then.
        var later = ConfigurationEntry(Membership(voters: [1, 3], retired: [2]), after: one)
        #expect(later.places.map(\.id) == one.places.map(\.id))
        later = ConfigurationEntry(Membership(voters: [1, 3], learners: [4], retired: [2]), after: later)
        #expect(later.places == one.places.filter { $0.id != 2 })
        one.places.append(one.places[0])
        #expect(throws: ByteError.self) { try ConfigurationEntry(body: one.body) }
    }

    @Test func `a membership that nobody could work with is no configuration`() {
        for broken in [
            Membership(voters: []), Membership(voters: [2, 1]), Membership(voters: [1], learners: [1]),
            Membership(voters: [1, 2], retired: [2]), Membership(voters: [1], incoming: []),
        ] {
            #expect(throws: ByteError.self) { try ConfigurationEntry(body: ConfigurationEntry(broken).body) }
        }
    }

    @Test func `a golden batch reads back as the facts it was written from`() throws {
        let body = try Fixture.bytes("entries/v1/batch.bin", orWrite: Self.built().body)
        var reader = try EntryReader(body, start: Self.start)
        #expect(reader.kind == .batch && reader.seed == AuditSeed(salt: Array(1...8), epoch: 1))
        var events: [EventFacts] = []
        var stamps: [Int64] = []
        var records: [RecordFacts] = []
        while let step = try reader.next() {
            switch step {
            case .transaction(let place): stamps.append(place.stamp.microseconds - Self.start.stamp.microseconds)
            case .event(let place):
                events.append(
                    try place.facts(in: body, tenant: 1, before: Self.story[events.count].before, leafPrefix: 0))
            case .record(let place): records.append(try place.facts(in: body, leafPrefix: 0))
            }
        }
        #expect(events == Self.story.map(\.facts))
        #expect(stamps == [0, 5_000_000])
        #expect(records.map(\.number) == [7] && records[0].subjects == [5, 6])
    }

    @Test func `a step of an appointment takes at most 45 bytes beside its sealed value`() throws {
        var writer = ByteWriter()
        let one = Self.story[1]
        one.facts.writeHead(before: one.before, partCount: 1, onto: &writer)
        #expect(writer.count <= 45)
    }

    @Test func `a body cut at any byte is refused, whatever stands before the cut`() throws {
        let body = try Self.built().body
        for count in 0..<body.count {
            let cut = Array(body[..<count])
            let whole = try? { () throws(ByteError) -> Int in
                var reader = try EntryReader(cut, start: Self.start)
                var events = 0
                while let step = try reader.next() { if case .event = step { events += 1 } }
                return events
            }()
            // Cut between two items it is a shorter entry, which the counts in the frame's header refuse.
            #expect(whole == nil || (whole ?? 5) < 5)
        }
    }

    @Test func `every flipped bit of a body is refused or gives another leaf or other keys`() throws {
        let built = try Self.built()
        let before = try Self.leaves(of: built.body)
        var silent: [Int] = []
        for bit in 0..<(built.body.count * 8) {
            var body = built.body
            body[bit / 8] ^= 1 << UInt8(bit % 8)
            guard let after = try? Self.leaves(of: body) else { continue }
            if after == before { silent.append(bit / 8) }
        }
        // Salt, epochs and riding keys stand outside every leaf; the frame's own seal covers them.
        let outside = Set(silent)
        #expect(outside.count <= 8 + 2 + NewKeyPlace.bytes)
    }

    private static func leaves(of body: [UInt8]) throws(ByteError) -> [Digest] {
        var digests: [Digest] = []
        var reader = try EntryReader(body, start: start)
        var head = Digest.zero
        var stamp = start.stamp
        while let step = try reader.next() {
            switch step {
            case .transaction(let place):
                head = MerkleLeaf.transactionHead(place, in: body)
                stamp = place.stamp
            case .event(let place):
                digests.append(try MerkleLeaf.event(place, in: body, transactionHead: head, stamp: stamp))
            case .record(let place): digests.append(MerkleLeaf.record(place, in: body))
            }
        }
        return digests
    }

    @Test func `audit values read back as written, identifiers packed`() throws {
        var value = AuditValue()
        value.credential = "svc"
        value.name = "Empfang Süd"
        value.behalf = "Practitioner/pr-7"
        value.purpose = "TREAT"
        value.address = "2001:db8::7"
        value.requestID = "0f8fad5b-d9cb-469f-a165-70867728950e"
        value.traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        value.query = "name=Okafor"
        value.count = 12
        value.range = 3...99
        value.shown = [AuditValue.Shown(stream: 7, version: 2)]
        var writer = ByteWriter()
        value.write(onto: &writer)
        #expect(try AuditValue(writer.bytes) == value)
        #expect(writer.count <= 125)
        value.requestID = "0F8FAD5B-d9cb-469f-a165-70867728950e"
        writer = ByteWriter()
        value.write(onto: &writer)
        #expect(try AuditValue(writer.bytes) == value)
    }
}
