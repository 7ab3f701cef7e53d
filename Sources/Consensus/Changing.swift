/// A membership and the entry that bears it.
package struct PlacedMembership: Equatable, Sendable {
    package var index: UInt64
    package var membership: Membership

    package init(index: UInt64, membership: Membership) {
        self.index = index
        self.membership = membership
    }
}

/// Why a membership may not be appended now.
package enum ChangeRefusal: Equatable, Sendable {
    case notPrimary
    /// No entry of this term is committed yet, or a hand-over is under way.
    case notReady
    /// Another change is not finished.
    case changeUnderWay
    /// More than one step from the membership as it is, or not sound.
    case notOneStep
    /// The id was a voter once.
    case retiredID(Int)
    /// It has not copied enough of the log to vote.
    case lagsBehind(Int)
}

/// Changes of who takes part, one at a time (thesis 4).
extension RaftNode {
    /// Why `wanted` may not be the next membership; nil if it may. To be asked before its entry is appended.
    ///
    /// One step is: a learner more or less; voters with incoming ones, all of which are caught up or vote already; the
    /// end of that.
    package func refusal(of wanted: Membership) -> ChangeRefusal? {
        guard isPrimary else { return .notPrimary }
        guard mayPropose || mutated(.changesEarly) else { return .notReady }
        let isSettled = memberships.count == 1 && (!membership.isJoint || wanted == membership.settled)
        guard isSettled || mutated(.changesEarly) else { return .changeUnderWay }
        for id in wanted.members where membership.retired.contains(id) { return .retiredID(id) }
        guard wanted.isSound, isOneStep(to: wanted) else { return .notOneStep }
        for id in wanted.incoming ?? [] where !membership.isVoter(id) {
            guard isCaughtUp(id) else { return .lagsBehind(id) }
        }
        return nil
    }

    private func isOneStep(to wanted: Membership) -> Bool {
        if membership.isJoint { return wanted == membership.settled }
        if let incoming = wanted.incoming {
            return wanted == membership.joint(with: incoming) && incoming != membership.voters
                && incoming.allSatisfy(membership.isMember)
        }
        let added = wanted.learners.filter { !membership.learners.contains($0) }
        let gone = membership.learners.filter { !wanted.learners.contains($0) }
        guard added.count + gone.count == 1 else { return false }
        return wanted
            == (added.first.map(membership.adding(learner:))
                ?? gone.first.map(membership.removing(learner:)))
    }

    /// Whether a member keeps up: its last round of catching up took less than an election timeout.
    package func isCaughtUp(_ member: Int) -> Bool {
        guard let slot = slot(of: member), let took = peers[slot].catchUp.milliseconds else { return false }
        return took < timings.election.lowerBound && now < peers[slot].heard + timings.election.lowerBound
    }

    /// The members but this one, as a primary sees them; empty elsewhere.
    package var progress: [PeerProgress] {
        guard isPrimary else { return [] }
        return peers.filter { $0.id != id }.map {
            PeerProgress(
                id: $0.id, match: $0.match, isVoter: $0.votes, silentMilliseconds: now - min(now, $0.heard),
                isCaughtUp: isCaughtUp($0.id))
        }
    }

    /// How many messages with entries a member has not answered.
    package func sentAhead(of member: Int) -> Int { slot(of: member).map { peers[$0].flights.count } ?? 0 }

    mutating func membershipAppended(
        _ index: UInt64, _ newest: Membership, _ log: some LogView, into effects: inout Effects
    ) {
        precondition(newest.isSound && index > (memberships.last?.index ?? 0))
        isSettling = false
        adopt(newest, at: index)
        forgetOldMemberships()
        guard isPrimary else { return }
        broadcastHeartbeat(into: &effects)
        replicate(log, into: &effects)
        commitWhatIsHeld(log, into: &effects)
    }

    mutating func adopt(_ newest: Membership, at index: UInt64) {
        memberships.append(PlacedMembership(index: index, membership: newest))
        count(by: newest)
    }

    mutating func count(by newest: Membership) {
        membership = newest
        var members: [Progress] = []
        for id in newest.members {
            var member =
                slot(of: id).map { peers[$0] } ?? Progress(id: id, next: last.index + 1, now: now)
            member.isVoter = newest.voters.contains(id)
            member.isIncoming = newest.incoming?.contains(id) == true
            members.append(member)
        }
        peers = members
    }

    /// Only the last committed membership can come back.
    mutating func forgetOldMemberships() {
        while memberships.count > 1, memberships[1].index <= committed { memberships.removeFirst() }
    }

    mutating func revertMemberships(after index: UInt64, into effects: inout Effects) {
        guard !mutated(.keepsLostMembership) else { return }
        var hasChanged = false
        while memberships.count > 1, let newest = memberships.last, newest.index > index {
            memberships.removeLast()
            hasChanged = true
        }
        guard hasChanged, let newest = memberships.last else { return }
        count(by: newest.membership)
        effects.append(.membershipReverted(newest.membership))
    }

    /// A joint membership is followed by the new one; a primary that is not in that one leaves when it is committed.
    mutating func membershipMayBeCommitted(_ log: some LogView, into effects: inout Effects) {
        guard memberships.count == 1 else { return }
        if membership.isJoint, mayDecide, !isSettling {
            isSettling = true
            effects.append(.changeMembership(membership.settled))
        } else if !membership.isVoter(id), !mutated(.staysThoughRemoved) {
            broadcastHeartbeat(into: &effects)
            sendAway(into: &effects)
            follow(nil, in: term, into: &effects)
        }
    }
}
