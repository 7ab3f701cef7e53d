import JSON

extension CloudEventReader {
    /// What a checked JSON text says, as an event of this store.
    static func event(_ text: JSONText) throws(Problem) -> IncomingEvent {
        let envelope = try Envelope(text)
        let subject = try subject(envelope.subject)
        let type = try EventType(spelled: envelope.type)
        try type.check(on: subject.category)
        let form = try form(envelope, type: type, on: subject.category, text)
        let (bytes, data) = stored(text, envelope)
        var event = IncomingEvent(
            bytes: bytes, data: data, dataForm: form, id: envelope.id, source: envelope.source, type: type,
            subject: subject, expectedVersion: envelope.expectedVersion, patients: nil, appointment: nil)
        try describe(&event, envelope, text)
        return event
    }

    /// - Throws: `badEvent` when it is not `category/id`, `unknownCategory`.
    private static func subject(_ text: ArraySlice<UInt8>) throws(Problem) -> StreamName {
        guard let slash = text.firstIndex(of: 0x2f) else {
            throw Envelope.bad("Give the subject as category/id, such as patient/p-81f3.", "subject")
        }
        let id = String(decoding: text[(slash + 1)...], as: UTF8.self)
        guard let category = Category(spelled: text[..<slash]) else {
            throw Problem(
                .unknownCategory, "Streams are called patient/…, appointment/…, consent/… or disclosure/….",
                [.member("subject")])
        }
        guard let name = StreamName(category, id: id) else {
            throw Envelope.bad("Let the subject's id be a FHIR id: 1 to 64 of A-Z a-z 0-9 - and dot.", "subject")
        }
        return name
    }

    /// Which way `data` folds.
    ///
    /// - Throws: `invalidResource` when the type needs other data.
    private static func form(
        _ envelope: Envelope, type: EventType, on category: Category, _ text: JSONText
    ) throws(Problem) -> DataForm {
        let none: DataForm = envelope.hasBase64 ? .opaque : .none
        guard let kind = type.kind, kind.data != .nothing else { return envelope.data == nil ? none : .opaque }
        guard let data = envelope.data else {
            switch kind.data {
            case .resource, .change:
                throw FHIRRules.invalid("Events of this type need data as JSON.", "data")
            case .optionalChange where envelope.hasBase64:
                throw FHIRRules.invalid("Send the data of this type as JSON.", "data_base64")
            case .optionalChange, .anything, .nothing: return none
            }
        }
        let takesAnything = kind.data == .anything
        if category == .disclosure { return .opaque }
        switch envelope.contentType ?? .json {
        case .mergePatch:
            guard kind.data != .resource else {
                throw FHIRRules.invalid("Begin with a whole resource, not with a patch.", "datacontenttype")
            }
            guard text.kind(of: data) == .object else {
                throw FHIRRules.invalid("A patch of a resource is a JSON object.", "data")
            }
            return .mergePatch
        case .json, .fhir:
            guard let resourceType = text.member(FHIRRules.Keys.resourceType, of: data) else {
                if takesAnything { return .opaque }
                throw FHIRRules.invalid(
                    "Send a whole resource, or a patch as application/merge-patch+json.", "data.resourceType")
            }
            if FHIRRules.resourceType(of: category).map({ text.equals(resourceType, $0) }) == true { return .resource }
            if takesAnything { return .opaque }
            throw FHIRRules.invalid("Send a resource of the stream's own type.", "data.resourceType")
        default:
            if takesAnything { return .opaque }
            throw FHIRRules.invalid("Send the data of this type as application/fhir+json.", "datacontenttype")
        }
    }

    /// The event as it is kept: compact, without `expectedversion`; and where `data` is in it.
    private static func stored(_ text: JSONText, _ envelope: Envelope) -> ([UInt8], Range<Int>?) {
        let whole = text.range(of: text.root)
        if !text.isSpaced && envelope.cut == nil {
            let data = envelope.data.map { text.range(of: $0) }
            return (
                Array(text.bytes[whole]),
                data.map { ($0.lowerBound - whole.lowerBound)..<($0.upperBound - whole.lowerBound) }
            )
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(whole.count)
        var data: Range<Int>?
        bytes.append(0x7b)
        for (name, value) in text.members(of: text.root) where name != envelope.cut {
            if bytes.count > 1 { bytes.append(0x2c) }
            text.appendCompactMember(name, onto: &bytes)
            if value == envelope.data {
                let count = text.isSpaced ? text.compact(value).count : text.range(of: value).count
                data = (bytes.count - count)..<bytes.count
            }
        }
        bytes.append(0x7d)
        return (bytes, data)
    }

    /// Checks the data and takes from it what deciding needs.
    private static func describe(
        _ event: inout IncomingEvent, _ envelope: Envelope, _ text: JSONText
    ) throws(Problem) {
        if event.subject.category == .appointment, let kind = event.type.kind, kind.data != .nothing {
            event.appointment = AppointmentChange()
            event.appointment?.status = kind.statuses.first
            event.appointment?.allowsOverlap = envelope.allowsOverlap
        }
        guard let data = envelope.data else { return }
        switch event.dataForm {
        case .resource, .mergePatch:
            let isPatch = event.dataForm == .mergePatch
            try FHIRRules.check(text, data, of: event.subject, isPatch: isPatch)
            try FHIRRules.checkImplied(event.type, text, data)
            if event.appointment != nil {
                event.appointment = try FHIRRules.change(
                    text, data, type: event.type, isPatch: isPatch, allowsOverlap: envelope.allowsOverlap)
            }
            if event.subject.category == .patient { event.searchKeys = SearchKeys.of(data, in: text) }
        case .opaque, .none: break
        }
        try PatientReferences.describe(&event, text, data)
    }
}
