package import JSON

/// What a patient can be found by, taken from a folded Patient.
package struct PatientTerms: Sendable {
    package struct Identifier: Equatable, Sendable {
        package var system: String?
        package var value: String
    }

    /// Folded words of all names: family, given, prefix, suffix and text.
    package private(set) var words: [String] = []
    package private(set) var identifiers: [Identifier] = []
    /// As written: YYYY, YYYY-MM or YYYY-MM-DD.
    package private(set) var birthDate: String?
    /// Digits of the telecoms that are phones.
    package private(set) var phones: [String] = []

    /// - Throws: what is wrong with the text, which a folded resource never is.
    package init(resource: [UInt8]) throws(JSONError) {
        self.init(try JSONText(parsing: resource, limits: JSONLimits(depth: 1024)))
    }

    private init(_ text: JSONText) {
        for field in NameFields.all(of: text) {
            for word in TextFolding.words(field.value) where !words.contains(word) { words.append(word) }
        }
        let root = text.view
        for identifier in root["identifier"]?.elements ?? [] {
            guard let value = identifier["value"]?.string else { continue }
            identifiers.append(Identifier(system: identifier["system"]?.string, value: value))
        }
        birthDate = root["birthDate"]?.string
        phones = Self.phones(of: text)
    }

    static func phones(of text: JSONText) -> [String] {
        (text.view["telecom"]?.elements ?? []).compactMap { telecom in
            guard telecom["system"]?.string == "phone", let value = telecom["value"]?.string else { return nil }
            let digits = Self.digits(value)
            return digits.isEmpty ? nil : digits
        }
    }

    package static func digits(_ text: String) -> String {
        String(text.filter { $0.isASCII && $0.isNumber })
    }

    /// Hashes under which an index finds the patient: of the first one, two and three characters of each word, of each
    /// identifier's value, of the birth date to the day, month and year, and of each phone's digits. Ascending,
    /// without repeats. Whoever is found by a hash is checked with `SearchMatcher`.
    package func searchKeys() -> [UInt64] {
        var keys: [UInt64] = []
        for word in words {
            for count in 1...3 {
                guard let key = SearchKey.word(word, count) else { break }
                keys.append(key)
            }
        }
        keys += identifiers.map { SearchKey.hash(.identifier, $0.value) }
        if let birthDate {
            for count in [4, 7, 10] where birthDate.utf8.count >= count {
                keys.append(SearchKey.hash(.birthDate, String(birthDate.prefix(count))))
            }
        }
        keys += phones.map { SearchKey.hash(.phone, $0) }
        keys.sort()
        return keys.withoutRepeats()
    }
}

/// 64 bits that stand for a search term in an index that is itself sealed at rest.
enum SearchKey {
    enum Kind: UInt8 { case word = 1, identifier = 2, birthDate = 3, phone = 4 }

    /// FNV-1a over the kind and the bytes of the term, mixed once more at the end.
    struct Hash {
        private var state: UInt64 = 0xcbf2_9ce4_8422_2325

        init(_ kind: Kind) { add(kind.rawValue) }

        mutating func add(_ byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }

        var value: UInt64 {
            let hash = (state ^ (state >> 32)) &* 0xd6e8_feb8_6659_fd93
            return hash ^ (hash >> 32)
        }
    }

    static func hash(_ kind: Kind, _ text: String) -> UInt64 {
        var hash = Hash(kind)
        for byte in text.utf8 { hash.add(byte) }
        return hash.value
    }

    /// Of the first `count` scalars of a word; nil when it has fewer.
    static func word(_ word: String, _ count: Int) -> UInt64? {
        let prefix = word.unicodeScalars.prefix(count)
        return prefix.count == count ? hash(.word, String(String.UnicodeScalarView(prefix))) : nil
    }
}

/// The strings of Patient.name with the element each stands in.
struct NameFields {
    enum Element { case family, given, other }

    let element: Element
    let value: String

    static func all(of text: JSONText) -> [NameFields] {
        var fields: [NameFields] = []
        for name in text.view["name"]?.elements ?? [] {
            if let family = name["family"]?.string { fields.append(NameFields(element: .family, value: family)) }
            for (member, element) in [("given", Element.given), ("prefix", .other), ("suffix", .other)] {
                for value in name[member]?.elements ?? [] {
                    if let value = value.string { fields.append(NameFields(element: element, value: value)) }
                }
            }
            if let whole = name["text"]?.string { fields.append(NameFields(element: .other, value: whole)) }
        }
        return fields
    }
}
