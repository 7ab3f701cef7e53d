/// One voter's part in the agreement of a cluster (Ongaro, "Consensus: Bridging Theory and Practice", 2014).
///
/// Facts go in, orders come out, in the order to carry them out. It knows indexes and terms, and nothing of what the
/// entries hold. It does what the voters of this release exercise: it stands for election at every start, counts its
/// own vote and, being a quorum by it, leads. Messages between voters are not sent yet; a node that is not a quorum
/// by itself stays a candidate.
///
/// Invariants: the term never falls and is durable before anything is done in it; `committed` never falls and never
/// passes `durable`; a primary commits only by counting copies of entries of its own term (thesis 3.6.2).
package struct RaftNode: Sendable {
    package enum Role: Equatable, Sendable {
        case secondary
        /// Waits for its term and its own vote to be durable, then for a quorum of votes.
        case candidate
        /// Has a quorum of votes in `term`. Decides nothing until `noop` is committed.
        case primary(noop: UInt64)
    }

    package let id: Int
    /// The voters, this node among them, in the order of their ids.
    package private(set) var voters: [Int] = []
    package private(set) var role = Role.secondary
    package private(set) var term: UInt64 = 0
    package private(set) var lastIndex: UInt64 = 0
    package private(set) var durable: UInt64 = 0
    package private(set) var committed: UInt64 = 0
    /// For each voter, through where its disk is known to hold this primary's log.
    private var matches: [UInt64] = []
    private var votes: [Bool] = []
    private var hasStood = false

    /// - Parameter seed: Of the dice that draw timeouts.
    package init(id: Int, seed: UInt64, timings: RaftTimings = RaftTimings()) {
        self.id = id
    }

    package mutating func step(_ input: Input, log: some LogView, into effects: inout Effects) {
        switch input {
        case .started(let term, _, let last, let committed, let membership):
            started(term: term, last: last, committed: committed, membership: membership)
        case .ticked: ticked(into: &effects)
        case .appended(let through): appended(through: through)
        case .persisted(let through): persisted(through: through, into: &effects)
        case .termPersisted(let term, _): termPersisted(term, into: &effects)
        case .diskFailed, .diskStalled: stepDown(into: &effects)
        case .received, .connected, .disconnected, .membershipAppended, .transfer, .readRequested, .diskRecovered,
            .faulty, .repaired:
            break
        }
    }

    /// Whether what is decided on the folded log is decided on everything that came before this term.
    package var mayDecide: Bool {
        guard case .primary(let noop) = role else { return false }
        return committed >= noop
    }

    private mutating func started(term: UInt64, last: EntryID, committed: UInt64, membership: Membership) {
        precondition(self.term == 0 && membership.isSound && committed <= last.index)
        // A log may be ahead of the term file only if that file was lost; the log's term is then the one to exceed.
        self.term = max(term, last.term)
        self.committed = committed
        lastIndex = last.index
        durable = last.index
        voters = membership.voters
        matches = Array(repeating: 0, count: voters.count)
        votes = Array(repeating: false, count: voters.count)
    }

    private mutating func ticked(into effects: inout Effects) {
        guard role == .secondary, !hasStood else { return }
        hasStood = true
        term += 1
        role = .candidate
        effects.append(.persistTerm(term, vote: id))
    }

    private mutating func termPersisted(_ term: UInt64, into effects: inout Effects) {
        guard role == .candidate, term == self.term else { return }
        votes[place(of: id)] = true
        guard votes.count(where: { $0 }) >= quorum else { return }
        role = .primary(noop: lastIndex + 1)
        matches = Array(repeating: 0, count: voters.count)
        matches[place(of: id)] = durable
        effects.append(.becamePrimary(term))
    }

    private mutating func appended(through: UInt64) {
        precondition(through >= lastIndex)
        lastIndex = through
    }

    private mutating func persisted(through: UInt64, into effects: inout Effects) {
        precondition(through <= lastIndex)
        durable = max(durable, through)
        guard case .primary(let noop) = role else { return }
        matches[place(of: id)] = durable
        let held = CommitRule.held(by: quorum, of: matches)
        // Only an entry of this term commits by counting; the no-op is the first of them.
        guard held >= noop, held > committed else { return }
        committed = held
        effects.append(.committed(through: held))
    }

    private mutating func stepDown(into effects: inout Effects) {
        guard role != .secondary else { return }
        role = .secondary
        effects.append(.becameSecondary(term, primary: nil))
    }

    private var quorum: Int { voters.count / 2 + 1 }

    private func place(of voter: Int) -> Int { voters.firstIndex(of: voter) ?? 0 }
}

/// How far a quorum's disks hold the log.
package enum CommitRule {
    /// The highest index that at least `quorum` of the matches reach.
    package static func held(by quorum: Int, of matches: [UInt64]) -> UInt64 {
        precondition(quorum >= 1 && quorum <= matches.count)
        return matches.sorted(by: >)[quorum - 1]
    }
}
