/// Messages of known length in a stream of bytes: a length of four bytes, the lowest first, then so many bytes.
struct LengthFrames {
    /// What came and was not taken yet, from `start` on. Whoever receives adds to its end.
    var buffer: [UInt8] = []
    private var start = 0

    enum Step: Equatable {
        case needsMore
        case frame([UInt8])
        /// It says that it is longer than allowed: the connection has no meaning any more.
        case tooLong
    }

    /// The next message, of at most `limit` bytes.
    mutating func next(atMost limit: Int) -> Step {
        let waiting = buffer.count - start
        guard waiting >= 4 else {
            compact()
            return .needsMore
        }
        var length = 0
        for offset in 0..<4 { length |= Int(buffer[start + offset]) << (8 * offset) }
        guard length <= limit else { return .tooLong }
        guard waiting >= 4 + length else {
            compact()
            return .needsMore
        }
        let frame = Array(buffer[(start + 4)..<(start + 4 + length)])
        start += 4 + length
        return .frame(frame)
    }

    /// Bytes that wait for the rest of their message.
    var waitingBytes: Int { buffer.count - start }

    private mutating func compact() {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 1 << 20)
            start = 0
        } else if start > 1 << 16 {
            buffer.removeFirst(start)
            start = 0
        }
    }

    /// Adds a message, its length before it.
    static func append(_ message: [UInt8], onto out: inout [UInt8]) {
        precondition(message.count <= Int(UInt32.max))
        out.reserveCapacity(out.count + 4 + message.count)
        appendLength(message.count, onto: &out)
        out.append(contentsOf: message)
    }

    static func appendLength(_ count: Int, onto out: inout [UInt8]) {
        for offset in 0..<4 { out.append(UInt8(truncatingIfNeeded: count >> (8 * offset))) }
    }
}
