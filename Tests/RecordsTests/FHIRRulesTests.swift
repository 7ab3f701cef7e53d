import Bytes
import JSON
import Records
import Testing

struct FHIRRulesTests {
    static func patient(_ more: String = "", id: String = "p") -> String {
        #"{"resourceType":"Patient","id":"\#(id)"\#(more)}"#
    }

    static func appointment(_ more: String, status: String = "booked") -> String {
        #"{"resourceType":"Appointment","id":"a","status":"\#(status)"\#(more)}"#
    }

    static let times = #","start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z""#

    /// Type, subject, media type, data, the problem and the element it names.
    static let refused: [(String, String, String?, String?, ProblemKind, String?)] = [
        ("patient.registered", "patient/p", fhir, nil, .invalidResource, "data"),
        ("patient.registered", "patient/p", fhir, "null", .invalidResource, "data"),
        ("patient.registered", "patient/p", fhir, "[]", .invalidResource, "data.resourceType"),
        ("patient.registered", "patient/p", fhir, "{}", .invalidResource, "data.resourceType"),
        (
            "patient.registered", "patient/p", fhir, #"{"resourceType":"Patient","id":"p","language":"a\u0000b"}"#,
            .invalidResource, "data"
        ),
        ("patient.contact-amended", "patient/p", patch, #"{"extension":[{"url":"u\f"}]}"#, .invalidResource, "data"),
        (
            "patient.registered", "patient/p", fhir, #"{"resourceType":"Person","id":"p"}"#, .invalidResource,
            "data.resourceType"
        ),
        ("patient.registered", "patient/p", fhir, #"{"resourceType":"Patient"}"#, .invalidResource, "data.id"),
        ("patient.registered", "patient/p", fhir, patient(id: "q"), .invalidResource, "data.id"),
        ("patient.registered", "patient/p", patch, patient(), .invalidResource, "datacontenttype"),
        ("patient.registered", "patient/p", "text/plain", patient(), .invalidResource, "datacontenttype"),
        (
            "patient.registered", "patient/p", fhir, patient(#","birthDate":"1984-02-30""#), .invalidResource,
            "Patient.birthDate"
        ),
        (
            "patient.registered", "patient/p", fhir, patient(#","birthDate":"29.2.1984""#), .invalidResource,
            "Patient.birthDate"
        ),
        (
            "patient.registered", "patient/p", fhir, patient(#","birthDate":19840229"#), .invalidResource,
            "Patient.birthDate"
        ),
        (
            "patient.registered", "patient/p", fhir, patient(#","birthDate":null"#), .invalidResource,
            "Patient.birthDate"
        ),
        (
            "patient.registered", "patient/p", fhir, patient(#","deceasedDateTime":"2026-01-05T09:00:00""#),
            .invalidResource, "Patient.deceasedDateTime"
        ),
        (
            "patient.registered", "patient/p", fhir, patient(#","deceasedBoolean":true,"deceasedDateTime":"2026""#),
            .invalidResource,
            "Patient.deceased"
        ),
        ("patient.registered", "patient/p", fhir, patient(#","gender":"m""#), .invalidResource, "Patient.gender"),
        ("patient.registered", "patient/p", fhir, patient(#","active":"yes""#), .invalidResource, "Patient.active"),
        (
            "patient.registered", "patient/p", fhir, patient(#","name":{"family":"X"}"#), .invalidResource,
            "Patient.name"
        ),
        (
            "patient.registered", "patient/p", fhir, patient(#","name":[{"family":["X"]}]"#), .invalidResource,
            "Patient.name.family"
        ),
        (
            "patient.registered", "patient/p", fhir, patient(#","name":[{"given":"X"}]"#), .invalidResource,
            "Patient.name.given"
        ),
        (
            "patient.registered", "patient/p", fhir, patient(#","telecom":[{"system":"tel"}]"#), .invalidResource,
            "Patient.telecom.system"
        ),
        (
            "patient.registered", "patient/p", fhir, patient(#","identifier":[{"value":1}]"#), .invalidResource,
            "Patient.identifier.value"
        ),
        (
            "patient.registered", "patient/p", fhir, patient(#","identifier":[{"period":{"start":"soon"}}]"#),
            .invalidResource, "Period.start"
        ),
        (
            "patient.registered", "patient/p", fhir, patient(#","link":[{"type":"seealso"}]"#), .invalidResource,
            "Patient.link.other"
        ),
        ("patient.contact-amended", "patient/p", fhir, #"{"telecom":[]}"#, .invalidResource, "data.resourceType"),
        ("patient.contact-amended", "patient/p", patch, "[1]", .invalidResource, "data"),
        ("patient.contact-amended", "patient/p", patch, nil, .invalidResource, "data"),
        ("patient.contact-amended", "patient/p", patch, #"{"id":"q"}"#, .invalidResource, "data.id"),
        ("patient.contact-amended", "patient/p", patch, #"{"id":null}"#, .invalidResource, "data.id"),
        (
            "patient.contact-amended", "patient/p", patch, #"{"resourceType":null}"#, .invalidResource,
            "data.resourceType"
        ),
        // Two subjects
        (
            "patient.registered", "patient/p", fhir, patient(#","contact":[{"x":{"reference":"Patient/q"}}]"#),
            .twoSubjects, "data"
        ),
        (
            "patient.registered", "patient/p", fhir,
            patient(#","generalPractitioner":[{"reference":"https://h/fhir/Patient/q/_history/2"}]"#),
            .twoSubjects, "data"
        ),
        (
            "patient.contact-amended", "patient/p", patch, #"{"contact":[{"x":{"reference":"Patient\/q"}}]}"#,
            .twoSubjects, "data"
        ),
        (
            "patient.vitals", "patient/p", nil, #"{"resourceType":"Observation","subject":{"reference":"Patient/q"}}"#,
            .twoSubjects, "data"
        ),
        ("patient.vitals", "patient/p", nil, #"{"link":[{"other":{"reference":"Patient/q"}}]}"#, .twoSubjects, "data"),
        // Appointments
        (
            "appointment.booked", "appointment/a", fhir, #"{"resourceType":"Appointment","id":"a"}"#, .invalidResource,
            "data.status"
        ),
        (
            "appointment.booked", "appointment/a", fhir, appointment(times, status: "reserved"), .invalidResource,
            "data.status"
        ),
        (
            "appointment.booked", "appointment/a", fhir, appointment(times, status: "arrived"), .invalidStatus,
            "data.status"
        ),
        ("appointment.arrived", "appointment/a", patch, #"{"status":"booked"}"#, .invalidStatus, "data.status"),
        ("appointment.no-show", "appointment/a", patch, #"{"status":"no-show"}"#, .invalidResource, "data.status"),
        (
            "appointment.booked", "appointment/a", fhir,
            appointment(#","start":"2026-01-05T09:00:00","end":"2026-01-05T09:30:00Z""#), .invalidResource, "data.start"
        ),
        (
            "appointment.booked", "appointment/a", fhir,
            appointment(#","start":"2026-01-05","end":"2026-01-05T09:30:00Z""#), .invalidResource, "data.start"
        ),
        (
            "appointment.booked", "appointment/a", fhir, appointment(#","start":"2026-01-05T09:00:00Z","end":null"#),
            .invalidResource, "data.end"
        ),
        (
            "appointment.booked", "appointment/a", fhir,
            appointment(times + #","participant":[{"status":"accepted"}]"#), .invalidResource, "Appointment.participant"
        ),
        (
            "appointment.booked", "appointment/a", fhir,
            appointment(times + #","participant":[{"actor":{},"status":"ok"}]"#), .invalidResource,
            "Appointment.participant.status"
        ),
        (
            "appointment.booked", "appointment/a", fhir, appointment(times + #","minutesDuration":0"#),
            .invalidResource, "Appointment.minutesDuration"
        ),
        (
            "appointment.booked", "appointment/a", fhir, appointment(times + #","cancelationReason":"ill""#),
            .invalidResource, "Appointment.cancelationReason"
        ),
        (
            "appointment.booked", "appointment/a", fhir,
            appointment(times + #","requestedPeriod":[{"start":"2026-01-05T09:00"}]"#), .invalidResource, "Period.start"
        ),
        // Consents
        (
            "consent.granted", "consent/c", fhir, #"{"resourceType":"Consent","id":"c"}"#, .invalidResource,
            "data.status"
        ),
        (
            "consent.granted", "consent/c", fhir, #"{"resourceType":"Consent","id":"c","status":"inactive"}"#,
            .invalidStatus, "data.status"
        ),
        ("consent.withdrawn", "consent/c", patch, #"{"status":"active"}"#, .invalidStatus, "data.status"),
        ("patient.deactivated", "patient/p", patch, #"{"active":true}"#, .invalidStatus, "data.active"),
        ("patient.reactivated", "patient/p", patch, #"{"active":false}"#, .invalidStatus, "data.active"),
        (
            "consent.updated", "consent/c", patch, #"{"dateTime":"2026-01-05T09:00:00"}"#, .invalidResource,
            "Consent.dateTime"
        ),
    ]

    @Test(arguments: refused.indices)
    func `data with one fault is refused by that fault`(index: Int) {
        let (type, subject, contentType, data, kind, member) = Self.refused[index]
        let json = cloudEvent(type: type, subject: subject, contentType: contentType, data: data)
        let problem = problem(json)
        #expect(problem?.kind == kind, "\(json)")
        #expect(problem?.member == member, "\(json)")
    }

    @Test func `a link makes an event of two subjects, a patch without one leaves them as they are`() throws {
        let linked = Self.patient(#","link":[{"type":"seealso","other":{"reference":"Patient/a"}}]"#)
        #expect(
            try event(cloudEvent(type: "patient.registered", subject: "patient/p", data: linked)).patients == [
                "a", "p",
            ])
        let unlink = try event(
            cloudEvent(type: "patient.unmerged", subject: "patient/p", contentType: patch, data: #"{"link":null}"#))
        #expect(unlink.patients == ["p"])
        let other = try event(
            cloudEvent(
                type: "patient.contact-amended", subject: "patient/p", contentType: patch, data: #"{"telecom":null}"#))
        #expect(other.patients == nil)
        #expect(other.mentions == [])
    }

    @Test func `references to patients are found in all their forms, and nothing else is`() throws {
        let references = [
            "Patient/p2", "http://h/fhir/Patient/p1", "https://h/Patient/p3/_history/7", "Patient/p2", "#Patient/p4",
            "urn:uuid:Patient/p5",
            "Practitioner/p6", "Patient/bad_id", "Patient/", "Patient", "xPatient/p7", "RelatedPerson/p8",
        ]
        let list = references.map { #"{"actor":{"reference":"\#($0)"}}"# }.joined(separator: ",")
        let data = Self.appointment(Self.times + #","participant":[\#(list)],"comment":"Patient/p9""#)
        let event = try event(cloudEvent(type: "appointment.booked", subject: "appointment/a", data: data))
        #expect(event.patients == ["p1", "p2", "p3"])
        #expect(event.appointment?.practitioners == ["Practitioner/p6"])
    }

    @Test func `an appointment says what it says, and a patch only what it names`() throws {
        let data = Self.appointment(
            #","start":"2026-01-05T09:00:00+01:00","end":"2026-01-05T08:30:00Z","cancelationReason":{"text":"x"},"participant":["#
                + #"{"actor":{"reference":"Practitioner/pr-7"}},{"actor":{"reference":"Location/l-1"}},{"type":[{"text":"x"}]},"#
                + #"{"actor":{"reference":"https://h/fhir/Practitioner/pr-8/_history/1"}},{"actor":{"reference":"Practitioner/pr-7"}}]"#,
            status: "cancelled")
        let whole = try event(
            cloudEvent(
                type: "appointment.cancelled", subject: "appointment/a", data: data, more: #","allowoverlap":true"#))
        var expected = AppointmentChange()
        expected.status = .cancelled
        expected.start = .value(try Instant("2026-01-05T08:00:00Z"))
        expected.end = .value(try Instant("2026-01-05T08:30:00Z"))
        expected.practitioners = ["Practitioner/pr-7", "Practitioner/pr-8"]
        expected.locations = ["Location/l-1"]
        expected.hasCancelationReason = true
        expected.allowsOverlap = true
        expected.isWhole = true
        #expect(whole.appointment == expected)
        #expect(whole.patients == [])

        let arrived = try event(
            cloudEvent(
                type: "appointment.arrived", subject: "appointment/a", contentType: patch, data: #"{"comment":"x"}"#))
        var patched = AppointmentChange()
        patched.status = .arrived
        #expect(arrived.appointment == patched)
        #expect(arrived.patients == nil)

        let cleared = try event(
            cloudEvent(
                type: "appointment.proposed", subject: "appointment/a", contentType: patch,
                data: #"{"start":null,"end":null,"participant":null,"cancelationReason":null}"#))
        patched.status = .proposed
        patched.start = .removed
        patched.end = .removed
        patched.practitioners = []
        patched.locations = []
        patched.hasCancelationReason = false
        #expect(cleared.appointment == patched)
        #expect(cleared.patients == [])

        let bare = try event(cloudEvent(type: "appointment.cancelled", subject: "appointment/a"))
        #expect(bare.appointment?.status == .cancelled)
        #expect(try event(cloudEvent(type: "com.example.x", subject: "appointment/a", data: data)).appointment == nil)
        #expect(try event(cloudEvent(type: "teleconsult.token-issued", subject: "appointment/a")).appointment == nil)
    }

    @Test func `data is folded only where the store knows what it means`() throws {
        func form(_ type: String, _ subject: String, _ contentType: String?, _ data: String?) throws -> DataForm {
            try event(cloudEvent(type: type, subject: subject, contentType: contentType, data: data)).dataForm
        }
        #expect(try form("patient.registered", "patient/p", nil, Self.patient()) == .resource)
        #expect(
            try form("patient.registered", "patient/p", "application/json; charset=utf-8", Self.patient()) == .resource)
        #expect(try form("patient.contact-amended", "patient/p", "Application/Merge-Patch+JSON", "{}") == .mergePatch)
        #expect(try form("patient.contact-amended", "patient/p", fhir, Self.patient()) == .resource)
        #expect(try form("patient.vitals", "patient/p", fhir, Self.patient()) == .opaque)
        #expect(try form("patient.entered-in-error", "patient/p", nil, nil) == .none)
        #expect(try form("patient.entered-in-error", "patient/p", patch, #"{"x":1}"#) == .opaque)
        #expect(try form("amendment.accepted", "patient/p", patch, #"{"gender":"other"}"#) == .mergePatch)
        #expect(try form("amendment.accepted", "patient/p", fhir, #"{"resourceType":"Provenance"}"#) == .opaque)
        #expect(try form("disclosure.recorded", "disclosure/d", fhir, Self.patient()) == .opaque)
    }
}
