import API
import Bytes
import JSON
import Records
import TestSupport
import Testing

struct DocumentTests {
    @Test func `openapi lists every path there is, with its methods, and no other`() throws {
        let text = try JSONText(parsing: OpenAPI.document)
        let paths = try #require(text["paths"])
        var listed: [String] = []
        for (name, value) in text.members(of: paths) {
            for (method, _) in text.members(of: value) {
                listed.append("\(text.string(method) ?? "") \(text.string(name) ?? "")")
            }
        }
        let real = Router.templates.flatMap { place in place.methods.map { "\($0.lowercased()) \(place.path)" } }
        #expect(listed.sorted() == real.sorted())
    }

    @Test func `each path of openapi is routed to a place with that template`() throws {
        for place in Router.templates {
            let path = place.path.replacing("{id}", with: "x-1").replacing("{version}", with: "1")
            for method in place.methods {
                let head = try #require(Asking.request("\(method) \(path)")).head
                let route = Router.route(head)
                #expect(route.template == place.path)
                if case .refused = route.endpoint { Issue.record("\(method) \(path) is not there") }
            }
        }
    }

    @Test func `openapi lists every problem there is`() throws {
        let document = try JSONText(parsing: OpenAPI.document).view
        let types = document["components"]?["schemas"]?["Problem"]?["properties"]?["type"]?["enum"]?.elements
        #expect(types?.compactMap(\.string) == ProblemKind.allCases.map { "urn:chartlog:problem:" + $0.rawValue })
        for kind in ProblemKind.allCases {
            let response = document["components"]?["responses"]?["Problem\(kind.status)"]
            let names = response?["x-problems"]?.elements.compactMap(\.string) ?? []
            #expect(names.contains("urn:chartlog:problem:" + kind.rawValue))
        }
    }

    @Test func `every reference inside openapi leads somewhere`() throws {
        let text = String(decoding: OpenAPI.document, as: UTF8.self)
        let document = try JSONText(parsing: OpenAPI.document).view
        for part in text.split(separator: "\"$ref\":\"#/").dropFirst() {
            let path = part.prefix { $0 != "\"" }
            var place: JSONView? = document
            for name in path.split(separator: "/") { place = place?[String(name)] }
            #expect(place != nil, "\(path)")
        }
    }

    @Test func `the documents are as agreed on`() throws {
        #expect(try Fixture.bytes("http/openapi.json", orWrite: OpenAPI.document) == OpenAPI.document)
        _ = try JSONText(parsing: CapabilityStatement.document)
        #expect(
            try Fixture.bytes("fhir/metadata.json", orWrite: CapabilityStatement.document)
                == CapabilityStatement.document)
    }

    @Test(arguments: ProblemKind.allCases)
    func `each problem is JSON twice, its status the one sent`(_ kind: ProblemKind) throws {
        let problem = Problem(kind, "Do this next.", [.member("a"), .limit(1), .position(2), .offset(3)])
        let json = try JSONText(parsing: ProblemWriter.json(problem, requestID: "r")).view
        #expect(json["type"]?.string == "urn:chartlog:problem:" + kind.rawValue)
        #expect(json["status"]?.integer == Int64(kind.status))
        #expect(json["detail"]?.string == "Do this next.")
        let outcome = try JSONText(parsing: ProblemWriter.operationOutcome(problem)).view
        #expect(outcome["resourceType"]?.string == "OperationOutcome")
        #expect(outcome["issue"]?[0]?["details"]?["coding"]?[0]?["code"]?.string == kind.rawValue)
        let codes: Set<String> = [
            "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired",
            "forbidden", "suppressed", "processing", "not-supported", "duplicate", "multiple-matches", "not-found",
            "deleted", "too-long", "code-invalid", "extension", "too-costly", "business-rule", "conflict", "transient",
            "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled", "informational",
        ]
        #expect(codes.contains(outcome["issue"]?[0]?["code"]?.string ?? ""))
    }

    private func counters() -> Counters {
        var counters = Counters()
        counters.requests[Counters.RequestKind(route: "/v1/events", method: "POST", statusClass: 2)] = 7
        counters.requests[Counters.RequestKind(route: "/fhir/Patient/{id}", method: "GET", statusClass: 4)] = 1
        counters.refused["bad-framing"] = 2
        counters.latency.observe(seconds: 0.0001)
        counters.latency.observe(seconds: 0.003)
        counters.latency.observe(seconds: 60)
        counters.position = 9
        counters.residentBytes = 41_000_000
        counters.uptimeSeconds = 1.5
        counters.version = "0.1"
        return counters
    }

    @Test func `metrics are as agreed on, in both forms`() throws {
        let open = MetricsWriter.text(counters(), .openMetrics)
        #expect(try Fixture.bytes("http/metrics.openmetrics", orWrite: open) == open)
        let plain = MetricsWriter.text(counters(), .prometheus)
        #expect(try Fixture.bytes("http/metrics.prometheus", orWrite: plain) == plain)
    }

    @Test func `the last bucket holds all that the count counts`() {
        let lines = String(decoding: MetricsWriter.text(counters(), .openMetrics), as: UTF8.self).split(separator: "\n")
        #expect(lines.contains("chartlog_request_seconds_bucket{le=\"+Inf\"} 3"))
        #expect(lines.contains("chartlog_request_seconds_count 3"))
        #expect(lines.contains("chartlog_request_seconds_bucket{le=\"0.0001\"} 1"))
        #expect(lines.contains("chartlog_request_seconds_bucket{le=\"0.005\"} 2"))
        #expect(lines.last == "# EOF")
    }

    private func local(_ line: String, _ fields: [String] = []) -> String? {
        guard let head = Asking.request(line, fields)?.head else { return nil }
        var bytes: [UInt8] = []
        let facts = LocalAnswers.Facts(isReady: false, counters: counters())
        guard
            LocalAnswers.write(
                Router.route(head), head, facts: facts, requestID: "r", date: AnswerTests.date, onto: &bytes) != nil
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `probes and documents need no replica`() throws {
        #expect(try #require(local("GET /livez")).hasSuffix("alive\n"))
        #expect(try #require(local("HEAD /livez")).hasSuffix("\r\n\r\n"))
        #expect(try #require(local("GET /readyz")).hasPrefix("HTTP/1.1 503 "))
        #expect(try #require(local("GET /readyz")).contains("Retry-After: 1"))
        let options = try #require(local("OPTIONS /v1/events"))
        #expect(options.hasPrefix("HTTP/1.1 204 "))
        #expect(options.contains("Allow: GET, HEAD, POST, OPTIONS\r\n"))
        #expect(!options.contains("Content-Length"))
        #expect(try #require(local("DELETE /livez")).contains("Allow: GET, HEAD, OPTIONS\r\n"))
        #expect(try #require(local("GET /metrics")).contains("text/plain; version=0.0.4"))
        let accept = ["Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5"]
        #expect(try #require(local("GET /metrics", accept)).contains("application/openmetrics-text; version=1.0.0"))
        #expect(local("GET /v1/events") == nil)
    }

    @Test func `a stranger is challenged, and told to come back where that helps`() {
        var bytes: [UInt8] = []
        LocalAnswers.write(
            PresentedKey.refusal, route: nil, head: nil, requestID: "r", date: AnswerTests.date, onto: &bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 401 Unauthorized\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\n"))
        #expect(text.contains("WWW-Authenticate: Bearer realm=\"chartlog\"\r\n"))
        #expect(text.contains("Connection: close\r\n"))
    }
}
