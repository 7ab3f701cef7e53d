import Records

/// The CloudEvents HTTP binding (1.0.2 §3): the mode stands in Content-Type.
enum AppendReader {
    enum Mode: Equatable {
        case structured
        case batch
        case binary
    }

    static func read(_ request: HTTPRequest, limits: EventLimits) throws(Problem) -> AppendRequest {
        let head = request.head
        try Inquiry.refuseIfMatch(head)
        try Inquiry.refuseCoded(head)
        try Inquiry.query(head).refuseLeft()
        let key = try RequestFields.idempotencyKey(head)
        let events: [IncomingEvent]
        switch try mode(head) {
        case .structured: events = [try CloudEventReader.structured(request.body, limits: limits)]
        case .batch: events = try CloudEventReader.batch(request.body, limits: limits)
        case .binary:
            events = [
                try CloudEventReader.binary(
                    attributes: BinaryAttributes.read(head), contentType: head.text(.contentType), body: request.body,
                    limits: limits)
            ]
        }
        return AppendRequest(events: events, idempotencyKey: key)
    }

    /// What nearly every client sends is known by its bytes, the rest by what it means.
    static func mode(_ head: RequestHead) throws(Problem) -> Mode {
        if let range = head.value(.contentType), head.count(.contentType) == 1 {
            if RequestLine.spells(head.bytes, range, "application/cloudevents+json") { return .structured }
            if RequestLine.spells(head.bytes, range, "application/cloudevents-batch+json") { return .batch }
        }
        return try mode(try RequestFields.single(.contentType, head), head)
    }

    /// `application/cloudevents-batch` is tested before `application/cloudevents`, of which it is an extension;
    /// anything else is the type of binary mode's data. The JSON format and UTF-8 are the ones there are.
    static func mode(_ contentType: String?, _ head: RequestHead) throws(Problem) -> Mode {
        let essence = MediaType.essence(contentType ?? "")
        if essence.hasPrefix("application/cloudevents-batch") {
            guard essence == "application/cloudevents-batch+json", isUTF8(contentType) else { throw refusal }
            return .batch
        }
        if essence.hasPrefix("application/cloudevents") {
            guard essence == "application/cloudevents+json", isUTF8(contentType) else { throw refusal }
            return .structured
        }
        guard BinaryAttributes.arePresent(head) else { throw refusal }
        return .binary
    }

    private static var refusal: Problem {
        Problem(
            .unsupportedMediaType,
            "Send application/cloudevents+json, application/cloudevents-batch+json, or ce- headers and data.")
    }

    /// No charset, or UTF-8.
    private static func isUTF8(_ contentType: String?) -> Bool {
        for parameter in (contentType ?? "").split(separator: ";").dropFirst() {
            let text = Texts.trimmed(parameter).lowercased().filter { $0 != "\"" }
            if text.hasPrefix("charset="), text != "charset=utf-8" { return false }
        }
        return true
    }
}

/// Attributes of an event in `ce-` headers (HTTP binding §3.1.3).
enum BinaryAttributes {
    private static func isAttribute(_ head: RequestHead, _ field: RequestHead.Field) -> Bool {
        let name = field.nameRange
        return field.name == .other && name.count > 3 && head.bytes[name.lowerBound] == 0x63
            && head.bytes[name.lowerBound + 1] == 0x65 && head.bytes[name.lowerBound + 2] == 0x2d
    }

    static func arePresent(_ head: RequestHead) -> Bool { head.fields.contains { isAttribute(head, $0) } }

    /// Names without `ce-`, and values as they stand in the message.
    static func read(_ head: RequestHead) -> [(String, String)] {
        head.fields.filter { isAttribute(head, $0) }.map { field in
            (
                head.text(in: (field.nameRange.lowerBound + 3)..<field.nameRange.upperBound),
                head.text(in: field.valueRange)
            )
        }
    }
}
