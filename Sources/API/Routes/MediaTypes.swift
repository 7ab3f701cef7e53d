import Records

/// How `GET /v1/events` answers.
package enum EventsFormat: Sendable {
    /// NDJSON.
    case lines
    /// text/event-stream.
    case serverSent
    /// application/cloudevents-batch+json.
    case batch
    /// application/json: the same array.
    case array
}

/// Proactive negotiation (RFC 9110 §12.5.1).
enum Negotiation {
    struct Range {
        var type: String
        var subtype: String
        /// In thousandths.
        var quality: Int
    }

    /// The ranges of an Accept field; nil when it is malformed, which is as good as not sent.
    static func ranges(_ accept: String) -> [Range]? {
        var ranges: [Range] = []
        for element in accept.split(separator: ",") {
            let parts = element.split(separator: ";").map { Texts.trimmed($0).lowercased() }
            guard let first = parts.first, !first.isEmpty else { continue }
            let names = first.split(separator: "/", omittingEmptySubsequences: false)
            guard names.count == 2 else { return nil }
            var range = Range(type: String(names[0]), subtype: String(names[1]), quality: 1000)
            for part in parts.dropFirst() where part.hasPrefix("q=") {
                guard let quality = quality(part.dropFirst(2)) else { return nil }
                range.quality = quality
            }
            ranges.append(range)
        }
        return ranges
    }

    /// 0 to 1 with up to three fraction digits.
    private static func quality(_ text: Substring) -> Int? {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, first == 0x30 || first == 0x31, bytes.count <= 5 else { return nil }
        guard bytes.count == 1 || bytes[1] == 0x2e else { return nil }
        var value = Int(first - 0x30) * 1000
        var unit = 100
        for byte in bytes.dropFirst(2) {
            guard RequestLine.isDigit(byte) else { return nil }
            value += Int(byte - 0x30) * unit
            unit /= 10
        }
        return value <= 1000 ? value : nil
    }

    /// The index of the offer that is liked best, the first among equals; nil when none will do.
    static func choose(_ accept: String?, among offers: [String]) -> Int? {
        guard let accept, let ranges = ranges(accept), !ranges.isEmpty else { return 0 }
        var best: (index: Int, quality: Int)?
        for (index, offer) in offers.enumerated() {
            let quality = quality(of: offer, ranges)
            if quality > (best?.quality ?? 0) { best = (index, quality) }
        }
        return best?.index
    }

    /// The most specific range that covers an offer says how much it is liked.
    private static func quality(of offer: String, _ ranges: [Range]) -> Int {
        let names = offer.split(separator: "/")
        var found = (specificity: -1, quality: 0)
        for range in ranges {
            let specificity: Int
            if range.type == names[0], range.subtype == names[1] {
                specificity = 2
            } else if range.type == names[0], range.subtype == "*" {
                specificity = 1
            } else if range.type == "*", range.subtype == "*" {
                specificity = 0
            } else {
                continue
            }
            if specificity > found.specificity { found = (specificity, range.quality) }
        }
        return found.quality
    }

    static func events(_ accept: String?) throws(Problem) -> EventsFormat {
        let offers: [(String, EventsFormat)] = [
            ("application/x-ndjson", .lines), ("application/ndjson", .lines), ("text/event-stream", .serverSent),
            ("application/cloudevents-batch+json", .batch), ("application/json", .array),
        ]
        // The second name of NDJSON is taken when it is asked for, not when anything will do.
        let named = accept?.lowercased().contains("application/ndjson") == true
        let taken = offers.filter { $0.0 != "application/ndjson" || named }
        guard let chosen = choose(accept, among: taken.map(\.0)) else {
            throw Problem(
                .notAcceptable,
                "Accept application/x-ndjson, text/event-stream, application/cloudevents-batch+json or application/json."
            )
        }
        return taken[chosen].1
    }

    static func fhir(_ accept: String?) throws(Problem) {
        let offers = ["application/fhir+json", "application/json", "text/json", "application/json+fhir"]
        guard choose(accept, among: offers) != nil else {
            throw Problem(.notAcceptable, "Accept application/fhir+json.")
        }
    }

    static func json(_ accept: String?) throws(Problem) {
        guard choose(accept, among: ["application/json"]) != nil else {
            throw Problem(.notAcceptable, "Accept application/json.")
        }
    }
}

/// A Content-Type, its parameters aside.
enum MediaType {
    static func essence(_ text: String) -> String {
        Texts.trimmed(text.prefix { $0 != ";" }).lowercased()
    }
}
