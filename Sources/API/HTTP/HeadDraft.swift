import Records

/// A head while its lines come in. Offsets count from the head's first byte.
struct HeadDraft: Sendable {
    var hasRequestLine = false
    var method = Method.get
    var target = RequestTarget()
    var isOld = false
    var fields: [RequestHead.Field] = []
    /// Bytes of the head's lines read so far, line ends included.
    var length = 0
}

extension RequestParser {
    /// The next line of the head, bounded by 414 while it is the request line and by 431 after. Lines of the head stay
    /// in the buffer until it is whole.
    mutating func headLine() throws(Problem) -> Range<Int>? {
        let from = start + draft.length
        scanned = max(scanned, from)
        // The target's limit, and room for the longest method, the version and spaces.
        let most =
            draft.hasRequestLine
            ? limits.headBytesMax - draft.length : min(limits.targetBytesMax + 64, limits.headBytesMax)
        guard let end = lineEnd() else {
            guard buffer.count - from <= most else { throw headTooLong }
            return nil
        }
        // Length first: byte by byte a line is too long before its end comes, and says so.
        guard end + 1 - from <= most else { throw headTooLong }
        guard end > from, buffer[end - 1] == 0x0d else { throw Self.bareLineFeed }
        scanned = end + 1
        draft.length += end + 1 - from
        return from..<(end - 1)
    }

    private var headTooLong: Problem {
        draft.hasRequestLine
            ? Problem(.headersTooLarge, "Send shorter header fields.", [.limit(limits.headBytesMax)])
            : Problem(
                .targetTooLong, "Send a shorter target; put search parameters into POST _search.",
                [.limit(limits.targetBytesMax)])
    }

    /// Reads one line of the head; its last, empty one gives the head.
    mutating func readHead(_ line: Range<Int>) throws(Problem) -> RequestHead? {
        if !draft.hasRequestLine {
            guard !line.isEmpty else {
                // RFC 9112 §2.2: ignore an empty line before the request line; one, not a flood.
                emptyLines += 1
                guard emptyLines <= 1 else { throw RequestLine.malformed }
                start += 2
                scanned = start
                draft.length = 0
                return nil
            }
            phase = .fields
            try readRequestLine(line)
            return nil
        }
        guard line.isEmpty else {
            guard draft.fields.count < limits.fieldsMax else {
                throw Problem(.headersTooLarge, "Send fewer header fields.", [.limit(limits.fieldsMax)])
            }
            var field = try FieldLine.read(&buffer, line)
            field.shift(by: start)
            draft.fields.append(field)
            return nil
        }
        let head = try finishHead()
        start += draft.length
        scanned = start
        draft = HeadDraft()
        draft.fields.reserveCapacity(16)
        emptyLines = 0
        bodyMax = limits.bodyBytesMax
        bodyTaken = 0
        extensionBytes = 0
        trailerBytes = 0
        trailerCount = 0
        phase = head.isChunked ? .chunkSize : .length(left: head.contentLength ?? 0)
        return head
    }

    private mutating func readRequestLine(_ line: Range<Int>) throws(Problem) {
        let parts = try RequestLine.parts(buffer, line)
        draft.method = try RequestLine.method(buffer, parts.method)
        guard parts.target.count <= limits.targetBytesMax else { throw headTooLong }
        draft.isOld = try RequestLine.isOld(buffer, parts.version)
        draft.target = try RequestTarget.read(buffer, parts.target, method: draft.method)
        draft.target.shift(by: start)
        draft.hasRequestLine = true
    }

    private mutating func finishHead() throws(Problem) -> RequestHead {
        var head = RequestHead(
            bytes: Array(buffer[start..<(start + draft.length)]), method: draft.method, path: draft.target.path,
            query: draft.target.query, isAsterisk: draft.target.isAsterisk, fields: draft.fields, isOld: draft.isOld,
            contentLength: nil, isChunked: false, keepsAlive: !draft.isOld, expectsContinue: false)
        try HeadRules.host(head)
        try HeadRules.framing(&head)
        HeadRules.connection(&head)
        try HeadRules.expectation(&head)
        if let length = head.contentLength, length > limits.bodyBytesMax { throw Self.tooLarge(limits.bodyBytesMax) }
        return head
    }
}

/// One header field line (RFC 9112 §5).
enum FieldLine {
    /// Offsets count as those of `line` do; the name is put into lower case in place.
    static func read(_ bytes: inout [UInt8], _ line: Range<Int>) throws(Problem) -> RequestHead.Field {
        let first = bytes[line.lowerBound]
        guard first != 0x20, first != 0x09 else {
            throw Problem(.badHeader, "Do not fold header lines.")
        }
        var at = line.lowerBound
        let end = line.upperBound
        while at < end {
            let byte = bytes[at]
            guard CharacterSets.isToken(byte) else { break }
            if byte >= 0x41, byte <= 0x5a { bytes[at] = byte | 0x20 }
            at += 1
        }
        let nameEnd = at
        guard nameEnd > line.lowerBound, at < end, bytes[at] == 0x3a else {
            throw Problem(.badHeader, "Write each header as a name, a colon right behind it, and a value.")
        }
        at += 1
        while at < end, bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 }
        let valueStart = at
        while at < end {
            guard CharacterSets.isFieldContent(bytes[at]) else {
                throw Problem(.badHeader, "Send no control characters in a header.")
            }
            at += 1
        }
        var valueEnd = end
        while valueEnd > valueStart, bytes[valueEnd - 1] == 0x20 || bytes[valueEnd - 1] == 0x09 { valueEnd -= 1 }
        return RequestHead.Field(
            name: FieldName.known(bytes, in: line.lowerBound..<nameEnd), nameStart: UInt32(line.lowerBound),
            nameEnd: UInt32(nameEnd), valueStart: UInt32(valueStart), valueEnd: UInt32(valueEnd))
    }
}

extension RequestHead.Field {
    /// Makes offsets into a buffer offsets into the head that begins at `start` there.
    fileprivate mutating func shift(by start: Int) {
        nameStart -= UInt32(start)
        nameEnd -= UInt32(start)
        valueStart -= UInt32(start)
        valueEnd -= UInt32(start)
    }
}
