package import Records

/// Follows the bytes of an answer that another replica renders, so that one that breaks off can be ended as what it is:
/// with a line that says why, and never so that it looks whole.
///
/// Only a chunked list of lines or events can be ended so, and only between two chunks; any other answer that is cut
/// shows it by its framing.
package struct AnswerTail {
    private enum Place: Equatable {
        case head
        /// Between two chunks.
        case between
        /// In the line that says how long the next chunk is.
        case size(Int)
        case data(left: Int)
        /// In the line end after a chunk.
        case lineEnd(left: Int)
        /// Nothing can be added.
        case closed
    }

    private static let headBytesMax = 1 << 16
    private static let chunkBytesMax = 1 << 40

    private var place = Place.head
    private var head: [UInt8] = []
    private var lastByte: UInt8 = 0x0a
    private var format: EventsFormat?
    private var requestID = ""

    package init() {}

    /// These bytes went to the client.
    package mutating func passed(_ bytes: [UInt8]) {
        var at = 0
        while at < bytes.count {
            switch place {
            case .closed: return
            case .head:
                head.append(bytes[at])
                at += 1
                if head.count >= 4, head.suffix(4).elementsEqual([13, 10, 13, 10]) { readHead() }
                if head.count > Self.headBytesMax { place = .closed }
            case .between:
                place = .size(0)
            case .size(let size):
                place = Self.after(bytes[at], of: size)
                at += 1
            case .data(let left):
                let taken = min(left, bytes.count - at)
                at += taken
                lastByte = bytes[at - 1]
                place = taken == left ? .lineEnd(left: 2) : .data(left: left - taken)
            case .lineEnd(let left):
                at += 1
                place = left == 1 ? .between : .lineEnd(left: left - 1)
            }
        }
    }

    /// The bytes that end the answer; nil when it can only be cut.
    package func ending(with problem: Problem) -> [UInt8]? {
        guard place == .between, lastByte == 0x0a, let format,
            let line = EventWriter.problem(problem, format, requestID: requestID)
        else { return nil }
        var out: [UInt8] = []
        ResponseWriter.chunk(line, onto: &out)
        ResponseWriter.lastChunk(onto: &out)
        return out
    }

    private mutating func readHead() {
        let fields = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        head = []
        func value(_ name: String) -> Substring? {
            fields.first { $0.hasPrefix(name + ": ") }?.dropFirst(name.utf8.count + 2)
        }
        switch value("Content-Type") {
        case "application/x-ndjson": format = .lines
        case "text/event-stream": format = .serverSent
        default: format = nil
        }
        requestID = value("X-Request-Id").map { String($0) } ?? ""
        place = format != nil && value("Transfer-Encoding") == "chunked" ? .between : .closed
    }

    /// After one more byte of the line that says how long a chunk is. A chunk of nothing is the end.
    private static func after(_ byte: UInt8, of size: Int) -> Place {
        switch byte {
        case 0x0a: return size == 0 ? .closed : .data(left: size)
        case 0x0d: return .size(size)
        default:
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, size < chunkBytesMax else {
                return .closed
            }
            return .size(size << 4 | digit)
        }
    }
}
