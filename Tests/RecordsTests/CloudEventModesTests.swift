import JSON
import Records
import Testing

/// The three modes of CloudEvents HTTP binding 1.0.2, after the examples of its section 3.
struct CloudEventModesTests {
    static let patient = #"{"resourceType":"Patient","id":"p"}"#

    @Test func `binary mode takes attributes from headers and data from the body`() throws {
        let event = try CloudEventReader.binary(
            attributes: [
                ("specversion", "1.0"), ("type", "patient.registered"), ("time", "2018-04-05T03:56:24Z"),
                ("id", "1234-1234-1234"), ("source", "/mycontext/subcontext"), ("subject", "patient/p"),
                ("expectedversion", "0"), ("comexampleothervalue", "5"),
            ],
            contentType: "application/fhir+json; charset=utf-8",
            body: Array(#" { "resourceType" : "Patient", "id":"p" } "#.utf8))
        #expect(event.expectedVersion == 0)
        #expect(event.dataForm == .resource)
        #expect(event.dataText == Self.patient)
        #expect(
            text(event.bytes)
                == #"{"specversion":"1.0","type":"patient.registered","time":"2018-04-05T03:56:24Z","id":"1234-1234-1234","#
                + #""source":"/mycontext/subcontext","subject":"patient/p","comexampleothervalue":"5","#
                + #""datacontenttype":"application/fhir+json; charset=utf-8","data":{"resourceType":"Patient","id":"p"}}"#
        )
    }

    @Test func `a body that is no JSON becomes data_base64`() throws {
        let event = try CloudEventReader.binary(
            attributes: Self.attributes("com.example.photo"), contentType: "image/png", body: [0xff, 0x00, 0x7f, 0x80])
        #expect(event.dataForm == .opaque)
        #expect(event.data == nil)
        #expect(try JSONText(parsing: event.bytes).view["data_base64"]?.string == "/wB/gA==")
    }

    @Test func `an empty body is no data`() throws {
        let event = try CloudEventReader.binary(
            attributes: Self.attributes("patient.deactivated"), contentType: nil, body: [])
        #expect(event.dataForm == .none)
        #expect(try JSONText(parsing: event.bytes).view["data"] == nil)
    }

    @Test(arguments: [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"), ("a%25b", "a%b"), ("%2525", "%25"),
        ("plain text", "plain text"),
        (#""quoted \"x\" %41""#, #"quoted "x" A"#), ("%22x%22", "\"x\""), ("%e2%82%ac", "€"), ("", ""),
    ])
    func `header values are unquoted, then decoded once`(value: String, expected: String) throws {
        #expect(try HeaderValue.decoded(value) == expected)
    }

    @Test(arguments: [
        "%C0%A0", "%C0%80", "%ED%A0%80", "%F4%90%80%80", "%FF", "%E2%82", "%", "%4", "%zz", "€", "a\tb", "\"open",
        "\"a\"b\"",
        #""a\""#, "\u{7f}",
    ])
    func `header values that are no text are refused`(value: String) {
        #expect(throws: Problem.self) { try HeaderValue.decoded(value) }
    }

    @Test(arguments: [
        [("datacontenttype", "application/json")], [("data", "x")], [("id", "again")], [("ID", "again")],
        [("bad_name", "x")],
        [("position", "1")], [("x", "%C0%A0")], [("x", "%00")],
    ])
    func `headers that may not be are refused`(more: [(String, String)]) {
        #expect(throws: Problem.self) {
            try CloudEventReader.binary(
                attributes: Self.attributes("patient.registered") + more, contentType: "application/json",
                body: Array(Self.patient.utf8))
        }
    }

    @Test func `a body cannot add members to the event`() {
        #expect(throws: Problem.self) {
            try CloudEventReader.binary(
                attributes: Self.attributes("com.example.x"), contentType: "application/json",
                body: Array(#"1,"actor":"me""#.utf8))
        }
    }

    @Test func `a batch is an array of events, and may be empty`() throws {
        #expect(try CloudEventReader.batch(Array(" [ ] ".utf8)).isEmpty)
        let one = cloudEvent(type: "a.b", subject: "patient/p")
        let other = one.replacing("e-1", with: "e-2")
        let events = try CloudEventReader.batch(Array(" [\(one) , \(other)]\n".utf8))
        #expect(events.map(\.id) == ["e-1", "e-2"])
        #expect(events.map { text($0.bytes) } == [one, other])
    }

    @Test(arguments: [
        ("", ProblemKind.badJSON), ("{}", .badJSON), ("[", .badJSON), ("[1", .badEvent), ("[]]", .badJSON),
        ("[,]", .badJSON),
        ("[1]", .badEvent), ("[{}]x", .badEvent), ("[[]]", .badEvent), ("[null]", .badEvent),
    ])
    func `what is no array of events is refused`(json: String, kind: ProblemKind) {
        #expect { try CloudEventReader.batch(Array(json.utf8)) } throws: { ($0 as? Problem)?.kind == kind }
    }

    @Test func `a batch names the event at fault, a 400 before any 422`() {
        let good = cloudEvent(type: "a.b", subject: "patient/p")
        let unknown = cloudEvent(type: "a.b", subject: "invoice/p")
        let bad = cloudEvent(type: "a.b", subject: "patient/p", more: #","time":"now""#)
        func fault(_ events: String...) -> (ProblemKind, Bool)? {
            do {
                _ = try CloudEventReader.batch(Array("[\(events.joined(separator: ","))]".utf8))
                return nil
            } catch {
                return (error.kind, error.fields.contains(.eventIndex(1)))
            }
        }
        #expect(fault(good, unknown)?.0 == .unknownCategory)
        #expect(fault(good, unknown)?.1 == true)
        #expect(fault(unknown, bad)?.0 == .badEvent)
        #expect(fault(unknown, bad)?.1 == true)
        #expect(fault(good, good)?.0 == .repeatedEvent)
        #expect(fault(good, good)?.1 == true)
        #expect(fault(good, good.replacing("/clinic/desk", with: "/clinic/other")) == nil)
    }

    @Test func `a batch has limits on count, bytes and each event`() throws {
        let one = cloudEvent(type: "a.b", subject: "patient/p")
        let json = Array("[\(one),\(one.replacing("e-1", with: "e-2"))]".utf8)
        var limits = EventLimits()
        limits.events = 2
        limits.requestBytes = json.count
        limits.eventBytes = one.utf8.count
        #expect(try CloudEventReader.batch(json, limits: limits).count == 2)
        func isTooLarge(_ change: (inout EventLimits) -> Void) -> Bool {
            var less = limits
            change(&less)
            do {
                _ = try CloudEventReader.batch(json, limits: less)
                return false
            } catch { return error.kind == .tooLarge }
        }
        #expect(isTooLarge { $0.events = 1 })
        #expect(isTooLarge { $0.requestBytes -= 1 })
        #expect(isTooLarge { $0.eventBytes -= 1 })
    }

    static func attributes(_ type: String) -> [(String, String)] {
        [("specversion", "1.0"), ("type", type), ("id", "1"), ("source", "/x"), ("subject", "patient/p")]
    }
}
