internal import Bytes
internal import Records
internal import Views

/// What a rewind's deciding part has beside that of other events: the target, and each stream it touches as it stands
/// from then on, told as the difference to how it stood just before. `Replica.docc/Entries.md` has the byte table.
enum RewindCodec {
    private static let stateBits: UInt8 = 0x03
    private static let namesSubjects: UInt8 = 0x08
    private static let changesAppointment: UInt8 = 0x10

    /// - Precondition: every stream is known to the book.
    static func write(_ rewind: RewindFacts, _ book: Book, onto writer: inout ByteWriter) {
        writer.varint(rewind.target)
        writer.varint(rewind.streams.count)
        for stream in rewind.streams {
            guard let ordinal = book.stream(tag: stream.tag) else { preconditionFailure("a rewound stream is known") }
            write(stream, before: book.row(ordinal), onto: &writer)
        }
    }

    /// How much of an entry these streams take.
    static func bytes(_ streams: [RewoundStream], _ book: Book) -> Int {
        var writer = ByteWriter(reserving: 128)
        var count = 0
        for stream in streams {
            guard let ordinal = book.stream(tag: stream.tag) else { preconditionFailure("a rewound stream is known") }
            write(stream, before: book.row(ordinal), onto: &writer)
            count += writer.count
            writer.bytes.removeAll(keepingCapacity: true)
        }
        return count
    }

    private static func write(_ stream: RewoundStream, before: StreamRow, onto writer: inout ByteWriter) {
        var bits = stream.state.rawValue
        let changesSubjects = stream.state != .absent && stream.subjects != before.subjects
        let change = stream.appointment.flatMap { $0 == before.appointment ? nil : $0 }
        if changesSubjects { bits |= namesSubjects }
        if change != nil { bits |= changesAppointment }
        writer.u64(stream.tag)
        writer.u8(bits)
        writer.varint(UInt64(stream.version))
        if changesSubjects {
            writer.varint(stream.subjects.count)
            for subject in stream.subjects { writer.u64(subject) }
        }
        if let change {
            AppointmentCodec.write(change, before: before.appointment ?? AppointmentCodec.nothing, onto: &writer)
        }
    }

    /// Passes over what `write` wrote.
    static func skip(_ reader: inout ByteReader) throws(ByteError) {
        _ = try reader.varint()
        let count = try reader.count(atMost: RewindFacts.streamsMax)
        for _ in 0..<count { _ = try stream(&reader) { _ in nil } }
    }

    /// The rewind of an event at whose `rewind` range the body says it, of a book that is folded through the event
    /// before it.
    ///
    /// - Throws: when it does not follow from the book.
    static func read(
        _ place: EventPlace, in body: [UInt8], _ book: Book, leafPrefix: UInt64
    ) throws(ByteError) -> RewindFacts {
        guard let range = place.rewind else { throw .malformed }
        var reader = ByteReader(body, in: range)
        let target = try reader.varint()
        let count = try reader.count(atMost: RewindFacts.streamsMax)
        var streams: [RewoundStream] = []
        streams.reserveCapacity(count)
        for _ in 0..<count {
            streams.append(try stream(&reader) { tag in book.stream(tag: tag).map { book.row($0) } })
        }
        let facts = RewindFacts(position: place.position, target: target, streams: streams, leafPrefix: leafPrefix)
        guard reader.isAtEnd, book.follows(facts) else { throw .malformed }
        return facts
    }

    private static func stream(
        _ reader: inout ByteReader, before: (UInt64) -> StreamRow?
    ) throws(ByteError) -> RewoundStream {
        let tag = try reader.u64()
        let bits = try reader.u8()
        guard bits & ~(stateBits | namesSubjects | changesAppointment) == 0,
            let state = StreamState(rawValue: bits & stateBits)
        else { throw .malformed }
        let version = UInt32(try reader.count(atMost: Int(UInt32.max)))
        let row = before(tag)
        var subjects = state == .absent ? [] : row?.subjects ?? []
        if bits & namesSubjects != 0 {
            subjects = []
            for _ in 0..<(try reader.count(atMost: EntryFormat.subjectsMax)) { subjects.append(try reader.u64()) }
        }
        var appointment = state == .absent ? nil : row?.appointment
        if bits & changesAppointment != 0 {
            appointment = try AppointmentCodec.apply(&reader, before: row?.appointment ?? AppointmentCodec.nothing)
        }
        return RewoundStream(
            tag: tag, version: version, state: state, subjects: subjects, appointment: appointment)
    }
}
