/// A secondary takes the primary's entries (thesis 3.5).
extension RaftNode {
    /// Through where this node's disk holds the primary's log.
    var matchHere: UInt64 { min(ownMatch, verified) }

    mutating func appendReceived(
        _ previous: EntryID, count: Int, entryTerm: UInt64, commit: UInt64, _ log: some LogView,
        into effects: inout Effects
    ) {
        guard count >= 0, let primary else { return }
        guard agrees(with: previous, log) else {
            return refuse(previous, log, into: &effects)
        }
        primaryCommit = max(primaryCommit, commit)
        let through = previous.index + UInt64(count)
        // What is committed here is what the primary has there; only entries behind it can differ.
        var first = max(previous.index, committed) + 1
        while first <= min(through, last.index) {
            // What cannot be read is neither the same nor another: it waits for its repair.
            guard let held = log.term(at: first) else { return }
            guard held == entryTerm else { break }
            first += 1
        }
        if first <= through {
            if first <= last.index { truncate(after: first - 1, log, into: &effects) }
            verified = max(verified, min(through, last.index))
            offered = through
            effects.append(.append(first: first, count: Int(through - first + 1)))
            return
        }
        if mutated(.truncatesWithoutConflict), max(through, committed) < last.index {
            truncate(after: max(through, committed), log, into: &effects)
        }
        verified = max(verified, through)
        learn(commit: commit, log, into: &effects)
        // Everything is here, if not yet durable: the primary goes on, and hears the rest when it is.
        answered = matchHere
        answer(.appendAnswer(match: answered), to: primary, into: &effects)
    }

    private func agrees(with previous: EntryID, _ log: some LogView) -> Bool {
        if previous.index <= committed {
            if let held = log.term(at: previous.index) {
                precondition(held == previous.term, "what is committed never differs")
            }
            return true
        }
        return previous.index <= last.index && log.term(at: previous.index) == previous.term
    }

    /// Says how far back the logs may agree: no further than an entry of a term that the primary had by then.
    private mutating func refuse(_ previous: EntryID, _ log: some LogView, into effects: inout Effects) {
        guard let primary else { return }
        var hint = min(previous.index, last.index)
        if previous.index <= last.index, log.term(at: hint) == nil, fault != nil { return }
        while hint > committed, let found = log.term(at: hint), found > previous.term { hint -= 1 }
        let term = hint == last.index ? last.term : log.term(at: hint) ?? 0
        answer(
            .appendRefused(refused: previous.index, hint: EntryID(index: hint, term: term)), to: primary,
            into: &effects)
    }

    /// Cuts entries away that the primary does not have. What a quorum holds is never among them.
    private mutating func truncate(after index: UInt64, _ log: some LogView, into effects: inout Effects) {
        precondition(index >= committed && index < last.index)
        let term = log.term(at: index)
        precondition(term != nil || index == 0, "the entry before a cut is known")
        last = EntryID(index: index, term: term ?? 0)
        if !mutated(.keepsCutDurable) { durable = min(durable, index) }
        verified = min(verified, index)
        if let fault, index < fault.from { self.fault = nil }
        effects.append(.truncate(after: index))
        revertMemberships(after: index, into: &effects)
    }

    mutating func appended(through: UInt64, _ log: some LogView, into effects: inout Effects) {
        precondition(through >= last.index)
        guard through > last.index else { return }
        if last.index == durable { progressAt = now }
        if case .primary = role {
            last = EntryID(index: through, term: term)
            return replicate(log, into: &effects)
        }
        let term = log.term(at: through)
        precondition(term != nil, "what was just appended can be read")
        last = EntryID(index: through, term: term ?? last.term)
        verified = max(verified, min(offered, through))
        if through >= offered { offered = 0 }
        learn(commit: primaryCommit, log, into: &effects)
    }

    /// Entries came to light that were there before. They are this log's, and may be of a term that nobody else knows:
    /// only the primary's next append tells whether they are its own.
    mutating func uncovered(through: UInt64, _ found: [PlacedMembership], _ log: some LogView) {
        precondition(through >= last.index && !found.isEmpty)
        offered = 0
        if through > last.index {
            precondition(!isPrimary, "a primary has read its log")
            let term = log.term(at: through)
            precondition(term != nil, "what has just come to light can be read")
            last = EntryID(index: through, term: term ?? last.term)
        }
        if mutated(.trustsWhatCameToLight) { verified = max(verified, through) }
        if mutated(.losesHiddenMemberships) { return }
        memberships = found
        forgetOldMemberships()
        if let newest = found.last, newest.membership != membership { count(by: newest.membership) }
    }

    /// What the primary committed is committed here as far as the logs are known to agree.
    mutating func learn(commit: UInt64, _ log: some LogView, into effects: inout Effects) {
        primaryCommit = max(primaryCommit, commit)
        let index = min(primaryCommit, verified)
        if index > committed { self.commit(through: index, log, into: &effects) }
    }

    mutating func persisted(through: UInt64, _ log: some LogView, into effects: inout Effects) {
        // A write of entries that were cut away may come back late: it says nothing about those that are there now.
        guard through > durable, through <= last.index || mutated(.keepsCutDurable) else { return }
        durable = min(through, last.index)
        progressAt = now
        isStalled = false
        if isPrimary {
            commitWhatIsHeld(log, into: &effects)
        } else if role == .secondary, let primary, matchHere > answered {
            answered = matchHere
            answer(.appendAnswer(match: answered), to: primary, into: &effects)
        }
    }
}
