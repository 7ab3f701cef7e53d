import Bytes
import JSON
import Testing

struct JSONMergePatchTests {
    /// RFC 7396 appendix A, and the number text that goes wrong where numbers become doubles.
    static let vectors: [(String, String, String)] = [
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
        (#"{"a":"b"}"#, #"{"a":null}"#, #"{}"#),
        (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
        (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
        (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
        (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
        (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
        (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#),
        (#"{"a":"foo"}"#, #"null"#, #"null"#),
        (#"{"a":"foo"}"#, #""bar""#, #""bar""#),
        (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
        (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
        (#"{"a":1}"#, #"{"b":1000010002020389.8787987983}"#, #"{"a":1,"b":1000010002020389.8787987983}"#),
        (#"{"a":0.700,"b":1}"#, #"{"b":2.0}"#, #"{"a":0.700,"b":2.0}"#),
        (#"{"a":[null,1]}"#, #"{"b":[null,{"c":null}]}"#, #"{"a":[null,1],"b":[null,{"c":null}]}"#),
        (#"{"\u0061":1,"b":2}"#, #"{ "a" : null , "\u0062" : 3 }"#, #"{"b":3}"#),
        (#"{"z":1,"a":{"y":1,"x":2}}"#, #"{"a":{"x":3,"w":4},"z":0,"n":5}"#, #"{"z":0,"a":{"y":1,"x":3,"w":4},"n":5}"#),
    ]

    @Test(arguments: vectors)
    func `the vectors of RFC 7396 hold, letter by letter`(target: String, patch: String, expected: String) throws {
        let merged = try JSONMergePatch.merged(target: Array(target.utf8), patch: Array(patch.utf8))
        #expect(String(decoding: merged, as: UTF8.self) == expected)
    }

    @Test func `nothing yet is an empty object`() throws {
        let merged = try JSONMergePatch.merged(target: nil, patch: Array(#"{"a":{"b":null,"c":1},"d":null}"#.utf8))
        #expect(String(decoding: merged, as: UTF8.self) == #"{"a":{"c":1}}"#)
    }

    @Test func `objects of many members merge as small ones do`() throws {
        let target = "{\((0..<400).map { "\"m\($0)\":\($0)" }.joined(separator: ","))}"
        let patch = "{\((200..<600).map { "\"m\($0)\":\($0 % 3 == 0 ? "null" : "\"x\"")" }.joined(separator: ","))}"
        let expected =
            ((0..<200).map { "\"m\($0)\":\($0)" }
            + (200..<600).filter { $0 % 3 != 0 }.map { "\"m\($0)\":\"x\"" }).joined(separator: ",")
        let merged = try JSONMergePatch.merged(target: Array(target.utf8), patch: Array(patch.utf8))
        #expect(String(decoding: merged, as: UTF8.self) == "{\(expected)}")
    }

    static let equal: [(String, String, Bool)] = [
        (#"{"a":1,"b":[1,2]}"#, #" { "b" : [ 1 , 2 ] , "a" : 1 } "#, true),
        (#"{"a":{"x":1,"y":2}}"#, #"{"a":{"y":2,"x":1}}"#, true),
        (#""\u0041\/""#, #""A/""#, true),
        (#"{"\u0061":1}"#, #"{"a":1}"#, true),
        ("[1,2]", "[2,1]", false),
        ("0.70", "0.7", false),
        ("1", "1.0", false),
        (#"{"a":1}"#, #"{"a":1,"b":null}"#, false),
        (#"{"a":"1"}"#, #"{"a":1}"#, false),
        ("[]", "{}", false),
        ("null", "false", false),
        ("\"e\\u0301\"", "\"\\u00e9\"", false),
    ]

    @Test(arguments: equal)
    func `equality looks through order, space and escapes, and at the text of numbers`(
        a: String, b: String, isEqual: Bool
    ) throws {
        #expect(try JSONEquality.equal(Array(a.utf8), Array(b.utf8)) == isEqual)
        #expect(try JSONEquality.equal(Array(b.utf8), Array(a.utf8)) == isEqual)
    }

    /// Bytes that look like JSON, so that the fuzzing door is worth knocking at.
    @Test func `random texts meet what is demanded of every text`() {
        var dice = SeededDice(seed: 7)
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\\u0041\"", "\"\\ud83d\\ude39\"", "1", "-0.50", "1e9", "true",
            "null", " ", "\n", "\"é\"", "\u{1}",
            "{\"a\":{\"b\":null}}", "[1,[2]]", "\"a\":",
        ]
        for _ in 0..<3000 {
            let count = Int(dice.next() % 12)
            let json = (0..<count).map { _ in pieces[Int(dice.next() % UInt64(pieces.count))] }.joined()
            JSONFuzzing.run(Array(json.utf8))
        }
    }
}
