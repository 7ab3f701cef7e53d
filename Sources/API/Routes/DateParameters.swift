import Bytes
import Records

/// FHIR date search values (R4, search §3.1.1.4.7): a prefix, and a date of any precision, which is the interval of
/// the moments it leaves open. Days, months and years are UTC's; a time needs an offset.
enum DateParameters {
    /// - Parameter isDay: the element is a date without a time (birthDate).
    static func read(_ text: String, _ name: String, isDay: Bool = false) throws(Problem) -> DateSearch {
        var bytes = Array(text.utf8)[...]
        var comparison = DateSearch.Comparison.eq
        if let first = bytes.first, first >= 0x61, first <= 0x7a {
            guard let known = DateSearch.Comparison(rawValue: String(decoding: bytes.prefix(2), as: UTF8.self)) else {
                throw Problem(
                    .badParameter, "Begin a date with eq, ne, gt, ge, lt, le, sa or eb, or with nothing.",
                    [.member(name)])
            }
            comparison = known
            bytes = bytes.dropFirst(2)
        }
        let malformed = Problem(
            .badInstant, "Give a date such as 2026, 2026-11, 2026-11-21 or 2026-11-21T10:00Z.", [.member(name)])
        let date = Array(bytes)
        if date.contains(0x54) || date.contains(0x74) {
            guard !isDay else { throw malformed }
            let (lower, upper) = try moment(date, name, malformed)
            return DateSearch(comparison, from: lower, to: upper)
        }
        guard let (first, next) = days(date) else { throw malformed }
        return DateSearch(comparison, from: midnight(first), to: midnight(next))
    }

    /// The day a year, month or day begins on, and the one the next begins on, from 1970-01-01.
    private static func days(_ date: [UInt8]) -> (Int, Int)? {
        func number(_ range: Range<Int>) -> Int? {
            var value = 0
            for byte in date[range] {
                guard RequestLine.isDigit(byte) else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            return value
        }
        guard [4, 7, 10].contains(date.count), let year = number(0..<4), year >= 1 else { return nil }
        guard date.count >= 7 else {
            return (
                CivilDay(year: year, month: 1, day: 1).daysSinceEpoch,
                CivilDay(year: year + 1, month: 1, day: 1).daysSinceEpoch
            )
        }
        guard date[4] == 0x2d, let month = number(5..<7), (1...12).contains(month) else { return nil }
        let first = CivilDay(year: year, month: month, day: 1).daysSinceEpoch
        let count = CivilDay.days(inMonth: month, of: year)
        guard date.count == 10 else { return (first, first + count) }
        guard date[7] == 0x2d, let day = number(8..<10), (1...count).contains(day) else { return nil }
        return (first + day - 1, first + day)
    }

    private static func midnight(_ day: Int) -> Instant { Instant(microseconds: Int64(day) * 86_400_000_000) }

    /// A date with a time to the minute, the second or a fraction, and an offset.
    private static func moment(
        _ date: [UInt8], _ name: String, _ malformed: Problem
    ) throws(Problem) -> (Instant, Instant) {
        guard date.count >= 16, date[13] == 0x3a else { throw malformed }
        var full = date
        var span: Int64 = 1_000_000
        if date.count == 16 || date[16] != 0x3a {
            full.insert(contentsOf: Array(":00".utf8), at: 16)
            span = 60_000_000
        } else if date.count > 20, date[19] == 0x2e {
            let digits = date[20...].prefix(while: RequestLine.isDigit).count
            for _ in 0..<min(digits, 6) { span /= 10 }
        }
        do throws(Instant.Refusal) {
            let lower = try Instant(full)
            return (lower, Instant(microseconds: lower.microseconds + span))
        } catch .withoutOffset {
            throw Problem(
                .badInstant, "Give a time with its offset, such as 2026-11-21T10:00Z.", [.member(name)])
        } catch {
            throw malformed
        }
    }
}
