internal import Bytes
internal import Records

/// What of a stream an event's deciding part leans on: its state before the event.
struct StreamBefore {
    var category: Category
    var subjects: [UInt64]
    var appointment: AppointmentFacts?
}

/// One event in a body, as far as the body alone tells it. Nothing is copied: ranges lie in the body.
struct EventPlace {
    var position: UInt64
    var shape: EventShape
    var form: DataForm
    var typeCode: UInt8
    var typeToken: UInt64
    var stream: UInt64
    var version: UInt32
    var identity: Token128
    /// Of the event that makes the stream.
    var creation: (category: Category, token: Token128)?
    /// Eight bytes each; nil: the stream's stand.
    var subjects: Range<Int>?
    /// Mask and changes; nil: no appointment, or nothing changed.
    var appointment: Range<Int>?
    /// Of a rewind: what it goes back to, and the streams it touches.
    var rewind: Range<Int>?
    /// The deciding part, which the Merkle leaf covers.
    var head: Range<Int>
    /// The first sealed value; the others follow, each after its length.
    var firstPart: Range<Int>
    var partCount: Int
    /// From the first sealed value's first byte to the end of the event.
    var parts: Range<Int>

    /// Reads the event that stands at the reader.
    init(_ reader: inout ByteReader, position: UInt64) throws(ByteError) {
        let start = reader.offset
        self.position = position
        let bits = try reader.u8()
        shape = EventShape(rawValue: bits & ~EventShape.form)
        guard let form = DataForm(rawValue: bits & EventShape.form) else { throw .malformed }
        self.form = form
        typeToken = shape.contains(.hasTypeToken) ? try reader.u64() : 0
        typeCode = shape.contains(.hasTypeToken) ? 0 : try reader.u8()
        stream = try reader.u64()
        version = UInt32(try reader.count(atMost: Int(UInt32.max)))
        identity = try reader.token()
        if shape.contains(.creates) {
            guard let category = Category(rawValue: try reader.u8()) else { throw .malformed }
            creation = (category, try reader.token())
        }
        if shape.contains(.namesSubjects) {
            let count = try reader.count(atMost: EntryFormat.subjectsMax)
            subjects = try reader.range(count * 8)
        }
        if shape.contains(.changesAppointment) {
            let before = reader.offset
            try AppointmentCodec.skip(&reader)
            appointment = before..<reader.offset
        }
        if typeCode == EventVocabulary.rewound.code {
            let before = reader.offset
            try RewindCodec.skip(&reader)
            rewind = before..<reader.offset
        }
        head = start..<reader.offset
        partCount = shape.contains(.hasParts) ? try reader.count(atMost: EntryFormat.partsMax) : 1
        guard partCount > 0 else { throw .malformed }
        firstPart = try reader.range(try reader.count(atMost: reader.remaining))
        for _ in 1..<partCount { _ = try reader.range(try reader.count(atMost: reader.remaining)) }
        parts = firstPart.lowerBound..<reader.offset
    }

    /// Where each sealed value stands.
    func partRanges(in body: [UInt8]) throws(ByteError) -> [Range<Int>] {
        var ranges = [firstPart]
        var reader = ByteReader(body, in: firstPart.upperBound..<parts.upperBound)
        while ranges.count < partCount {
            ranges.append(try reader.range(try reader.count(atMost: reader.remaining)))
        }
        return ranges
    }

    /// Key ids as the event names them; nil: the stream's stand.
    func namedSubjects(in body: [UInt8]) throws(ByteError) -> [UInt64]? {
        guard let subjects else { return nil }
        var reader = ByteReader(body, in: subjects)
        var ids: [UInt64] = []
        ids.reserveCapacity(subjects.count / 8)
        while !reader.isAtEnd { ids.append(try reader.u64()) }
        return ids
    }

    /// The deciding part in full. `before` is the stream before the event, nil when the event makes it.
    func facts(
        in body: [UInt8], tenant: UInt32, before: StreamBefore?, leafPrefix: UInt64
    ) throws(ByteError) -> EventFacts {
        guard let category = creation?.category ?? before?.category else { throw .malformed }
        var facts = before?.appointment
        if let appointment {
            var reader = ByteReader(body, in: appointment)
            facts = try AppointmentCodec.apply(&reader, before: facts ?? AppointmentCodec.nothing)
        }
        let named = try namedSubjects(in: body)
        return EventFacts(
            position: position, tenant: tenant, category: category, typeCode: typeCode, typeToken: typeToken,
            stream: stream, streamToken: creation?.token, version: version, identity: identity,
            subjects: named ?? before?.subjects ?? [], appointment: facts,
            state: shape.contains(.isGone) ? .gone : .live, data: form, leafPrefix: leafPrefix)
    }
}

extension EventFacts {
    /// Appends the deciding part. `before` is the stream before the event, nil when the event makes it.
    func writeHead(before: StreamBefore?, partCount: Int, onto writer: inout ByteWriter) {
        var shape: EventShape = []
        if streamToken != nil { shape.insert(.creates) }
        if before.map({ $0.subjects != subjects }) ?? !subjects.isEmpty { shape.insert(.namesSubjects) }
        if appointment != before?.appointment { shape.insert(.changesAppointment) }
        if state == .gone { shape.insert(.isGone) }
        if typeCode == 0 { shape.insert(.hasTypeToken) }
        if partCount > 1 { shape.insert(.hasParts) }
        writer.u8(shape.rawValue | data.rawValue)
        if typeCode == 0 { writer.u64(typeToken) } else { writer.u8(typeCode) }
        writer.u64(stream)
        writer.varint(UInt64(version))
        writer.token(identity)
        if let streamToken {
            writer.u8(category.rawValue)
            writer.token(streamToken)
        }
        if shape.contains(.namesSubjects) {
            writer.varint(subjects.count)
            for subject in subjects { writer.u64(subject) }
        }
        if shape.contains(.changesAppointment), let appointment {
            AppointmentCodec.write(
                appointment, before: before?.appointment ?? AppointmentCodec.nothing, onto: &writer)
        }
    }
}
