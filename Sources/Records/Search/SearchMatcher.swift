package import Bytes
package import JSON

/// FHIR R4 search over one folded resource (section 3.1.1.4 of the specification): strings without case and accents
/// from the beginning of a word, tokens by system and value, dates as intervals.
package struct SearchMatcher: Sendable {
    private let text: JSONText

    /// - Throws: what is wrong with the text, which a folded resource never is.
    package init(_ resource: [UInt8]) throws(JSONError) {
        text = try JSONText(parsing: resource, limits: JSONLimits(depth: 1024))
    }

    package static func matches(_ resource: [UInt8], _ parameter: SearchParameter) throws(JSONError) -> Bool {
        try SearchMatcher(resource).matches(parameter)
    }

    /// Whether any of the parameter's values holds. A parameter of the audit view holds for no resource.
    package func matches(_ parameter: SearchParameter) -> Bool {
        switch parameter {
        case .id(let ids): text["id"].map { id in ids.contains { text.equals(id, $0) } } ?? false
        case .identifier(let values): matchesIdentifier(values)
        case .name(let values): matchesName(values) { _ in true }
        case .family(let values): matchesName(values) { $0 == .family }
        case .given(let values): matchesName(values) { $0 == .given }
        case .birthDate(let values): matchesBirthDate(values)
        case .phone(let values):
            PatientTerms.phones(of: text).contains { phone in values.contains { PatientTerms.digits($0) == phone } }
        case .patient(let ids): matchesActor(ids.map { $0.contains("/") ? $0 : "Patient/\($0)" })
        case .practitioner(let references):
            matchesActor(references.map { $0.contains("/") ? $0 : "Practitioner/\($0)" })
        case .location(let references): matchesActor(references.map { $0.contains("/") ? $0 : "Location/\($0)" })
        case .actor(let references): matchesActor(references)
        case .status(let statuses):
            text["status"].map { status in statuses.contains { text.equals(status, $0.code) } } ?? false
        case .date(let values): matchesStart(values)
        case .agent, .action, .outcome: false
        }
    }

    private func matchesIdentifier(_ values: [IdentifierSearch]) -> Bool {
        let identifiers = text.view["identifier"]?.elements ?? []
        return identifiers.contains { identifier in
            let system = identifier["system"]?.string
            let value = identifier["value"]?.string
            return values.contains { wanted in
                let isSystem = wanted.system.map { $0.isEmpty ? system == nil : $0 == system } ?? true
                return isSystem && (wanted.value.isEmpty ? wanted.system?.isEmpty == false : wanted.value == value)
            }
        }
    }

    private func matchesName(_ values: [TextSearch], in isWanted: (NameFields.Element) -> Bool) -> Bool {
        let fields = NameFields.all(of: text).filter { isWanted($0.element) }
        return values.contains { wanted in fields.contains { Self.matches($0.value, wanted) } }
    }

    private static func matches(_ field: String, _ wanted: TextSearch) -> Bool {
        switch wanted.mode {
        // Letter by letter: String's == would take canonically equivalent spellings, too.
        case .exact: return field.utf8.elementsEqual(wanted.text.utf8)
        case .startsWith:
            let sought = TextFolding.folded(wanted.text)
            return !sought.isEmpty && contains(" " + TextFolding.folded(field), " " + sought)
        case .contains:
            let sought = TextFolding.folded(wanted.text)
            return !sought.isEmpty && contains(TextFolding.folded(field), sought)
        }
    }

    private static func contains(_ text: String, _ sought: String) -> Bool {
        let text = Array(text.utf8)
        let sought = Array(sought.utf8)
        guard text.count >= sought.count else { return false }
        return (0...(text.count - sought.count)).contains { text[$0..<($0 + sought.count)].elementsEqual(sought) }
    }

    private func matchesBirthDate(_ values: [DateSearch]) -> Bool {
        guard let birthDate = text["birthDate"].flatMap({ text.stringBytes($0) }),
            let span = FHIRTime.date(birthDate)
        else { return false }
        return values.contains { $0.holds(for: span) }
    }

    private func matchesStart(_ values: [DateSearch]) -> Bool {
        guard let start = text["start"].flatMap({ text.stringBytes($0) }),
            case .value(let instant) = FHIRTime.instant(start)
        else { return false }
        return values.contains { $0.holds(for: instant) }
    }

    /// Whether a participant's actor is one of `references`, each `Type/id`, however the resource writes it.
    private func matchesActor(_ references: [String]) -> Bool {
        let actors = (text.view["participant"]?.elements ?? []).compactMap { $0["actor"]?["reference"]?.string }
        return actors.contains { actor in
            references.contains { wanted in
                let parts = wanted.split(separator: "/")
                guard parts.count == 2, let type = parts.first, let id = parts.last else { return false }
                let found = PatientReferences.id(in: Array(actor.utf8)[...], type: Array(type.utf8))
                return found?.elementsEqual(id.utf8) ?? false
            }
        }
    }

    /// Index keys that narrow a search: one list for each value of the parameter (any may hold), each key of which a
    /// match has (all hold). nil: the index cannot help, look at everything.
    package static func candidateKeys(for parameter: SearchParameter) -> [[UInt64]]? {
        var lists: [[UInt64]] = []
        func all<Value>(_ values: [Value], _ keys: (Value) -> [UInt64]?) -> [[UInt64]]? {
            for value in values {
                guard let keys = keys(value), !keys.isEmpty else { return nil }
                lists.append(keys)
            }
            return lists
        }
        switch parameter {
        case .identifier(let values):
            return all(values) { $0.value.isEmpty ? nil : [SearchKey.hash(.identifier, $0.value)] }
        case .name(let values), .family(let values), .given(let values):
            return all(values) { value in
                value.mode == .contains ? nil : TextFolding.words(value.text).compactMap(wordKey)
            }
        case .birthDate(let values): return all(values) { $0.birthDateKey.map { [$0] } }
        case .phone(let values):
            return all(values) { [SearchKey.hash(.phone, PatientTerms.digits($0))] }
        case .id, .patient, .practitioner, .location, .actor, .status, .date, .agent, .action, .outcome: return nil
        }
    }

    /// Of the first three characters, or of as many as there are.
    private static func wordKey(_ word: String) -> UInt64? {
        SearchKey.word(word, 3) ?? SearchKey.word(word, 2) ?? SearchKey.word(word, 1)
    }
}

extension DateSearch {
    /// Whether a value that spans an interval satisfies this (FHIR R4 section 3.1.1.4.7).
    package func holds(for span: Range<Instant>) -> Bool {
        let isWithin = lower <= span.lowerBound && span.upperBound <= upper
        return switch comparison {
        case .eq: isWithin
        case .ne: !isWithin
        case .gt: span.upperBound > upper
        case .ge: span.upperBound > upper || isWithin
        case .lt: span.lowerBound < lower
        case .le: span.lowerBound < lower || isWithin
        case .sa: span.lowerBound >= upper
        case .eb: span.upperBound <= lower
        }
    }

    /// The key of a whole day, month or year that is asked for exactly.
    fileprivate var birthDateKey: UInt64? {
        guard comparison == .eq else { return nil }
        let written = lower.text
        for count in [10, 7, 4] {
            let prefix = String(written.prefix(count))
            if FHIRTime.date(Array(prefix.utf8)) == lower..<upper { return SearchKey.hash(.birthDate, prefix) }
        }
        return nil
    }
}
