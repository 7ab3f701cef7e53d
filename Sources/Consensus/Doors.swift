extension RaftNode {
    /// What happened. Facts that come of carrying out effects are told after the whole list of them is carried out.
    package enum Input: Equatable, Sendable {
        /// The process begins, with what its disk holds. `committed` is a floor, known to be committed, and
        /// `membership` the one in force there; those of later entries follow as `.membershipAppended`, before the
        /// first tick.
        case started(term: UInt64, vote: Int?, last: EntryID, committed: UInt64, membership: Membership)
        /// The monotonic clock; told before whatever else a turn of the host brings.
        case ticked(milliseconds: UInt64)
        case received(RaftMessage)
        case connected(peer: Int)
        /// The peer closed its socket. Only a hint: no safety rests on it.
        case disconnected(peer: Int)
        /// Entries through here are in this node's log: its own, or taken from a message.
        case appended(through: UInt64)
        /// Entries through here, as they stand in the log now, are on this node's disk: a write of entries that were
        /// cut away since is no such fact.
        case persisted(through: UInt64)
        case termPersisted(UInt64, vote: Int?)
        /// The entry, just appended, bears a membership.
        case membershipAppended(index: UInt64, Membership)
        /// Hand over to another voter.
        case transfer(to: Int)
        /// May what is committed now be answered as current?
        case readRequested(token: UInt64)
        /// A write does not come back. Ends with `.diskRecovered`, told when a probe write was synced.
        case diskStalled
        case diskRecovered
        /// What this node promised may be lost, for its disk failed or was rolled back, or its place was taken: it may
        /// promise nothing any more. It neither stands, votes nor leads from here on, whatever it is told.
        case barred
        /// What could not be read is in the log again, which goes through here; and the memberships in it, the one in
        /// force where the log is folded first. Nothing says that the primary's log holds the same.
        case uncovered(through: UInt64, memberships: [PlacedMembership])
        /// Entries from `from` on cannot be read here; their headers claim that the log goes through `claimed`.
        case faulty(from: UInt64, claimed: EntryID)
        case repaired
        /// Take part in no term through this one any more, nor vote in the next for oneself; not while a primary is
        /// followed.
        case leaving(term: UInt64)
    }

    /// What to do, in this order.
    package enum Effect: Equatable, Sendable {
        /// Make term and vote durable together, then tell `.termPersisted`.
        case persistTerm(UInt64, vote: Int?)
        /// Append a no-op of this term, at the next index, before any other entry.
        case becamePrimary(UInt64)
        /// This node follows, and whom, as far as it knows. Also at each change of the known primary.
        case becameSecondary(UInt64, primary: Int?)
        /// With the entries after `previous`, if it is an append.
        case send(RaftMessage)
        /// Cut the log behind this entry, which is never below what is committed.
        case truncate(after: UInt64)
        /// Take these entries of the message that is being handled, then tell `.appended`.
        case append(first: UInt64, count: Int)
        /// A membership was cut away; this one counts again.
        case membershipReverted(Membership)
        /// Entries through here are decided for ever; this node's own disk may still lack the last of them.
        case committed(through: UInt64)
        /// The joint membership is committed: append one more entry with this one, then tell `.membershipAppended`.
        case changeMembership(Membership)
        /// What is committed through `index` is current; answer once it is folded.
        case readReady(token: UInt64, index: UInt64)
        case readLost(token: UInt64)
        /// The hand-over is over: the other took the term, or this node goes on.
        case transferEnded(Bool)
    }

    package typealias Effects = [Effect]
}
