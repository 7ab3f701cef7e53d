/// A moment in UTC with microseconds, as the log stamps it.
///
/// Text is RFC 3339 with six fraction digits and `Z` (`2026-11-21T10:00:00.000001Z`). Reading takes any RFC 3339
/// date-time with an offset; digits beyond the sixth are cut. A text without an offset is no instant. Years 1 to
/// 9999; a leap second (`:60`) counts as the first moment of the next minute.
package struct Instant: Comparable, Hashable, Sendable {
    /// Microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    package var microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }

    package static func < (a: Instant, b: Instant) -> Bool { a.microseconds < b.microseconds }

    /// Why a text is not an instant.
    package enum Refusal: Error, Equatable, Sendable {
        case malformed
        /// A date-time that lacks `Z` or `±hh:mm`: it names no moment.
        case withoutOffset
    }

    package init(_ text: String) throws(Refusal) { try self.init(Array(text.utf8)) }

    package init(_ bytes: [UInt8]) throws(Refusal) { try self.init(bytes, in: 0..<bytes.count) }

    /// - Precondition: `range` lies within `bytes`.
    package init(_ bytes: [UInt8], in range: Range<Int>) throws(Refusal) {
        var at = range.lowerBound
        let end = range.upperBound
        func number(_ digits: Int) throws(Refusal) -> Int {
            guard at + digits <= end else { throw .malformed }
            var value = 0
            for index in at..<(at + digits) {
                guard bytes[index] >= 0x30, bytes[index] <= 0x39 else { throw .malformed }
                value = value * 10 + Int(bytes[index] - 0x30)
            }
            at += digits
            return value
        }
        func mark(_ one: UInt8, _ other: UInt8? = nil) throws(Refusal) {
            guard at < end, bytes[at] == one || bytes[at] == other else { throw .malformed }
            at += 1
        }
        let year = try number(4)
        try mark(0x2d)
        let month = try number(2)
        try mark(0x2d)
        let day = try number(2)
        try mark(0x54, 0x74)
        let hour = try number(2)
        try mark(0x3a)
        let minute = try number(2)
        try mark(0x3a)
        let second = try number(2)
        var fraction: Int64 = 0
        if at < end, bytes[at] == 0x2e {
            at += 1
            var scale: Int64 = 100_000
            let first = at
            while at < end, bytes[at] >= 0x30, bytes[at] <= 0x39 {
                fraction += Int64(bytes[at] - 0x30) * scale
                scale /= 10
                at += 1
            }
            guard at > first else { throw .malformed }
        }
        guard at < end else { throw .withoutOffset }
        var offsetMinutes = 0
        if bytes[at] == 0x5a || bytes[at] == 0x7a {
            at += 1
        } else if bytes[at] == 0x2b || bytes[at] == 0x2d {
            let sign = bytes[at] == 0x2b ? 1 : -1
            at += 1
            let hours = try number(2)
            try mark(0x3a)
            let minutes = try number(2)
            guard hours <= 23, minutes <= 59 else { throw .malformed }
            offsetMinutes = sign * (hours * 60 + minutes)
        } else {
            throw .malformed
        }
        guard at == end, year >= 1, (1...12).contains(month), day >= 1, day <= CivilDay.days(inMonth: month, of: year),
            hour <= 23, minute <= 59, second <= 60
        else { throw .malformed }
        let days = CivilDay(year: year, month: month, day: day).daysSinceEpoch
        let seconds = Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + second) - Int64(offsetMinutes) * 60
        microseconds = seconds * 1_000_000 + fraction
        guard self >= Self.first, self <= Self.last else { throw .malformed }
    }

    /// 0001-01-01T00:00:00Z: an offset may not lead to before it.
    package static let first = Instant(microseconds: -62_135_596_800_000_000)
    /// 9999-12-31T23:59:59.999999Z.
    package static let last = Instant(microseconds: 253_402_300_799_999_999)

    /// RFC 3339 text in UTC with six fraction digits.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The bytes of `text`.
    package var bytes: [UInt8] {
        var seconds = microseconds / 1_000_000
        var fraction = microseconds % 1_000_000
        if fraction < 0 {
            fraction += 1_000_000
            seconds -= 1
        }
        var days = seconds / 86_400
        var rest = seconds % 86_400
        if rest < 0 {
            rest += 86_400
            days -= 1
        }
        let date = CivilDay(daysSinceEpoch: Int(days))
        var text: [UInt8] = []
        text.reserveCapacity(27)
        func put(_ value: Int, _ digits: Int) {
            var divisor = 1
            for _ in 1..<digits { divisor *= 10 }
            while divisor > 0 {
                text.append(0x30 + UInt8(value / divisor % 10))
                divisor /= 10
            }
        }
        put(date.year, 4)
        text.append(0x2d)
        put(date.month, 2)
        text.append(0x2d)
        put(date.day, 2)
        text.append(0x54)
        put(Int(rest) / 3600, 2)
        text.append(0x3a)
        put(Int(rest) / 60 % 60, 2)
        text.append(0x3a)
        put(Int(rest) % 60, 2)
        text.append(0x2e)
        put(Int(fraction), 6)
        text.append(0x5a)
        return text
    }

    /// The UTC day this instant falls on, counted from 1970-01-01.
    package var daysSinceEpoch: Int {
        let day: Int64 = 86_400_000_000
        return Int(microseconds >= 0 ? microseconds / day : (microseconds - day + 1) / day)
    }
}

/// A day of the proleptic Gregorian calendar (days algorithm after Howard Hinnant's "chrono-compatible date").
package struct CivilDay: Hashable, Sendable {
    package var year: Int
    package var month: Int
    package var day: Int

    package init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    package init(daysSinceEpoch days: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    package var daysSinceEpoch: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    package static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    package static func days(inMonth month: Int, of year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
