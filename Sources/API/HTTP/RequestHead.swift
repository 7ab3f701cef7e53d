/// Methods of RFC 9110 and 5789 that the parser knows; CONNECT and all others are refused with 501.
package enum Method: String, CaseIterable, Sendable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case delete = "DELETE"
    case patch = "PATCH"
    case options = "OPTIONS"
    case trace = "TRACE"
}

/// The request line and header fields of one request, checked after RFC 9112 and no more lenient than it.
///
/// Offsets count from the head's first byte; `bytes` holds it as it came, names of fields in lower case.
package struct RequestHead: Sendable {
    package struct Field: Sendable {
        package var name: FieldName
        var nameStart: UInt32
        var nameEnd: UInt32
        var valueStart: UInt32
        var valueEnd: UInt32

        package var nameRange: Range<Int> { Int(nameStart)..<Int(nameEnd) }
        /// Without the white space around it.
        package var valueRange: Range<Int> { Int(valueStart)..<Int(valueEnd) }
    }

    package internal(set) var bytes: [UInt8]
    package internal(set) var method: Method
    /// The path as sent, percent signs and all; empty for the `*` of OPTIONS and for an absolute form without path.
    package internal(set) var path: Range<Int>
    /// What stands behind `?`; nil when there is none.
    package internal(set) var query: Range<Int>?
    /// OPTIONS `*`.
    package internal(set) var isAsterisk: Bool
    package internal(set) var fields: [Field]
    /// HTTP/1.0: no chunks, no 100, closes unless asked not to.
    package internal(set) var isOld: Bool
    /// Bytes of the body as `Content-Length` says; nil when chunked or absent (then there is none).
    package internal(set) var contentLength: Int?
    package internal(set) var isChunked: Bool
    /// The connection may serve another request after this one.
    package internal(set) var keepsAlive: Bool
    /// `Expect: 100-continue`, and there is a body: the caller sends `ResponseWriter.goOn` or a final answer first.
    package internal(set) var expectsContinue: Bool

    /// Whether a body follows the head.
    package var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }

    /// The value of a field that may stand once; the first when it stands more often.
    package func value(_ name: FieldName) -> Range<Int>? {
        for field in fields where field.name == name { return field.valueRange }
        return nil
    }

    package func count(_ name: FieldName) -> Int {
        var count = 0
        for field in fields where field.name == name { count += 1 }
        return count
    }

    /// The value as text; bytes above 0x7f are read as Latin-1, so that each stays one character.
    package func text(_ name: FieldName) -> String? {
        value(name).map { text(in: $0) }
    }

    /// A list-valued field as one text, its occurrences joined by commas (RFC 9110 §5.3).
    package func list(_ name: FieldName) -> String? {
        var joined: String?
        for field in fields where field.name == name {
            joined = joined.map { $0 + ", " + text(in: field.valueRange) } ?? text(in: field.valueRange)
        }
        return joined
    }

    package func text(in range: Range<Int>) -> String {
        if bytes[range].allSatisfy({ $0 < 0x80 }) { return String(decoding: bytes[range], as: UTF8.self) }
        var text = ""
        for byte in bytes[range] { text.unicodeScalars.append(Unicode.Scalar(byte)) }
        return text
    }
}

/// A whole request.
package struct HTTPRequest: Sendable {
    package var head: RequestHead
    package var body: [UInt8]

    package init(head: RequestHead, body: [UInt8]) {
        self.head = head
        self.body = body
    }
}

/// What may stand where, as bit sets over ASCII.
enum CharacterSets {
    /// tchar (RFC 9110 §5.6.2).
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool { holds(byte, 0x3ff_6cfa_0000_0000, 0x57ff_ffff_c7ff_fffe) }

    /// What a path may hold (RFC 3986), `%` and `/` among it.
    @inline(__always)
    static func isPath(_ byte: UInt8) -> Bool { holds(byte, 0x2fff_fff2_0000_0000, 0x47ff_fffe_87ff_ffff) }

    /// Any visible character but `#`: FHIR clients send `|` as it is.
    @inline(__always)
    static func isQuery(_ byte: UInt8) -> Bool { holds(byte, 0xffff_fff6_0000_0000, 0x7fff_ffff_ffff_ffff) }

    /// reg-name (RFC 3986 §3.2.2).
    @inline(__always)
    static func isHost(_ byte: UInt8) -> Bool { holds(byte, 0x2bff_7ff2_0000_0000, 0x47ff_fffe_87ff_fffe) }

    @inline(__always)
    private static func holds(_ byte: UInt8, _ low: UInt64, _ high: UInt64) -> Bool {
        byte < 64 ? (low >> UInt64(byte)) & 1 == 1 : byte < 128 && (high >> UInt64(byte - 64)) & 1 == 1
    }

    @inline(__always)
    static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    /// A visible character or a space, a tab, or obs-text: what a field value may hold (RFC 9110 §5.5).
    @inline(__always)
    static func isFieldContent(_ byte: UInt8) -> Bool { byte >= 0x20 ? byte != 0x7f : byte == 0x09 }
}
