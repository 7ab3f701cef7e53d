import API
import Records
import Testing

struct RouterTests {
    private func route(_ line: String) -> Route? { Asking.request(line).map { Router.route($0.head) } }

    private func word(_ endpoint: Endpoint?) -> String {
        switch endpoint {
        case .live: "live"
        case .ready: "ready"
        case .metrics: "metrics"
        case .openAPI: "openapi"
        case .capabilities: "capabilities"
        case .cluster: "cluster"
        case .backups: "backups"
        case .order(let kind): "order \(kind.rawValue)"
        case .append: "append"
        case .events: "events"
        case .read(let kind, let id): "read \(kind.rawValue) \(id)"
        case .readVersion(let kind, let id, let version): "vread \(kind.rawValue) \(id) \(version)"
        case .history(let kind, let id): "history \(kind.rawValue) \(id)"
        case .search(let kind): "search \(kind.rawValue)"
        case .options: "options"
        case .refused(let problem): problem.kind.rawValue
        case nil: "unread"
        }
    }

    @Test(arguments: [
        ("GET /livez", "live"), ("HEAD /readyz", "ready"), ("GET /metrics", "metrics"),
        ("GET /openapi.json", "openapi"), ("GET /fhir/metadata", "capabilities"), ("GET /v1/cluster", "cluster"),
        ("POST /v1/events", "append"), ("GET /v1/events?limit=1", "events"),
        ("GET http://other.example/v1/events", "events"), ("OPTIONS /v1/events", "options"), ("OPTIONS *", "options"),
        ("GET /fhir/Patient", "search Patient"), ("GET /fhir/Patient/_search", "search Patient"),
        ("POST /fhir/AuditEvent/_search", "search AuditEvent"), ("GET /fhir/Patient/p-1", "read Patient p-1"),
        ("GET /fhir/Patient/p%2D1", "read Patient p-1"),
        ("GET /fhir/Appointment/a/_history", "history Appointment a"),
        ("GET /fhir/Patient/p/_history/12", "vread Patient p 12"),
        ("GET /fhir/Patient/p/_history/x", "not-found"), ("GET /fhir/Patient/p/_history/01", "not-found"),
        ("GET /fhir/Patient/a%2Fb", "not-found"), ("GET /fhir/Patient/", "not-found"),
        ("GET /fhir/patient/p", "not-found"), ("GET /fhir/Observation/o", "not-found"),
        ("GET /", "not-found"), ("GET //v1/events", "not-found"), ("GET /v1/events/", "not-found"),
        ("GET /v1/backups", "backups"), ("POST /v1/backups", "order backups"), ("POST /v1/restores", "order restores"),
        ("GET /v1/restores", "method-not-allowed"), ("POST /v1/cluster/restores", "not-found"),
        ("POST /v1/cluster/handover", "order handover"), ("POST /v1/cluster/replacements", "order replacements"),
        ("POST /v1/cluster/members", "order members"), ("POST /v1/cluster/nonsense", "not-found"),
        ("GET /v1/cluster/handover", "method-not-allowed"), ("POST /v1/cluster/clock", "order clock"),
        ("POST /v1/cluster/takeover", "order takeover"), ("GET /v1/cluster/takeover", "method-not-allowed"),
        ("HEAD /v1/cluster/members", "method-not-allowed"),
        ("GET /fhir/../livez", "bad-target"), ("GET /%2e%2e/livez", "bad-target"), ("GET /./livez", "bad-target"),
        ("GET /%", "bad-target"), ("GET /%4", "bad-target"), ("GET /%zz", "bad-target"), ("GET /%00", "bad-target"),
        ("GET /%C0%A0", "bad-target"), ("GET /%ED%A0%80", "bad-target"), ("GET /livez%252e", "not-found"),
        ("DELETE /v1/events", "method-not-allowed"), ("POST /v1/cluster", "method-not-allowed"),
        ("PUT /fhir/Patient/p", "method-not-allowed"), ("PATCH /fhir/AuditEvent/e-1", "method-not-allowed"),
        ("TRACE /livez", "method-not-allowed"), ("POST /fhir/Patient", "method-not-allowed"),
    ])
    func `each method and path leads where the table says`(_ line: String, _ place: String) {
        #expect(word(route(line)?.endpoint) == place)
    }

    @Test func `a method that is not allowed is answered with those that are`() {
        guard case .refused(let problem) = route("DELETE /v1/events")?.endpoint else {
            Issue.record("DELETE was taken")
            return
        }
        #expect(problem.fields == [.allow(["GET", "HEAD", "POST", "OPTIONS"])])
    }

    @Test(arguments: ["/livez", "/readyz", "/metrics", "/openapi.json", "/fhir/metadata"])
    func `what shows no PHI needs no credential`(_ path: String) {
        #expect(route("GET " + path)?.needsCredential == false)
    }

    @Test(arguments: ["/v1/events", "/v1/cluster", "/fhir/Patient", "/fhir/Patient/p", "/nowhere", "/%zz"])
    func `all else needs one`(_ path: String) {
        #expect(route("GET " + path)?.needsCredential == true)
    }

    @Test func `a key is read from one Bearer header alone`() throws {
        func key(_ fields: [String]) throws -> PresentedKey? {
            try Asking.request("GET /", fields).map { try PresentedKey($0.head) }
        }
        let read = try key(["Authorization: bearer  AbC-1.s_ecret"])
        #expect(read?.id == "AbC-1")
        #expect(read?.secret == Array("s_ecret".utf8))
        let refused = [
            [], ["Authorization: Basic YTpi"], ["Authorization: Bearer"], ["Authorization: Bearer x"],
            ["Authorization: Bearer .x"], ["Authorization: Bearer x."], ["Authorization: Bearer x.y z"],
            ["Authorization: Bearer x.y.z"], ["Authorization: Bearer a.b", "Authorization: Bearer a.b"],
            ["Authorization: Bearer \(String(repeating: "x", count: 65)).y"],
        ]
        for fields in refused {
            #expect(throws: PresentedKey.refusal) { try key(fields) }
        }
    }
}
