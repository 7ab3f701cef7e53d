import Records

/// The query of `GET /v1/events`.
enum EventsParameters {
    /// - Parameter lastEventID: the position an SSE client saw last; it stands in for `after`.
    static func read(
        _ parameters: consuming QueryParameters, format: EventsFormat, lastEventID: String?
    ) throws(Problem) -> EventsQuery {
        var query = EventsQuery()
        if let text = try parameters.single("subject") { query.subject = try subject(text) }
        query.types = parameters.all("type")
        guard query.types.allSatisfy(isType) else {
            throw Problem(.badParameter, "Give types as they were sent.", [.member("type")])
        }
        if let text = try parameters.single("after") { query.after = try ParameterValues.position(text, "after") }
        if let text = try parameters.single("before") { query.before = try ParameterValues.position(text, "before") }
        if let text = try parameters.single("since") { query.since = try ParameterValues.instant(text, "since") }
        if let text = try parameters.single("until") { query.until = try ParameterValues.instant(text, "until") }
        if let text = try parameters.single("asof") { query.asOf = try ParameterValues.asOf(text) }
        if let text = try parameters.single("order") { query.isDescending = try isDescending(text) }
        if let text = try parameters.single("limit") {
            query.limit = try ParameterValues.count(text, "limit", in: 1...10_000)
        }
        if let text = try parameters.single("follow") { query.follow = try ParameterValues.flag(text, "follow") }
        try parameters.refuseLeft()
        if let lastEventID, !lastEventID.isEmpty {
            let position = try ParameterValues.position(lastEventID, "Last-Event-ID")
            if query.isDescending { query.before = position } else { query.after = position }
        }
        if query.follow { try checkFollow(query, format) }
        return query
    }

    /// What has an end cannot be followed, and an array has one.
    private static func checkFollow(_ query: EventsQuery, _ format: EventsFormat) throws(Problem) {
        func refuse(_ name: String) -> Problem {
            Problem(.badParameter, "Leave this out, or do not follow.", [.member(name)])
        }
        if query.isDescending { throw refuse("order") }
        if query.before != nil { throw refuse("before") }
        if query.until != nil { throw refuse("until") }
        if query.asOf != nil { throw refuse("asof") }
        switch format {
        case .lines, .serverSent: break
        case .batch, .array: throw Problem(.badParameter, "Follow with NDJSON or SSE in Accept.", [.member("follow")])
        }
    }

    /// A stream's whole name, or a prefix that ends in `/`.
    private static func subject(_ text: String) throws(Problem) -> EventsQuery.Subject {
        let malformed = Problem(
            .badParameter, "Give a stream such as patient/p-81f3, or a prefix that ends in /.", [.member("subject")])
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 2, let first = parts.first else { throw malformed }
        let category = Category.allCases.first { $0.name == first }
        if text.utf8.last == 0x2f {
            guard parts.count == 2, let category else { return .nothing }
            return .category(category)
        }
        guard parts.count == 2 else { throw malformed }
        guard let category else { return .nothing }
        guard let name = StreamName(category, id: String(parts[1])) else { throw malformed }
        return .stream(name)
    }

    private static func isType(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
    }

    private static func isDescending(_ text: String) throws(Problem) -> Bool {
        switch text {
        case "asc": false
        case "desc": true
        default: throw Problem(.badParameter, "Give asc or desc.", [.member("order")])
        }
    }
}
