import Bytes
import JSON
import Records

/// The door for a fuzzer: any bytes go in as what a connection brings, and what must hold of every request that is
/// taken, and of every answer to it, is demanded.
package enum HTTPFuzzing {
    package static func run(_ bytes: [UInt8]) {
        let whole = Reading(bytes, by: Int.max)
        precondition(Reading(bytes, by: 1) == whole, "the pieces in which bytes come change what is read")
        precondition(Reading(bytes, by: 3) == whole, "the pieces in which bytes come change what is read")
        for request in whole.requests { check(request) }
    }

    /// All that a parser says of bytes fed in pieces of one size.
    private struct Reading: Equatable {
        var requests: [HTTPRequest] = []
        var ended = 0
        var problem: Problem?

        init(_ bytes: [UInt8], by size: Int) {
            var parser = RequestParser()
            var fed = 0
            while problem == nil {
                switch parser.next() {
                case .needsMore:
                    guard fed < bytes.count else { return }
                    let upTo = fed + min(size, bytes.count - fed)
                    parser.feed(bytes, in: fed..<upTo)
                    fed = upTo
                case .head(let head): requests.append(HTTPRequest(head: head, body: []))
                case .body(let range):
                    precondition(!range.isEmpty && range.upperBound <= parser.buffer.count)
                    requests[requests.count - 1].body += parser.buffer[range]
                case .end: ended += 1
                case .failed(let problem): self.problem = problem
                }
            }
        }

        static func == (a: Reading, b: Reading) -> Bool {
            a.ended == b.ended && a.problem == b.problem && a.requests.count == b.requests.count
                && zip(a.requests, b.requests).allSatisfy { $0.head.bytes == $1.head.bytes && $0.body == $1.body }
        }
    }

    private static func check(_ request: HTTPRequest) {
        let head = request.head
        precondition(head.bytes.count <= 65_536 && head.fields.count <= 100)
        precondition(head.contentLength == nil || !head.isChunked, "two lengths for one body")
        precondition(head.isOld || head.count(.host) == 1)
        precondition(request.body.count <= head.contentLength ?? (head.isChunked ? .max : 0))
        for field in head.fields {
            precondition(!field.nameRange.isEmpty && field.valueRange.upperBound + 2 <= head.bytes.count)
            for byte in head.bytes[field.valueRange] { precondition(byte != 0x0d && byte != 0x0a && byte != 0) }
        }
        let route = Router.route(head)
        var answer: [UInt8] = []
        let date = HTTPDate.bytes(of: Instant(microseconds: 0))
        _ = try? PresentedKey(head)
        let facts = LocalAnswers.Facts(isReady: true)
        if LocalAnswers.write(route, head, facts: facts, requestID: "r", date: date, onto: &answer) == nil {
            let inquiry = Inquiry(request, route: route, credential: "k", address: "a", drawnID: "r")
            var renderer = inquiry.renderer
            if case .refused(let problem) = inquiry.ask.request {
                renderer.render(.problem(problem), isLast: true, date: date, onto: &answer)
            } else {
                renderer.interrupt(Problem(.unavailable, "Ask again."), date: date, onto: &answer)
            }
            precondition(renderer.isDone)
        }
        checkHead(answer)
    }

    /// An answer's head has whole lines and ends: nothing a client sent has split it.
    private static func checkHead(_ answer: [UInt8]) {
        var at = 0
        var lines = 0
        while true {
            guard let end = answer[at...].firstIndex(of: 0x0d) else { preconditionFailure("an answer without end") }
            precondition(end + 1 < answer.count && answer[end + 1] == 0x0a, "a bare CR in an answer")
            precondition(!answer[at..<end].contains(0x0a), "a bare LF in an answer")
            if end == at { break }
            lines += 1
            at = end + 2
        }
        precondition(lines <= 12, "a header that nobody wrote")
    }
}
