import API
import Records

/// Whole requests as a test writes them.
enum Asking {
    /// The request that `text` is; its lines end in LF here.
    static func request(_ line: String, _ fields: [String] = [], _ body: String = "") -> HTTPRequest? {
        var text = line + " HTTP/1.1\r\nHost: clinic.example:7401\r\n"
        for field in fields { text += field + "\r\n" }
        if !body.isEmpty { text += "Content-Length: \(body.utf8.count)\r\n" }
        var parser = RequestParser()
        parser.feed(Array((text + "\r\n" + body).utf8))
        var request: HTTPRequest?
        while true {
            switch parser.next() {
            case .head(let head): request = HTTPRequest(head: head, body: [])
            case .body(let range): request?.body += parser.buffer[range]
            case .end: return request
            case .needsMore, .failed: return nil
            }
        }
    }

    static func inquiry(_ line: String, _ fields: [String] = [], _ body: String = "") -> Inquiry? {
        guard let request = request(line, fields, body) else { return nil }
        return Inquiry(
            request, route: Router.route(request.head), credential: "k1", address: "192.0.2.7", drawnID: "drawn")
    }

    /// What a GET of `target` comes to, or the refusal.
    static func got(_ target: String, _ fields: [String] = []) -> Request? {
        inquiry("GET " + target, fields)?.ask.request
    }

    static func refusal(_ line: String, _ fields: [String] = [], _ body: String = "") -> ProblemKind? {
        guard case .refused(let problem) = inquiry(line, fields, body)?.ask.request else { return nil }
        return problem.kind
    }

    static func events(_ query: String, _ fields: [String] = []) -> EventsQuery? {
        guard case .events(let found) = got("/v1/events" + query, fields) else { return nil }
        return found
    }

    static func search(_ target: String, _ fields: [String] = []) -> SearchQuery? {
        guard case .search(let found) = got(target, fields) else { return nil }
        return found
    }
}
