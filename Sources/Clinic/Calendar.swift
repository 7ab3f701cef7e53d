import Bytes

/// Who is taken when, for the coming weeks: one bit per practitioner, day and quarter of an hour from 07:00 local
/// time. A practitioner keeps one room for a whole day, so that a free practitioner means a free room.
///
/// Invariant: a bit is set from the moment a time is promised until the day after it was given back, so two events
/// of one day never hand the same time to two patients, in whatever order they are told.
struct Calendar: Sendable {
    /// Days ahead that may be asked for.
    static let daysAheadMax = 63
    static let minutesPerUnit = 15
    static let firstMinute = 7 * 60

    private let practitioners: Int
    private var taken: [UInt64]
    private var givenBack: [(practitioner: Int, day: Int, mask: UInt64)] = []

    init(practitioners: Int) {
        self.practitioners = practitioners
        taken = Array(repeating: 0, count: practitioners * (Self.daysAheadMax + 1))
    }

    /// The quarters in which the clinic is open on a day (days since 1970-01-01).
    static func open(on day: Int) -> UInt64 {
        let date = CivilDay(daysSinceEpoch: day)
        if (date.month == 12 && date.day >= 25) || (date.month == 1 && date.day == 1) { return 0 }
        return switch weekday(day) {
        case 0...4: units(from: 8 * 60, to: 12 * 60 + 30) | units(from: 13 * 60 + 30, to: 18 * 60)
        case 5: units(from: 9 * 60, to: 13 * 60)
        default: 0
        }
    }

    /// 0 is Monday.
    static func weekday(_ day: Int) -> Int { (day + 3) % 7 }

    private static func units(from: Int, to: Int) -> UInt64 {
        let first = (from - firstMinute) / minutesPerUnit
        let count = (to - from) / minutesPerUnit
        return ((1 << UInt64(count)) - 1) << UInt64(first)
    }

    private static func mask(_ unit: Int, _ count: Int) -> UInt64 { ((1 << UInt64(count)) - 1) << UInt64(unit) }

    private func slot(_ practitioner: Int, _ day: Int) -> Int {
        day % (Self.daysAheadMax + 1) * practitioners + practitioner
    }

    /// Takes `count` quarters in a row at or after `earliest` on `day`; nil when there are none.
    mutating func take(practitioner: Int, day: Int, count: Int, earliest: Int, dice: inout SeededDice) -> Int? {
        let at = slot(practitioner, day)
        let free = Self.open(on: day) & ~taken[at]
        var starts = free
        for shift in 1..<max(count, 2) where shift < count { starts &= free >> UInt64(shift) }
        starts &= ~0 << UInt64(earliest)
        guard starts != 0 else { return nil }
        var skip = dice.below(starts.nonzeroBitCount)
        while skip > 0 {
            starts &= starts - 1
            skip -= 1
        }
        let unit = starts.trailingZeroBitCount
        taken[at] |= Self.mask(unit, count)
        return unit
    }

    /// Gives the time back, from tomorrow on.
    mutating func giveBack(practitioner: Int, day: Int, unit: Int, count: Int) {
        givenBack.append((practitioner, day, Self.mask(unit, count)))
    }

    /// Called when `day` is over: its row becomes that of a day to come.
    mutating func close(day: Int) {
        for time in givenBack { taken[slot(time.practitioner, time.day)] &= ~time.mask }
        givenBack.removeAll(keepingCapacity: true)
        for practitioner in 0..<practitioners { taken[slot(practitioner, day)] = 0 }
    }

    /// Minutes that local time is ahead of UTC: Central European Time, summer time from the last Sunday of March to
    /// the last Sunday of October. (The clinic is closed when the clocks change.)
    static func offsetMinutes(on day: Int) -> Int {
        let date = CivilDay(daysSinceEpoch: day)
        func lastSunday(_ month: Int) -> Int {
            let last = CivilDay(year: date.year, month: month, day: 31).daysSinceEpoch
            return last - (weekday(last) + 1) % 7
        }
        return day >= lastSunday(3) && day < lastSunday(10) ? 120 : 60
    }
}
