package import Bytes

/// `date`, `dateTime` and `instant` of FHIR R4 (datatypes, section 2.24.0.1), and the interval that a written
/// precision spans.
package enum FHIRTime {
    package enum Reading: Equatable, Sendable {
        case value(Instant)
        /// It names a time of day, but not where.
        case withoutOffset
        case malformed
    }

    /// The whole of an instant: seconds and offset are there.
    package static func instant(_ bytes: [UInt8]) -> Reading {
        guard bytes.count > 10, bytes[10] == 0x54 else { return .malformed }
        do {
            return .value(try Instant(bytes))
        } catch {
            switch error {
            case .malformed: return .malformed
            case .withoutOffset: return .withoutOffset
            }
        }
    }

    /// YYYY, YYYY-MM or YYYY-MM-DD: the half-open interval of UTC days it spans; nil for anything else.
    package static func date(_ bytes: [UInt8]) -> Range<Instant>? {
        guard bytes.count == 4 || bytes.count == 7 || bytes.count == 10 else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            var value = 0
            for index in range {
                guard bytes[index] >= 0x30, bytes[index] <= 0x39 else { return nil }
                value = value * 10 + Int(bytes[index] - 0x30)
            }
            return value
        }
        guard let year = number(0..<4), year >= 1 else { return nil }
        guard bytes.count > 4 else { return days(from: (year, 1, 1), to: (year + 1, 1, 1)) }
        guard bytes[4] == 0x2d, let month = number(5..<7), (1...12).contains(month) else { return nil }
        guard bytes.count > 7 else {
            return days(from: (year, month, 1), to: month == 12 ? (year + 1, 1, 1) : (year, month + 1, 1))
        }
        guard bytes[7] == 0x2d, let day = number(8..<10), day >= 1, day <= CivilDay.days(inMonth: month, of: year)
        else { return nil }
        let first = CivilDay(year: year, month: month, day: day).daysSinceEpoch
        return Instant(day: first)..<Instant(day: first + 1)
    }

    /// A `dateTime`: a date, or a time to the second or finer with an offset.
    package static func isDateTime(_ bytes: [UInt8]) -> Bool {
        if date(bytes) != nil { return true }
        if case .value = instant(bytes) { return true }
        return false
    }

    private static func days(from first: (Int, Int, Int), to last: (Int, Int, Int)) -> Range<Instant> {
        let lower = CivilDay(year: first.0, month: first.1, day: first.2).daysSinceEpoch
        let upper = CivilDay(year: last.0, month: last.1, day: last.2).daysSinceEpoch
        return Instant(day: lower)..<Instant(day: upper)
    }
}

extension Instant {
    /// The first moment of a UTC day, counted from 1970-01-01.
    fileprivate init(day: Int) { self.init(microseconds: Int64(day) * 86_400_000_000) }
}
