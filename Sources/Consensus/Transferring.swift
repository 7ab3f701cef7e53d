/// A planned change of the primary: catch up, then let it stand at once (thesis 3.10).
struct Transfer: Equatable, Sendable {
    var target: Int
    var until: UInt64
    /// The target was told to stand.
    var isUnderWay = false
}

extension RaftNode {
    mutating func transferRequested(to target: Int, _ log: some LogView, into effects: inout Effects) {
        guard isPrimary, transfer == nil, target != id, let slot = slot(of: target), peers[slot].votes else {
            effects.append(.transferEnded(false))
            return
        }
        transfer = Transfer(target: target, until: now + timings.election.lowerBound)
        handOverIfCaughtUp(into: &effects)
    }

    mutating func handOverIfCaughtUp(into effects: inout Effects) {
        guard let transfer, !transfer.isUnderWay, let slot = slot(of: transfer.target),
            peers[slot].match == last.index
        else { return }
        self.transfer?.isUnderWay = true
        send(.timeoutNow, to: transfer.target, into: &effects)
    }

    mutating func endTransfer(_ succeeded: Bool, into effects: inout Effects) {
        guard transfer != nil else { return }
        transfer = nil
        effects.append(.transferEnded(succeeded))
    }

    /// Before a primary gives up its part, the voter that holds most of its log may stand at once.
    func sendAway(into effects: inout Effects) {
        var best: Int?
        for slot in peers.indices where peers[slot].id != id && peers[slot].votes {
            if let chosen = best, peers[chosen].match >= peers[slot].match { continue }
            best = slot
        }
        if let best { send(.timeoutNow, to: peers[best].id, into: &effects) }
    }
}
