/// A promise that was broken: the first one ends a world.
package struct Violation: Error, Equatable, Sendable {
    /// `I1` to `I16` of the invariants, `L` for what the clients saw, `process` for a replica that stops without cause.
    package var invariant: String
    package var detail: String
    /// Virtual time, in microseconds.
    package var time: UInt64

    package init(_ invariant: String, _ detail: String, time: UInt64 = 0) {
        self.invariant = invariant
        self.detail = detail
        self.time = time
    }
}
