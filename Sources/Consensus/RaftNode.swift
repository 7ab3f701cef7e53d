/// One replica's part in the agreement of a cluster (Ongaro, "Consensus: Bridging Theory and Practice", 2014).
///
/// Facts go in, orders come out, in the order to carry them out. It knows indexes and terms, and nothing of what the
/// entries hold. Beyond the thesis' core: pre-vote, check-quorum and voters that stay true to a primary they hear from
/// (9.6, 6.2, 4.2.3), leadership transfer (3.10), learners (4.2.1), joint changes of membership (4.3), batched reads
/// (6.4), and the rules for damaged logs of Protocol-Aware Recovery (Alagappan and others, FAST 2018).
///
/// Invariants: `term` never falls, and nothing is promised in it before it is durable; `committed` never falls; what
/// is at or below it is never cut away; a primary commits only by counting disks that hold an entry of its own term.
package struct RaftNode: Sendable {
    package enum Role: Equatable, Sendable {
        case secondary
        /// Asks who would vote for it, before it disturbs anybody with a new term.
        case preCandidate
        /// Waits for its term and its own vote to be durable, then for a quorum of votes.
        case candidate
        /// Has a quorum of votes in `term`. Decides nothing until `noop` is committed.
        case primary(noop: UInt64)
    }

    package let id: Int
    package let timings: RaftTimings
    package internal(set) var role = Role.secondary
    package internal(set) var term: UInt64 = 0
    package internal(set) var vote: Int?
    /// The primary of `term`, as far as it is known here.
    package internal(set) var primary: Int?
    /// The end of the log, durable or not.
    package internal(set) var last = EntryID(index: 0, term: 0)
    package internal(set) var durable: UInt64 = 0
    package internal(set) var committed: UInt64 = 0
    /// The newest membership in the log.
    package internal(set) var membership = Membership(voters: [])

    var now: UInt64 = 0
    var dice: RaftDice
    /// All members, this one too, ascending by id.
    var peers: [Progress] = []

    // Promises.
    var durableTerm: UInt64 = 0
    var durableVote: Int?
    /// Answers that wait for term and vote to be durable.
    var heldAnswers: [RaftMessage] = []

    // Elections.
    var hasTicked = false
    var timerStart: UInt64 = 0
    var timeout: UInt64 = 0
    /// How often it stood since the primary's socket closed; 0 when none did.
    var hurry: UInt64 = 0
    /// When it last heard from `primary`.
    var heard: UInt64 = 0
    var isDisruptive = false

    // A secondary: through where its log is known to be the primary's, and the end of the entries it was last offered.
    var verified: UInt64 = 0
    var offered: UInt64 = 0
    var answered: UInt64 = 0
    var primaryCommit: UInt64 = 0

    // A primary.
    var heartbeatAt: UInt64 = 0
    var transfer: Transfer?
    var reads = Reads()

    /// The membership in force at `committed` and those after it.
    var memberships: [PlacedMembership] = []
    var isSettling = false

    // The disk.
    var progressAt: UInt64 = 0
    var isStalled = false
    var isStallTold = false
    var isBarred = false
    var fault: Fault?

    #if CHARTLOG_MUTANTS
    /// Bugs planted for tests.
    package var mutants: Set<Mutant> = []
    #endif

    /// - Parameter seed: Of the dice that draw timeouts.
    package init(id: Int, seed: UInt64, timings: RaftTimings = RaftTimings()) {
        self.id = id
        self.timings = timings
        dice = RaftDice(seed: seed)
    }

    package mutating func step(_ input: Input, log: some LogView, into effects: inout Effects) {
        if isBarred { return refuse(input, into: &effects) }
        switch input {
        case .started(let term, let vote, let last, let committed, let membership):
            started(term: term, vote: vote, last: last, committed: committed, membership: membership, into: &effects)
        case .ticked(let milliseconds): ticked(milliseconds, log, into: &effects)
        case .received(let message): received(message, log, into: &effects)
        case .connected(let peer): connected(peer, log, into: &effects)
        case .disconnected(let peer): disconnected(peer, into: &effects)
        case .appended(let through): appended(through: through, log, into: &effects)
        case .persisted(let through): persisted(through: through, log, into: &effects)
        case .termPersisted(let term, let vote): termPersisted(term, vote, into: &effects)
        case .membershipAppended(let index, let membership):
            membershipAppended(index, membership, log, into: &effects)
        case .transfer(let target): transferRequested(to: target, log, into: &effects)
        case .readRequested(let token): readRequested(token, into: &effects)
        case .diskStalled: diskStalled(into: &effects)
        case .diskRecovered: diskRecovered()
        case .barred: bar(into: &effects)
        case .uncovered(let through, let memberships): uncovered(through: through, memberships, log)
        case .faulty(let from, let claimed): damaged(Fault(from: from, claimed: claimed))
        case .repaired: repaired(log, into: &effects)
        case .leaving(let term): leave(term, into: &effects)
        }
    }

    /// Whether what is decided on the folded log is decided on everything that came before this term.
    package var mayDecide: Bool {
        guard case .primary(let noop) = role else { return false }
        return committed >= noop
    }

    /// Whether an entry may be appended: not while another is being caught up to take over.
    package var mayPropose: Bool { mayDecide && transfer == nil }

    package var isPrimary: Bool {
        if case .primary = role { return true }
        return false
    }

    /// When the next tick has something to do, on the clock of `.ticked`; nil before the first tick.
    package var nextDeadline: UInt64? {
        guard hasTicked else { return nil }
        return isPrimary ? heartbeatAt : timerStart + timeout
    }

    private mutating func started(
        term: UInt64, vote: Int?, last: EntryID, committed: UInt64, membership: Membership, into effects: inout Effects
    ) {
        precondition(memberships.isEmpty && membership.isSound && committed <= last.index)
        // A log may be ahead of the term file only if that file was lost; the log's term is then the least.
        self.term = max(term, last.term)
        self.vote = last.term > term ? nil : vote
        durableTerm = term
        durableVote = vote
        self.last = last
        durable = last.index
        self.committed = committed
        verified = committed
        adopt(membership, at: committed)
        if last.term > term { effects.append(.persistTerm(self.term, vote: nil)) }
    }

    /// Where a member stands among `peers`.
    func slot(of id: Int) -> Int? {
        for slot in peers.indices where peers[slot].id == id { return slot }
        return nil
    }

    /// Once it is barred it does nothing, but leaves nobody waiting.
    private func refuse(_ input: Input, into effects: inout Effects) {
        if case .readRequested(let token) = input { effects.append(.readLost(token: token)) }
        if case .transfer = input { effects.append(.transferEnded(false)) }
    }

    /// Whether a majority of the voters, and of the incoming ones if there are, is counted.
    func hasQuorum(_ isCounted: (Int) -> Bool) -> Bool {
        var old = 0
        var new = 0
        for slot in peers.indices where isCounted(slot) {
            if peers[slot].isVoter || mutated(.countsLearners) { old += 1 }
            if peers[slot].isIncoming { new += 1 }
        }
        if mutated(.countsRemovedSelf), isPrimary, !membership.isVoter(id) { old += 1 }
        guard old > membership.voters.count / 2 else { return false }
        if mutated(.countsOldVotersOnly) { return true }
        guard let incoming = membership.incoming else { return true }
        return new > incoming.count / 2
    }

    /// Whether a bug is planted: never, but in builds for tests.
    @inline(__always) func mutated(_ mutant: Mutant) -> Bool {
        #if CHARTLOG_MUTANTS
        return mutants.contains(mutant)
        #else
        return false
        #endif
    }
}
