import Records

/// Single values of FHIR search parameters. `\,` `\|` `\$` and `\\` stand for the character behind the backslash.
enum SearchValues {
    /// The alternatives of a value, still escaped; an empty one is refused, since it would match everything.
    static func split(_ value: String, _ name: String) throws(Problem) -> [String] {
        let parts = pieces(value, at: 0x2c)
        guard !parts.contains(where: \.isEmpty), parts.count <= 100 else {
            throw Problem(.badParameter, "Give 1 to 100 values, separated by commas.", [.member(name)])
        }
        return parts
    }

    /// `text` cut at each `mark` that no backslash precedes.
    private static func pieces(_ text: String, at mark: UInt8) -> [String] {
        var pieces: [String] = []
        var piece: [UInt8] = []
        var isEscaped = false
        for byte in text.utf8 {
            if byte == mark, !isEscaped {
                pieces.append(String(decoding: piece, as: UTF8.self))
                piece = []
                continue
            }
            isEscaped = byte == 0x5c && !isEscaped
            piece.append(byte)
        }
        pieces.append(String(decoding: piece, as: UTF8.self))
        return pieces
    }

    static func unescaped(_ text: String) -> String {
        guard text.utf8.contains(0x5c) else { return text }
        var plain: [UInt8] = []
        var isEscaped = false
        for byte in text.utf8 {
            if byte == 0x5c, !isEscaped {
                isEscaped = true
                continue
            }
            // A backslash before anything else is itself.
            if isEscaped, ![0x2c, 0x7c, 0x24, 0x5c].contains(byte) { plain.append(0x5c) }
            isEscaped = false
            plain.append(byte)
        }
        if isEscaped { plain.append(0x5c) }
        return String(decoding: plain, as: UTF8.self)
    }

    static func id(_ value: String, _ name: String) throws(Problem) -> String {
        guard isID(value) else { throw Problem(.badParameter, "Give an id.", [.member(name)]) }
        return value
    }

    private static func isID(_ text: some StringProtocol) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy(StreamName.isIDByte)
    }

    /// `system|value`, `|value` (no system) or `value` (any system). `system|` alone would ask for everybody.
    static func identifier(_ value: String, _ name: String) throws(Problem) -> IdentifierSearch {
        let parts = pieces(value, at: 0x7c)
        guard parts.count <= 2, let last = parts.last, !last.isEmpty else {
            throw Problem(.badParameter, "Give system|value, |value or value.", [.member(name)])
        }
        return IdentifierSearch(system: parts.count == 2 ? unescaped(parts[0]) : nil, value: unescaped(last))
    }

    /// The code of a token whose system is fixed: `code` or `system|code`.
    private static func code(_ value: String, _ name: String) throws(Problem) -> String {
        let parts = pieces(value, at: 0x7c)
        guard parts.count <= 2, let last = parts.last, !last.isEmpty else {
            throw Problem(.badParameter, "Give a code.", [.member(name)])
        }
        return unescaped(last)
    }

    static func phone(_ value: String, _ name: String) throws(Problem) -> String {
        let text = try code(value, name)
        guard text.utf8.contains(where: RequestLine.isDigit) else {
            throw Problem(.badParameter, "Give a phone number with digits.", [.member(name)])
        }
        return text
    }

    /// `Type/id`, an absolute URL that ends so, or, where `type` says which, the id alone.
    static func reference(_ value: String, _ name: String, type: String?) throws(Problem) -> String {
        let refusal = Problem(.badParameter, "Give a reference such as Practitioner/pr-7.", [.member(name)])
        let parts = unescaped(value).split(separator: "/", omittingEmptySubsequences: false)
        guard let id = parts.last, isID(id) else { throw refusal }
        if parts.count == 1 {
            guard let type else { throw refusal }
            return type + "/" + id
        }
        let named = String(parts[parts.count - 2])
        guard type == nil ? References.isType(named) : named == type else { throw refusal }
        guard parts.count == 2 || value.hasPrefix("https://") || value.hasPrefix("http://") else { throw refusal }
        return named + "/" + id
    }

    static func status(_ value: String, _ name: String) throws(Problem) -> AppointmentStatus {
        let code = try code(value, name)
        guard let status = AppointmentStatus(code: code) else {
            throw Problem(.badParameter, "Give an appointment status of FHIR R4.", [.member(name)])
        }
        return status
    }

    static func action(_ value: String, _ name: String) throws(Problem) -> String {
        let code = try code(value, name)
        guard ["C", "R", "U", "D", "E"].contains(code) else {
            throw Problem(.badParameter, "Give C, R, U, D or E.", [.member(name)])
        }
        return code
    }

    static func outcome(_ value: String, _ name: String) throws(Problem) -> AuditOutcome {
        guard let number = UInt8(try code(value, name)), let outcome = AuditOutcome(rawValue: number) else {
            throw Problem(.badParameter, "Give 0, 4, 8 or 12.", [.member(name)])
        }
        return outcome
    }
}

/// FHIR references of the form Type/id.
enum References {
    static func isType(_ text: String) -> Bool {
        guard let first = text.utf8.first, first >= 0x41, first <= 0x5a, text.utf8.count <= 64 else { return false }
        return text.utf8.allSatisfy { ($0 >= 0x41 && $0 <= 0x5a) || ($0 >= 0x61 && $0 <= 0x7a) }
    }

    static func isReference(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 && isType(String(parts[0])) && (1...64).contains(parts[1].utf8.count)
            && parts[1].utf8.allSatisfy(StreamName.isIDByte)
    }
}
