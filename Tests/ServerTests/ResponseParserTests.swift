import Client
import Testing

@Suite struct ResponseParserTests {
    /// Statuses and bodies of all replies in `text`, fed in pieces of `step` bytes.
    private func replies(_ text: String, step: Int, heads: [Bool] = []) throws -> [String] {
        var parser = ResponseParser()
        for head in heads { parser.expects(isHead: head) }
        var found: [String] = []
        var body: [UInt8] = []
        var status = 0
        let bytes = Array(text.utf8)
        var at = 0
        while at < bytes.count {
            parser.feed(Array(bytes[at..<min(at + step, bytes.count)]))
            at += step
            parsing: while true {
                switch try parser.next() {
                case .needsMore: break parsing
                case .head(let head): status = head.status
                case .body(let piece): body += piece
                case .end:
                    found.append("\(status) \(String(decoding: body, as: UTF8.self))")
                    body = []
                }
            }
        }
        return found
    }

    @Test(arguments: [1, 2, 7, 4096]) func `replies are the same however they are cut`(_ step: Int) throws {
        let text =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello"
            + "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: 1\r\n\r\n"
            + "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
            + "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        let found = try replies(text, step: step, heads: [false, false, false, true, false])
        #expect(found == ["201 hello", "200 abcdefg", "204 ", "200 ", "404 "])
    }

    @Test(arguments: [
        "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20x OK\r\n\r\n", "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
    ]) func `what is no reply is refused`(_ text: String) {
        #expect(throws: ClientError.badReply) { try replies(text, step: 4096) }
    }
}
