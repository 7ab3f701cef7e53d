import JSON
import Records
import Testing

struct ResourceFoldTests {
    private func fold(_ category: Category, _ events: [(String, String?, String?)]) throws -> ResourceFold {
        var fold = ResourceFold(category)
        for (type, contentType, data) in events {
            let id = category == .patient ? "patient/p" : category == .appointment ? "appointment/a" : "consent/c"
            let event = try event(cloudEvent(type: type, subject: id, contentType: contentType, data: data))
            try fold.apply(event: event.bytes, form: event.dataForm, type: event.type)
        }
        return fold
    }

    private func resource(_ category: Category, _ events: [(String, String?, String?)]) throws -> String? {
        try fold(category, events).resource.map { text($0) }
    }

    private let registered = (
        "patient.registered", fhir as String?, #"{"resourceType":"Patient","id":"p","x":0.700}"# as String?
    )
    private let booked = (
        "appointment.booked", fhir as String?,
        #"{"resourceType":"Appointment","id":"a","status":"booked","start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z"}"#
            as String?
    )

    @Test func `patches fold in order, and numbers keep their text`() throws {
        let resource = try resource(
            .patient,
            [
                registered, ("patient.contact-amended", patch, #"{"telecom":[{"value":"1"}]}"#),
                ("patient.contact-amended", patch, #"{"telecom":[{"value":"2"}],"gender":"other"}"#),
                ("patient.demographics-amended", patch, #"{"gender":null}"#),
                ("patient.vitals", nil, #"{"gender":"male"}"#),
            ])
        #expect(resource == #"{"resourceType":"Patient","id":"p","x":0.700,"telecom":[{"value":"2"}]}"#)
    }

    @Test func `a whole resource replaces what was there`() throws {
        let resource = try resource(
            .patient, [registered, ("patient.contact-amended", fhir, #"{"resourceType":"Patient","id":"p","y":1}"#)])
        #expect(resource == #"{"resourceType":"Patient","id":"p","y":1}"#)
    }

    @Test(arguments: [
        ("appointment.arrived", "arrived"), ("appointment.checked-in", "checked-in"),
        ("appointment.fulfilled", "fulfilled"),
        ("appointment.cancelled", "cancelled"), ("appointment.no-show", "noshow"), ("appointment.held", "pending"),
        ("appointment.waitlisted", "waitlist"), ("appointment.entered-in-error", "entered-in-error"),
        ("appointment.proposed", "proposed"),
    ])
    func `a type sets the status it implies where the data is silent`(type: String, status: String) throws {
        for data in [nil, #"{"comment":"x"}"#] as [String?] {
            let fold = try fold(.appointment, [booked, (type, patch, data)])
            let resource = try JSONText(parsing: try #require(fold.resource))
            #expect(resource.view["status"]?.string == status)
            #expect(resource.view["comment"]?.string == (data == nil ? nil : "x"))
            #expect(fold.isDeleted == (status == "entered-in-error"))
        }
    }

    @Test func `types that imply nothing leave the status alone`() throws {
        let resource = try resource(.appointment, [booked, ("appointment.note-amended", patch, #"{"comment":"x"}"#)])
        #expect(resource?.contains(#""status":"booked""#) == true)
    }

    @Test func `a patient is active or not as the type says`() throws {
        #expect(
            try resource(.patient, [registered, ("patient.deactivated", nil, nil)])?.contains(#""active":false"#)
                == true)
        #expect(
            try resource(.patient, [registered, ("patient.deactivated", patch, #"{"active":false}"#)])?.contains(
                #""active":false"#) == true)
        let back = try resource(
            .patient, [registered, ("patient.deactivated", nil, nil), ("patient.reactivated", nil, nil)])
        #expect(back?.contains(#""active":true"#) == true)
        func merged(_ type: String) throws -> String? {
            try resource(
                .patient,
                [
                    registered,
                    ("patient.merged", patch, #"{"link":[{"type":"\#(type)","other":{"reference":"Patient/q"}}]}"#),
                ])
        }
        #expect(try merged("replaced-by")?.contains(#""active":false"#) == true)
        #expect(try merged("replaces")?.contains("active") == false)
    }

    @Test func `a consent ends when it is withdrawn`() throws {
        let granted = (
            "consent.granted", fhir as String?, #"{"resourceType":"Consent","id":"c","status":"active"}"# as String?
        )
        let resource = try resource(.consent, [granted, ("consent.withdrawn", nil, nil)])
        #expect(resource == #"{"resourceType":"Consent","id":"c","status":"inactive"}"#)
    }

    @Test func `what was entered in error is deleted until it is registered anew`() throws {
        let deleted = try fold(.patient, [registered, ("patient.entered-in-error", nil, nil)])
        #expect(deleted.isDeleted)
        let again = try fold(.patient, [registered, ("patient.entered-in-error", nil, nil), registered])
        #expect(!again.isDeleted)
        #expect(ResourceFold(.patient, resource: deleted.resource, isDeleted: true).isDeleted)
    }
}
