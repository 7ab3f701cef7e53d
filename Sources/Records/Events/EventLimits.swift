/// How large appended events may be; configurable, and the same for all three modes.
package struct EventLimits: Equatable, Sendable {
    /// One event as it was sent, in bytes; of binary mode the body.
    package var eventBytes = 1 << 20
    /// A whole request body, in bytes.
    package var requestBytes = 16 << 20
    /// Events of a batch.
    package var events = 10_000
    /// Arrays and objects open at once, the event's own object included.
    package var depth = 64

    package init() {}

    package static let standard = EventLimits()
}
