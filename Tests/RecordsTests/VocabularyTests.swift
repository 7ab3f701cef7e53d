import Records
import Testing

struct VocabularyTests {
    @Test func `codes stand for one type each and never change`() {
        let lines = EventVocabulary.kinds.map { "\($0.type.code) \($0.type.name)" }
        #expect(Set(EventVocabulary.kinds.map(\.type.code)).count == lines.count)
        #expect(Set(EventVocabulary.kinds.map(\.type.name)).count == lines.count)
        #expect(lines.count == 56)
        for (code, name) in [
            (1, "patient.registered"), (14, "patient.entered-in-error"), (20, "patient.legal-hold-released"),
            (40, "consent.granted"), (66, "disagreement.filed"), (85, "appointment.booked"),
            (94, "appointment.note-amended"),
            (113, "teleconsult.token-revoked"), (120, "disclosure.recorded"), (126, "export.downloaded"),
        ] as [(UInt8, String)] {
            #expect(EventVocabulary.kind(code: code)?.type.name == name)
            #expect(EventVocabulary.kind(named: name)?.type.code == code)
        }
        #expect(EventVocabulary.kind(code: 0) == nil)
        #expect(EventVocabulary.kind(code: 255) == nil)
        #expect(EventVocabulary.kind(named: "patient.registred") == nil)
    }

    @Test(arguments: EventVocabulary.kinds.map(\.type.name))
    func `every type of the vocabulary may be sent`(name: String) throws {
        let type = try EventType(sent: name)
        #expect(type.name == name)
        #expect(type.code != 0)
    }

    @Test(arguments: [
        "record", "session", "auth", "credential", "role", "policy", "key", "backup", "restore", "chartlog",
    ])
    func `types of the server's families are reserved`(family: String) {
        #expect { try EventType(sent: "\(family).anything") } throws: { ($0 as? Problem)?.kind == .reservedType }
    }

    @Test func `a stream begins with its own types and goes on with the others`() throws {
        func begins(_ name: String, _ category: Category, _ state: StreamState?) -> Result<Bool, Problem> {
            Result { () throws(Problem) in
                try StreamRules.begins(try EventType(sent: name), on: category, state: state)
            }
        }
        func kind(_ result: Result<Bool, Problem>) -> ProblemKind? {
            if case .failure(let problem) = result { return problem.kind }
            return nil
        }
        #expect(try begins("patient.registered", .patient, nil).get())
        #expect(kind(begins("patient.registered", .patient, .live)) == .alreadyExists)
        #expect(try begins("patient.registered", .patient, .gone).get())
        #expect(kind(begins("patient.registered", .patient, .erased)) == .gone)
        #expect(kind(begins("patient.contact-amended", .patient, nil)) == .missingStream)
        #expect(try begins("patient.contact-amended", .patient, .live).get() == false)
        #expect(kind(begins("patient.contact-amended", .patient, .gone)) == .gone)
        #expect(try begins("appointment.booked", .appointment, nil).get())
        #expect(try begins("appointment.booked", .appointment, .live).get() == false)
        #expect(kind(begins("com.example.note", .appointment, nil)) == .missingStream)
        #expect(kind(begins("consent.withdrawn", .consent, nil)) == .missingStream)
        #expect(kind(begins("consent.granted", .consent, .live)) == .alreadyExists)
        #expect(try begins("restriction.requested", .consent, nil).get())
        #expect(kind(begins("restriction.requested", .patient, nil)) == .missingStream)
        #expect(try begins("disclosure.recorded", .disclosure, nil).get())
        #expect(StreamRules.state(after: try EventType(sent: "patient.entered-in-error")) == .gone)
        #expect(StreamRules.state(after: try EventType(sent: "appointment.cancelled")) == .live)
    }
}
