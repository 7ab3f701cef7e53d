import Bytes
import Records

/// The query of a FHIR search or history (R4, search §3.1.1): a comma is OR, a repeated parameter AND.
enum SearchParameters {
    /// `_format` may name JSON only, and `_pretty` changes nothing that matters.
    static func takeCommon(_ parameters: inout QueryParameters) throws(Problem) {
        _ = try parameters.single("_pretty")
        guard let format = try parameters.single("_format") else { return }
        guard ["json", "application/json", "application/fhir+json", "text/json"].contains(format.lowercased()) else {
            throw Problem(.notAcceptable, "Ask for application/fhir+json.", [.member("_format")])
        }
    }

    /// What is left is unknown: refused, or under `Prefer: handling=lenient` passed over.
    static func finish(_ parameters: QueryParameters, isLenient: Bool) throws(Problem) {
        if !isLenient { try parameters.refuseLeft() }
    }

    static func page(_ parameters: inout QueryParameters) throws(Problem) -> PageRequest {
        var page = PageRequest()
        // FHIR lets a server return fewer than asked for.
        if let text = try parameters.single("_count") {
            page.count = min(try ParameterValues.count(text, "_count", in: 0...Int(Int32.max)), 1000)
        }
        if let cursor = try parameters.single("_cursor") {
            guard (1...4096).contains(cursor.utf8.count) else {
                throw Problem(.badCursor, "Follow the next link as it was given, or search again.")
            }
            page.cursor = cursor
        }
        return page
    }

    static func asOf(_ parameters: inout QueryParameters) throws(Problem) -> AsOf? {
        guard let text = try parameters.single("asof") else { return nil }
        return try ParameterValues.asOf(text)
    }

    static func search(
        _ kind: ViewKind, _ parameters: consuming QueryParameters, isLenient: Bool
    ) throws(Problem) -> SearchQuery {
        try takeCommon(&parameters)
        var query = SearchQuery(kind: kind, parameters: [])
        query.page = try page(&parameters)
        query.asOf = try asOf(&parameters)
        if let text = try parameters.single("_summary") {
            switch text {
            case "count": query.page.count = 0
            case "false": break
            default: throw Problem(.badParameter, "Give count or false.", [.member("_summary")])
            }
        }
        if let text = try parameters.single("_sort") { query.sort = try sort(text, kind) }
        query.parameters = try filters(kind, &parameters)
        try finish(parameters, isLenient: isLenient)
        if query.page.cursor != nil, !query.parameters.isEmpty || query.asOf != nil || query.sort != .none {
            throw Problem(.badCursor, "Follow the next link as it was given: it holds the search already.")
        }
        return query
    }

    private static func sort(_ text: String, _ kind: ViewKind) throws(Problem) -> SearchSort {
        switch (text, kind) {
        case ("date", .appointment), ("date", .auditEvent): return .date(descending: false)
        case ("-date", .appointment), ("-date", .auditEvent): return .date(descending: true)
        default: throw Problem(.badParameter, "Sort appointments or audit events by date or -date.", [.member("_sort")])
        }
    }

    /// What each view can be searched by, as metadata and openapi.json list it.
    package static func names(_ kind: ViewKind) -> [(name: String, type: String)] {
        switch kind {
        case .patient:
            [
                ("_id", "token"), ("identifier", "token"), ("name", "string"), ("family", "string"),
                ("given", "string"), ("birthdate", "date"), ("phone", "token"),
            ]
        case .appointment:
            [
                ("_id", "token"), ("patient", "reference"), ("practitioner", "reference"), ("location", "reference"),
                ("actor", "reference"), ("status", "token"), ("date", "date"),
            ]
        case .auditEvent:
            [
                ("_id", "token"), ("patient", "reference"), ("date", "date"), ("agent", "reference"),
                ("action", "token"), ("outcome", "token"),
            ]
        }
    }

    private static func filters(
        _ kind: ViewKind, _ parameters: inout QueryParameters
    ) throws(Problem) -> [SearchParameter] {
        var filters: [SearchParameter] = []
        for (name, _) in names(kind) {
            for value in parameters.all(name) {
                filters.append(try filter(name, TextSearch.Mode.startsWith, SearchValues.split(value, name)))
            }
            guard ["name", "family", "given"].contains(name) else { continue }
            for value in parameters.all(name + ":exact") {
                filters.append(try filter(name, .exact, SearchValues.split(value, name)))
            }
            for value in parameters.all(name + ":contains") {
                filters.append(try filter(name, .contains, SearchValues.split(value, name)))
            }
        }
        return filters
    }

    private static func filter(
        _ name: String, _ mode: TextSearch.Mode, _ values: [String]
    ) throws(Problem) -> SearchParameter {
        switch name {
        case "_id": return .id(try values.map { value throws(Problem) in try SearchValues.id(value, name) })
        case "identifier":
            return .identifier(try values.map { value throws(Problem) in try SearchValues.identifier(value, name) })
        case "name": return .name(values.map { TextSearch(SearchValues.unescaped($0), mode: mode) })
        case "family": return .family(values.map { TextSearch(SearchValues.unescaped($0), mode: mode) })
        case "given": return .given(values.map { TextSearch(SearchValues.unescaped($0), mode: mode) })
        case "birthdate":
            return .birthDate(
                try values.map { value throws(Problem) in try DateParameters.read(value, name, isDay: true) })
        case "phone": return .phone(try values.map { value throws(Problem) in try SearchValues.phone(value, name) })
        case "patient":
            return .patient(
                try values.map { value throws(Problem) in
                    String(try SearchValues.reference(value, name, type: "Patient").dropFirst("Patient/".count))
                })
        case "practitioner":
            return .practitioner(
                try values.map { value throws(Problem) in
                    try SearchValues.reference(value, name, type: "Practitioner")
                })
        case "location":
            return .location(
                try values.map { value throws(Problem) in try SearchValues.reference(value, name, type: "Location") })
        case "actor":
            return .actor(
                try values.map { value throws(Problem) in try SearchValues.reference(value, name, type: nil) })
        case "status":
            return .status(try values.map { value throws(Problem) in try SearchValues.status(value, name) })
        case "date":
            return .date(try values.map { value throws(Problem) in try DateParameters.read(value, name) })
        case "agent": return .agent(values.map { SearchValues.unescaped($0) })
        case "action":
            return .action(try values.map { value throws(Problem) in try SearchValues.action(value, name) })
        default:
            return .outcome(try values.map { value throws(Problem) in try SearchValues.outcome(value, name) })
        }
    }
}
