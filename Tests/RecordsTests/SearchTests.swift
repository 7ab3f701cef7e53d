import Bytes
import JSON
import Records
import Testing

struct SearchTests {
    static let patient = Array(
        #"""
        {"resourceType":"Patient","id":"p-1",
         "identifier":[{"system":"urn:mrn","value":"A-17"},{"value":"free"}],
         "name":[{"use":"official","family":"van der Åkerström-O’Brien","given":["José María","Đặng"],"prefix":["Dr."]},
                 {"family":"Смирнова","given":["Ёлка"]},{"family":"山田","given":["太郎"]},{"text":"Μαρία Παπαδοπούλου"}],
         "telecom":[{"system":"phone","value":"+44 (7700) 900-123"},{"system":"email","value":"5555@x"}],
         "birthDate":"1984-02-29"}
        """#.utf8)

    static func matches(_ parameter: SearchParameter, _ resource: [UInt8] = patient) throws -> Bool {
        try SearchMatcher.matches(resource, parameter)
    }

    static func span(_ text: String) throws -> (Instant, Instant) {
        let range = try #require(FHIRTime.date(Array(text.utf8)))
        return (range.lowerBound, range.upperBound)
    }

    @Test(arguments: [
        "van", "VAN DER", "der ak", "Akerstrom", "åkerström", "obrien", "O'Bri", "jose", "José M", "maria", "dang",
        "Đặng", "dr", "смирнова", "СМИР",
        "елка", "Ёлка", "山", "山田", "太郎", "μαρια", "ΜΑΡΊΑ ΠΑΠ", "παπαδοπουλου", "jos\u{65}\u{301}",
    ])
    func `names are found by the beginning of a word, whatever the case and the accents`(sought: String) throws {
        #expect(try Self.matches(.name([TextSearch(sought)])))
        #expect(try Self.matches(.name([TextSearch("zzz"), TextSearch(sought)])))
        // The index leads to everyone that the matcher takes.
        let keys = try #require(SearchMatcher.candidateKeys(for: .name([TextSearch(sought)]))?.first)
        let own = try PatientTerms(resource: Self.patient).searchKeys()
        #expect(keys.allSatisfy { own.contains($0) })
    }

    @Test(arguments: ["kerstrom", "rien", "osé", "ria", "田", "van dar", "", "-", "zz"])
    func `names are not found by their middles`(sought: String) throws {
        #expect(try !Self.matches(.name([TextSearch(sought)])))
    }

    @Test func `modes and elements narrow a name`() throws {
        #expect(try Self.matches(.name([TextSearch("ERSTR", mode: .contains)])))
        #expect(try Self.matches(.given([TextSearch("Đặng", mode: .exact)])))
        #expect(try !Self.matches(.given([TextSearch("Dang", mode: .exact)])))
        #expect(try !Self.matches(.given([TextSearch("Đặn", mode: .exact)])))
        #expect(try Self.matches(.family([TextSearch("smirn")])) == false)
        #expect(try Self.matches(.family([TextSearch("Смир")])))
        #expect(try !Self.matches(.family([TextSearch("jose")])))
        #expect(try !Self.matches(.given([TextSearch("van")])))
        #expect(try !Self.matches(.family([TextSearch("dr")])))
        #expect(SearchMatcher.candidateKeys(for: .name([TextSearch("x", mode: .contains)])) == nil)
    }

    @Test func `identifiers are tokens of system and value`() throws {
        func found(_ system: String?, _ value: String) throws -> Bool {
            try Self.matches(.identifier([IdentifierSearch(system: system, value: value)]))
        }
        #expect(try found(nil, "A-17"))
        #expect(try found("urn:mrn", "A-17"))
        #expect(try !found("urn:other", "A-17"))
        #expect(try !found("", "A-17"))
        #expect(try found("", "free"))
        #expect(try found("urn:mrn", ""))
        #expect(try !found("urn:none", ""))
        #expect(try !found(nil, "a-17"))
    }

    @Test func `phones are compared by their digits, and only phones`() throws {
        #expect(try Self.matches(.phone(["+447700900123"])))
        #expect(try Self.matches(.phone(["44 7700 900 123"])))
        #expect(try !Self.matches(.phone(["7700900123"])))
        #expect(try !Self.matches(.phone(["5555"])))
        #expect(try !Self.matches(.phone([""])))
    }

    /// Comparison, what is asked, what is stored, whether it holds: FHIR R4 section 3.1.1.4.7.
    static let dates: [(DateSearch.Comparison, String, String, Bool)] = [
        (.eq, "1984-02-29", "1984-02-29", true), (.eq, "1984-02", "1984-02-29", true),
        (.eq, "1984", "1984-02-29", true),
        (.eq, "1984-02-28", "1984-02-29", false), (.eq, "1984-02-29", "1984-02", false),
        (.eq, "1984-02", "1984", false),
        (.eq, "1984", "1984", true), (.ne, "1984-02-29", "1984-02-29", false), (.ne, "1984-02-29", "1984-02", true),
        (.gt, "1984-02-28", "1984-02-29", true), (.gt, "1984-02-29", "1984-02-29", false),
        (.gt, "1984-02-29", "1984", true),
        (.lt, "1984-03-01", "1984-02-29", true), (.lt, "1984-02-29", "1984-02-29", false),
        (.lt, "1984-02-29", "1984", true),
        (.ge, "1984-02-29", "1984-02-29", true), (.ge, "1984-03-01", "1984-02-29", false),
        (.le, "1984-02-29", "1984-02-29", true),
        (.le, "1984-02-28", "1984-02-29", false), (.sa, "1984-02-28", "1984-02-29", true),
        (.sa, "1984-02", "1984-02-29", false),
        (.eb, "1984-03", "1984-02-29", true), (.eb, "1984-02-29", "1984-02-29", false),
        (.sa, "1984-01-31", "1984", false),
    ]

    @Test(arguments: dates)
    func `birth dates are intervals`(comparison: DateSearch.Comparison, asked: String, stored: String, holds: Bool)
        throws
    {
        let (lower, upper) = try Self.span(asked)
        let search = SearchParameter.birthDate([DateSearch(comparison, from: lower, to: upper)])
        let resource = Array(#"{"resourceType":"Patient","id":"p","birthDate":"\#(stored)"}"#.utf8)
        #expect(try Self.matches(search, resource) == holds)
        #expect(try !Self.matches(search, Array(#"{"resourceType":"Patient","id":"p"}"#.utf8)))
        if holds, let keys = SearchMatcher.candidateKeys(for: search)?.first {
            let own = try PatientTerms(resource: resource).searchKeys()
            #expect(keys.allSatisfy { own.contains($0) })
        }
        #expect((SearchMatcher.candidateKeys(for: search) != nil) == (comparison == .eq))
    }

    static let appointment = Array(
        #"""
        {"resourceType":"Appointment","id":"a-1","status":"noshow","start":"2026-01-05T09:00:00+01:00","participant":[
         {"actor":{"reference":"Patient/p-1"}},{"actor":{"reference":"https://h/fhir/Practitioner/pr-7/_history/2"}},
         {"actor":{"reference":"Location/l-1"}},{"type":[{"text":"x"}]}]}
        """#.utf8)

    @Test func `appointments are found by who, where, when and status`() throws {
        func found(_ parameter: SearchParameter) throws -> Bool { try Self.matches(parameter, Self.appointment) }
        #expect(try found(.id(["x", "a-1"])))
        #expect(try !found(.id(["a"])))
        #expect(try found(.patient(["p-1"])))
        #expect(try !found(.patient(["p"])))
        #expect(try found(.practitioner(["Practitioner/pr-7"])))
        #expect(try found(.practitioner(["pr-7"])))
        #expect(try !found(.practitioner(["Practitioner/pr-8"])))
        #expect(try found(.location(["Location/l-1"])))
        #expect(try found(.actor(["Patient/p-1"])))
        #expect(try !found(.actor(["Practitioner/p-1"])))
        #expect(try found(.status([.booked, .noShow])))
        #expect(try !found(.status([.booked])))
        let (lower, upper) = try Self.span("2026-01-05")
        #expect(try found(.date([DateSearch(.eq, from: lower, to: upper)])))
        #expect(try !found(.date([DateSearch(.gt, from: lower, to: upper)])))
        #expect(try !found(.agent(["x"])))
    }

    @Test func `terms are what the patient can be found by`() throws {
        let terms = try PatientTerms(resource: Self.patient)
        #expect(
            terms.words == [
                "van", "der", "akerstrom", "obrien", "jose", "maria", "dang", "dr", "смирнова", "елка", "山田", "太郎",
                "μαρια", "παπαδοπουλου",
            ])
        #expect(terms.phones == ["447700900123"])
        #expect(terms.identifiers.map(\.value) == ["A-17", "free"])
        let keys = terms.searchKeys()
        #expect(keys == keys.sorted())
        #expect(Set(keys).count == keys.count)
        #expect(keys == (try PatientTerms(resource: Self.patient).searchKeys()))
    }
}
