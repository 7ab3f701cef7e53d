package import Bytes

/// How the end of an answer's body is told.
package enum BodyFraming: Equatable, Sendable {
    case none
    case length(Int)
    case chunked
    /// HTTP/1.0: the end of the connection.
    case untilClose
}

/// Heads and chunks of answers as bytes (RFC 9112). Date is handed in by who has a clock.
package enum ResponseWriter {
    /// The interim answer to `Expect: 100-continue`.
    package static let goOn = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// The status line and the fields every answer has, then `fields`, then the empty line.
    /// - Parameters:
    ///   - date: an IMF-fixdate, see `HTTPDate`.
    ///   - position: for `Chartlog-Position`, and `requestID` for `X-Request-Id`; left out when nil.
    package static func head(
        status: Int, date: [UInt8], contentType: String?, framing: BodyFraming, close: Bool,
        fields: [(name: String, value: [UInt8])] = [], position: UInt64? = nil, requestID: String? = nil,
        onto out: inout [UInt8]
    ) {
        out.reserveCapacity(out.count + 384)
        out.append("HTTP/1.1 ")
        out.append(decimal: UInt64(status))
        out.append(" ")
        out.append(reason(status))
        out.append("\r\nDate: ")
        out.append(contentsOf: date)
        out.append("\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff")
        if let contentType {
            out.append("\r\nContent-Type: ")
            out.append(contentType)
        }
        switch framing {
        case .none: break
        case .length(let count):
            out.append("\r\nContent-Length: ")
            out.append(decimal: UInt64(count))
        case .chunked: out.append("\r\nTransfer-Encoding: chunked")
        case .untilClose: break
        }
        if close { out.append("\r\nConnection: close") }
        for field in fields {
            out.append("\r\n")
            out.append(field.name)
            out.append(": ")
            out.append(contentsOf: field.value)
        }
        if let position {
            out.append("\r\nChartlog-Position: ")
            out.append(decimal: position)
        }
        if let requestID {
            out.append("\r\nX-Request-Id: ")
            out.append(requestID)
        }
        out.append("\r\n\r\n")
    }

    /// One chunk with its frame; nothing for no bytes, since an empty chunk ends the body.
    package static func chunk(_ bytes: [UInt8], onto out: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        out.append(hexadecimal: UInt64(bytes.count))
        out.append("\r\n")
        out.append(contentsOf: bytes)
        out.append("\r\n")
    }

    /// The last chunk, without trailers.
    package static func lastChunk(onto out: inout [UInt8]) { out.append("0\r\n\r\n") }

    /// Reason phrases (RFC 9110 §15); nobody should read them.
    static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 204: "No Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}

/// IMF-fixdate (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
package enum HTTPDate {
    package static func bytes(of instant: Instant) -> [UInt8] {
        let days = instant.daysSinceEpoch
        let seconds = Int((instant.microseconds - Int64(days) * 86_400_000_000) / 1_000_000)
        let date = CivilDay(daysSinceEpoch: days)
        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let year = String(repeating: "0", count: max(0, 4 - "\(date.year)".count)) + "\(date.year)"
        let text =
            "\(weekdays[((days % 7) + 7) % 7]), \(two(date.day)) \(months[date.month - 1]) \(year) "
            + "\(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60)) GMT"
        return Array(text.utf8)
    }
}

extension [UInt8] {

    mutating func append(_ text: String) { append(contentsOf: text.utf8) }

    mutating func append(decimal value: UInt64) {
        var digits = 1
        var rest = value / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        append(contentsOf: repeatElement(0x30, count: digits))
        rest = value
        for at in 1...digits {
            self[count - at] += UInt8(rest % 10)
            rest /= 10
        }
    }

    mutating func append(hexadecimal value: UInt64) { append(contentsOf: String(value, radix: 16).utf8) }
}
