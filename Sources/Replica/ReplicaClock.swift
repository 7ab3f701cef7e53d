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
    /// See `ClockTrust`.
    private var isProven = false
    /// It is not proven, and who shares it does not believe it: before this life it may have jumped here too.
    private var isDoubted = false
    /// The others' clocks less this one, in microseconds, when all of them are far behind.
    private var othersOffset: Int64?
    private var isAccepted = false
    /// UTC less the forward clock, in microseconds, as last believed; nil before the first tick.
    private var offset: Int64?
    private var told = Instant(microseconds: 0)

    /// UTC as the machine tells it, believed or not.
    var machine: Instant { told }
    /// The clock that only runs forward, in microseconds.
    var forward: Int64 { Int64(clamping: milliseconds) &* 1000 }

    /// What the clocks say now.
    mutating func ticked(wall: Instant, milliseconds: UInt64) {
        self.milliseconds = milliseconds
        told = wall
        let now = wall.microseconds &- forward
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

    /// The other voters' UTC less the forward clock of this one, as they were heard to say, and what they think of it;
    /// none when nobody was heard of lately. This clock is ahead when it is ahead of them all (design 3). One that jumped
    /// to what another has proven was behind and has been set right, or an operator said there that it is the time.
    ///
    /// A start forgets what the forward clock knew. So a new life's clock proves nothing to others, and where it is shared
    /// by one that jumped it is not believed: else one start among all that jumped would be as good as an operator's word.
    mutating func compared(with others: [(offset: Int64, trust: ClockTrust)], quorum: Int) {
        let now = told.microseconds &- forward
        let near = others.filter { ($0.offset &- now).magnitude <= UInt64(Self.refusedStep) }.map(\.trust)
        if near.contains(.proven) {
            if hasJumped { offset = now }
            hasJumped = false
            isProven = true
        } else if !hasJumped, !near.contains(.ahead), near.count + 1 >= quorum {
            isProven = true
        }
        isDoubted = !isProven && near.contains(.ahead)
        guard let nearest = others.map(\.offset).max().map({ $0 &- now }) else {
            othersOffset = nil
            return
        }
        if nearest < -Self.warningStep { hasWarned = true }
        if nearest >= -Self.refusedStep { isAccepted = false }
        othersOffset = nearest < -Self.refusedStep && !isAccepted ? nearest : nil
    }

    /// Ahead by so much that instants mean nothing.
    var isAhead: Bool { hasJumped || isDoubted || othersOffset != nil }
    var trust: ClockTrust { isAhead ? .ahead : isProven ? .proven : .unproven }

    /// The machine's clock, or while it is not believed, what it would be by the forward clock, or by the others'.
    var wall: Instant {
        guard hasJumped, let offset else { return Instant(microseconds: told.microseconds + (othersOffset ?? 0)) }
        return Instant(microseconds: offset &+ forward)
    }

    /// An operator says that the machine's clock is right.
    mutating func accept() {
        offset = told.microseconds &- forward
        hasJumped = false
        isDoubted = false
        isProven = true
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
