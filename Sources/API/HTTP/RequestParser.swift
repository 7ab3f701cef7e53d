package import Records

/// The bounds a request is held to; the server's configuration may set others.
package struct RequestLimits: Sendable {
    /// Longest target in bytes, else 414.
    package var targetBytesMax = 8192
    /// Longest head in bytes, else 431.
    package var headBytesMax = 65_536
    /// Most header fields, else 431.
    package var fieldsMax = 100
    /// Longest body in bytes, chunk framing aside, until `allowBody(atMost:)` says otherwise; else 413.
    package var bodyBytesMax = 16 << 20
    /// Most bytes of chunk extensions and of trailers in one request, else 400.
    package var chunkExtensionBytesMax = 4096
    package var trailerBytesMax = 8192

    package init() {}
}

/// Bytes of one connection in, requests out: HTTP/1.1 and 1.0 after RFC 9110 and 9112, read strictly.
///
/// Where the RFCs allow leniency this takes none: two readers who repair a message differently are how requests are
/// smuggled. After a failure nothing more is read from the connection (RFC 9112 §9.3: replies in request order, and
/// what follows a framing error has no meaning), so every `.failed` closes.
///
/// Bytes behind a request stay in the buffer until `next()` is called after its `.end`: the caller answers first.
/// The same steps come whatever the pieces in which the bytes were fed.
package struct RequestParser: Sendable {
    package enum Step: Sendable {
        /// Nothing can be said until more bytes are fed.
        case needsMore
        case head(RequestHead)
        /// Part of the body, as a range of `buffer`; stands until the next call of `feed` or `next`.
        case body(Range<Int>)
        case end
        /// The connection is beyond repair: answer this and close.
        case failed(Problem)
    }

    enum Phase: Sendable {
        case between
        case fields
        case length(left: Int)
        case chunkSize
        case chunk(left: Int)
        case chunkEnd
        case trailers
        case ending
        case failed(Problem)
    }

    /// The bytes not yet passed on, from `start`.
    package internal(set) var buffer: [UInt8] = []
    var start = 0
    /// Where the search for the next line end goes on.
    var scanned = 0
    var phase = Phase.between
    let limits: RequestLimits
    var bodyMax: Int
    var bodyTaken = 0
    var extensionBytes = 0
    var trailerBytes = 0
    var trailerCount = 0
    var emptyLines = 0
    var draft = HeadDraft()

    package init(limits: RequestLimits = RequestLimits()) {
        self.limits = limits
        bodyMax = limits.bodyBytesMax
    }

    /// Bytes that were fed and not yet used. A caller stops reading its socket while this is large.
    package var buffered: Int { buffer.count - start }

    /// True before the first byte of a request: a connection may be closed here without a word (no 408).
    package var isBetweenRequests: Bool {
        if case .between = phase { buffered == 0 } else { false }
    }

    package mutating func feed(_ bytes: [UInt8]) { feed(bytes, in: 0..<bytes.count) }

    package mutating func feed(_ bytes: [UInt8], in range: Range<Int>) {
        compact()
        buffer.append(contentsOf: bytes[range])
    }

    /// Sets the longest body of the request whose head was just given.
    /// - Returns: the refusal (413) when its Content-Length is already beyond; the connection closes after it.
    package mutating func allowBody(atMost limit: Int) -> Problem? {
        bodyMax = limit
        guard case .length(let left) = phase, left > limit else { return nil }
        let problem = Self.tooLarge(limit)
        phase = .failed(problem)
        return problem
    }

    /// What the bytes fed so far say next.
    package mutating func next() -> Step {
        do throws(Problem) {
            while true {
                switch phase {
                case .between, .fields:
                    guard let line = try headLine() else { return .needsMore }
                    if let head = try readHead(line) { return .head(head) }
                case .length(let left):
                    guard left > 0 else {
                        phase = .ending
                        continue
                    }
                    guard let part = take(atMost: left) else { return .needsMore }
                    phase = .length(left: left - part.count)
                    return .body(part)
                case .chunkSize:
                    guard let line = try line(max: 32 + limits.chunkExtensionBytesMax, .badFraming) else {
                        return .needsMore
                    }
                    try readChunkSize(line)
                case .chunk(let left):
                    guard left > 0 else {
                        phase = .chunkEnd
                        continue
                    }
                    guard let part = take(atMost: left) else { return .needsMore }
                    phase = .chunk(left: left - part.count)
                    return .body(part)
                case .chunkEnd:
                    guard try passChunkEnd() else { return .needsMore }
                    phase = .chunkSize
                case .trailers:
                    guard let line = try line(max: limits.trailerBytesMax, .headersTooLarge) else { return .needsMore }
                    try readTrailer(line)
                case .ending:
                    phase = .between
                    return .end
                case .failed(let problem):
                    return .failed(problem)
                }
            }
        } catch {
            phase = .failed(error)
            buffer = []
            start = 0
            return .failed(error)
        }
    }

    /// Drops what was used. Offsets into `buffer` move, so this happens only when new bytes come.
    private mutating func compact() {
        guard start > 0 else { return }
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 1 << 17)
        } else {
            buffer.removeFirst(start)
        }
        scanned -= start
        start = 0
    }

    private mutating func take(atMost count: Int) -> Range<Int>? {
        guard start < buffer.count else { return nil }
        let part = start..<min(start + count, buffer.count)
        start = part.upperBound
        scanned = start
        return part
    }

    static func tooLarge(_ limit: Int) -> Problem {
        Problem(.tooLarge, "Send a smaller body, or split the batch.", [.limit(limit)])
    }
}

extension RequestParser {
    /// The next line up to its CRLF, which is passed over; nil while its end has not come. A bare LF, a bare CR and a
    /// line longer than `max` are refused.
    mutating func line(max: Int, _ tooLong: ProblemKind) throws(Problem) -> Range<Int>? {
        guard let end = lineEnd() else {
            // One more than max may be the CR of a line of just that length.
            guard buffer.count - start <= max + 1 else {
                throw Problem(tooLong, "Send a shorter line.", [.limit(max)])
            }
            return nil
        }
        // Length first: byte by byte a line is too long before its end comes, and says so.
        guard end - start <= max + 1 else { throw Problem(tooLong, "Send a shorter line.", [.limit(max)]) }
        guard end > start, buffer[end - 1] == 0x0d else { throw Self.bareLineFeed }
        let line = start..<(end - 1)
        start = end + 1
        scanned = start
        return line
    }

    /// Where the next LF stands, looked for from where the last search ended.
    mutating func lineEnd() -> Int? {
        let bytes = buffer
        let count = bytes.count
        var at = scanned
        while at < count {
            if bytes[at] == 0x0a { return at }
            at += 1
        }
        scanned = count
        return nil
    }

    static let bareLineFeed = Problem(.badFraming, "End each line with CR LF; a bare LF is refused.")

    // MARK: chunks (RFC 9112 §7.1)

    mutating func readChunkSize(_ line: Range<Int>) throws(Problem) {
        var at = line.lowerBound
        var size = 0
        while at < line.upperBound, let digit = CharacterSets.hexDigit(buffer[at]) {
            guard at - line.lowerBound < 13 else { throw Self.badChunk }
            size = size << 4 | Int(digit)
            at += 1
        }
        guard at > line.lowerBound else { throw Self.badChunk }
        extensionBytes += line.upperBound - at
        guard extensionBytes <= limits.chunkExtensionBytesMax else {
            throw Problem(.badFraming, "Send fewer bytes of chunk extensions.", [.limit(limits.chunkExtensionBytesMax)])
        }
        guard ChunkExtensions.areValid(buffer, in: at..<line.upperBound) else { throw Self.badChunk }
        guard size <= bodyMax - bodyTaken else { throw Self.tooLarge(bodyMax) }
        bodyTaken += size
        phase = size == 0 ? .trailers : .chunk(left: size)
    }

    /// The CRLF behind a chunk's bytes; false while it has not come.
    mutating func passChunkEnd() throws(Problem) -> Bool {
        guard start < buffer.count else { return false }
        guard buffer[start] == 0x0d else { throw Self.badChunk }
        guard start + 1 < buffer.count else { return false }
        guard buffer[start + 1] == 0x0a else { throw Self.badChunk }
        start += 2
        scanned = start
        return true
    }

    /// Trailer fields are checked like header fields and dropped: merged into the headers they would be a way to say
    /// afterwards what was refused before.
    mutating func readTrailer(_ line: Range<Int>) throws(Problem) {
        guard !line.isEmpty else {
            phase = .ending
            return
        }
        trailerBytes += line.count + 2
        trailerCount += 1
        guard trailerBytes <= limits.trailerBytesMax, trailerCount <= limits.fieldsMax else {
            throw Problem(.headersTooLarge, "Send fewer or shorter trailer fields.", [.limit(limits.trailerBytesMax)])
        }
        _ = try FieldLine.read(&buffer, line)
    }

    static let badChunk = Problem(.badFraming, "Send each chunk as its size in hexadecimal, CR LF, its bytes, CR LF.")
}

/// chunk-ext (RFC 9112 §7.1.1): names and values are tokens or quoted strings; what they say is ignored.
enum ChunkExtensions {
    static func areValid(_ bytes: [UInt8], in range: Range<Int>) -> Bool {
        var at = range.lowerBound
        let end = range.upperBound
        func skipBlank() { while at < end, bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 } }
        func token() -> Bool {
            let first = at
            while at < end, CharacterSets.isToken(bytes[at]) { at += 1 }
            return at > first
        }
        func quoted() -> Bool {
            at += 1
            while at < end {
                let byte = bytes[at]
                guard CharacterSets.isFieldContent(byte) else { return false }
                at += 1
                if byte == 0x22 { return true }
                if byte == 0x5c {
                    guard at < end, CharacterSets.isFieldContent(bytes[at]) else { return false }
                    at += 1
                }
            }
            return false
        }
        while at < end {
            skipBlank()
            guard at < end, bytes[at] == 0x3b else { return false }
            at += 1
            skipBlank()
            guard token() else { return false }
            let afterName = at
            skipBlank()
            if at < end, bytes[at] == 0x3d {
                at += 1
                skipBlank()
                guard at < end else { return false }
                guard bytes[at] == 0x22 ? quoted() : token() else { return false }
            } else {
                at = afterName
            }
        }
        return true
    }
}
