/// A reply's status and fields.
package struct ClientResponse: Sendable {
    package var status: Int
    /// Names in lower case, in the order they came.
    package var fields: [(name: String, value: String)]
    /// The whole body; empty when it was streamed.
    package var body: [UInt8]

    package func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }
}

/// Bytes of one connection in, replies out (RFC 9112). Interim replies are passed over.
package struct ResponseParser: Sendable {
    package enum Step: Sendable {
        case needsMore
        case head(ClientResponse)
        /// Part of the body.
        case body([UInt8])
        case end
    }

    private enum Phase {
        case head
        case length(left: Int)
        case chunkSize
        case chunk(left: Int)
        case chunkEnd
        case trailers
        case untilClose
        case ending
    }

    private var buffer: [UInt8] = []
    private var start = 0
    private var phase = Phase.head
    /// Of the replies to come, the oldest first: whether its request was a HEAD, whose reply has no body.
    private var expected: [Bool] = []
    /// The connection ends after the reply that is being read.
    package private(set) var closes = false

    package init() {}

    /// A request went out; `isHead` when it was a HEAD.
    package mutating func expects(isHead: Bool) { expected.append(isHead) }

    /// True when nothing of the next reply has been read.
    package var isBetweenReplies: Bool {
        if case .head = phase { return start == buffer.count }
        return false
    }

    package mutating func feed(_ bytes: [UInt8]) {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 1 << 17)
            start = 0
        } else if start > 1 << 16 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The connection has ended in peace.
    /// - Returns: true when that was the end of the body.
    package mutating func ended() -> Bool {
        guard case .untilClose = phase else { return false }
        phase = .ending
        return true
    }

    package mutating func next() throws(ClientError) -> Step {
        while true {
            switch phase {
            case .head:
                guard let head = try readHead() else { return .needsMore }
                if head.status >= 200 { return .head(head) }
            case .length(let left):
                guard left == 0 else {
                    guard let piece = take(atMost: left) else { return .needsMore }
                    phase = .length(left: left - piece.count)
                    return .body(piece)
                }
                phase = .ending
            case .chunkSize:
                guard let line = try line() else { return .needsMore }
                let digits = buffer[line].prefix { $0 != 0x3b && $0 != 0x20 }
                guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0 else {
                    throw .badReply
                }
                phase = size == 0 ? .trailers : .chunk(left: size)
            case .chunk(let left):
                guard left == 0 else {
                    guard let piece = take(atMost: left) else { return .needsMore }
                    phase = .chunk(left: left - piece.count)
                    return .body(piece)
                }
                phase = .chunkEnd
            case .chunkEnd:
                guard let line = try line() else { return .needsMore }
                guard line.isEmpty else { throw .badReply }
                phase = .chunkSize
            case .trailers:
                guard let line = try line() else { return .needsMore }
                if line.isEmpty { phase = .ending }
            case .untilClose:
                guard let piece = take(atMost: Int.max) else { return .needsMore }
                return .body(piece)
            case .ending:
                phase = .head
                return .end
            }
        }
    }

    private mutating func take(atMost count: Int) -> [UInt8]? {
        guard start < buffer.count else { return nil }
        let end = count < buffer.count - start ? start + count : buffer.count
        let piece = Array(buffer[start..<end])
        start = end
        return piece
    }

    /// The next line without its CRLF; nil while its end has not come.
    private mutating func line() throws(ClientError) -> Range<Int>? {
        guard let end = buffer[start...].firstIndex(of: 0x0a) else {
            guard buffer.count - start < 1 << 16 else { throw .badReply }
            return nil
        }
        guard end > start, buffer[end - 1] == 0x0d else { throw .badReply }
        let line = start..<(end - 1)
        start = end + 1
        return line
    }

    private mutating func readHead() throws(ClientError) -> ClientResponse? {
        let before = start
        guard let first = try line() else { return nil }
        let status = Array(buffer[first])
        guard status.count >= 12, status.starts(with: "HTTP/1.".utf8), status[8] == 0x20,
            let code = Int(String(decoding: status[9..<12], as: UTF8.self)), (100...599).contains(code)
        else { throw .badReply }
        var response = ClientResponse(status: code, fields: [], body: [])
        var length: Int?
        var isChunked = false
        closes = status[7] == 0x30
        while true {
            guard let line = try line() else {
                start = before
                return nil
            }
            if line.isEmpty { break }
            guard let colon = buffer[line].firstIndex(of: 0x3a), response.fields.count < 200 else { throw .badReply }
            let name = String(decoding: buffer[line.lowerBound..<colon].map(Self.lowered), as: UTF8.self)
            let value = Self.trimmed(buffer[(colon + 1)..<line.upperBound])
            switch name {
            case "content-length":
                guard let count = Int(value), count >= 0 else { throw .badReply }
                length = count
            case "transfer-encoding":
                guard value == "chunked" else { throw .badReply }
                isChunked = true
            case "connection": closes = value.lowercased() == "close" || closes
            default: break
            }
            response.fields.append((name, value))
        }
        guard code >= 200 else { return response }
        let isHead = expected.isEmpty ? false : expected.removeFirst()
        if isHead || code == 204 || code == 304 {
            phase = .ending
        } else if isChunked {
            phase = .chunkSize
        } else if let length {
            phase = .length(left: length)
        } else {
            phase = .untilClose
        }
        return response
    }

    private static func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> String {
        var rest = bytes
        while let first = rest.first, first == 0x20 || first == 0x09 { rest.removeFirst() }
        while let last = rest.last, last == 0x20 || last == 0x09 { rest.removeLast() }
        return String(decoding: rest, as: UTF8.self)
    }
}
