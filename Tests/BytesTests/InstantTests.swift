import Bytes
import Foundation
import Testing

@Suite struct InstantTests {
    /// RFC 3339, section 5.8, in UTC.
    @Test(arguments: [
        ("1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.520000Z"),
        ("1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57.000000Z"),
        ("1990-12-31T23:59:60Z", "1991-01-01T00:00:00.000000Z"),
        ("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000000Z"),
        ("1937-01-01T12:00:27.87+00:20", "1937-01-01T11:40:27.870000Z"),
        ("2026-11-21t10:00:00.0000019z", "2026-11-21T10:00:00.000001Z"),
        ("2024-02-29T00:00:00+14:00", "2024-02-28T10:00:00.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
    ])
    func `an instant is read as RFC 3339 has it, and written in UTC with six digits`(
        text: String, utc: String
    ) throws {
        let instant = try Instant(text)
        #expect(instant.text == utc)
        #expect(try Instant(utc) == instant)
    }

    @Test func `instants count microseconds from 1970, before and after`() throws {
        #expect(try Instant("1970-01-01T00:00:00Z").microseconds == 0)
        #expect(try Instant("1969-12-31T23:59:59.999999Z").microseconds == -1)
        #expect(try Instant("2001-09-09T01:46:40Z").microseconds == 1_000_000_000_000_000)
        #expect(try Instant("9999-12-31T23:59:59.999999Z") == .last && Instant("0001-01-01T00:00:00Z") == .first)
    }

    @Test(arguments: ["2026-11-21T10:00:00", "2026-11-21T10:00:00.5"])
    func `a text without an offset is no instant`(text: String) {
        #expect(throws: Instant.Refusal.withoutOffset) { try Instant(text) }
    }

    @Test(arguments: [
        "", "2026", "2026-11-21", "2026-11-21 10:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-04-00T00:00:00Z",
        "2026-11-21T24:00:00Z", "2026-11-21T10:60:00Z", "2026-11-21T10:00:61Z", "2026-11-21T10:00:00.Z",
        "2026-11-21T10:00:00+24:00", "2026-11-21T10:00:00+01:60", "2026-11-21T10:00:00+0100",
        "2026-11-21T10:00:00+01", "2026-11-21T10:00:00Zx", "2026-11-21T10:00:00 Z", "26-11-21T10:00:00Z",
        "2026-11-21T10:00Z", "+026-11-21T10:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01", "٢٠٢٦-11-21T10:00:00Z",
    ])
    func `what is no date-time with an offset is malformed`(text: String) {
        #expect(throws: Instant.Refusal.malformed) { try Instant(text) }
    }

    @Test func `an instant is read from the midst of bytes, and only there`() throws {
        let bytes = Array("\"2026-11-21T10:00:00Z\"".utf8)
        #expect(try Instant(bytes, in: 1..<21).text == "2026-11-21T10:00:00.000000Z")
        #expect(throws: Instant.Refusal.withoutOffset) { try Instant(bytes, in: 1..<20) }
    }

    @Test func `random instants go through text and come back, and order is that of time`() throws {
        var dice = SeededDice(seed: 5)
        var last: Instant?
        for _ in 0..<2000 {
            let span = UInt64(Instant.last.microseconds - Instant.first.microseconds)
            let instant = Instant(microseconds: Instant.first.microseconds + Int64(dice.next() % span))
            #expect(try Instant(instant.text) == instant)
            if let last { #expect((last < instant) == (last.text < instant.text)) }
            last = instant
        }
    }

    @Test func `days agree with another calendar, every ninth day of nine centuries`() {
        var calendar = Foundation.Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        for days in stride(from: -137_000, to: 190_000, by: 9) {
            let date = Date(timeIntervalSince1970: Double(days) * 86_400)
            let parts = calendar.dateComponents([.year, .month, .day], from: date)
            let day = CivilDay(daysSinceEpoch: days)
            #expect(day.year == parts.year && day.month == parts.month && day.day == parts.day)
            #expect(day.daysSinceEpoch == days)
            #expect(Instant(microseconds: Int64(days) * 86_400_000_000).daysSinceEpoch == days)
            #expect(Instant(microseconds: Int64(days) * 86_400_000_000 - 1).daysSinceEpoch == days - 1)
        }
    }
}
