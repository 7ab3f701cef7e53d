internal import Bytes
internal import Records
internal import Views

/// What a rewind's deciding part has beside that of other events: the target, and each stream it touches as it stands
/// from then on, told as the difference to how it stood just before. `Replica.docc/Entries.md` has the byte table.
enum RewindCodec {
    private static let stateBits: UInt8 = 0x03
    private static let namesSubjects: UInt8 = 0x08
    private static let changesAppointment: UInt8 = 0x10

    /// - Parameter ordinals: Of the streams, one by one.
    static func bytes(
        target: UInt64, _ streams: [RewoundStream], of ordinals: [StreamOrdinal], _ book: Book
    ) -> [UInt8] {
        precondition(streams.count == ordinals.count)
        var writer = ByteWriter(reserving: 16 + streams.count * 12)
        writer.varint(target)
        writer.varint(streams.count)
        for (stream, ordinal) in zip(streams, ordinals) { write(stream, ordinal, book, onto: &writer) }
        return writer.bytes
    }

    private static func write(
        _ stream: RewoundStream, _ ordinal: StreamOrdinal, _ book: Book, onto writer: inout ByteWriter
    ) {
        var bits = stream.state.rawValue
        let changesSubjects = stream.state != .absent && !book.areSubjects(stream.subjects, of: ordinal)
        let before = stream.appointment == nil ? nil : book.appointment(of: ordinal)
        let change = stream.appointment.flatMap { $0 == before ? nil : $0 }
        if changesSubjects { bits |= namesSubjects }
        if change != nil { bits |= changesAppointment }
        writer.u64(stream.tag)
        writer.u8(bits)
        writer.varint(UInt64(stream.version))
        if changesSubjects {
            writer.varint(stream.subjects.count)
            for subject in stream.subjects { writer.u64(subject) }
        }
        if let change { AppointmentCodec.write(change, before: before ?? AppointmentCodec.nothing, onto: &writer) }
    }

    /// Passes over what `bytes` made.
    static func skip(_ reader: inout ByteReader) throws(ByteError) {
        _ = try reader.varint()
        for _ in 0..<(try reader.count(atMost: RewindFacts.streamsMax)) {
            let head = try head(&reader)
            if head.bits & namesSubjects != 0 {
                _ = try reader.range(try reader.count(atMost: EntryFormat.subjectsMax) * 8)
            }
            if head.bits & changesAppointment != 0 { try AppointmentCodec.skip(&reader) }
        }
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
        // The streams that changed, in this order and no others: `follows` says so at the end.
        let changed = book.streams(changedAfter: target)
        guard changed.count == count else { throw .malformed }
        var streams: [RewoundStream] = []
        streams.reserveCapacity(count)
        for ordinal in changed { streams.append(try stream(&reader, before: ordinal, book)) }
        let facts = RewindFacts(position: place.position, target: target, streams: streams, leafPrefix: leafPrefix)
        guard reader.isAtEnd, book.follows(facts) else { throw .malformed }
        return facts
    }

    private static func head(
        _ reader: inout ByteReader
    ) throws(ByteError) -> (tag: UInt64, bits: UInt8, state: StreamState, version: UInt32) {
        let tag = try reader.u64()
        let bits = try reader.u8()
        guard bits & ~(stateBits | namesSubjects | changesAppointment) == 0,
            let state = StreamState(rawValue: bits & stateBits)
        else { throw .malformed }
        return (tag, bits, state, UInt32(try reader.count(atMost: Int(UInt32.max))))
    }

    /// - Parameter ordinal: The stream that this one has to be.
    private static func stream(
        _ reader: inout ByteReader, before ordinal: StreamOrdinal, _ book: Book
    ) throws(ByteError) -> RewoundStream {
        let head = try head(&reader)
        var subjects: [UInt64] = []
        if head.bits & namesSubjects != 0 {
            for _ in 0..<(try reader.count(atMost: EntryFormat.subjectsMax)) { subjects.append(try reader.u64()) }
        } else if head.state != .absent {
            subjects = book.subjects(of: ordinal)
        }
        var appointment = head.state == .absent ? nil : book.appointment(of: ordinal)
        if head.bits & changesAppointment != 0 {
            let before = book.appointment(of: ordinal) ?? AppointmentCodec.nothing
            appointment = try AppointmentCodec.apply(&reader, before: before)
        }
        return RewoundStream(
            tag: head.tag, version: head.version, state: head.state, subjects: subjects, appointment: appointment)
    }
}
