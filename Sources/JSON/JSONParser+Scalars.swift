internal import Bytes

/// Strings and numbers of RFC 8259 sections 6 and 7.
extension JSONParser {
    /// `start` is at the opening quote; answers where the string ends, closing quote included, and whether it holds
    /// escapes.
    @inline(__always)
    static func string(
        _ text: Span<UInt8>, _ start: Int, _ end: Int
    ) throws(JSONError) -> (after: Int, escaped: Bool) {
        let at = JSONWord.plain(text, start + 1, end)
        if at < end, text[at] == 0x22 { return (at + 1, false) }
        return try longString(text, at, end)
    }

    private static func longString(
        _ text: Span<UInt8>, _ start: Int, _ end: Int
    ) throws(JSONError) -> (after: Int, escaped: Bool) {
        var at = start
        var escaped = false
        while at < end {
            let byte = text[at]
            switch byte {
            case 0x22: return (at + 1, escaped)
            case 0x5c:
                escaped = true
                at = try escape(text, at, end)
            case 0x00...0x1f: throw JSONError(.controlCharacter, at: at)
            case 0x80...: at = try sequence(text, at, end)
            default: at = JSONWord.plain(text, at + 1, end)
            }
        }
        throw JSONError(.unexpectedEnd, at: at)
    }

    private static func escape(_ text: Span<UInt8>, _ at: Int, _ end: Int) throws(JSONError) -> Int {
        guard at + 1 < end else { throw JSONError(.unexpectedEnd, at: end) }
        switch text[at + 1] {
        case 0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74: return at + 2
        case 0x75:
            let unit = try codeUnit(text, at + 2, end)
            switch unit {
            case 0xd800...0xdbff:
                guard at + 7 < end, text[at + 6] == 0x5c, text[at + 7] == 0x75 else {
                    throw JSONError(.loneSurrogate, at: at)
                }
                let low = try codeUnit(text, at + 8, end)
                guard (0xdc00...0xdfff).contains(low) else { throw JSONError(.loneSurrogate, at: at) }
                return at + 12
            case 0xdc00...0xdfff: throw JSONError(.loneSurrogate, at: at)
            default: return at + 6
            }
        default: throw JSONError(.badEscape, at: at)
        }
    }

    private static func codeUnit(_ text: Span<UInt8>, _ at: Int, _ end: Int) throws(JSONError) -> UInt32 {
        var unit: UInt32 = 0
        for index in at..<(at + 4) {
            guard index < end else { throw JSONError(.unexpectedEnd, at: end) }
            guard let digit = JSONName.hexDigit(text[index]) else { throw JSONError(.badEscape, at: index) }
            unit = unit << 4 | digit
        }
        return unit
    }

    /// One character of two to four bytes; the ranges of Unicode 15 table 3-7.
    private static func sequence(_ text: Span<UInt8>, _ at: Int, _ end: Int) throws(JSONError) -> Int {
        let first = text[at]
        let count: Int
        var second: ClosedRange<UInt8> = 0x80...0xbf
        switch first {
        case 0xc2...0xdf: count = 2
        case 0xe0: (count, second) = (3, 0xa0...0xbf)
        case 0xed: (count, second) = (3, 0x80...0x9f)
        case 0xe1...0xef: count = 3
        case 0xf0: (count, second) = (4, 0x90...0xbf)
        case 0xf4: (count, second) = (4, 0x80...0x8f)
        case 0xf1...0xf3: count = 4
        default: throw JSONError(.badUTF8, at: at)
        }
        guard at + count <= end, second.contains(text[at + 1]) else { throw JSONError(.badUTF8, at: at) }
        if count > 2 {
            for index in (at + 2)..<(at + count) {
                guard text[index] & 0xc0 == 0x80 else { throw JSONError(.badUTF8, at: at) }
            }
        }
        return at + count
    }

    /// `at` is at the minus or the first digit; answers where the number ends.
    static func number(_ text: Span<UInt8>, _ start: Int, _ end: Int) throws(JSONError) -> Int {
        var at = start
        if text[at] == 0x2d { at += 1 }
        guard at < end else { throw JSONError(.unexpectedEnd, at: at) }
        if text[at] == 0x30 {
            at += 1
            if at < end, isDigit(text[at]) { throw JSONError(.badNumber, at: at) }
        } else {
            at = try digits(text, at, end)
        }
        if at < end, text[at] == 0x2e { at = try digits(text, at + 1, end) }
        if at < end, text[at] | 0x20 == 0x65 {
            at += 1
            if at < end, text[at] == 0x2b || text[at] == 0x2d { at += 1 }
            at = try digits(text, at, end)
        }
        return at
    }

    private static func digits(_ text: Span<UInt8>, _ start: Int, _ end: Int) throws(JSONError) -> Int {
        var at = start
        while at < end, isDigit(text[at]) { at += 1 }
        guard at > start else { throw JSONError(at < end ? .badNumber : .unexpectedEnd, at: at) }
        return at
    }

    @inline(__always)
    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}

/// Eight bytes at a time.
enum JSONWord {
    /// The first byte from `start` on that is a quote, a backslash, a control character or not ASCII; `end` if none.
    @inline(__always)
    static func plain(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        var at = start
        while at + 8 <= end {
            let word = text.word(at: at)
            let quote = word ^ (ones &* 0x22)
            let slash = word ^ (ones &* 0x5c)
            // Exact for the lowest byte that matches, which is the one wanted.
            let control = (word &- ones &* 0x20) & ~word
            let special = (word | control | ((quote &- ones) & ~quote) | ((slash &- ones) & ~slash)) & tops
            if special != 0 { return at + special.trailingZeroBitCount / 8 }
            at += 8
        }
        while at < end {
            let byte = text[at]
            if byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5c { return at }
            at += 1
        }
        return end
    }
}
