/// Entries that cannot be read here, and what their headers say of the log.
struct Fault: Equatable, Sendable {
    var from: UInt64
    var claimed: EntryID
}

/// A disk that is slow, gone or damaged.
extension RaftNode {
    /// A primary whose disk does not come back leads nobody anywhere: it makes way, and does not come again before its
    /// disk does.
    mutating func watchDisk(into effects: inout Effects) {
        guard last.index > durable, now >= progressAt + timings.stalledDisk, !isStalled else { return }
        isStalled = true
        makeWayForHealthyDisk(into: &effects)
    }

    mutating func diskStalled(into effects: inout Effects) {
        isStallTold = true
        makeWayForHealthyDisk(into: &effects)
    }

    mutating func diskRecovered() {
        isStallTold = false
        isStalled = false
        progressAt = now
    }

    private mutating func makeWayForHealthyDisk(into effects: inout Effects) {
        if isAlone || mutated(.leadsWithStalledDisk) {
            isStalled = false
            isStallTold = false
        } else if isPrimary {
            sendAway(into: &effects)
            follow(nil, in: term, into: &effects)
        } else if role != .secondary {
            role = .secondary
        }
    }

    /// It never speaks again; a primary's last word has another stand at once.
    mutating func bar(into effects: inout Effects) {
        if isPrimary { sendAway(into: &effects) }
        follow(nil, in: term, into: &effects)
        isBarred = true
    }

    /// Who cannot read its log does not stand for election, nor go on standing.
    mutating func damaged(_ found: Fault) {
        fault = found
        if !isPrimary, !mayStand { role = .secondary }
    }

    /// What could not be read is whole again. It counts for a primary from now on, and nobody else will say so.
    mutating func repaired(_ log: some LogView, into effects: inout Effects) {
        fault = nil
        commitWhatIsHeld(log, into: &effects)
        guard role == .secondary, let primary, matchHere > answered else { return }
        answered = matchHere
        answer(.appendAnswer(match: answered), to: primary, into: &effects)
    }

    /// Goes on to a newer term, in which nobody leads yet: others learn of it from its answers, as of any other. To do so
    /// is always allowed, and disturbs nobody as long as no primary is heard.
    mutating func leave(_ through: UInt64, into effects: inout Effects) {
        guard role == .secondary, primary == nil, term <= through else { return }
        follow(nil, in: through + 1, into: &effects)
    }
}
