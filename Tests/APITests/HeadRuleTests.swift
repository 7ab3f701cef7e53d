import API
import Records
import TestSupport
import Testing

/// One rule of RFC 9110 or 9112 as bytes and what must come of them.
struct HeadRule: CustomTestStringConvertible, Sendable {
    var name: String
    var bytes: [UInt8]
    /// Requests that are read to their end before anything else happens.
    var ends = 0
    var failure: ProblemKind?

    init(_ name: String, _ text: String, ends: Int = 0, _ failure: ProblemKind? = nil) {
        self.name = name
        bytes = Array(text.utf8)
        self.ends = ends
        self.failure = failure
    }

    var testDescription: String { name }

    private static let host = "Host: a\r\n"
    private static func get(_ fields: String) -> String { "GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n" }
    private static func post(_ fields: String, _ body: String = "") -> String {
        "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\(body)"
    }
    private static func chunked(_ body: String) -> String { post("Transfer-Encoding: chunked\r\n", body) }

    static let all: [HeadRule] =
        hosts + requestLines + targets + fields + lengths + codings + chunks + trailers + limits + pipelines

    static let hosts = [
        HeadRule("host missing", "GET / HTTP/1.1\r\n\r\n", .badHost),
        HeadRule("host missing in 1.0", "GET / HTTP/1.0\r\n\r\n", ends: 1),
        HeadRule("host twice", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .badHost),
        HeadRule("host twice in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n", .badHost),
        HeadRule("host empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", .badHost),
        HeadRule("host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .badHost),
        HeadRule("host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", .badHost),
        HeadRule("host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .badHost),
        HeadRule("host with port", "GET / HTTP/1.1\r\nHost: a:7401\r\n\r\n", ends: 1),
        HeadRule("host port too large", "GET / HTTP/1.1\r\nHost: a:70000\r\n\r\n", .badHost),
        HeadRule("host port not digits", "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", .badHost),
        HeadRule("host of IPv6", "GET / HTTP/1.1\r\nHost: [::1]:7401\r\n\r\n", ends: 1),
        HeadRule("host of IPv6 left open", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", .badHost),
    ]

    static let requestLines = [
        HeadRule("two spaces before target", "GET  / HTTP/1.1\r\n\(host)\r\n", .malformedRequest),
        HeadRule("two spaces before version", "GET /  HTTP/1.1\r\n\(host)\r\n", .malformedRequest),
        HeadRule("tab for space", "GET\t/ HTTP/1.1\r\n\(host)\r\n", .malformedRequest),
        HeadRule("leading space", " GET / HTTP/1.1\r\n\(host)\r\n", .malformedRequest),
        HeadRule("trailing space", "GET / HTTP/1.1 \r\n\(host)\r\n", .malformedRequest),
        HeadRule("no version", "GET /\r\n\r\n", .malformedRequest),
        HeadRule("lower-case version", "GET / http/1.1\r\n\(host)\r\n", .malformedRequest),
        HeadRule("long version", "GET / HTTP/1.10\r\n\(host)\r\n", .malformedRequest),
        HeadRule("version 1.2 reads as 1.1", "GET / HTTP/1.2\r\n\(host)\r\n", ends: 1),
        HeadRule("version 2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .notImplemented),
        HeadRule("version 3.0", "GET / HTTP/3.0\r\n\(host)\r\n", .httpVersion),
        HeadRule("unknown method", "BREW / HTTP/1.1\r\n\(host)\r\n", .notImplemented),
        HeadRule("lower-case method", "get / HTTP/1.1\r\n\(host)\r\n", .notImplemented),
        HeadRule("method no token", "G(T / HTTP/1.1\r\n\(host)\r\n", .malformedRequest),
        HeadRule("CONNECT", "CONNECT a:443 HTTP/1.1\r\n\(host)\r\n", .notImplemented),
        HeadRule("one empty line before", "\r\nGET / HTTP/1.1\r\n\(host)\r\n", ends: 1),
        HeadRule("two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n\(host)\r\n", .malformedRequest),
        HeadRule("bare LF after request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", .badFraming),
        HeadRule("bare LF first", "\nGET / HTTP/1.1\r\n\r\n", .badFraming),
        HeadRule("NUL in request line", "GET /\0 HTTP/1.1\r\n\(host)\r\n", .malformedRequest),
        HeadRule("CR in request line", "GET /\r HTTP/1.1\r\n\(host)\r\n", .malformedRequest),
    ]

    static let targets = [
        HeadRule("asterisk for OPTIONS", "OPTIONS * HTTP/1.1\r\n\(host)\r\n", ends: 1),
        HeadRule("asterisk for GET", "GET * HTTP/1.1\r\n\(host)\r\n", .badTarget),
        HeadRule("absolute form", "GET http://b:1/x?y HTTP/1.1\r\n\(host)\r\n", ends: 1),
        HeadRule("absolute form without path", "GET HTTPS://b HTTP/1.1\r\n\(host)\r\n", ends: 1),
        HeadRule("absolute form without host field", "GET http://b/ HTTP/1.1\r\n\r\n", .badHost),
        HeadRule("absolute form with user", "GET http://u@b/ HTTP/1.1\r\n\(host)\r\n", .badTarget),
        HeadRule("absolute form without authority", "GET http:///x HTTP/1.1\r\n\(host)\r\n", .badTarget),
        HeadRule("another scheme", "GET ftp://b/ HTTP/1.1\r\n\(host)\r\n", .badTarget),
        HeadRule("authority form", "GET b:443 HTTP/1.1\r\n\(host)\r\n", .badTarget),
        HeadRule("relative", "GET x HTTP/1.1\r\n\(host)\r\n", .badTarget),
        HeadRule("fragment", "GET /x#y HTTP/1.1\r\n\(host)\r\n", .badTarget),
        HeadRule("fragment in query", "GET /x?y#z HTTP/1.1\r\n\(host)\r\n", .badTarget),
        HeadRule("backslash", "GET /x\\y HTTP/1.1\r\n\(host)\r\n", .badTarget),
        HeadRule("bar in query", "GET /x?identifier=a|b HTTP/1.1\r\n\(host)\r\n", ends: 1),
        HeadRule("UTF-8 unencoded", "GET /\u{e9} HTTP/1.1\r\n\(host)\r\n", .malformedRequest),
    ]

    static let fields = [
        HeadRule("space before colon", get("X-A : 1\r\n"), .badHeader),
        HeadRule("tab before colon", get("X-A\t: 1\r\n"), .badHeader),
        HeadRule("space before colon of length", post("Content-Length : 1\r\n", "x"), .badHeader),
        HeadRule("obs-fold", get("X-A: 1\r\n 2\r\n"), .badHeader),
        HeadRule("obs-fold by tab", get("X-A: 1\r\n\t2\r\n"), .badHeader),
        HeadRule("fold before any field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", .badHeader),
        HeadRule("no name", get(": 1\r\n"), .badHeader),
        HeadRule("no colon", get("X-A\r\n"), .badHeader),
        HeadRule("name no token", get("X(A: 1\r\n"), .badHeader),
        HeadRule("name beyond ASCII", get("X\u{e9}: 1\r\n"), .badHeader),
        HeadRule("value empty", get("X-A:\r\n"), ends: 1),
        HeadRule("value beyond ASCII", get("X-A: \u{e9}\r\n"), ends: 1),
        HeadRule("NUL in value", get("X-A: a\0b\r\n"), .badHeader),
        HeadRule("CR in value", get("X-A: a\rb\r\n"), .badHeader),
        HeadRule("CR CR LF", get("X-A: a\r\r\n"), .badHeader),
        HeadRule("bare LF in value", get("X-A: a\nX-B: b\r\n"), .badFraming),
        HeadRule("bare LF ends head", "GET / HTTP/1.1\r\nHost: a\r\n\n", .badFraming),
        HeadRule("escape in value", get("X-A: \u{1b}\r\n"), .badHeader),
        HeadRule("DEL in value", get("X-A: \u{7f}\r\n"), .badHeader),
        HeadRule("tab in value", get("X-A: a\tb\r\n"), ends: 1),
        HeadRule("expect continue", post("Expect: 100-Continue\r\nContent-Length: 1\r\n", "x"), ends: 1),
        HeadRule("expect else", post("Expect: tea\r\nContent-Length: 1\r\n", "x"), .expectationUnknown),
        HeadRule("expect twice", post("Expect: 100-continue, tea\r\n"), .expectationUnknown),
        HeadRule("expect in 1.0", "POST / HTTP/1.0\r\nExpect: tea\r\nContent-Length: 0\r\n\r\n", ends: 1),
    ]

    static let lengths = [
        HeadRule("length zero", post("Content-Length: 0\r\n"), ends: 1),
        HeadRule("length and body", post("Content-Length: 3\r\n", "abc"), ends: 1),
        HeadRule("no length is no body", post(""), ends: 1),
        HeadRule("length twice, equal", post("Content-Length: 1\r\nContent-Length: 1\r\n", "x"), .badFraming),
        HeadRule("length twice, different", post("Content-Length: 1\r\nContent-Length: 2\r\n", "x"), .badFraming),
        HeadRule("length list", post("Content-Length: 1, 1\r\n", "x"), .badFraming),
        HeadRule("length empty", post("Content-Length:\r\n"), .badFraming),
        HeadRule("length with plus", post("Content-Length: +1\r\n", "x"), .badFraming),
        HeadRule("length with minus", post("Content-Length: -1\r\n", "x"), .badFraming),
        HeadRule("length with underscore", post("Content-Length: 1_0\r\n"), .badFraming),
        HeadRule("length in hexadecimal", post("Content-Length: 0x1\r\n", "x"), .badFraming),
        HeadRule("length with space inside", post("Content-Length: 1 0\r\n"), .badFraming),
        HeadRule("length beyond 2^53", post("Content-Length: 9007199254740993\r\n"), .badFraming),
        HeadRule("length beyond 2^64", post("Content-Length: 18446744073709551617\r\n", "x"), .badFraming),
        HeadRule("length with vertical tab", post("Content-Length: \u{0b}1\r\n", "x"), .badHeader),
        HeadRule("length beyond the limit", post("Content-Length: 1073741824\r\n"), .tooLarge),
        HeadRule("1.0 with length", "POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx", ends: 1),
    ]

    static let codings = [
        HeadRule(
            "length and coding", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), .badFraming),
        HeadRule(
            "coding and length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), .badFraming),
        HeadRule("coding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", .badFraming),
        HeadRule("coding in capitals", post("Transfer-Encoding: CHUNKED\r\n", "0\r\n\r\n"), ends: 1),
        HeadRule("coding gzip", post("Transfer-Encoding: gzip\r\n"), .badFraming),
        HeadRule("coding identity", post("Transfer-Encoding: identity\r\n"), .badFraming),
        HeadRule("coding empty", post("Transfer-Encoding:\r\n"), .badFraming),
        HeadRule("coding gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), .notImplemented),
        HeadRule("coding chunked, gzip", post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), .badFraming),
        HeadRule("coding chunked, chunked", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), .badFraming),
        HeadRule(
            "coding chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), .badFraming),
        HeadRule("coding xchunked", post("Transfer-Encoding: xchunked\r\n"), .badFraming),
        HeadRule("coding quoted", post("Transfer-Encoding: \"chunked\"\r\n"), .badFraming),
        HeadRule("coding with parameter", post("Transfer-Encoding: chunked;q=1\r\n"), .badFraming),
        HeadRule("coding with trailing comma", post("Transfer-Encoding: chunked,\r\n"), .badFraming),
        HeadRule("coding with vertical tab", post("Transfer-Encoding: \u{0b}chunked\r\n"), .badHeader),
        HeadRule("coding by underscore", post("Transfer_Encoding: chunked\r\n"), ends: 1),
        HeadRule("coding folded", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), .badHeader),
    ]

    static let chunks = [
        HeadRule("chunks", chunked("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"), ends: 1),
        HeadRule("chunk size with leading zeros", chunked("003\r\nabc\r\n00\r\n\r\n"), ends: 1),
        HeadRule("chunk size with 0x", chunked("0x3\r\nabc\r\n0\r\n\r\n"), .badFraming),
        HeadRule("chunk size empty", chunked("\r\nabc\r\n"), .badFraming),
        HeadRule("chunk size negative", chunked("-1\r\n"), .badFraming),
        HeadRule("chunk size with plus", chunked("+3\r\nabc\r\n"), .badFraming),
        HeadRule("chunk size with space before", chunked(" 3\r\nabc\r\n"), .badFraming),
        HeadRule("chunk size with space behind", chunked("3 \r\nabc\r\n"), .badFraming),
        HeadRule("chunk size beyond 2^64", chunked("10000000000000003\r\nabc\r\n"), .badFraming),
        HeadRule("chunk size that wraps", chunked("ffffffffffffffff\r\nabc\r\n"), .badFraming),
        HeadRule("chunk size beyond the limit", chunked("40000000\r\nabc\r\n"), .tooLarge),
        HeadRule("chunk size ended by LF", chunked("3\nabc\r\n0\r\n\r\n"), .badFraming),
        HeadRule("chunk size ended by CR", chunked("3\rabc\r\n0\r\n\r\n"), .badFraming),
        HeadRule("chunk data ended by LF", chunked("3\r\nabc\n0\r\n\r\n"), .badFraming),
        HeadRule("chunk longer than said", chunked("3\r\nabcd\r\n0\r\n\r\n"), .badFraming),
        HeadRule("chunk shorter than said", chunked("4\r\nabc\r\n0\r\n\r\n"), .badFraming),
        HeadRule("last chunk ended by LF", chunked("0\n\r\n"), .badFraming),
        HeadRule("chunk extension", chunked("3;a=b;c;d=\"e\\\"f\"\r\nabc\r\n0\r\n\r\n"), ends: 1),
        HeadRule("chunk extension with spaces", chunked("3 ; a = b\r\nabc\r\n0\r\n\r\n"), ends: 1),
        HeadRule("chunk extension with LF", chunked("3;\na\r\nabc\r\n0\r\n\r\n"), .badFraming),
        HeadRule("chunk extension with CR", chunked("3;\ra\r\nabc\r\n0\r\n\r\n"), .badFraming),
        HeadRule("chunk extension without name", chunked("3;\r\nabc\r\n0\r\n\r\n"), .badFraming),
        HeadRule("chunk extension left open", chunked("3;a=\"b\r\nabc\r\n0\r\n\r\n"), .badFraming),
        HeadRule("chunk extension with NUL", chunked("3;a=\0\r\nabc\r\n0\r\n\r\n"), .badFraming),
        HeadRule(
            "chunk extensions too long", chunked("3;a=\(String(repeating: "x", count: 5000))\r\nabc\r\n"), .badFraming),
        HeadRule(
            "chunk extensions too many", chunked(String(repeating: "1;a=bcdefgh\r\nx\r\n", count: 500) + "0\r\n\r\n"),
            .badFraming),
    ]

    static let trailers = [
        HeadRule("trailers are dropped", chunked("0\r\nX-A: 1\r\nContent-Length: 9\r\n\r\n"), ends: 1),
        HeadRule("trailer folded", chunked("0\r\nX-A: 1\r\n 2\r\n\r\n"), .badHeader),
        HeadRule("trailer with space before colon", chunked("0\r\nX-A : 1\r\n\r\n"), .badHeader),
        HeadRule("trailer ended by LF", chunked("0\r\nX-A: 1\n\r\n"), .badFraming),
        HeadRule(
            "trailer too long", chunked("0\r\nX-A: \(String(repeating: "x", count: 9000))\r\n\r\n"), .headersTooLarge),
        HeadRule(
            "trailers too many", chunked("0\r\n\(String(repeating: "a: b\r\n", count: 101))\r\n"), .headersTooLarge),
    ]

    static let limits = [
        HeadRule(
            "target of 8192 bytes", "GET /\(String(repeating: "a", count: 8191)) HTTP/1.1\r\n\(host)\r\n", ends: 1),
        HeadRule(
            "target of 8193 bytes", "GET /\(String(repeating: "a", count: 8192)) HTTP/1.1\r\n\(host)\r\n",
            .targetTooLong),
        HeadRule("target without end", "GET /\(String(repeating: "a", count: 20_000))", .targetTooLong),
        HeadRule("100 fields", get(String(repeating: "a: b\r\n", count: 99)), ends: 1),
        HeadRule("101 fields", get(String(repeating: "a: b\r\n", count: 100)), .headersTooLarge),
        HeadRule("100,000 fields", get(String(repeating: "a: b\r\n", count: 100_000)), .headersTooLarge),
        HeadRule("field of 60 KiB", get("a: \(String(repeating: "b", count: 60 << 10))\r\n"), ends: 1),
        HeadRule("field of 64 KiB", get("a: \(String(repeating: "b", count: 64 << 10))\r\n"), .headersTooLarge),
        HeadRule(
            "field without end", "GET / HTTP/1.1\r\na: \(String(repeating: "b", count: 100_000))", .headersTooLarge),
    ]

    static let pipelines = [
        HeadRule("three in a row", get("") + post("Content-Length: 1\r\n", "x") + get(""), ends: 3),
        HeadRule("chunked, then another", chunked("1\r\nx\r\n0\r\n\r\n") + get(""), ends: 2),
        HeadRule("one good, one bad, one never read", get("") + "GET / HTTP/1.1\r\n\r\n" + get(""), ends: 1, .badHost),
        HeadRule("body that looks like a request", post("Content-Length: 18\r\n", "GET / HTTP/1.1\r\n\r\n"), ends: 1),
        HeadRule("cut in a body", post("Content-Length: 5\r\n", "abc")),
        HeadRule("cut in a chunk", chunked("5\r\nabc")),
        HeadRule("cut before the last chunk", chunked("3\r\nabc\r\n")),
        HeadRule("cut in a head", "GET / HTTP/1.1\r\nHost: a\r\n"),
    ]
}

struct HeadRuleTests {
    @Test(arguments: HeadRule.all)
    func `each rule of framing has its outcome`(_ rule: HeadRule) {
        let said = Transcript(rule.bytes)
        #expect(said.failure == rule.failure)
        #expect(said.ends == rule.ends)
    }

    @Test(arguments: HeadRule.all)
    func `bytes that come one by one, or by seven, say the same`(_ rule: HeadRule) {
        let whole = Transcript(rule.bytes)
        #expect(Transcript(rule.bytes, by: 1) == whole)
        #expect(Transcript(rule.bytes, by: 7) == whole)
    }

    @Test(arguments: HeadRule.all.filter { $0.bytes.count < 4096 })
    func `each rule is a seed of the fuzzer, byte for byte`(_ rule: HeadRule) throws {
        let name = rule.name.map { $0.isLetter || $0.isNumber ? String($0) : "-" }.joined()
        #expect(try Fixture.bytes("fuzz/http/\(name)", orWrite: rule.bytes) == rule.bytes)
    }

    @Test func `after a failure nothing is read any more`() {
        var parser = RequestParser()
        parser.feed(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        guard case .failed(let first) = parser.next() else {
            Issue.record("a request without Host was taken")
            return
        }
        parser.feed(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        guard case .failed(let second) = parser.next() else {
            Issue.record("the parser went on after a failure")
            return
        }
        #expect(first == second)
    }

    @Test func `a limit set by the route refuses the body before it comes`() {
        var parser = RequestParser()
        parser.feed(Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n".utf8))
        guard case .head = parser.next() else {
            Issue.record("no head")
            return
        }
        #expect(parser.allowBody(atMost: 99)?.kind == .tooLarge)
        guard case .failed(let problem) = parser.next() else {
            Issue.record("the body was waited for")
            return
        }
        #expect(problem.kind == .tooLarge)
    }

    @Test func `a limit set by the route counts chunks together`() {
        var parser = RequestParser()
        parser.feed(Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8))
        guard case .head = parser.next() else {
            Issue.record("no head")
            return
        }
        #expect(parser.allowBody(atMost: 5) == nil)
        parser.feed(Array("3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n".utf8))
        guard case .body = parser.next(), case .failed(let problem) = parser.next() else {
            Issue.record("six bytes were taken where five may come")
            return
        }
        #expect(problem.kind == .tooLarge)
    }

    @Test func `an idle connection is told apart from a slow request`() {
        var parser = RequestParser()
        #expect(parser.isBetweenRequests)
        parser.feed(Array("GET".utf8))
        #expect(!parser.isBetweenRequests)
        parser.feed(Array(" / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        guard case .head = parser.next(), case .end = parser.next() else {
            Issue.record("no request")
            return
        }
        #expect(parser.isBetweenRequests)
    }
}
