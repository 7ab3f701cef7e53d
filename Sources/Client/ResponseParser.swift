/// A reply's status and fields.
package struct ClientResponse: Sendable {
    package var status: Int
    /// The whole body; empty when it was streamed.
    package var body: [UInt8] = []
    /// The lines of the fields, names in lower case. Most of them nobody asks for, so no text is made of them before.
    private let head: [UInt8]
    private let places: [Place]

    /// Where a field stands in its head.
    struct Place: Sendable {
        var name: Range<Int>
        var value: Range<Int>
    }

    init(status: Int, head: [UInt8], places: [Place]) {
        self.status = status
        self.head = head
        self.places = places
    }

    /// The same without its body.
    init(headOf response: ClientResponse) {
        self = response
        body = []
    }

    /// Names in lower case, in the order they came.
    package var fields: [(name: String, value: String)] { places.map { (text($0.name), text($0.value)) } }

    package func field(_ name: String) -> String? {
        places.first { head[$0.name].elementsEqual(name.utf8) }.map { text($0.value) }
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: head[range], as: UTF8.self) }
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
        var end = start
        while end < buffer.count, buffer[end] != 0x0a { end += 1 }
        guard end < buffer.count else {
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
        let at = first.lowerBound
        guard first.count >= 12, buffer[at..<(at + 7)].elementsEqual("HTTP/1.".utf8), buffer[at + 8] == 0x20,
            let code = Int(String(decoding: buffer[(at + 9)..<(at + 12)], as: UTF8.self)), (100...599).contains(code)
        else { throw .badReply }
        let headStart = start
        var places: [ClientResponse.Place] = []
        places.reserveCapacity(12)
        var length: Int?
        var isChunked = false
        closes = buffer[at + 7] == 0x30
        while true {
            guard let line = try line() else {
                start = before
                return nil
            }
            if line.isEmpty { break }
            guard let colon = lowered(line), places.count < 200 else { throw .badReply }
            let name = line.lowerBound..<colon
            let value = trimmed((colon + 1)..<line.upperBound)
            if isNamed(name, "content-length") {
                guard let count = Int(text(value)), count >= 0 else { throw .badReply }
                length = count
            } else if isNamed(name, "transfer-encoding") {
                guard text(value) == "chunked" else { throw .badReply }
                isChunked = true
            } else if isNamed(name, "connection") {
                closes = text(value).lowercased() == "close" || closes
            }
            places.append(ClientResponse.Place(name: name, value: value).shifted(by: headStart))
        }
        let response = ClientResponse(status: code, head: Array(buffer[headStart..<start]), places: places)
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

    /// Puts the name of a field's line into lower case where it stands; the place of the colon after it.
    private mutating func lowered(_ line: Range<Int>) -> Int? {
        for at in line {
            let byte = buffer[at]
            if byte == 0x3a { return at }
            if byte >= 0x41, byte <= 0x5a { buffer[at] = byte | 0x20 }
        }
        return nil
    }

    private func isNamed(_ range: Range<Int>, _ name: String) -> Bool {
        range.count == name.utf8.count && buffer[range].elementsEqual(name.utf8)
    }

    private func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (first, end) = (range.lowerBound, range.upperBound)
        while first < end, buffer[first] == 0x20 || buffer[first] == 0x09 { first += 1 }
        while first < end, buffer[end - 1] == 0x20 || buffer[end - 1] == 0x09 { end -= 1 }
        return first..<end
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: buffer[range], as: UTF8.self) }
}

extension ClientResponse.Place {
    fileprivate func shifted(by start: Int) -> ClientResponse.Place {
        ClientResponse.Place(
            name: (name.lowerBound - start)..<(name.upperBound - start),
            value: (value.lowerBound - start)..<(value.upperBound - start))
    }
}
