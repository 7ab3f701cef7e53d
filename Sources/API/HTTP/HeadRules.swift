import Records

/// The rules that hold between a head's fields.
enum HeadRules {
    /// Exactly one valid Host in HTTP/1.1, at most one in 1.0 (RFC 9112 §3.2).
    static func host(_ head: RequestHead) throws(Problem) {
        let count = head.count(.host)
        if count == 0, head.isOld { return }
        guard count == 1, let range = head.value(.host), isAuthority(head.bytes, range) else {
            throw Problem(.badHost, "Send exactly one Host header that names host and port.")
        }
    }

    /// host [":" port] without user information; the host may not be empty.
    static func isAuthority(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        var at = range.lowerBound
        let end = range.upperBound
        guard at < end else { return false }
        if bytes[at] == 0x5b {
            at += 1
            let first = at
            while at < end, bytes[at] != 0x5d {
                guard CharacterSets.hexDigit(bytes[at]) != nil || bytes[at] == 0x3a || bytes[at] == 0x2e else {
                    return false
                }
                at += 1
            }
            guard at < end, at >= first + 2 else { return false }
            at += 1
        } else {
            let first = at
            while at < end, CharacterSets.isHost(bytes[at]) {
                if bytes[at] == 0x25 {
                    guard at + 2 < end, CharacterSets.hexDigit(bytes[at + 1]) != nil,
                        CharacterSets.hexDigit(bytes[at + 2]) != nil
                    else { return false }
                }
                at += 1
            }
            guard at > first else { return false }
        }
        guard at < end else { return true }
        guard bytes[at] == 0x3a, end - at <= 6 else { return false }
        var port = 0
        for byte in bytes[(at + 1)..<end] {
            guard RequestLine.isDigit(byte) else { return false }
            port = port * 10 + Int(byte - 0x30)
        }
        return port <= 65_535
    }

    /// How long the body is (RFC 9112 §6). Content-Length beside Transfer-Encoding, twice, as a list or as anything
    /// but digits is refused, and of transfer codings there is `chunked` alone.
    static func framing(_ head: inout RequestHead) throws(Problem) {
        let lengths = head.count(.contentLength)
        let codings = head.count(.transferEncoding)
        if codings > 0 {
            guard lengths == 0, !head.isOld else {
                throw Problem(.badFraming, "Send either Content-Length or Transfer-Encoding, the latter in HTTP/1.1.")
            }
            try transferCoding(head, occurrences: codings)
            head.isChunked = true
        }
        guard lengths > 0 else { return }
        guard lengths == 1, let range = head.value(.contentLength), (1...16).contains(range.count) else {
            throw badLength
        }
        var length = 0
        for byte in head.bytes[range] {
            guard RequestLine.isDigit(byte) else { throw badLength }
            length = length * 10 + Int(byte - 0x30)
        }
        guard length <= 1 << 53 else { throw badLength }
        head.contentLength = length
    }

    private static let badLength = Problem(.badFraming, "Send one Content-Length of decimal digits.")

    private static func transferCoding(_ head: RequestHead, occurrences: Int) throws(Problem) {
        let codings = (head.list(.transferEncoding) ?? "").split(separator: ",", omittingEmptySubsequences: false)
            .map { Texts.trimmed($0).lowercased() }
        guard codings.last == "chunked", codings.filter({ $0 == "chunked" }).count == 1,
            !codings.contains("")
        else {
            throw Problem(.badFraming, "Send the body with Content-Length, or with Transfer-Encoding: chunked.")
        }
        guard codings.count == 1, occurrences == 1 else {
            throw Problem(.notImplemented, "Send no transfer coding but chunked.")
        }
    }

    static func connection(_ head: inout RequestHead) {
        guard head.count(.connection) > 0 else { return }
        let options = (head.list(.connection) ?? "").split(separator: ",").map { Texts.trimmed($0).lowercased() }
        if options.contains("close") {
            head.keepsAlive = false
        } else if options.contains("keep-alive") {
            head.keepsAlive = true
        }
    }

    /// `100-continue` is the one expectation there is (RFC 9110 §10.1.1).
    static func expectation(_ head: inout RequestHead) throws(Problem) {
        guard head.count(.expect) > 0, !head.isOld else { return }
        guard Texts.trimmed(Substring(head.list(.expect) ?? "")).lowercased() == "100-continue" else {
            throw Problem(.expectationUnknown, "Expect nothing but 100-continue.")
        }
        head.expectsContinue = head.hasBody
    }
}

/// Small words on small texts.
enum Texts {
    /// Without spaces and tabs at either end.
    static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.utf8.first, first == 0x20 || first == 0x09 { text = text.dropFirst() }
        while let last = text.utf8.last, last == 0x20 || last == 0x09 { text = text.dropLast() }
        return text
    }
}
