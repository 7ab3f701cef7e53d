/// Which types may be sent, and on which streams.
///
/// A type is lower-case words joined by dots, as `patient.registered` or `com.example.lab-result.v2`: two words at
/// least, of letters, digits, `-` and `_`, at most 128 bytes. Reverse-DNS types may use upper case after their first
/// word. The first word of some names a family, and a family has its streams.
extension EventType {
    package static let bytesMax = 128

    /// - Throws: `badEvent` when the name is not well formed, `reservedType` when only the server writes it.
    package init(sent name: String) throws(Problem) {
        if let kind = EventVocabulary.kind(named: name) {
            self = kind.type
            return
        }
        guard Self.isWellFormed(name) else {
            throw Problem(
                .badEvent, "Name the type in dotted words, such as patient.registered.", [.member("type")])
        }
        if Self.reservedFamilies.contains(Self.firstWord(of: name).lowercased()) {
            throw Problem(.reservedType, "Events of this type are written by the server alone.", [.member("type")])
        }
        self.init(code: 0, name: name)
    }

    /// The same, of the name's UTF-8: one of the vocabulary is known without a text made of it.
    init(spelled name: ArraySlice<UInt8>) throws(Problem) {
        if let kind = EventVocabulary.kind(spelled: name) {
            self = kind.type
            return
        }
        try self.init(sent: String(decoding: name, as: UTF8.self))
    }

    /// The vocabulary's entry; nil for another well-formed type.
    package var kind: EventKind? { code == 0 ? nil : EventVocabulary.kind(code: code) }

    /// - Throws: `typeAndSubject` when types of this family do not stand on streams of `category`.
    package func check(on category: Category) throws(Problem) {
        switch (code, category) {
        case (1..<40, .patient), (40..<44, .consent), (80..<120, .appointment), (120..<140, .disclosure): return
        default: break
        }
        guard let categories = Self.categories(ofFamily: Self.firstWord(of: name)) else { return }
        guard categories.contains(category) else {
            throw Problem(
                .typeAndSubject, "Send this type with a subject of its own category.", [.member("subject")])
        }
    }

    /// The streams of a family; nil for a first word that names none.
    private static func categories(ofFamily word: Substring) -> [Category]? {
        switch word {
        case "patient": [.patient]
        case "consent": [.consent]
        case "restriction", "notice", "amendment", "disagreement": [.patient, .consent]
        case "appointment", "teleconsult": [.appointment]
        case "disclosure", "export": [.disclosure]
        default: nil
        }
    }

    /// First words of the types that the server writes.
    package static let reservedFamilies: Set<String> = [
        "record", "session", "auth", "credential", "role", "policy", "key", "backup", "restore", "chartlog",
    ]

    private static func firstWord(of name: String) -> Substring { name.prefix { $0 != "." } }

    private static func isWellFormed(_ name: String) -> Bool {
        guard name.utf8.count <= bytesMax else { return false }
        var words = 1
        var lettersInWord = 0
        for byte in name.utf8 {
            switch byte {
            case 0x61...0x7a, 0x30...0x39: lettersInWord += 1
            case 0x41...0x5a:
                guard words > 1 else { return false }
                lettersInWord += 1
            case 0x2d, 0x5f:
                guard lettersInWord > 0 else { return false }
            case 0x2e:
                guard lettersInWord > 0 else { return false }
                words += 1
                lettersInWord = 0
            default: return false
            }
        }
        return words > 1 && lettersInWord > 0
    }
}
