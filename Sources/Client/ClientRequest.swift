/// One request, before it is bytes.
package struct ClientRequest: Sendable {
    package var method: String
    /// Path and query as they go out.
    package var target: String
    package var fields: [(name: String, value: String)]
    package var body: [UInt8]
    /// It may change something at the other end.
    package var changes: Bool
    /// Twice is as good as once: a read, or a change that is known again by its ids.
    package var mayRepeat: Bool
    /// Whoever carries it out may be silent for long meanwhile.
    package var isLong: Bool

    /// GET and HEAD only read; what else does is to be said.
    package init(
        _ method: String, _ target: String, fields: [(name: String, value: String)] = [], body: [UInt8] = [],
        changes: Bool? = nil, mayRepeat: Bool? = nil, isLong: Bool = false
    ) {
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body
        self.changes = changes ?? !["GET", "HEAD"].contains(method)
        self.mayRepeat = mayRepeat ?? !self.changes
        self.isLong = isLong
    }

    /// The request as bytes for one endpoint, with key and purpose of the context where the fields say neither.
    package func bytes(to endpoint: Endpoint, as context: ContextFile) -> [UInt8] {
        var bytes = Array(head(to: endpoint, as: context).utf8)
        if !body.isEmpty || method == "POST" { bytes.append(contentsOf: "Content-Length: \(body.count)\r\n".utf8) }
        bytes += [0x0d, 0x0a]
        bytes.append(contentsOf: body)
        return bytes
    }

    /// Its head but for the length of the body and the empty line: the same for all requests like this one.
    package func head(to endpoint: Endpoint, as context: ContextFile) -> String {
        var text = "\(method) \(target) HTTP/1.1\r\nHost: \(endpoint.authority)\r\n"
        for field in fields { text += "\(field.name): \(field.value)\r\n" }
        if !says("authorization") { text += "Authorization: Bearer \(context.key)\r\n" }
        if let purpose = context.purpose, !says("x-purpose-of-use") { text += "X-Purpose-Of-Use: \(purpose)\r\n" }
        return text
    }

    private func says(_ name: String) -> Bool { fields.contains { $0.name.lowercased() == name } }

    /// `text` percent-encoded so that it can stand as a value in a query or as a segment of a path (RFC 3986: all
    /// but the unreserved characters).
    package static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: bytes.append(byte)
            default: bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
