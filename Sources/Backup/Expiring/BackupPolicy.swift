package import Bytes

/// Which backups are to stay. A backup stays when any of the three says so.
package struct BackupPolicy: Equatable, Sendable {
    /// The newest so many; 1 at least.
    package var keepLast: Int
    /// Everything made within so many times 24 hours.
    package var keepAllDays: Int
    /// The last one of each day (UTC) within so many days, today among them.
    package var keepDailyDays: Int

    /// - Precondition: `keepLast` is 1 or more, the others not negative.
    package init(keepLast: Int = 7, keepAllDays: Int = 2, keepDailyDays: Int = 35) {
        precondition(keepLast >= 1 && keepAllDays >= 0 && keepDailyDays >= 0)
        self.keepLast = keepLast
        self.keepAllDays = keepAllDays
        self.keepDailyDays = keepDailyDays
    }

    /// The places that stay, of backups made at these instants, the oldest first.
    package func kept(of madeAt: [Instant], now: Instant) -> [Int] {
        let day: Int64 = 86_400_000_000
        return madeAt.indices.filter { place in
            if place >= madeAt.count - keepLast { return true }
            let made = madeAt[place]
            if now.microseconds - made.microseconds < Int64(keepAllDays) * day { return true }
            let isLastOfDay = madeAt[place + 1].daysSinceEpoch != made.daysSinceEpoch
            return isLastOfDay && now.daysSinceEpoch - made.daysSinceEpoch < keepDailyDays
        }
    }
}
