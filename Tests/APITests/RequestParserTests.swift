import API
import Records
import Testing

/// What a parser says of bytes fed in pieces of one size, in words that can be compared.
struct Transcript: Equatable {
    var heads: [String] = []
    var bodies: [[UInt8]] = []
    var ends = 0
    var failure: ProblemKind?

    init(_ bytes: [UInt8], by size: Int = .max, limits: RequestLimits = RequestLimits()) {
        var parser = RequestParser(limits: limits)
        var fed = 0
        while failure == nil {
            switch parser.next() {
            case .needsMore:
                guard fed < bytes.count else { return }
                let upTo = size > bytes.count - fed ? bytes.count : fed + size
                parser.feed(bytes, in: fed..<upTo)
                fed = upTo
            case .head(let head):
                let query = head.query.map { "?" + head.text(in: $0) } ?? ""
                heads.append(
                    "\(head.method.rawValue) \(head.text(in: head.path))\(query) \(head.isOld ? "1.0" : "1.1") "
                        + "\(head.keepsAlive ? "keep" : "close") \(head.isChunked ? "chunked" : "\(head.contentLength ?? -1)")"
                        + (head.expectsContinue ? " continue" : "") + (head.isAsterisk ? " *" : ""))
                for field in head.fields {
                    heads[heads.count - 1] +=
                        "|" + head.text(in: field.nameRange) + "=" + head.text(in: field.valueRange)
                }
                bodies.append([])
            case .body(let range): bodies[bodies.count - 1] += parser.buffer[range]
            case .end: ends += 1
            case .failed(let problem): failure = problem.kind
            }
        }
    }

    init(_ text: String, by size: Int = .max) { self.init(Array(text.utf8), by: size) }
}

struct RequestParserTests {
    @Test func `a booking's head and body come out as they were sent`() {
        let said = Transcript(
            "POST /v1/events?x=1 HTTP/1.1\r\nHost: 127.0.0.1:7401\r\nContent-Type:  application/json \r\n"
                + "Content-Length: 2\r\n\r\n{}GET / HTTP/1.0\r\n\r\n")
        #expect(
            said.heads == [
                "POST /v1/events?x=1 1.1 keep 2|host=127.0.0.1:7401|content-type=application/json|content-length=2",
                "GET / 1.0 close -1",
            ])
        #expect(said.bodies == [Array("{}".utf8), []])
        #expect(said.ends == 2)
        #expect(said.failure == nil)
    }
}
