/// What an operator tells a cluster to do. It is done by the primary; whoever else is told says 503 `no-primary`.
package enum OperatorOrder: Equatable, Sendable {
    /// Another replica is to lead: the one named, or nil for the one that has most of the log.
    case handover(to: Int?)
    /// The replica that is told is to lead, though another does: for a primary that hangs. It is not forwarded. Where an
    /// id is named, it must be the id of the replica that is told.
    case takeOver(by: Int?)
    /// A voter gives its place to another replica, which must be a spare; nil for the first that is fit.
    case replace(Int, with: Int?)
    /// One replica more that votes; how a cluster of one grows to three. With a place it is new to the cluster and need
    /// not run yet: whoever orders it gets what it begins with, and gets it again when the order is repeated.
    case add(Int, at: Place? = nil)
    /// A voter leaves for ever; nobody takes its place. Or who copies the log is to join no more.
    case remove(Int)
    /// The primary's clock is right, though it jumped: what was refused for it goes on.
    case acceptClock
    /// The store goes back to an instant or a position, by one event that is appended (design 9); or, unless `applies`,
    /// only says what that would do.
    case rewind(to: AsOf, applies: Bool)
    /// The replica that is told makes a backup of its log, whoever leads; it is not forwarded. Nil: to where config.json
    /// says.
    case backUp(to: String?)
    /// A restore was tried out: what came of it is recorded.
    case noteDrill(DrillReport)
}

/// What a drill found: a restore from backups, tried out on a scratch store.
package struct DrillReport: Equatable, Sendable {
    /// The number of the backup, and the last event in it. 0: nothing could be restored.
    package var backup: UInt64
    package var position: UInt64
    /// Of the store's life, how much is not in the backup: milliseconds from its making to the drill.
    package var lossMilliseconds: UInt64
    /// From the first byte copied until appends were acknowledged.
    package var restoreMilliseconds: UInt64
    /// Whether the restored views had the digests that the backup states.
    package var isRight: Bool

    package init(
        backup: UInt64, position: UInt64, lossMilliseconds: UInt64, restoreMilliseconds: UInt64, isRight: Bool
    ) {
        self.backup = backup
        self.position = position
        self.lossMilliseconds = lossMilliseconds
        self.restoreMilliseconds = restoreMilliseconds
        self.isRight = isRight
    }
}
