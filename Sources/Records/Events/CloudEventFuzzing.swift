import JSON

/// The door for a fuzzer: any bytes go in, as a structured event, as a batch, and as the headers and body of binary
/// mode, and what must hold of every event that is taken is demanded.
package enum CloudEventFuzzing {
    package static func run(_ bytes: [UInt8]) {
        if let event = try? CloudEventReader.structured(bytes) { check(event) }
        if let events = try? CloudEventReader.batch(bytes) { for event in events { check(event) } }
        let message = message(bytes)
        let event = try? CloudEventReader.binary(
            attributes: message.attributes, contentType: message.contentType, body: message.body)
        if let event { check(event) }
    }

    /// Lines `name: value` up to an empty one; what follows is the body.
    private static func message(
        _ bytes: [UInt8]
    ) -> (attributes: [(String, String)], contentType: String?, body: [UInt8]) {
        var attributes: [(String, String)] = []
        var contentType: String?
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 0x0a) {
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            guard let colon = line.firstIndex(of: 0x3a) else { break }
            let name = String(decoding: line[..<colon], as: UTF8.self)
            let value = String(decoding: line[(colon + 1)...].drop { $0 == 0x20 }, as: UTF8.self)
            if name == "content-type" { contentType = value } else { attributes.append((name, value)) }
        }
        return (attributes, contentType, Array(rest))
    }

    private static func check(_ event: IncomingEvent) {
        guard let again = try? CloudEventReader.structured(event.bytes) else {
            preconditionFailure("an event is not taken as it was stored")
        }
        precondition(again.bytes == event.bytes && again.data == event.data && again.expectedVersion == nil)
        precondition(again.dataForm == event.dataForm && again.patients == event.patients)
        precondition(again.mentions == event.mentions && again.appointment == event.appointment)
        if let data = event.data {
            precondition((try? JSONText(parsing: event.bytes, in: data)) != nil)
        }
        guard let parts = try? SubjectSplit.split(event: event.bytes, patients: event.patients ?? []),
            let joined = try? SubjectSplit.join(common: parts.common, perPatient: parts.perPatient, rest: parts.rest),
            let isEqual = try? JSONEquality.equal(joined, event.bytes), isEqual
        else { preconditionFailure("an event that was taken apart does not come together") }
        var fold = ResourceFold(event.subject.category)
        guard (try? fold.apply(event: event.bytes, form: event.dataForm, type: event.type)) != nil else {
            preconditionFailure("an event that was taken does not fold")
        }
    }
}
