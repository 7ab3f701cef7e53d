/// Time, and who leads (thesis 3.4, 9.6).
extension RaftNode {
    mutating func ticked(_ milliseconds: UInt64, _ log: some LogView, into effects: inout Effects) {
        now = max(now, milliseconds)
        if !hasTicked {
            hasTicked = true
            progressAt = now
            wait()
        }
        watchDisk(into: &effects)
        switch role {
        case .primary: lead(into: &effects)
        case .secondary, .preCandidate, .candidate:
            if now >= timerStart + timeout || (isAlone && role == .secondary) { timeRanOut(log, into: &effects) }
        }
    }

    /// Nobody else has a say.
    var isAlone: Bool { !membership.isJoint && membership.voters == [id] }

    /// Whether it could promise what a primary promises.
    var mayStand: Bool { hasSay && (fault == nil || mutated(.standsWithDamage)) && !isStalled && !isStallTold }

    /// A voter, or one that was until an entry that is not known to be committed: it may be the only one that has that
    /// entry, and then nobody else whose log it would vote for can lead (thesis 4.2.2).
    private var hasSay: Bool {
        membership.isVoter(id)
            || (memberships.contains { $0.membership.isVoter(id) } && !mutated(.removedNeverLeads))
    }

    /// What it promised in this term is on its disk.
    var isTermDurable: Bool { durableTerm == term && durableVote == vote }

    /// The end of the log as votes see it: what damaged entries were counts as if they were there.
    var claimedLast: EntryID {
        guard let fault, !mutated(.forgetsDamagedEntries) else { return last }
        return fault.claimed.isUpToDate(with: last) ? fault.claimed : last
    }

    /// Draws how long to wait for a primary, anew each time, so that candidates keep apart.
    mutating func wait() {
        timerStart = now
        if mutated(.hasNoChance) {
            timeout = timings.election.lowerBound
        } else if hurry == 0 {
            timeout = dice.draw(timings.election)
        } else {
            let most = hurriedMost
            timeout = dice.draw(hurry == 1 ? timings.afterClosedSocket : most / 2...most)
        }
    }

    private var hurriedMost: UInt64 { max(1, timings.afterClosedSocket.upperBound) << (hurry - 1) }

    /// Somebody else stands, or leads: give it time for that, though the primary before was lost.
    private mutating func makeWay() {
        if hurry == 1 { hurry = 2 }
        wait()
    }

    private mutating func timeRanOut(_ log: some LogView, into effects: inout Effects) {
        // A disk that takes longer for a term than a round lasts would never see one through.
        guard isTermDurable else { return wait() }
        if hurry > 0 {
            hurry += 1
            if hurriedMost >= timings.election.upperBound { hurry = 0 }
        }
        wait()
        forget(primary, into: &effects)
        guard mayStand else {
            role = .secondary
            return
        }
        role = .preCandidate
        clearVotes()
        ask(.preVoteRequest(asked: term + 1, last: last, isTransfer: false), into: &effects)
        count(true, of: id)
        if hasQuorum({ peers[$0].vote == true }) { stand(isTransfer: false, into: &effects) }
    }

    /// The primary is not heard any more.
    private mutating func forget(_ lost: Int?, into effects: inout Effects) {
        guard lost != nil else { return }
        primary = nil
        effects.append(.becameSecondary(term, primary: nil))
    }

    /// Stands for election in a new term.
    mutating func stand(isTransfer: Bool, into effects: inout Effects) {
        forget(primary, into: &effects)
        enter(term + 1, vote: id, into: &effects)
        role = .candidate
        isDisruptive = isTransfer
        clearVotes()
        wait()
    }

    /// A new term: promises of the old one are over, the vote is free.
    mutating func enter(_ newTerm: UInt64, vote: Int?, into effects: inout Effects) {
        precondition(newTerm > term)
        term = newTerm
        self.vote = vote
        primary = nil
        heldAnswers.removeAll(keepingCapacity: true)
        verified = committed
        offered = 0
        answered = 0
        primaryCommit = 0
        effects.append(.persistTerm(term, vote: vote))
    }

    mutating func termPersisted(_ term: UInt64, _ vote: Int?, into effects: inout Effects) {
        guard term == self.term, vote == self.vote else { return }
        durableTerm = term
        durableVote = vote
        effects.append(contentsOf: heldAnswers.lazy.map { .send($0) })
        heldAnswers.removeAll(keepingCapacity: true)
        guard role == .candidate, vote == id else { return }
        ask(.voteRequest(last: last, isTransfer: isDisruptive), into: &effects)
        count(true, of: id)
        leadIfElected(into: &effects)
    }

    /// A disk that was closed with the primary's process tells earlier than any timer; it is a hint, and no more.
    mutating func disconnected(_ peer: Int, into effects: inout Effects) {
        if isPrimary, let slot = slot(of: peer) { peers[slot].probe(from: peers[slot].match + 1) }
        guard role == .secondary, peer == primary else { return }
        forget(peer, into: &effects)
        hurry = 1
        wait()
    }

    // MARK: Votes

    private mutating func clearVotes() { for slot in peers.indices { peers[slot].vote = nil } }

    private mutating func count(_ granted: Bool, of peer: Int) {
        if let slot = slot(of: peer) { peers[slot].vote = granted }
    }

    private func ask(_ kind: RaftMessage.Kind, into effects: inout Effects) {
        for slot in peers.indices where peers[slot].id != id && peers[slot].votes {
            send(kind, to: peers[slot].id, into: &effects)
        }
    }

    /// A voter that hears from a primary stays true to it, so that nobody whom it does not hear can depose it
    /// (thesis 4.2.3); a primary is deposed by its quorum alone.
    var isLoyal: Bool {
        if mutated(.isDisloyal) { return false }
        if isPrimary { return true }
        return primary != nil && now < heard + timings.election.lowerBound
    }

    mutating func preVoteRequested(
        _ asked: UInt64, _ last: EntryID, isTransfer: Bool, by candidate: Int, into effects: inout Effects
    ) {
        let granted =
            asked > term && isUpToDate(last) && (!isLoyal || isTransfer) && !isAhead(of: candidate, asked, last)
        if granted, mutated(.bindsByPreVote) {
            vote = candidate
            wait()
        }
        send(.preVoteAnswer(asked: asked, granted: granted), to: candidate, into: &effects)
    }

    private func isUpToDate(_ last: EntryID) -> Bool {
        mutated(.votesForShortLogs) || last.isUpToDate(with: claimedLast)
    }

    /// Two that ask at the same moment would split the votes: for a short while the one with the better log, then the
    /// lower id, does not make way.
    private func isAhead(of candidate: Int, _ asked: UInt64, _ last: EntryID) -> Bool {
        guard role == .preCandidate, asked == term + 1, now < timerStart + timings.heartbeat else { return false }
        return last == self.last && id < candidate
    }

    mutating func preVoteAnswered(_ asked: UInt64, _ granted: Bool, by voter: Int, into effects: inout Effects) {
        guard role == .preCandidate, asked == term + 1 else { return }
        count(granted, of: voter)
        if hasQuorum({ peers[$0].vote == true }) { return stand(isTransfer: false, into: &effects) }
        giveUpIfRefused()
    }

    /// A vote in a new term is entered together with it.
    mutating func voteRequested(_ message: RaftMessage, _ last: EntryID, into effects: inout Effects) {
        let candidate = message.from
        var granted = isUpToDate(last)
        if mutated(.learnerKeepsVote), !membership.isVoter(id) { granted = false }
        if message.term > term {
            follow(nil, in: message.term, voting: granted ? candidate : nil, into: &effects)
        } else {
            granted = granted && primary == nil && (vote == nil || vote == candidate)
            if granted, vote == nil {
                vote = candidate
                makeWay()
                effects.append(.persistTerm(term, vote: vote))
            }
        }
        answer(.voteAnswer(granted: granted), to: candidate, into: &effects)
    }

    mutating func voteAnswered(_ granted: Bool, by voter: Int, into effects: inout Effects) {
        guard role == .candidate else { return }
        count(granted, of: voter)
        leadIfElected(into: &effects)
        giveUpIfRefused()
    }

    private mutating func leadIfElected(into effects: inout Effects) {
        guard role == .candidate, hasQuorum({ peers[$0].vote == true }) else { return }
        becomePrimary(into: &effects)
    }

    /// A candidate that cannot win any more waits for the next round.
    private mutating func giveUpIfRefused() {
        guard role == .candidate || role == .preCandidate, !hasQuorum({ peers[$0].vote != false }) else { return }
        role = .secondary
        if mutated(.forgetsVote) { vote = nil }
    }

    // MARK: Stepping down

    /// Follows a primary, known or not, in this term or a newer one. The vote of this term stays given.
    mutating func follow(
        _ primary: Int?, in newTerm: UInt64, voting: Int? = nil, into effects: inout Effects
    ) {
        let wasPrimary = isPrimary
        let isNewTerm = newTerm > term
        let isChange = isNewTerm || primary != self.primary || wasPrimary
        if isNewTerm { enter(newTerm, vote: voting, into: &effects) }
        if mutated(.forgetsVote), role != .secondary, newTerm == term, vote == id { vote = nil }
        role = .secondary
        self.primary = primary
        if isChange { effects.append(.becameSecondary(term, primary: primary)) }
        makeWay()
        if wasPrimary { ceaseToLead(isNewTerm: isNewTerm, into: &effects) }
    }
}
