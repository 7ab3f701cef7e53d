/// How long a node waits, in milliseconds, and how much it sends ahead.
package struct RaftTimings: Equatable, Sendable {
    package var heartbeat: UInt64 = 50
    /// Without word from a primary for a time drawn anew from this range, a voter stands for election. The lower end
    /// is also for how long a voter stays true to a primary it heard from, and for how long a primary goes on
    /// without a quorum's answers.
    package var election: ClosedRange<UInt64> = 500...1000
    /// The same after the primary closed its socket; each further attempt draws from twice the range.
    package var afterClosedSocket: ClosedRange<UInt64> = 0...60
    /// A primary whose own entries are not durable for so long steps down.
    package var stalledDisk: UInt64 = 1200
    /// Entries and bytes of a message; at least one entry goes.
    package var messageEntriesMax = 256
    package var messageBytesMax = 1 << 20
    /// Messages and bytes a follower has not answered yet.
    package var flightsMax = 16
    package var flightBytesMax = 4 << 20

    package init() {}
}
