import Bytes
import JSON
import Records
import Testing

struct CloudEventReaderTests {
    let registered = #"""
        {"specversion": "1.0", "id": "7b1e", "source": "/clinic/front-desk", "type": "patient.registered",
         "subject": "patient/p-81f3", "expectedversion": 0, "datacontenttype": "application/fhir+json",
         "data": {"resourceType": "Patient", "id": "p-81f3", "name": [{"family": "Okafor", "given": ["Ada eze\u0021"]}],
                  "birthDate": "1984-02-29", "x": 0.700}}
        """#

    @Test func `the event of the design is taken and kept compact, without expectedversion`() throws {
        let event = try event(registered)
        #expect(event.id == "7b1e")
        #expect(event.source == "/clinic/front-desk")
        #expect(event.type.name == "patient.registered")
        #expect(event.type.code == 1)
        #expect(event.subject == StreamName(.patient, id: "p-81f3"))
        #expect(event.expectedVersion == 0)
        #expect(event.dataForm == .resource)
        #expect(event.patients == ["p-81f3"])
        #expect(event.appointment == nil)
        let expected =
            #"{"specversion":"1.0","id":"7b1e","source":"/clinic/front-desk","type":"patient.registered","#
            + #""subject":"patient/p-81f3","datacontenttype":"application/fhir+json","data":{"resourceType":"Patient","#
            + #""id":"p-81f3","name":[{"family":"Okafor","given":["Ada eze\u0021"]}],"birthDate":"1984-02-29","x":0.700}}"#
        #expect(text(event.bytes) == expected)
        #expect(event.dataText?.hasPrefix(#"{"resourceType":"Patient""#) == true)
        #expect(event.dataText?.hasSuffix(#""x":0.700}"#) == true)
    }

    @Test(arguments: [true, false], [true, false])
    func `the place of data is found whatever is cut and however it is spaced`(spaced: Bool, cut: Bool) throws {
        let gap = spaced ? " \n" : ""
        let json =
            "{\(gap)\"data\":\(gap){\(gap)\"resourceType\":\"Patient\",\"id\":\"p\"\(gap)},"
            + (cut ? "\"expectedversion\":\(gap)3,\(gap)" : "")
            + #""specversion":"1.0","id":"1","source":"s","type":"patient.registered","subject":"patient/p"}"#
        let event = try event(json)
        #expect(event.dataText == #"{"resourceType":"Patient","id":"p"}"#)
        #expect(
            text(event.bytes)
                == #"{"data":{"resourceType":"Patient","id":"p"},"specversion":"1.0","id":"1","source":"s","#
                + #""type":"patient.registered","subject":"patient/p"}"#)
        #expect(event.expectedVersion == (cut ? 3 : nil))
    }

    /// Each with the problem and the member it names; the event is otherwise well.
    static let refused: [(String, ProblemKind, String?)] = [
        // Envelope
        (#"[]"#, .badEvent, nil),
        (#""x""#, .badEvent, nil),
        (#"{"id":"1","source":"s","type":"a.b","subject":"patient/p"}"#, .badEvent, "specversion"),
        (#"{"specversion":"0.3","id":"1","source":"s","type":"a.b","subject":"patient/p"}"#, .badEvent, "specversion"),
        (#"{"specversion":1.0,"id":"1","source":"s","type":"a.b","subject":"patient/p"}"#, .badEvent, "specversion"),
        (#"{"specversion":"1.0","source":"s","type":"a.b","subject":"patient/p"}"#, .badEvent, "id"),
        (#"{"specversion":"1.0","id":"","source":"s","type":"a.b","subject":"patient/p"}"#, .badEvent, "id"),
        (#"{"specversion":"1.0","id":null,"source":"s","type":"a.b","subject":"patient/p"}"#, .badEvent, "id"),
        (#"{"specversion":"1.0","id":7,"source":"s","type":"a.b","subject":"patient/p"}"#, .badEvent, "id"),
        (#"{"specversion":"1.0","id":"a\u0000","source":"s","type":"a.b","subject":"patient/p"}"#, .badEvent, "id"),
        (#"{"specversion":"1.0","id":"a\u0085","source":"s","type":"a.b","subject":"patient/p"}"#, .badEvent, "id"),
        (#"{"specversion":"1.0","id":"\ufdd0","source":"s","type":"a.b","subject":"patient/p"}"#, .badEvent, "id"),
        (
            #"{"specversion":"1.0","id":"\ud83f\udfff","source":"s","type":"a.b","subject":"patient/p"}"#, .badEvent,
            "id"
        ),
        (#"{"specversion":"1.0","id":"1","type":"a.b","subject":"patient/p"}"#, .badEvent, "source"),
        (#"{"specversion":"1.0","id":"1","source":"a b","type":"a.b","subject":"patient/p"}"#, .badEvent, "source"),
        (#"{"specversion":"1.0","id":"1","source":"%zz","type":"a.b","subject":"patient/p"}"#, .badEvent, "source"),
        (#"{"specversion":"1.0","id":"1","source":"1:2","type":"a.b","subject":"patient/p"}"#, .badEvent, "source"),
        (#"{"specversion":"1.0","id":"1","source":"ü","type":"a.b","subject":"patient/p"}"#, .badEvent, "source"),
        (#"{"specversion":"1.0","id":"1","source":"s","subject":"patient/p"}"#, .badEvent, "type"),
        (#"{"specversion":"1.0","id":"1","source":"s","type":"word","subject":"patient/p"}"#, .badEvent, "type"),
        (#"{"specversion":"1.0","id":"1","source":"s","type":"a..b","subject":"patient/p"}"#, .badEvent, "type"),
        (#"{"specversion":"1.0","id":"1","source":"s","type":"A.b","subject":"patient/p"}"#, .badEvent, "type"),
        (#"{"specversion":"1.0","id":"1","source":"s","type":"a.é","subject":"patient/p"}"#, .badEvent, "type"),
        (#"{"specversion":"1.0","id":"1","source":"s","type":"a.b"}"#, .badEvent, "subject"),
        (#"{"specversion":"1.0","id":"1","source":"s","type":"a.b","subject":"patient"}"#, .badEvent, "subject"),
        (#"{"specversion":"1.0","id":"1","source":"s","type":"a.b","subject":"patient/"}"#, .badEvent, "subject"),
        (#"{"specversion":"1.0","id":"1","source":"s","type":"a.b","subject":"patient/a/b"}"#, .badEvent, "subject"),
        (#"{"specversion":"1.0","id":"1","source":"s","type":"a.b","subject":"patient/a_b"}"#, .badEvent, "subject"),
        (
            #"{"specversion":"1.0","id":"1","source":"s","type":"a.b","subject":"invoice/1"}"#, .unknownCategory,
            "subject"
        ),
        (
            #"{"specversion":"1.0","id":"1","source":"s","type":"a.b","subject":"Patient/1"}"#, .unknownCategory,
            "subject"
        ),
        // Optional attributes and extensions
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","time":"2026-01-05T10:00:00""#), .badEvent, "time"),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","time":"yesterday""#), .badEvent, "time"),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","time":7"#), .badEvent, "time"),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","dataschema":"rel""#), .badEvent, "dataschema"),
        (
            cloudEvent(type: "a.b", subject: "patient/p", more: #","datacontenttype":"json""#), .badEvent,
            "datacontenttype"
        ),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","data_base64":"a""#), .badEvent, "data_base64"),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","data_base64":"YR==""#), .badEvent, "data_base64"),
        (
            cloudEvent(type: "a.b", subject: "patient/p", data: "1", more: #","data_base64":"YQ==""#), .badEvent,
            "data_base64"
        ),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","traceParent":"x""#), .badEvent, nil),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","a_b":"x""#), .badEvent, nil),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","":"x""#), .badEvent, nil),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","x":1.5"#), .badEvent, nil),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","x":2147483648"#), .badEvent, nil),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","x":{}"#), .badEvent, nil),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","x":[]"#), .badEvent, nil),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","x":"\u007f""#), .badEvent, nil),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","allowoverlap":"yes""#), .badEvent, "allowoverlap"),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","expectedversion":-1"#), .badEvent, "expectedversion"),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","expectedversion":1.0"#), .badEvent, "expectedversion"),
        (
            cloudEvent(type: "a.b", subject: "patient/p", more: #","expectedversion":"+1""#), .badEvent,
            "expectedversion"
        ),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","expectedversion":"""#), .badEvent, "expectedversion"),
        (
            cloudEvent(type: "a.b", subject: "patient/p", more: #","expectedversion":true"#), .badEvent,
            "expectedversion"
        ),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","position":"1""#), .serverAttribute, "position"),
        (
            cloudEvent(type: "a.b", subject: "patient/p", more: #","streamversion":1"#), .serverAttribute,
            "streamversion"
        ),
        (
            cloudEvent(type: "a.b", subject: "patient/p", more: #","recordedtime":null"#), .serverAttribute,
            "recordedtime"
        ),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","actor":"x""#), .serverAttribute, "actor"),
        // JSON
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","id":"e-2""#), .badJSON, nil),
        (cloudEvent(type: "a.b", subject: "patient/p", more: #","\u0069d":"e-2""#), .badJSON, nil),
        (cloudEvent(type: "a.b", subject: "patient/p", data: #""\ud800""#), .badJSON, nil),
        (cloudEvent(type: "a.b", subject: "patient/p", data: #"{"a":1,"a":1}"#), .badJSON, nil),
        (cloudEvent(type: "a.b", subject: "patient/p") + "x", .badJSON, nil),
        ("", .badJSON, nil),
        // Types and subjects
        (cloudEvent(type: "record.accessed", subject: "patient/p"), .reservedType, "type"),
        (cloudEvent(type: "chartlog.rewound", subject: "patient/p"), .reservedType, "type"),
        (cloudEvent(type: "key.destroyed", subject: "appointment/p"), .reservedType, "type"),
        (cloudEvent(type: "patient.registered", subject: "appointment/p"), .typeAndSubject, "subject"),
        (cloudEvent(type: "patient.other", subject: "consent/p"), .typeAndSubject, "subject"),
        (cloudEvent(type: "appointment.booked", subject: "patient/p"), .typeAndSubject, "subject"),
        (cloudEvent(type: "teleconsult.token-issued", subject: "patient/p"), .typeAndSubject, "subject"),
        (cloudEvent(type: "consent.granted", subject: "patient/p"), .typeAndSubject, "subject"),
        (cloudEvent(type: "export.requested", subject: "patient/p"), .typeAndSubject, "subject"),
        (cloudEvent(type: "notice.provided", subject: "appointment/p"), .typeAndSubject, "subject"),
    ]

    @Test(arguments: refused)
    func `an event with one fault is refused by that fault`(json: String, kind: ProblemKind, member: String?) {
        let problem = problem(json)
        #expect(problem?.kind == kind, "\(json)")
        #expect(problem?.member == member, "\(json)")
    }

    static let taken: [String] = [
        cloudEvent(type: "com.github.pull_request.opened", subject: "patient/p"),
        cloudEvent(type: "com.example.BlobCreated.v2", subject: "disclosure/p"),
        cloudEvent(type: "patient.vitals-noted", subject: "patient/p", data: #"{"resourceType":"Observation"}"#),
        cloudEvent(type: "a.b", subject: "patient/p", contentType: "text/plain; charset=utf-8", data: #""hello""#),
        cloudEvent(type: "a.b", subject: "patient/p", more: #","data_base64":"""#),
        cloudEvent(type: "a.b", subject: "patient/p", more: #","data_base64":"YWJj""#),
        cloudEvent(type: "a.b", subject: "patient/p", more: #","time":"2026-01-05T10:00:00.5+02:00""#),
        cloudEvent(type: "a.b", subject: "patient/p", more: #","time":null,"dataschema":null,"x":null,"data":null"#),
        cloudEvent(
            type: "a.b", subject: "patient/p",
            more: #","dataschema":"urn:x:y","traceparent":"00-1","n":-2147483648,"b":false"#),
        cloudEvent(type: "a.b", subject: "patient/p", more: #","x0x":1"#),
        cloudEvent(type: "disclosure.recorded", subject: "disclosure/d", data: #"{"resourceType":"AuditEvent"}"#),
        cloudEvent(type: "restriction.agreed", subject: "patient/p", data: #"{"resourceType":"Consent"}"#),
        cloudEvent(type: "patient.legal-hold-placed", subject: "patient/p"),
        cloudEvent(type: "patient.deactivated", subject: "patient/p"),
        cloudEvent(type: "appointment.arrived", subject: "appointment/a"),
    ]

    @Test(arguments: taken)
    func `what the standard allows is taken`(json: String) throws {
        let event = try event(json)
        #expect(text(event.bytes) == json)
    }

    @Test func `a version may stand as decimal digits, as binary mode must write it`() throws {
        #expect(
            try event(cloudEvent(type: "a.b", subject: "patient/p", more: #","expectedversion":"12""#)).expectedVersion
                == 12)
        #expect(
            try event(cloudEvent(type: "a.b", subject: "patient/p", more: #","expectedversion":null"#)).expectedVersion
                == nil)
    }

    @Test func `an event over the limit is too large, one at it is not`() {
        let json = Array(cloudEvent(type: "a.b", subject: "patient/p").utf8)
        var limits = EventLimits()
        limits.eventBytes = json.count
        #expect(problem(json, limits: limits) == nil)
        limits.eventBytes -= 1
        #expect(problem(json, limits: limits)?.kind == .tooLarge)
    }

    @Test(arguments: [62, 63, 10_000])
    func `depth counts from the event's own object`(depth: Int) {
        let data = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        let problem = problem(cloudEvent(type: "a.b", subject: "patient/p", data: data))
        #expect(problem?.kind == (depth > 63 ? .badJSON : nil))
    }

    @Test func `no problem quotes what was sent`() {
        let secret = "Okafor"
        for json in [
            "{\"\(secret)\":1}", cloudEvent(type: secret, subject: "patient/\(secret)"),
            cloudEvent(type: "a.b", subject: "\(secret)/1"),
            cloudEvent(type: "a.b", subject: "patient/p", more: ",\"\(secret)\":1"),
            cloudEvent(type: "patient.registered", subject: "patient/p", data: "{\"resourceType\":\"\(secret)\"}"),
            secret,
        ] {
            let problem = problem(json)
            #expect(problem != nil)
            #expect(!"\(String(describing: problem))".contains(secret))
        }
    }
}
