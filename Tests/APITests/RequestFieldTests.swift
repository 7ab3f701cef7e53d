import API
import Records
import Testing

struct RequestFieldTests {
    private func caller(_ fields: [String]) -> Caller? { Asking.inquiry("GET /v1/events", fields)?.ask.caller }

    private static let event = """
        {"specversion":"1.0","id":"1","source":"/s","type":"patient.registered","subject":"patient/p",\
        "data":{"resourceType":"Patient","id":"p"}}
        """

    private func key(_ value: String) -> String? {
        let fields = ["Content-Type: application/cloudevents+json", "Idempotency-Key: " + value]
        guard case .append(let append) = Asking.inquiry("POST /v1/events", fields, Self.event)?.ask.request else {
            return nil
        }
        return append.idempotencyKey
    }

    @Test func `the position that a client has seen goes with what it asks`() {
        #expect(Asking.inquiry("GET /v1/events", ["Chartlog-Position: 42"])?.ask.atLeast == 42)
        #expect(Asking.inquiry("GET /v1/events")?.ask.atLeast == nil)
        #expect(
            Asking.refusal("GET /v1/events", ["Chartlog-Position: 1", "Chartlog-Position: 1"]) == .badHeader)
    }

    @Test(arguments: [
        ("POST /v1/events", Right.append), ("GET /v1/events?limit=0", .read), ("GET /fhir/Patient/p-1", .read),
        ("GET /fhir/Appointment?shoe=1", .read), ("GET /fhir/AuditEvent", .audit), ("GET /fhir/AuditEvent/e-1", .audit),
    ])
    func `a request that is refused while it is read says what it would have needed`(_ line: String, _ right: Right) {
        #expect(Asking.inquiry(line, [])?.ask.needed == right)
    }

    @Test(arguments: ["GET /v1/cluster", "GET /v1/nothing", "DELETE /v1/events"])
    func `where no PHI is touched nothing more is needed than a key`(_ line: String) {
        #expect(Asking.inquiry(line)?.ask.needed == nil)
    }

    @Test func `who, for whom and why come from headers`() {
        let caller = caller([
            "X-Purpose-Of-Use: TREAT", "Chartlog-On-Behalf-Of: Practitioner/pr-7", "X-Request-Id: r-1",
        ])
        #expect(caller?.purpose?.code == "TREAT")
        #expect(caller?.onBehalfOf == "Practitioner/pr-7")
        #expect(caller?.requestID == "r-1")
        #expect(caller?.credential == "k1")
        #expect(caller?.address == "192.0.2.7")
    }

    @Test(arguments: [
        ("X-Purpose-Of-Use: treat", ProblemKind.badPurpose), ("X-Purpose-Of-Use:", .badPurpose),
        ("X-Purpose-Of-Use: TREAT, BTG", .badPurpose),
        ("X-Purpose-Of-Use: TREAT\r\nX-Purpose-Of-Use: TREAT", .badPurpose),
        ("Chartlog-Position: -1", .badHeader), ("Chartlog-Position: 1 2", .badHeader),
        ("Chartlog-Position:", .badHeader), ("Chartlog-Position: 18446744073709551616", .badHeader),
        ("Chartlog-On-Behalf-Of: pr-7", .badHeader), ("Chartlog-On-Behalf-Of: practitioner/7", .badHeader),
        ("Chartlog-On-Behalf-Of: Practitioner/a/b", .badHeader), ("Chartlog-On-Behalf-Of: Practitioner/", .badHeader),
    ])
    func `a wrong one is refused`(_ field: String, _ kind: ProblemKind) {
        #expect(Asking.refusal("GET /v1/events", [field]) == kind)
    }

    @Test(arguments: ["X-Request-Id:", "X-Request-Id: a b", "X-Request-Id: \(String(repeating: "x", count: 129))"])
    func `an unusable request id is replaced by one drawn`(_ field: String) {
        #expect(caller([field])?.requestID == "drawn")
    }

    @Test(arguments: [
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        ),
        (
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        ),
        (
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        ),
        ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x", nil),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", nil),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", nil),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", nil),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", nil),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", nil),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", nil), ("", nil),
    ])
    func `traceparent is taken when it is valid, else not`(_ sent: String, _ kept: String?) {
        #expect(caller(["traceparent: " + sent])?.traceParent == kept)
        #expect(caller(["traceparent: " + sent, "traceparent: " + sent])?.traceParent == nil)
    }

    @Test(arguments: [
        ("abc", "abc"), ("\"abc\"", "abc"), ("\"a\\\"b\\\\c\"", "a\"b\\c"), ("a\"b", "a\"b"),
        (String(repeating: "k", count: 255), String(repeating: "k", count: 255)),
    ])
    func `an idempotency key comes quoted or bare`(_ sent: String, _ kept: String) {
        #expect(key(sent) == kept)
    }

    @Test(arguments: ["", "\"\"", "a b", "\"a", "\"a\"b\"", "\"a\\b\"", "\u{e9}", String(repeating: "k", count: 256)])
    func `a key that is none is refused`(_ sent: String) {
        let fields = ["Content-Type: application/cloudevents+json", "Idempotency-Key: " + sent]
        #expect(Asking.refusal("POST /v1/events", fields, Self.event) == .badHeader)
    }

    @Test(arguments: [
        ("application/cloudevents+json", nil), ("Application/CloudEvents+JSON; charset=UTF-8", nil),
        ("application/cloudevents+json; charset=\"utf-8\"", nil),
        ("application/cloudevents+json; charset=latin1", ProblemKind.unsupportedMediaType),
        ("application/cloudevents+xml", .unsupportedMediaType), ("application/cloudevents", .unsupportedMediaType),
        ("application/cloudevents-batch", .unsupportedMediaType), ("application/json", .unsupportedMediaType),
        ("application/cloudevents-batch+json", .badJSON),
    ])
    func `the mode stands in Content-Type`(_ type: String, _ kind: ProblemKind?) {
        #expect(Asking.refusal("POST /v1/events", ["Content-Type: " + type], Self.event) == kind)
    }

    @Test func `an event in headers is the event in a body`() {
        let binary = Asking.inquiry(
            "POST /v1/events",
            [
                "Content-Type: application/fhir+json", "ce-specversion: 1.0", "CE-Id: 7%20b", "ce-source: /s",
                "ce-type: patient.registered", "ce-subject: patient/p", "ce-expectedversion: 0",
            ], "{\"resourceType\":\"Patient\",\"id\":\"p\"}")
        guard case .append(let append) = binary?.ask.request, let event = append.events.first else {
            Issue.record("the event was refused")
            return
        }
        #expect(event.id == "7 b")
        #expect(event.subject.text == "patient/p")
        #expect(event.expectedVersion == 0)
        #expect(append.events.count == 1)
    }

    @Test func `a coded body is refused`() {
        let fields = ["Content-Type: application/cloudevents+json", "Content-Encoding: gzip"]
        #expect(Asking.refusal("POST /v1/events", fields, Self.event) == .unsupportedMediaType)
    }
}
