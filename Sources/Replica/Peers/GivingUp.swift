internal import Consensus
internal import Records
internal import SegmentedLog

// A frame that was being written when the power went lies torn at the end of the log, behind its whole header. Nobody
// here can tell it from one that was decided and rots, so it counts in votes (CTRL), and where two vote the other one,
// that never had it, cannot be elected: without this, for ever.
//
// "Never had" is: the log of a voter ends whole before the damage, in a term newer than any in which this replica may have
// promised to hold what is damaged (`repairing.promised`). Its figures say so, of one moment; damaged, rolled back and
// failed replicas say nothing that counts. Once the voters that did not say so are no majority with this one, of the
// newest membership in the log, or of its incoming voters, what is damaged was not decided and will not be on the word
// of this replica; so it may be cut.
//
// Why. Suppose an entry e from the damage on is decided with this replica D among those counted, by the primary P of a
// term T. D promised e in T, and since its fault was found it promises nothing behind it: T <= promised. P's log has e,
// hence every membership that D can read, and counted by the newest of them, M, or by one behind it. A first membership
// behind M needs, to be decided, a majority of M's voters, or of the incoming ones where M is joint; it has e below
// it, and none is appended after it before that. So at the first decision on anything from e on, one of those who never
// had it, X, was counted with its own promise in a term up to T. X gave it before the moment of which it speaks, for
// then it was past T already, and so had e then, and had lost it at that moment. But what is decided stays in the log of
// every later primary, so that none made X cut it: who elects a primary meets, in a vote, somebody who promised e
// before, and D's votes count e as there. If no such decision was made with D counted, D is as one that never had e, and
// may vote so.
//
// That X gets e after that moment does no harm: in newer terms only, in which D's old promise is counted by nobody.
// What it rests on is what all of agreement does: X's disk is not rolled back unseen, and a torn tail that X itself
// cut when it opened was never promised.
extension Replica {
    /// A primary may be under way that long; it would bring its own entry.
    private static var leaderlessMilliseconds: UInt64 { 3_000 }

    func giveUpWhatNobodyHas(into effects: inout [ReplicaEffect]) {
        guard let fault = log.fault, fault.index == log.lastIndex + 1, fault.index > 1, fault.index > committedIndex,
            log.wounds.isEmpty, !isRolledBack, !isRetired, raft.primary == nil,
            clock.milliseconds >= max(startedAt, primaryHeard?.at ?? 0) + Self.leaderlessMilliseconds,
            isHeldByNoQuorum(fault.index, after: nil)
        else { return }
        guard isHeldByNoQuorum(fault.index, after: repairing.promised) else {
            // The others hear of the new term when they ask for this one's vote, and say then what they have in it.
            return agree(.leaving(term: repairing.promised), into: &effects)
        }
        do throws(LogError) {
            try log.giveUp(from: fault.index)
        } catch {
            switch error {
            case .file, .key: return fail(.internalError, into: &effects)
            case .otherFrame, .refusedFrame, .damaged, .absent, .missing, .exists, .otherCluster, .otherReplica,
                .tooLarge, .lineage:
                return
            }
        }
        forgetConfigurations(after: fault.index - 1)
        considerRepaired(into: &effects)
    }

    /// Whether too few can have an entry for it to be decided with this replica, by what the others said of themselves.
    ///
    /// - Parameter after: A term: only what was said in a newer one counts.
    private func isHeldByNoQuorum(_ index: UInt64, after term: UInt64?) -> Bool {
        let voters = membership.settled.voters
        let holders = voters.filter { voter in
            guard voter != configuration.id, let view = peers.view(voter), isReachable(view),
                let figures = view.figures, figures.lastIndex < index
            else { return true }
            guard term.map({ figures.term > $0 }) ?? true else { return true }
            switch figures.state {
            case .ready, .catchingUp, .starting, .diskStalled, .diskFull: return false
            default: return true
            }
        }
        return holders.count <= voters.count / 2
    }
}
