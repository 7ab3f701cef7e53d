@testable import API
import Bytes
import JSON
import Records
import Testing

struct AnswerTailTests {
    private static let why = Problem(.unavailable, "Go on from the last position that came.")

    private static func piece(_ mark: EventsPiece.Mark) -> Answer {
        .events(EventsPiece(events: [], position: 1, mark: mark))
    }

    /// What a replica renders of a list that goes on.
    private static func begun(_ accept: String) throws -> [UInt8] {
        var inquiry = try #require(Asking.inquiry("GET /v1/events?follow=true", ["Accept: \(accept)"]))
        var bytes: [UInt8] = []
        for position in UInt64(1)...3 {
            inquiry.renderer.render(
                piece(.alive(position: position)), isLast: false, date: AnswerTests.date, onto: &bytes)
        }
        return bytes
    }

    @Test(arguments: ["application/x-ndjson", "text/event-stream"])
    func `a list that breaks off between two chunks ends as its own replica would have ended it`(
        _ accept: String
    ) throws {
        let bytes = try Self.begun(accept)
        for size in [1, 2, 7, bytes.count] {
            var tail = AnswerTail()
            var at = 0
            while at < bytes.count {
                let end = min(at + size, bytes.count)
                tail.passed(Array(bytes[at..<end]))
                at = end
            }
            let end = try #require(tail.ending(with: Self.why))
            var inquiry = try #require(Asking.inquiry("GET /v1/events?follow=true", ["Accept: \(accept)"]))
            var whole: [UInt8] = []
            inquiry.renderer.render(
                Self.piece(.alive(position: 1)), isLast: false, date: AnswerTests.date, onto: &whole)
            var wanted: [UInt8] = []
            inquiry.renderer.interrupt(Self.why, date: AnswerTests.date, onto: &wanted)
            #expect(end == wanted)
        }
    }

    @Test func `one that breaks off anywhere else can only be cut`() throws {
        let bytes = try Self.begun("application/x-ndjson")
        var ends = 0
        for count in 0..<bytes.count {
            var tail = AnswerTail()
            tail.passed(Array(bytes[..<count]))
            guard let end = tail.ending(with: Self.why) else { continue }
            ends += 1
            // What went out before ends with a line, whole.
            let text = String(decoding: bytes[..<count] + end, as: UTF8.self)
            #expect(text.contains("}\n\r\n") || count < 400)
            #expect(text.hasSuffix("0\r\n\r\n"))
        }
        #expect(ends == 3, "after the head and after the first two of three chunks")
    }

    @Test func `one that has ended, or whose form cannot say so, is left alone`() throws {
        for (accept, isLast) in [("application/x-ndjson", true), ("application/json", false)] {
            var inquiry = try #require(Asking.inquiry("GET /v1/events", ["Accept: \(accept)"]))
            var bytes: [UInt8] = []
            inquiry.renderer.render(
                Self.piece(.alive(position: 1)), isLast: false, date: AnswerTests.date, onto: &bytes)
            if isLast {
                inquiry.renderer.render(
                    Self.piece(.end(position: 1, more: false)), isLast: true, date: AnswerTests.date, onto: &bytes)
            }
            var tail = AnswerTail()
            tail.passed(bytes)
            #expect(tail.ending(with: Self.why) == nil)
        }
        var tail = AnswerTail()
        tail.passed(Array("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n{}\n".utf8))
        #expect(tail.ending(with: Self.why) == nil, "HTTP/1.0 ends with the connection")
    }
}
