/// What was committed when, so that it can be told how far behind a copy is.
struct CopyLog {
    /// Behind by more than this, in milliseconds or bytes, a copy does not count (design 2).
    static let lagMillisecondsMax: UInt64 = 1_000
    static let lagBytesMax: UInt64 = 8 << 20
    private static let samplesMax = 64

    private struct Sample {
        var milliseconds: UInt64
        var index: UInt64
        var bytes: UInt64
    }

    private var samples: [Sample] = []
    /// Bytes of the bodies folded in this life.
    var bytes: UInt64 = 0

    mutating func note(_ index: UInt64, milliseconds: UInt64) {
        if samples.count == Self.samplesMax { samples.removeFirst() }
        samples.append(Sample(milliseconds: milliseconds, index: index, bytes: bytes))
    }

    mutating func forget() { samples.removeAll() }

    /// Whether a copy that holds entries through `held` lacks no more than the bounds allow.
    func counts(held: UInt64, milliseconds now: UInt64) -> Bool {
        guard let old = samples.last(where: { $0.milliseconds + Self.lagMillisecondsMax <= now }) else {
            // Nothing is that old: what was there at the beginning must be held.
            return samples.first.map { held >= $0.index } ?? true
        }
        guard held >= old.index else { return false }
        guard let at = samples.first(where: { $0.index >= held }) else { return true }
        return bytes - at.bytes <= Self.lagBytesMax
    }

    /// For how many milliseconds something has been committed that a copy through `held` lacks; 0 when it lacks nothing.
    func lag(held: UInt64, milliseconds now: UInt64) -> UInt64 {
        guard let since = samples.first(where: { $0.index > held }) else { return 0 }
        return now > since.milliseconds ? now - since.milliseconds : 0
    }
}
