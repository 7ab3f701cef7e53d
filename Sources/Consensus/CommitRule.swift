/// How far a quorum's disks hold the log.
extension RaftNode {
    /// The highest index above `committed` that the disks of a quorum hold; `committed` if none.
    ///
    /// Every value that can be the answer is somebody's match, so it tries those; for a handful of voters that beats
    /// sorting, and allocates nothing.
    var heldByQuorum: UInt64 {
        var held = committed
        for slot in peers.indices {
            let match = match(at: slot)
            if match > held, hasQuorum({ self.match(at: $0) >= match }) { held = match }
        }
        return held
    }

    private func match(at slot: Int) -> UInt64 { peers[slot].id == id ? ownMatch : peers[slot].match }

    /// What this node's own disk holds and can read back.
    var ownMatch: UInt64 {
        if mutated(.countsUndurable) { return last.index }
        guard let fault else { return durable }
        return min(durable, fault.from - 1)
    }

    /// A primary commits what a quorum holds, once an entry of its own term is among it (thesis 3.6.2).
    mutating func commitWhatIsHeld(_ log: some LogView, into effects: inout Effects) {
        guard case .primary(let noop) = role else { return }
        let held = heldByQuorum
        guard held > committed, held >= noop || mutated(.commitsOldTerms) else { return }
        commit(through: held, log, into: &effects)
    }

    mutating func commit(through index: UInt64, _ log: some LogView, into effects: inout Effects) {
        precondition(index > committed && index <= last.index)
        committed = index
        effects.append(.committed(through: index))
        forgetOldMemberships()
        guard isPrimary else { return }
        membershipMayBeCommitted(log, into: &effects)
        startRound(into: &effects)
    }
}
