import API
import Bytes
import JSON
import Records
import TestSupport
import Testing

/// Answers as the bytes that leave, each a file under Fixtures/http or Fixtures/fhir.
struct AnswerTests {
    static let date = HTTPDate.bytes(of: Instant(microseconds: 1_795_255_200_000_000))
    static let stamp = Instant(microseconds: 1_795_255_200_000_001)

    static func event(_ position: UInt64) -> ShownEvent {
        ShownEvent(
            json: Array(
                #"{"specversion":"1.0","id":"7b1e-\#(position)","source":"/s","type":"note.kept","subject":"patient/p"}"#
                    .utf8),
            position: position, version: position + 1, recorded: stamp, actor: "front \"desk\"")
    }

    static func piece(_ positions: [UInt64], _ mark: EventsPiece.Mark) -> Answer {
        .events(EventsPiece(events: positions.map(event), position: 9, mark: mark))
    }

    static func patient(_ version: UInt64, _ json: String) -> ShownResource {
        ShownResource(
            kind: .patient, id: "p", version: version, lastUpdated: stamp, content: .json(Array(json.utf8)),
            method: version == 1 ? "POST" : "PUT")
    }

    static let gone = ShownResource(kind: .patient, id: "p", version: 3, lastUpdated: stamp, content: .deleted)

    static func audit(_ action: String, behalf: String? = "Practitioner/pr-7", query: String? = nil) -> ShownResource {
        let detail = AuditDetail(
            type: query == nil ? "patient.registered" : "record.searched", action: action, recorded: stamp,
            actorName: "front desk", actorID: "k1", onBehalfOf: behalf, purpose: "TREAT", address: "192.0.2.7",
            requestID: "r-1", traceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", replica: 1,
            outcome: .success, outcomeName: nil, patients: ["p"],
            entities: query == nil ? [AuditDetail.Entity(reference: "Patient/p", version: 2)] : [], query: query,
            count: query == nil ? nil : 3, range: query == nil ? nil : 4...9)
        return ShownResource(
            kind: .auditEvent, id: "e-4", version: 1, lastUpdated: stamp, content: .audit(detail), method: "POST")
    }

    static let patientJSON =
        #"{"resourceType":"Patient","id":"p","meta":{"versionId":"x","tag":[{"code":"t"}]},"multipleBirthInteger":1.50}"#

    static let status: ClusterStatus = {
        var status = bareStatus
        status.lastFailover = ClusterStatus.LastFailover(
            at: stamp, reason: "link-closed", from: 2, to: 1, milliseconds: 80)
        status.change = ClusterStatus.Change(
            joining: 4, leaving: 3, state: "copying", hold: "Wait.", isAutomatic: true, begun: stamp)
        return status
    }()

    private static let bareStatus = ClusterStatus(
        clusterID: "c-1", primary: 1, term: 3, index: 12, position: 9, record: 4, minDurableCopies: 1, lastStamp: stamp,
        members: [
            ClusterStatus.Member(
                id: 1, role: "primary", state: "healthy", position: 9, lagEvents: 0, lagSeconds: 0.25,
                patientDigest: "aa", appointmentDigest: "bb", auditDigest: "cc", digestPosition: 9, digestRecord: 4)
        ], warnings: [])

    static func appended(isRepeat: Bool) -> Answer {
        .appended(
            Appended(
                position: 9,
                events: StreamName(.patient, id: "p").map {
                    [AppendedEvent(id: "7b1e", subject: $0, version: 1, position: 9, recorded: stamp)]
                } ?? [], isRepeat: isRepeat))
    }

    static let page = ResourcePage(
        isHistory: false, kind: .patient, resources: [patient(2, patientJSON)], total: 12, next: "opaque", position: 9)

    static let history = ResourcePage(
        isHistory: true, kind: .patient, resources: [gone, patient(2, patientJSON), patient(1, patientJSON)], total: 3,
        next: nil, position: 9)

    static let late = Problem(.damaged, "Ask for what stands before this position.", [.position(7)])

    /// A request and what the replica answers to it, piece by piece.
    struct Scene: CustomTestStringConvertible, Sendable {
        var name: String
        var line: String
        var fields: [String] = []
        var answers: [Answer]
        var closes = false

        var testDescription: String { name }

        static let append = ["Content-Type: application/cloudevents-batch+json"]
        static let sse = ["Accept: text/event-stream"]

        static let all: [Scene] =
            [
                Scene(
                    name: "http/append-201", line: "POST /v1/events", fields: append,
                    answers: [appended(isRepeat: false)]),
                Scene(
                    name: "http/append-repeat", line: "POST /v1/events", fields: append,
                    answers: [appended(isRepeat: true)]),
                Scene(
                    name: "http/append-empty", line: "POST /v1/events", fields: append,
                    answers: [.appended(Appended(position: 9, events: [], isRepeat: false))]),
                Scene(
                    name: "http/append-conflict", line: "POST /v1/events", fields: append,
                    answers: [
                        .problem(
                            Problem(
                                .versionConflict, "Read the stream and decide again.",
                                [.conflicts([VersionConflict(subject: "patient/p", expected: 1, actual: 2)])]))
                    ]),
                Scene(
                    name: "http/append-unknown", line: "POST /v1/events", fields: append,
                    answers: [.problem(Problem(.outcomeUnknown, "Retry with the same ids.", [.retryAfterSeconds(2)]))]),
                Scene(
                    name: "http/events-one-piece", line: "GET /v1/events",
                    answers: [piece([1, 2], .end(position: 2, more: true))]),
                Scene(
                    name: "http/events-pieces", line: "GET /v1/events",
                    answers: [piece([1], .none), piece([2], .none), piece([], .end(position: 9, more: false))]),
                Scene(
                    name: "http/events-follow", line: "GET /v1/events?follow=true",
                    answers: [piece([1], .caughtUp(position: 9)), piece([], .alive(position: 9)), .problem(late)]),
                Scene(
                    name: "http/events-sse", line: "GET /v1/events?follow=true", fields: sse,
                    answers: [piece([1], .caughtUp(position: 9)), piece([], .alive(position: 9)), .problem(late)]),
                Scene(
                    name: "http/events-sse-end", line: "GET /v1/events", fields: sse,
                    answers: [piece([1], .end(position: 1, more: false))]),
                Scene(
                    name: "http/events-batch", line: "GET /v1/events",
                    fields: ["Accept: application/cloudevents-batch+json"],
                    answers: [piece([1], .none), piece([2, 3], .end(position: 3, more: false))]),
                Scene(
                    name: "http/events-array-none", line: "GET /v1/events", fields: ["Accept: application/json"],
                    answers: [piece([], .end(position: 3, more: false))]),
                Scene(
                    name: "http/events-array-broken", line: "GET /v1/events", fields: ["Accept: application/json"],
                    answers: [piece([1], .none), .problem(late)], closes: true),
                Scene(name: "http/events-damaged", line: "GET /v1/events", answers: [.problem(late)]),
                Scene(
                    name: "http/events-head", line: "HEAD /v1/events", answers: [piece([1], .none), piece([2], .none)]),
                Scene(
                    name: "http/events-close", line: "GET /v1/events", fields: ["Connection: close"],
                    answers: [piece([1], .end(position: 1, more: false))], closes: true),
                Scene(name: "http/cluster", line: "GET /v1/cluster", answers: [.cluster(status)]),
                Scene(
                    name: "fhir/patient", line: "GET /fhir/Patient/p",
                    answers: [.resource(patient(2, patientJSON), position: 9)]),
                Scene(
                    name: "fhir/patient-without-meta", line: "GET /fhir/Patient/p",
                    answers: [.resource(patient(2, #"{"resourceType":"Patient","id":"p","active":true}"#), position: 9)]
                ),
                Scene(
                    name: "fhir/patient-head", line: "HEAD /fhir/Patient/p",
                    answers: [.resource(patient(2, patientJSON), position: 9)]),
                Scene(
                    name: "fhir/patient-unchanged", line: "GET /fhir/Patient/p",
                    fields: ["If-None-Match: \"1\", W/\"2\""],
                    answers: [.resource(patient(2, patientJSON), position: 9)]),
                Scene(
                    name: "fhir/patient-changed", line: "GET /fhir/Patient/p", fields: ["If-None-Match: W/\"1\""],
                    answers: [.resource(patient(2, patientJSON), position: 9)]),
                Scene(
                    name: "fhir/patient-not-modified", line: "GET /fhir/Patient/p",
                    fields: ["If-Modified-Since: " + String(decoding: date, as: UTF8.self)],
                    answers: [.resource(patient(2, patientJSON), position: 9)]),
                Scene(name: "fhir/patient-gone", line: "GET /fhir/Patient/p", answers: [.resource(gone, position: 9)]),
                Scene(
                    name: "fhir/patient-forbidden", line: "GET /fhir/Patient/p",
                    answers: [.problem(Problem(.purposeRequired, "Say why: send X-Purpose-Of-Use."))]),
                Scene(name: "fhir/search", line: "GET /fhir/Patient?family=Secret", answers: [.page(page)]),
                Scene(
                    name: "fhir/search-none", line: "GET /fhir/Patient?family=Secret",
                    answers: [
                        .page(
                            ResourcePage(
                                isHistory: false, kind: .patient, resources: [], total: 0, next: nil, position: 9))
                    ]),
                Scene(name: "fhir/history", line: "GET /fhir/Patient/p/_history", answers: [.page(history)]),
            ]
            + ["C", "R", "U", "D", "E"].map { action in
                Scene(
                    name: "fhir/audit-\(action)", line: "GET /fhir/AuditEvent/e-4",
                    answers: [
                        .resource(
                            audit(
                                action, behalf: action == "R" ? nil : "Practitioner/pr-7",
                                query: action == "E" ? "family=Okafor" : nil), position: 9)
                    ])
            }
    }

    private func written(_ scene: Scene) -> (bytes: [UInt8], renderer: AnswerRenderer)? {
        let body = scene.line.hasPrefix("POST") ? "[]" : ""
        guard var renderer = Asking.inquiry(scene.line, scene.fields, body)?.renderer else { return nil }
        var bytes: [UInt8] = []
        for (index, answer) in scene.answers.enumerated() {
            renderer.render(answer, isLast: index == scene.answers.count - 1, date: Self.date, onto: &bytes)
        }
        return (bytes, renderer)
    }

    @Test(arguments: Scene.all)
    func `each answer leaves as it was agreed on`(_ scene: Scene) throws {
        let (bytes, renderer) = try #require(written(scene))
        #expect(renderer.isDone)
        #expect(renderer.mustClose == scene.closes)
        #expect(try Fixture.bytes(scene.name + ".http", orWrite: bytes) == bytes)
    }

    /// The body of an answer, its chunks undone by the rules of RFC 9112; nil when it is cut off.
    private func unframed(_ bytes: [UInt8]) -> [UInt8]? {
        let text = String(decoding: bytes, as: UTF8.self)
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        guard parts[0].contains("Transfer-Encoding: chunked") else { return Array(parts[1].utf8) }
        var rest = Array(parts[1].utf8)[...]
        var body: [UInt8] = []
        while let end = rest.firstIndex(of: 0x0d) {
            guard let size = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16) else { return nil }
            rest = rest[(end + 2)...]
            guard rest.count >= size + 2 else { return nil }
            body += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
            if size == 0 { return rest.isEmpty ? body : nil }
        }
        return nil
    }

    @Test(arguments: Scene.all.filter { $0.name.contains("events") && !$0.line.hasPrefix("HEAD") })
    func `an answer is whole, unless it broke off where its form cannot say so`(_ scene: Scene) throws {
        let (bytes, _) = try #require(written(scene))
        #expect((unframed(bytes) == nil) == (scene.name == "http/events-array-broken"))
    }

    @Test(arguments: Scene.all.filter { $0.name.hasPrefix("fhir/") && !$0.line.hasPrefix("HEAD") })
    func `every FHIR answer is JSON, and no link names what was searched for`(_ scene: Scene) throws {
        let (bytes, _) = try #require(written(scene))
        let body = try #require(unframed(bytes))
        if !body.isEmpty { _ = try JSONText(parsing: body) }
        #expect(!String(decoding: bytes, as: UTF8.self).contains("Secret"))
    }

    @Test func `every NDJSON line of an answer is JSON and keeps the event as it was sent`() throws {
        let scene = try #require(Scene.all.first { $0.name == "http/events-pieces" })
        let (bytes, _) = try #require(written(scene))
        let lines = String(decoding: try #require(unframed(bytes)), as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 3)
        let first = try JSONText(parsing: Array(lines[0].utf8))
        #expect(first.view["position"]?.string == "1")
        #expect(first.view["streamversion"]?.unsigned == 2)
        #expect(first.view["actor"]?.string == "front \"desk\"")
        #expect(first.view["recordedtime"]?.string == "2026-11-21T10:00:00.000001Z")
        let sent = String(decoding: Self.event(1).json.dropLast(), as: UTF8.self)
        #expect(lines[0].hasPrefix(sent))
    }

    @Test func `HTTP 1 point 0 is answered without chunks, and closed`() throws {
        var parser = RequestParser()
        parser.feed(Array("GET /v1/events HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".utf8))
        guard case .head(let head) = parser.next() else {
            Issue.record("no head")
            return
        }
        var renderer = Inquiry(
            HTTPRequest(head: head, body: []), route: Router.route(head), credential: "k", address: "a", drawnID: "d"
        ).renderer
        var bytes: [UInt8] = []
        renderer.render(Self.piece([1], .none), isLast: false, date: Self.date, onto: &bytes)
        renderer.render(Self.piece([2], .end(position: 2, more: false)), isLast: true, date: Self.date, onto: &bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(!text.contains("chunked"))
        #expect(text.contains("Connection: close"))
        #expect(renderer.mustClose)
        #expect(text.hasSuffix("{\"end\":{\"position\":2,\"more\":false}}\n"))
    }

    @Test func `a reader that is interrupted is told so in its own form`() throws {
        var renderer = try #require(Asking.inquiry("GET /v1/events")?.renderer)
        var bytes: [UInt8] = []
        renderer.render(Self.piece([1], .none), isLast: false, date: Self.date, onto: &bytes)
        renderer.interrupt(Problem(.unavailable, "Ask again."), date: Self.date, onto: &bytes)
        #expect(renderer.isDone && renderer.mustClose)
        let told = String(decoding: try #require(unframed(bytes)), as: UTF8.self)
        #expect(told.contains("{\"error\":{\"type\":\"urn:chartlog:problem:unavailable\""))
    }
}
