/// What one replica says to another. Entries travel beside it, as the host's stored bytes.
package struct RaftMessage: Equatable, Sendable {
    package var from: Int
    package var to: Int
    /// The sender's term.
    package var term: UInt64
    package var kind: Kind

    package init(from: Int, to: Int, term: UInt64, kind: Kind) {
        self.from = from
        self.to = to
        self.term = term
        self.kind = kind
    }

    package enum Kind: Equatable, Sendable {
        /// Would you vote for me in term `asked`? Binds nobody. A transfer overrides the rule that a voter in touch
        /// with a primary refuses.
        case preVoteRequest(asked: UInt64, last: EntryID, isTransfer: Bool)
        case preVoteAnswer(asked: UInt64, granted: Bool)
        case voteRequest(last: EntryID, isTransfer: Bool)
        /// Sent once term and vote are durable.
        case voteAnswer(granted: Bool)
        /// `count` entries, all of one term, follow `previous`. With none it asks whether `previous` is there.
        case append(previous: EntryID, count: Int, entryTerm: UInt64, commit: UInt64)
        /// The sender's disk holds the primary's log through `match`.
        case appendAnswer(match: UInt64)
        /// The sender lacks the entry before `refused + 1`, or has another one there; its log can agree with the
        /// primary's no further than `hint`.
        case appendRefused(refused: UInt64, hint: EntryID)
        /// Never waits behind entries. An answer to `round` proves that the sender was primary when it began.
        case heartbeat(commit: UInt64, round: UInt64)
        case heartbeatAnswer(round: UInt64, match: UInt64)
        /// The receiver is caught up and stands for election at once.
        case timeoutNow
        /// The term of a message is over; this one bears the newer.
        case termPassed
    }
}
