import JSON

/// CloudEvents 1.0 as they come in: structured and batch in the JSON event format, binary after the HTTP binding.
///
/// What is wrong with the event as such is a 400 (`badJSON`, `badEvent`, `serverAttribute`, `tooLarge` 413); what is
/// wrong with what it says is a 422. In a batch every 400 comes before any 422, and names the event.
package enum CloudEventReader {
    package static func structured(
        _ json: [UInt8], in range: Range<Int>? = nil, limits: EventLimits = .standard
    ) throws(Problem) -> IncomingEvent {
        let range = range ?? 0..<json.count
        guard range.count <= limits.eventBytes else { throw tooLarge(limits.eventBytes) }
        let text: JSONText
        do {
            text = try JSONText(parsing: json, in: range, limits: JSONLimits(depth: limits.depth))
        } catch {
            throw problem(error, from: range.lowerBound, limits: limits)
        }
        return try event(text)
    }

    /// Every event of a JSON array, which may be empty.
    package static func batch(
        _ json: [UInt8], in range: Range<Int>? = nil, limits: EventLimits = .standard
    ) throws(Problem) -> [IncomingEvent] {
        let range = range ?? 0..<json.count
        guard range.count <= limits.requestBytes else { throw tooLarge(limits.requestBytes) }
        var at = afterSpace(json, range.lowerBound, range.upperBound)
        guard at < range.upperBound, json[at] == 0x5b else { throw notABatch(at - range.lowerBound) }
        at = afterSpace(json, at + 1, range.upperBound)
        var events: [IncomingEvent] = []
        var semantic: Problem?
        var count = 0
        if at < range.upperBound, json[at] == 0x5d {
            at += 1
        } else {
            elements: while true {
                guard count < limits.events else { throw tooLarge(limits.events) }
                let text = try element(json, from: at, in: range, index: count, limits: limits)
                do {
                    let event = try event(text)
                    if semantic == nil { events.append(event) }
                } catch {
                    let indexed = Problem(copying: error, adding: .eventIndex(count))
                    if error.kind.status == 400 { throw indexed }
                    semantic = semantic ?? indexed
                }
                count += 1
                at = afterSpace(json, text.range(of: text.root).upperBound, range.upperBound)
                guard at < range.upperBound else { throw notABatch(at - range.lowerBound) }
                switch json[at] {
                case 0x2c: at = afterSpace(json, at + 1, range.upperBound)
                case 0x5d:
                    at += 1
                    break elements
                default: throw notABatch(at - range.lowerBound)
                }
            }
        }
        at = afterSpace(json, at, range.upperBound)
        guard at == range.upperBound else { throw notABatch(at - range.lowerBound) }
        if let semantic { throw semantic }
        try refuseRepeats(events)
        return events
    }

    private static func element(
        _ json: [UInt8], from at: Int, in range: Range<Int>, index: Int, limits: EventLimits
    ) throws(Problem) -> JSONText {
        do {
            return try JSONText(
                parsingFirstOf: json, in: at..<range.upperBound,
                limits: JSONLimits(depth: limits.depth, bytes: limits.eventBytes))
        } catch {
            let found =
                error.kind == .tooLarge
                ? tooLarge(limits.eventBytes) : problem(error, from: range.lowerBound, limits: limits)
            throw Problem(copying: found, adding: .eventIndex(index))
        }
    }

    /// Two events of one batch with the same source and id are a mistake, whatever they say.
    private static func refuseRepeats(_ events: [IncomingEvent]) throws(Problem) {
        guard events.count > 1 else { return }
        func hash(_ event: IncomingEvent) -> UInt64 {
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            for byte in event.id.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
            return hash
        }
        var order = events.indices.map { (hash: hash(events[$0]), index: $0) }
        order.sort { a, b in
            if a.hash != b.hash { return a.hash < b.hash }
            let (one, other) = (events[a.index], events[b.index])
            if one.id != other.id { return one.id < other.id }
            return one.source != other.source ? one.source < other.source : a.index < b.index
        }
        for at in 1..<order.count where order[at].hash == order[at - 1].hash {
            let (one, other) = (events[order[at - 1].index], events[order[at].index])
            guard one.id != other.id || one.source != other.source else {
                throw Problem(
                    .repeatedEvent, "Give each event of a batch its own id.", [.eventIndex(order[at].index)])
            }
        }
    }

    private static func afterSpace(_ json: [UInt8], _ start: Int, _ end: Int) -> Int {
        var at = start
        while at < end, json[at] == 0x20 || json[at] == 0x0a || json[at] == 0x0d || json[at] == 0x09 { at += 1 }
        return at
    }

    private static func notABatch(_ offset: Int) -> Problem {
        Problem(.badJSON, "Send the events as one JSON array.", [.offset(offset)])
    }

    static func tooLarge(_ limit: Int) -> Problem {
        Problem(.tooLarge, "Send less at once; nothing was stored.", [.limit(limit)])
    }

    static func problem(_ error: JSONError, from start: Int, limits: EventLimits) -> Problem {
        let place = ProblemField.offset(error.offset - start)
        return switch error.kind {
        case .unexpectedEnd: Problem(.badJSON, "The JSON text ends too early.", [place])
        case .unexpectedByte: Problem(.badJSON, "This byte cannot stand here in JSON.", [place])
        case .badEscape: Problem(.badJSON, "JSON knows no such escape.", [place])
        case .loneSurrogate: Problem(.badJSON, "Escape characters beyond U+FFFF as a pair of surrogates.", [place])
        case .badUTF8: Problem(.badJSON, "Encode the JSON text in well-formed UTF-8.", [place])
        case .controlCharacter: Problem(.badJSON, "Escape control characters inside strings.", [place])
        case .badNumber: Problem(.badJSON, "JSON does not write numbers so.", [place])
        case .duplicateName: Problem(.badJSON, "Name each member of an object once.", [place])
        case .tooDeep: Problem(.badJSON, "Nest arrays and objects less deeply.", [place, .limit(limits.depth)])
        case .trailingBytes: Problem(.badJSON, "Send nothing after the JSON value.", [place])
        case .tooLarge: tooLarge(limits.eventBytes)
        }
    }
}

extension Problem {
    init(copying problem: Problem, adding field: ProblemField) {
        self = problem
        fields.append(field)
    }
}
