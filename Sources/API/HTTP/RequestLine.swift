import Records

/// The request line (RFC 9112 §3): method, target and version with one space between.
enum RequestLine {
    static let malformed = Problem(.malformedRequest, "Begin with: METHOD SP target SP HTTP/1.1 CR LF.")

    static func parts(
        _ bytes: [UInt8], _ line: Range<Int>
    ) throws(Problem) -> (method: Range<Int>, target: Range<Int>, version: Range<Int>) {
        var spaces = (0, 0)
        var count = 0
        var at = line.lowerBound
        while at < line.upperBound {
            if bytes[at] == 0x20 {
                if count == 0 { spaces.0 = at }
                if count == 1 { spaces.1 = at }
                count += 1
            } else if bytes[at] < 0x21 || bytes[at] > 0x7e {
                throw malformed
            }
            at += 1
        }
        guard count == 2, spaces.0 > line.lowerBound, spaces.1 > spaces.0 + 1, spaces.1 + 1 < line.upperBound else {
            throw malformed
        }
        return (line.lowerBound..<spaces.0, (spaces.0 + 1)..<spaces.1, (spaces.1 + 1)..<line.upperBound)
    }

    static func method(_ bytes: [UInt8], _ range: Range<Int>) throws(Problem) -> Method {
        switch (range.count, bytes[range.lowerBound]) {
        case (3, 0x47) where spells(bytes, range, "GET"): return .get
        case (4, 0x50) where spells(bytes, range, "POST"): return .post
        case (4, 0x48) where spells(bytes, range, "HEAD"): return .head
        default: break
        }
        for method in Method.allCases where spells(bytes, range, method.rawValue) { return method }
        for byte in bytes[range] where !CharacterSets.isToken(byte) { throw malformed }
        throw Problem(.notImplemented, "Use GET, HEAD, POST or OPTIONS.")
    }

    /// Whether the version is HTTP/1.0; any other minor version is 1.1 to us (RFC 9110 §2.5).
    static func isOld(_ bytes: [UInt8], _ range: Range<Int>) throws(Problem) -> Bool {
        guard range.count == 8, spells(bytes, range.lowerBound..<(range.lowerBound + 5), "HTTP/"),
            isDigit(bytes[range.lowerBound + 5]), bytes[range.lowerBound + 6] == 0x2e,
            isDigit(bytes[range.lowerBound + 7])
        else { throw malformed }
        guard bytes[range.lowerBound + 5] == 0x31 else {
            throw Problem(.httpVersion, "Speak HTTP/1.1.")
        }
        return bytes[range.lowerBound + 7] == 0x30
    }

    static func spells(_ bytes: [UInt8], _ range: Range<Int>, _ word: String) -> Bool {
        let word = word.utf8
        guard range.count == word.count else { return false }
        var at = range.lowerBound
        for byte in word {
            if bytes[at] != byte { return false }
            at += 1
        }
        return true
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}

/// A request target (RFC 9112 §3.2): origin-form, absolute-form, or the `*` of OPTIONS.
struct RequestTarget: Sendable {
    var path = 0..<0
    var query: Range<Int>?
    var isAsterisk = false

    static let malformed = Problem(.badTarget, "Send a path such as /v1/events, percent-encoded.")

    static func read(_ bytes: [UInt8], _ range: Range<Int>, method: Method) throws(Problem) -> RequestTarget {
        var target = RequestTarget()
        var at = range.lowerBound
        if bytes[at] == 0x2a, range.count == 1 {
            guard method == .options else { throw malformed }
            target.isAsterisk = true
            target.path = at..<at
            return target
        }
        if bytes[at] != 0x2f { at = try passAuthority(bytes, range) }
        var end = at
        while end < range.upperBound, bytes[end] != 0x3f {
            guard CharacterSets.isPath(bytes[end]) else { throw malformed }
            end += 1
        }
        target.path = at..<end
        guard end < range.upperBound else { return target }
        for byte in bytes[(end + 1)..<range.upperBound] where !CharacterSets.isQuery(byte) { throw malformed }
        target.query = (end + 1)..<range.upperBound
        return target
    }

    /// Where the path begins behind `http://authority` or `https://authority`. The authority takes the place of Host;
    /// we have one host, so it need only be well formed.
    private static func passAuthority(_ bytes: [UInt8], _ range: Range<Int>) throws(Problem) -> Int {
        var at = range.lowerBound
        func pass(_ word: String) -> Bool {
            guard range.upperBound - at >= word.utf8.count else { return false }
            var from = at
            for byte in word.utf8 {
                let found = bytes[from]
                guard (found >= 0x41 && found <= 0x5a ? found | 0x20 : found) == byte else { return false }
                from += 1
            }
            at = from
            return true
        }
        guard pass("https://") || pass("http://") else { throw malformed }
        let first = at
        while at < range.upperBound, bytes[at] != 0x2f, bytes[at] != 0x3f { at += 1 }
        guard HeadRules.isAuthority(bytes, first..<at) else { throw malformed }
        return at
    }

    mutating func shift(by start: Int) {
        path = (path.lowerBound - start)..<(path.upperBound - start)
        if let range = query { query = (range.lowerBound - start)..<(range.upperBound - start) }
    }
}
