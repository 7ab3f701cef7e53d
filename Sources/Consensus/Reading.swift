/// Reads that wait for proof that this node is still primary (ReadIndex, thesis 6.4). No clock is trusted for it.
struct Reads: Sendable {
    /// The newest round of heartbeats. Never used again, in no term of this life; answers bear their term besides.
    var round: UInt64 = 0
    /// Asked for, in no round yet.
    var waiting: [UInt64] = []
    /// In `round`, which began after they were asked for; current through `index`.
    var flying: [UInt64] = []
    var index: UInt64 = 0
}

extension RaftNode {
    mutating func readRequested(_ token: UInt64, into effects: inout Effects) {
        guard isPrimary else {
            effects.append(.readLost(token: token))
            return
        }
        reads.waiting.append(token)
        startRound(into: &effects)
    }

    /// All that wait go in one round. One is under way at a time; before an entry of this term is committed, what is
    /// committed is not known and there is none.
    mutating func startRound(into effects: inout Effects) {
        guard mayDecide || mutated(.readsEarly), isPrimary, reads.flying.isEmpty, !reads.waiting.isEmpty else { return }
        swap(&reads.waiting, &reads.flying)
        reads.index = committed
        reads.round += 1
        if hasQuorum({ peers[$0].id == id }) { return finishRound(into: &effects) }
        broadcastHeartbeat(into: &effects)
    }

    /// A quorum's answers to this round or a later one prove that nobody else led when it began.
    mutating func roundAnswered(into effects: inout Effects) {
        guard !reads.flying.isEmpty,
            hasQuorum({ peers[$0].id == id || peers[$0].round >= reads.round })
        else { return }
        finishRound(into: &effects)
        startRound(into: &effects)
    }

    private mutating func finishRound(into effects: inout Effects) {
        for token in reads.flying { effects.append(.readReady(token: token, index: reads.index)) }
        reads.flying.removeAll(keepingCapacity: true)
    }

    /// What only a primary does is over.
    mutating func ceaseToLead(isNewTerm: Bool, into effects: inout Effects) {
        for token in reads.flying { effects.append(.readLost(token: token)) }
        for token in reads.waiting { effects.append(.readLost(token: token)) }
        reads.flying.removeAll(keepingCapacity: true)
        reads.waiting.removeAll(keepingCapacity: true)
        endTransfer(isNewTerm && transfer?.isUnderWay == true, into: &effects)
    }
}
