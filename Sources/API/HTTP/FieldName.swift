/// The header fields that Chartlog reads; any other is `other` and found by its bytes.
package enum FieldName: String, CaseIterable, Sendable {
    case accept = "accept"
    case authorization = "authorization"
    case connection = "connection"
    case contentEncoding = "content-encoding"
    case contentLength = "content-length"
    case contentType = "content-type"
    case expect = "expect"
    case host = "host"
    case idempotencyKey = "idempotency-key"
    case ifMatch = "if-match"
    case ifModifiedSince = "if-modified-since"
    case ifNoneMatch = "if-none-match"
    case lastEventID = "last-event-id"
    case position = "chartlog-position"
    case onBehalfOf = "chartlog-on-behalf-of"
    case prefer = "prefer"
    case purposeOfUse = "x-purpose-of-use"
    case requestID = "x-request-id"
    case traceParent = "traceparent"
    case traceState = "tracestate"
    case transferEncoding = "transfer-encoding"
    case other = ""

    /// Known names by their length, so that a name is compared with two or three at most.
    private static let byLength: [[(FieldName, [UInt8])]] = {
        var table: [[(FieldName, [UInt8])]] = Array(repeating: [], count: 32)
        for name in allCases where name != .other {
            let bytes = Array(name.rawValue.utf8)
            table[bytes.count].append((name, bytes))
        }
        return table
    }()

    /// The field that a name in lower case stands for.
    static func known(_ bytes: [UInt8], in range: Range<Int>) -> FieldName {
        let table = byLength
        guard range.count < table.count else { return .other }
        for (name, spelling) in table[range.count] where equal(bytes, from: range.lowerBound, spelling) {
            return name
        }
        return .other
    }

    private static func equal(_ bytes: [UInt8], from start: Int, _ spelling: [UInt8]) -> Bool {
        var at = 0
        while at < spelling.count {
            if bytes[start + at] != spelling[at] { return false }
            at += 1
        }
        return true
    }
}
