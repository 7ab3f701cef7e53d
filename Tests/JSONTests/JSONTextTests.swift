import JSON
import Testing

/// What RFC 8259 and this store take and refuse; the cases follow the well-known parsing suite's kinds (y, n, i).
struct JSONTextTests {
    static let taken: [String] = [
        "[]", "{}", "[[]]", "[{}]", "{\"a\":{}}", "[[],[[]]]", " [] ", "\t\n\r[\t\n\r]\t\n\r", "null", "true", "false",
        "0", "-0",
        "\"\"", "[null]", "[true,false]", "[1 ]", "[ 1]", "[1,null,null,2]", "{\"a\":null}", "{\"\":0}",
        "{\"a\":1,\"b\":2}",
        "{\"a\" : 1 , \"b\" : 2}", "{\"a\":[]}", "{\"a\":{\"a\":{\"a\":1}}}", "{\"A\":1,\"a\":2}", "{\"a\\u0000b\":1}",
        "{\"x\":[{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]}",
        // Numbers
        "[0e+1]", "[0e1]", "[1E22]", "[1E-2]", "[1E+2]", "[123e45]", "[123.456e78]", "[1e-2]", "[1e+2]", "[123]",
        "[123.456789]",
        "[-0]", "[-1]", "[-123]", "[0.700]", "[1.0]", "[20e1]", "[123123e100000]", "[-1e+9999]", "[1.5e+9999]",
        "[0.4e0066]",
        "[123456789012345678901234567890]",
        "[-0.000000000000000000000000000000000000000000000000000000000000000000001]",
        "[1000010002020389.8787987983]",
        // Strings
        "[\"asd \"]", "[\"\\u0060\\u012a\\u12AB\"]", "[\"\\ud801\\udc37\"]", "[\"\\uD83D\\uDE39\\uD83D\\uDC8D\"]",
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "[\"\\\\u0000\"]", "[\"\\\"\"]", "[\"a/*b*/c\"]", "[\"\\\\a\"]",
        "[\"\\u0012\"]",
        "[\"\\uFFFF\"]", "[\"\\u0000\"]", "[\"\\u002c\"]", "[\"π\"]", "[\"€𝄞\"]", "[\"\u{10ffff}\"]", "[\"\u{7f}\"]",
        "[\"\u{2028}\u{2029}\"]",
        "[\"\\uDBFF\\uDFFF\"]", "[\"\\uD800\\uDC00\"]", "[\"\u{feff}\"]", "[\" \"]", "[\"\\u0022\"]",
        "[\"new\\u00A0line\"]", "\"12345678\"", "\"1234567\\\"\"", "\"123456789\"", "[\"\\u200B\"]", "[\"\\u0123\"]",
    ]

    @Test(arguments: taken)
    func `well-formed texts are taken`(json: String) throws {
        let bytes = Array(json.utf8)
        let text = try JSONText(parsing: bytes)
        // What is compact is taken again and is the same.
        let compact = text.compact(text.root)
        let again = try JSONText(parsing: compact)
        #expect(!again.isSpaced)
        #expect(again.compact(again.root) == compact)
        #expect(try JSONEquality.equal(bytes, compact))
    }

    static let refused: [(String, JSONError.Kind, Int)] = [
        ("", .unexpectedEnd, 0), (" ", .unexpectedEnd, 1), ("[", .unexpectedEnd, 1), ("[1", .unexpectedEnd, 2),
        ("[1,", .unexpectedEnd, 3),
        ("[1,]", .unexpectedByte, 3), ("[,1]", .unexpectedByte, 1), ("[1,,2]", .unexpectedByte, 3),
        ("[1 2]", .unexpectedByte, 3),
        ("[1}", .unexpectedByte, 2), ("[]]", .trailingBytes, 2), ("[][]", .trailingBytes, 2), ("]", .unexpectedByte, 0),
        ("[\"\": 1]", .unexpectedByte, 3), ("[x", .unexpectedByte, 1), ("[a]", .unexpectedByte, 1),
        ("1 2", .trailingBytes, 2),
        ("{", .unexpectedEnd, 1), ("{\"a\"", .unexpectedEnd, 4), ("{\"a\":", .unexpectedEnd, 5),
        ("{\"a\":1", .unexpectedEnd, 6),
        ("{\"a\":1,", .unexpectedEnd, 7), ("{\"a\":1,}", .unexpectedByte, 7), ("{,\"a\":1}", .unexpectedByte, 1),
        ("{\"a\" 1}", .unexpectedByte, 5), ("{a:1}", .unexpectedByte, 1), ("{'a':1}", .unexpectedByte, 1),
        ("{1:1}", .unexpectedByte, 1),
        ("{null:1}", .unexpectedByte, 1), ("{\"a\":1 \"b\":2}", .unexpectedByte, 7), ("{\"a\"::1}", .unexpectedByte, 5),
        ("{\"a\":1]", .unexpectedByte, 6), ("{\"a\"}", .unexpectedByte, 4), ("{\"a\",1}", .unexpectedByte, 4),
        ("{}}", .trailingBytes, 2),
        ("{\"a\":1,,\"b\":2}", .unexpectedByte, 7), ("{[]:1}", .unexpectedByte, 1), ("}", .unexpectedByte, 0),
        ("{\"a\":}", .unexpectedByte, 5),
        ("tru", .unexpectedEnd, 3), ("trux", .unexpectedByte, 3), ("True", .unexpectedByte, 0),
        ("TRUE", .unexpectedByte, 0),
        ("nul", .unexpectedEnd, 3), ("nulll", .trailingBytes, 4), ("falsy", .unexpectedByte, 4),
        ("truefalse", .trailingBytes, 4),
        ("undefined", .unexpectedByte, 0), ("NaN", .unexpectedByte, 0), ("Infinity", .unexpectedByte, 0),
        ("-Infinity", .badNumber, 1),
        ("/*x*/1", .unexpectedByte, 0), ("1//x", .trailingBytes, 1), ("#1", .unexpectedByte, 0),
        ("\u{feff}1", .unexpectedByte, 0),
        ("\u{b}1", .unexpectedByte, 0), ("\u{c}1", .unexpectedByte, 0), ("[\u{a0}]", .unexpectedByte, 1),
        ("\u{0}", .unexpectedByte, 0),
        ("1\u{0}", .trailingBytes, 1), ("[\u{2060}]", .unexpectedByte, 1), ("*", .unexpectedByte, 0),
        ("<a>", .unexpectedByte, 0),
        // Numbers
        ("-", .unexpectedEnd, 1), ("+1", .unexpectedByte, 0), ("01", .badNumber, 1), ("-01", .badNumber, 2),
        ("00", .badNumber, 1),
        ("1.", .unexpectedEnd, 2), ("[1.]", .badNumber, 3), (".5", .unexpectedByte, 0), ("-.5", .badNumber, 1),
        ("1.e1", .badNumber, 2),
        ("1e", .unexpectedEnd, 2), ("1e+", .unexpectedEnd, 3), ("[1e]", .badNumber, 3), ("[1e+]", .badNumber, 4),
        ("1ee2", .badNumber, 2),
        ("1e1.5", .trailingBytes, 3), ("0x1", .trailingBytes, 1), ("1_000", .trailingBytes, 1),
        ("1,000", .trailingBytes, 1),
        ("[1e1e1]", .unexpectedByte, 4), ("--1", .badNumber, 1), ("[-]", .badNumber, 2), ("[1+2]", .unexpectedByte, 2),
        ("[1.2.3]", .unexpectedByte, 4),
        ("[\u{ff11}]", .unexpectedByte, 1), ("[0e]", .badNumber, 3), ("[-x]", .badNumber, 2),
        ("[1a]", .unexpectedByte, 2), ("[2.e3]", .badNumber, 3),
        // Strings
        ("\"", .unexpectedEnd, 1), ("\"abc", .unexpectedEnd, 4), ("\"abcdefgh", .unexpectedEnd, 9),
        ("\"\\", .unexpectedEnd, 2),
        ("\"\\\"", .unexpectedEnd, 3), ("'a'", .unexpectedByte, 0), ("\"\\x00\"", .badEscape, 1),
        ("\"\\a\"", .badEscape, 1),
        ("\"\\'\"", .badEscape, 1), ("\"\\U0041\"", .badEscape, 1), ("\"\\u\"", .badEscape, 3),
        ("\"\\u00\"", .badEscape, 5),
        ("\"\\u00G0\"", .badEscape, 5), ("\"\\u 123\"", .badEscape, 3), ("\"\\u+123\"", .badEscape, 3),
        ("\"\\u123", .unexpectedEnd, 6),
        ("\"\\\n\"", .badEscape, 1), ("\"\\\u{e9}\"", .badEscape, 1), ("\"a\nb\"", .controlCharacter, 2),
        ("\"a\tb\"", .controlCharacter, 2),
        ("\"\u{0}\"", .controlCharacter, 1), ("\"\u{1f}\"", .controlCharacter, 1),
        ("\"12345678\u{1}\"", .controlCharacter, 9),
        ("\"\\ud800\"", .loneSurrogate, 1), ("\"\\udc00\"", .loneSurrogate, 1), ("\"\\ud800x\"", .loneSurrogate, 1),
        ("\"\\ud800\\n\"", .loneSurrogate, 1), ("\"\\ud800\\u0041\"", .loneSurrogate, 1),
        ("\"\\ud800\\ud800\"", .loneSurrogate, 1),
        ("\"\\udc00\\ud800\"", .loneSurrogate, 1), ("\"\\ud800\\", .loneSurrogate, 1),
        ("\"\\ud83d\\ude3", .unexpectedEnd, 12),
        ("{\"\\ud800\":1}", .loneSurrogate, 2),
        // Names
        ("{\"a\":1,\"a\":1}", .duplicateName, 7), ("{\"a\":1,\"\\u0061\":2}", .duplicateName, 7),
        ("{\"\":1,\"\":2}", .duplicateName, 6),
        ("{\"\\/\":1,\"/\":2}", .duplicateName, 8), ("{\"x\":{\"b\":1,\"c\":2,\"b\":3}}", .duplicateName, 18),
        ("{\"é\":1,\"\\u00e9\":2}", .duplicateName, 8), ("{\"abcdefghij\":1,\"abcdefghij\":2}", .duplicateName, 16),
        ("[{\"a\":1},{\"a\":1,\"b\":{},\"a\":2}]", .duplicateName, 23),
    ]

    @Test(arguments: refused)
    func `ill-formed texts are refused, with their place`(json: String, kind: JSONError.Kind, offset: Int) {
        #expect(fault(Array(json.utf8)) == JSONError(kind, at: offset), "\(json)")
    }

    static let badUTF8: [[UInt8]] = [
        [0x80], [0xbf], [0xc0, 0x80], [0xc0, 0xaf], [0xc1, 0xbf], [0xc2], [0xc2, 0x41], [0xe0, 0x80, 0x80],
        [0xe0, 0x9f, 0xbf],
        [0xe2, 0x82], [0xe2, 0x82, 0x41], [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xf0, 0x80, 0x80, 0x80],
        [0xf0, 0x8f, 0xbf, 0xbf],
        [0xf0, 0x9f, 0x98], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xfe],
        [0xff],
        [0xe9], [0xfc, 0x83, 0xbf, 0xbf, 0xbf, 0xbf],
    ]

    @Test(arguments: badUTF8, [0, 1, 7, 8, 9])
    func `ill-formed UTF-8 is refused wherever it stands in a string`(bytes: [UInt8], ahead: Int) {
        let json = [0x22] + Array(repeating: UInt8(0x61), count: ahead) + bytes + Array("bcdefghij\"".utf8)
        #expect(fault(json) == JSONError(.badUTF8, at: 1 + ahead))
        #expect(fault(bytes)?.kind == .unexpectedByte)
    }

    @Test func `every boundary of well-formed UTF-8 is taken`() throws {
        for scalar in [
            0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xcfff, 0xd000, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x3ffff, 0x40000,
            0xfffff, 0x100000, 0x10ffff,
        ] {
            let character = try #require(Unicode.Scalar(UInt32(scalar)))
            let text = try JSONText(parsing: Array("\"\(Character(character))\"".utf8))
            #expect(text.string(text.root)?.unicodeScalars.first == character)
        }
    }

    @Test(arguments: [0, 1, 2, 63, 64, 65, 1000, 10_000])
    func `depth is bounded by the limit, without recursion`(depth: Int) {
        for pair in [("[", "]"), ("{\"a\":", "}")] {
            let json = String(repeating: pair.0, count: depth) + "1" + String(repeating: pair.1, count: depth)
            let expected: JSONError? = depth > 64 ? JSONError(.tooDeep, at: 64 * pair.0.utf8.count) : nil
            #expect(fault(Array(json.utf8)) == expected)
        }
    }

    @Test func `duplicates are found among many names`() throws {
        let names = (0..<5000).map { "\"name-\($0)\":\($0)" }
        let text = try JSONText(parsing: Array("{\(names.joined(separator: ","))}".utf8))
        #expect(text.view["name-4999"]?.integer == 4999)
        #expect(text.count(of: text.root) == 5000)
        let json = Array("{\(names.joined(separator: ",")),\"n\\u0061me-17\":1}".utf8)
        #expect(fault(json)?.kind == .duplicateName)
    }

    @Test func `a text is read within its range alone`() throws {
        let json = Array("xx [1,\"é\"] yy".utf8)
        let text = try JSONText(parsing: json, in: 2..<12)
        #expect(text.range(of: text.root) == 3..<11)
        #expect(fault(json, in: 2..<13)?.kind == .trailingBytes)
        #expect(fault(json, in: 2..<10) == JSONError(.unexpectedEnd, at: 10))
        let first = try JSONText(parsingFirstOf: json, in: 2..<14)
        #expect(first.range(of: first.root) == 3..<11)
        #expect(throws: JSONError(.tooLarge, at: 6)) {
            try JSONText(parsingFirstOf: json, in: 2..<14, limits: JSONLimits(bytes: 4))
        }
    }

    @Test func `every text cut short is refused, and none reads past its end`() throws {
        let json = Array(
            #"{"a":[1.5e+3,"x\u00e9\ud83d\ude39é",true,null,{"b":false}],"c":"12345678901234567890"}"#.utf8)
        _ = try JSONText(parsing: json)
        for count in 0..<json.count { #expect(fault(Array(json[..<count])) != nil) }
    }

    @Test func `members are found by name, escaped or not`() throws {
        let text = try JSONText(
            parsing: Array(#"{"a":1,"st\u0061tus":"b\u006foked","longer-name":{"status":[1,2,3]}}"#.utf8))
        let status: JSONKey = "status"
        #expect(text.member(status, of: text.root).flatMap { text.string($0) } == "booked")
        #expect(text["status"].map { text.equals($0, "booked") } == true)
        #expect(text["status"].map { text.equals($0, "bookeD") } == false)
        #expect(text["statu"] == nil)
        #expect(text.values(named: status, within: text.root).map { text.range(of: $0).count } == [13, 7])
        #expect(text.view["longer-name"]?["status"]?[2]?.integer == 3)
        #expect(text.view["longer-name"]?["status"]?[3] == nil)
        let inner = try #require(text["longer-name"])
        let list = try #require(text.member(status, of: inner))
        #expect(text.contains(inner, list))
        #expect(!text.contains(list, inner))
    }

    @Test func `numbers are read when they fit`() throws {
        let text = try JSONText(
            parsing: Array(
                "[9223372036854775807,-9223372036854775808,9223372036854775808,1.0,1e2,-0,18446744073709551615]".utf8))
        let values = Array(text.elements(of: text.root))
        #expect(values.map { text.integer($0) } == [.max, .min, nil, nil, nil, 0, nil])
        #expect(
            values.map { text.unsigned($0) } == [
                9_223_372_036_854_775_807, nil, 9_223_372_036_854_775_808, nil, nil, nil, .max,
            ])
        #expect(text.numberText(values[3]) == "1.0")
    }

    private func fault(_ json: [UInt8], in range: Range<Int>? = nil) -> JSONError? {
        do {
            _ = try JSONText(parsing: json, in: range)
            return nil
        } catch { return error }
    }
}
