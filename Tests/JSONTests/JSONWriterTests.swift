import Bytes
import JSON
import Testing

struct JSONWriterTests {
    @Test func `what is written reads back, letter by letter`() throws {
        var writer = JSONWriter()
        writer.object { object in
            object.member("text", "a\"\\\u{8}\u{c}\n\r\t\u{1}\u{1f}é👩🏽‍⚕️/")
            object.member("count", -3)
            object.member("most", UInt64.max)
            object.member("absent", ifPresent: nil)
            object.array("list") { array in
                array.bool(true)
                array.null()
                array.number(0.5)
                array.object { _ in }
                array.array { _ in }
            }
            object.member("raw", raw: Array("{\"x\":0.700}".utf8))
        }
        let expected =
            #"{"text":"a\"\\\b\f\n\r\t\u0001\u001fé👩🏽‍⚕️/","count":-3,"most":18446744073709551615,"list":[true,null,0.5,{},[]],"#
            + #""raw":{"x":0.700}}"#
        #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)

        let text = try JSONText(parsing: writer.bytes)
        #expect(text.view["text"]?.string == "a\"\\\u{8}\u{c}\n\r\t\u{1}\u{1f}é👩🏽‍⚕️/")
        #expect(text.view["count"]?.integer == -3)
        #expect(text.view["most"]?.unsigned == .max)
        #expect(text.view["list"]?[2]?.numberText == "0.5")
        #expect(text.view["raw"]?["x"]?.numberText == "0.700")
        #expect(text.view["absent"] == nil)
        #expect(text.count(of: text.root) == 5)
    }

    @Test func `lines follow one another without commas`() {
        var writer = JSONWriter(onto: Array("# ".utf8))
        writer.integer(1)
        writer.endLine()
        writer.string("x")
        writer.endLine()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "# 1\n\"x\"\n")
    }
}
