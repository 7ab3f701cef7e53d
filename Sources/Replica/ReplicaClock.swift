internal import Bytes

/// The stamps' clock: UTC as the machine tells it, watched against a clock that only runs forward (design 3).
struct ReplicaClock {
    /// A step ahead that is told, and one that stops appends, in microseconds.
    static let warningStep: Int64 = 500_000
    static let refusedStep: Int64 = 5_000_000

    private(set) var milliseconds: UInt64 = 0
    private(set) var hasWarned = false
    /// It jumped, by the forward clock.
    private var hasJumped = false
    /// The others' clocks less this one, in microseconds, when all of them are far behind.
    private var othersOffset: Int64?
    private var isAccepted = false
    /// UTC less the forward clock, in microseconds, as last believed; nil before the first tick.
    private var offset: Int64?
    private var told = Instant(microseconds: 0)

    /// UTC as the machine tells it, believed or not.
    var machine: Instant { told }

    /// What the clocks say now.
    mutating func ticked(wall: Instant, milliseconds: UInt64) {
        self.milliseconds = milliseconds
        told = wall
        let now = wall.microseconds &- Int64(clamping: milliseconds) &* 1000
        guard let offset else {
            self.offset = now
            return
        }
        let step = now - offset
        hasJumped = step > Self.refusedStep
        guard !hasJumped else { return }
        if step > Self.warningStep { hasWarned = true }
        self.offset = now
    }

    /// The clocks of the other replicas less this one; none when nobody was heard of lately. This one is ahead when it is
    /// ahead of them all (design 3).
    mutating func compared(with offsets: [Int64]) {
        guard let nearest = offsets.max() else {
            othersOffset = nil
            return
        }
        if nearest < -Self.warningStep { hasWarned = true }
        if nearest >= -Self.refusedStep { isAccepted = false }
        othersOffset = nearest < -Self.refusedStep && !isAccepted ? nearest : nil
    }

    /// Ahead by so much that instants mean nothing.
    var isAhead: Bool { hasJumped || othersOffset != nil }

    /// The machine's clock, or while it is not believed, what it would be by the forward clock, or by the others'.
    var wall: Instant {
        guard hasJumped, let offset else { return Instant(microseconds: told.microseconds + (othersOffset ?? 0)) }
        return Instant(microseconds: offset + Int64(clamping: milliseconds) * 1000)
    }

    /// An operator says that the machine's clock is right.
    mutating func accept() {
        offset = told.microseconds &- Int64(clamping: milliseconds) &* 1000
        hasJumped = false
        othersOffset = nil
        isAccepted = true
        hasWarned = false
    }
}

/// A bucket of tokens: so many requests a second in the long run, twice as many at once.
struct RateLimit {
    private let perSecond: Double
    private var tokens: Double
    private var milliseconds: UInt64

    init(perSecond: Double, milliseconds: UInt64) {
        self.perSecond = perSecond
        self.milliseconds = milliseconds
        tokens = perSecond * 2
    }

    /// Whether one more may pass now.
    mutating func take(milliseconds now: UInt64) -> Bool {
        if now > milliseconds {
            tokens = min(perSecond * 2, tokens + Double(now - milliseconds) / 1000 * perSecond)
            milliseconds = now
        }
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
