import JSON
import Records

/// The bounds of an append; the server's configuration may set others.
package struct EventLimits: Sendable {
    /// Longest event as JSON, in bytes.
    package var eventBytesMax = 1 << 20
    package var eventsMax = 10_000
    package var depthMax = 64

    package init() {}
}

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
        _ = try RequestFields.idempotencyKey(head)
        let contentType = try RequestFields.single(.contentType, head)
        switch try mode(contentType, head) {
        case .structured, .batch, .binary:
            throw Problem(.notImplemented, "Wait for events to be read.")
        }

    }

    /// `application/cloudevents-batch` is tested before `application/cloudevents`, of which it is an extension;
    /// anything else is the type of binary mode's data. The JSON format and UTF-8 are the ones there are.
    static func mode(_ contentType: String?, _ head: RequestHead) throws(Problem) -> Mode {
        let essence = MediaType.essence(contentType ?? "")
        let refusal = Problem(
            .unsupportedMediaType,
            "Send application/cloudevents+json, application/cloudevents-batch+json, or ce- headers and data.")
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

    /// Names in lower case without `ce-`, and values decoded once.
    static func read(_ head: RequestHead) throws(Problem) -> [(String, String)] {
        var attributes: [(String, String)] = []
        for field in head.fields where isAttribute(head, field) {
            let name = head.text(in: (field.nameRange.lowerBound + 3)..<field.nameRange.upperBound)
            guard name.utf8.count <= 64, name.utf8.allSatisfy(isNameByte) else {
                throw Problem(.badEvent, "Name attributes with a-z and 0-9.")
            }
            guard !attributes.contains(where: { $0.0 == name }) else {
                throw Problem(.badEvent, "Send each attribute once.", [.member("ce-" + name)])
            }
            guard let value = value(head.bytes, field.valueRange) else {
                throw Problem(.badEvent, "Percent-encode attributes as UTF-8.", [.member("ce-" + name)])
            }
            attributes.append((name, value))
        }
        return attributes
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        RequestLine.isDigit(byte) || (byte >= 0x61 && byte <= 0x7a)
    }

    /// Percent signs are undone once. A quoted string, which version 1.0 wrote, loses its quotes and backslashes first.
    /// nil for a bare `%`, ill-formed UTF-8, and bytes that had to be encoded but were not.
    static func value(_ bytes: [UInt8], _ range: Range<Int>) -> String? {
        var plain = Array(bytes[range])
        if plain.count >= 2, plain.first == 0x22, plain.last == 0x22 {
            var inside: [UInt8] = []
            var isEscaped = false
            for byte in plain[1..<(plain.count - 1)] {
                if !isEscaped, byte == 0x5c {
                    isEscaped = true
                    continue
                }
                guard isEscaped || byte != 0x22 else { return nil }
                isEscaped = false
                inside.append(byte)
            }
            guard !isEscaped else { return nil }
            plain = inside
        }
        guard plain.allSatisfy({ $0 >= 0x20 && $0 <= 0x7e }) else { return nil }
        return Percent.decoded(plain, 0..<plain.count, plusIsSpace: false)
    }
}
