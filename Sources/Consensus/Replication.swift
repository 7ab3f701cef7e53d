/// A primary sends its log and counts who holds it (thesis 3.5, 10.2).
extension RaftNode {
    mutating func becomePrimary(into effects: inout Effects) {
        role = .primary(noop: last.index + 1)
        primary = id
        hurry = 0
        isSettling = false
        transfer = nil
        progressAt = now
        for slot in peers.indices { peers[slot].restart(next: last.index + 1, now: now) }
        effects.append(.becamePrimary(term))
        broadcastHeartbeat(into: &effects)
    }

    /// What time asks of a primary.
    mutating func lead(into effects: inout Effects) {
        if !isHeardByQuorum, !mutated(.leadsWithoutQuorum) {
            return follow(nil, in: term, into: &effects)
        }
        if let transfer, now >= transfer.until { endTransfer(false, into: &effects) }
        if now >= heartbeatAt { broadcastHeartbeat(into: &effects) }
    }

    /// A primary that a quorum does not answer is none any more: it may have been replaced (thesis 6.2).
    private var isHeardByQuorum: Bool {
        hasQuorum { isCountedSelf($0) || now < peers[$0].heard + timings.election.lowerBound }
    }

    private func isCountedSelf(_ slot: Int) -> Bool { peers[slot].id == id }

    mutating func broadcastHeartbeat(into effects: inout Effects) {
        heartbeatAt = now + timings.heartbeat
        for slot in peers.indices where peers[slot].id != id { sendHeartbeat(to: slot, into: &effects) }
    }

    private func sendHeartbeat(to slot: Int, into effects: inout Effects) {
        send(.heartbeat(commit: committed, round: reads.round), to: peers[slot].id, into: &effects)
    }

    mutating func connected(_ peer: Int, _ log: some LogView, into effects: inout Effects) {
        guard isPrimary, let slot = slot(of: peer) else { return }
        peers[slot].probe(from: peers[slot].match + 1)
        sendHeartbeat(to: slot, into: &effects)
        sendEntries(to: slot, log, into: &effects)
    }

    mutating func replicate(_ log: some LogView, into effects: inout Effects) {
        for slot in peers.indices where peers[slot].id != id { sendEntries(to: slot, log, into: &effects) }
    }

    // MARK: Sending

    /// As much as flow control lets go.
    private mutating func sendEntries(to slot: Int, _ log: some LogView, into effects: inout Effects) {
        switch peers[slot].state {
        case .probing:
            guard !peers[slot].isPaused, sendMessage(to: slot, log, into: &effects) != nil else { return }
            peers[slot].isPaused = true
            peers[slot].probedAt = now
        case .replicating:
            while peers[slot].next <= last.index, !isFull(slot) {
                guard let sent = sendMessage(to: slot, log, into: &effects) else { return }
                peers[slot].sent(through: peers[slot].next + UInt64(sent.count) - 1, bytes: sent.bytes)
            }
        }
    }

    private func isFull(_ slot: Int) -> Bool {
        if mutated(.floods) { return false }
        return peers[slot].flights.count >= timings.flightsMax || peers[slot].flightBytes >= timings.flightBytesMax
    }

    /// One message from `next` on; nil when the log cannot be read there. With nothing to send it asks.
    private func sendMessage(
        to slot: Int, _ log: some LogView, into effects: inout Effects
    ) -> (count: Int, bytes: Int)? {
        let first = peers[slot].next
        guard let previousTerm = ownTerm(at: first - 1, log) else { return nil }
        var count = 0
        var bytes = 0
        var entryTerm = term
        if first <= last.index {
            guard let found = ownTerm(at: first, log) else { return nil }
            entryTerm = found
            while count < timings.messageEntriesMax, first + UInt64(count) <= last.index {
                let index = first + UInt64(count)
                let size = log.bytes(at: index)
                if count > 0, bytes + size > timings.messageBytesMax || ownTerm(at: index, log) != entryTerm { break }
                count += 1
                bytes += size
            }
        }
        send(
            .append(
                previous: EntryID(index: first - 1, term: previousTerm), count: count, entryTerm: entryTerm,
                commit: committed), to: peers[slot].id, into: &effects)
        return (count, bytes)
    }

    /// A primary's own entries need no looking up.
    private func ownTerm(at index: UInt64, _ log: some LogView) -> UInt64? {
        if case .primary(let noop) = role, index >= noop { return term }
        return index == last.index ? last.term : index == 0 ? 0 : log.term(at: index)
    }

    // MARK: Answers

    mutating func appendAnswered(
        _ match: UInt64, by peer: Int, _ log: some LogView, into effects: inout Effects
    ) {
        guard isPrimary, let slot = slot(of: peer) else { return }
        peers[slot].heard = now
        matched(slot, match, log, into: &effects)
        guard isPrimary, let slot = self.slot(of: peer), match >= peers[slot].match else { return }
        if peers[slot].state == .probing { peers[slot].replicate() }
        sendEntries(to: slot, log, into: &effects)
    }

    private mutating func matched(_ slot: Int, _ match: UInt64, _ log: some LogView, into effects: inout Effects) {
        // More than this log has is no answer to anything it sent.
        guard match > peers[slot].match, match <= last.index else { return }
        peers[slot].matched(match, last: last.index, now: now)
        commitWhatIsHeld(log, into: &effects)
        handOverIfCaughtUp(into: &effects)
    }

    /// Goes back to where the logs may agree. An old refusal changes nothing: what is matched stays matched.
    mutating func appendRefused(
        _ refused: UInt64, _ hint: EntryID, by peer: Int, _ log: some LogView, into effects: inout Effects
    ) {
        guard isPrimary, let slot = slot(of: peer) else { return }
        peers[slot].heard = now
        let isStale =
            switch peers[slot].state {
            case .probing: refused + 1 != peers[slot].next
            case .replicating: refused <= peers[slot].match
            }
        if isStale, !mutated(.windsBelowMatch) { return }
        if refused <= peers[slot].match, !mutated(.windsBelowMatch) {
            // It held this once and does not now: its disk was rolled back, or cannot be read. Asking again at once would
            // be refused at once, without end; the next heartbeat asks.
            peers[slot].probe(from: peers[slot].match + 1)
            peers[slot].isPaused = true
            return
        }
        var agreed = min(hint.index, last.index, refused)
        while agreed > 0, let found = ownTerm(at: agreed, log), found > hint.term { agreed -= 1 }
        if mutated(.windsBelowMatch) { peers[slot].match = min(peers[slot].match, agreed) }
        peers[slot].probe(from: agreed + 1)
        sendEntries(to: slot, log, into: &effects)
    }

    mutating func heartbeatAnswered(
        _ round: UInt64, _ match: UInt64, by peer: Int, _ log: some LogView, into effects: inout Effects
    ) {
        guard isPrimary, let slot = slot(of: peer) else { return }
        peers[slot].heard = now
        peers[slot].round = mutated(.confirmsByOldRounds) ? reads.round : max(peers[slot].round, round)
        roundAnswered(into: &effects)
        matched(slot, match, log, into: &effects)
        guard isPrimary, let slot = self.slot(of: peer) else { return }
        switch peers[slot].state {
        case .probing:
            // A probe that is not answered for so long may be lost.
            if now >= peers[slot].probedAt + timings.heartbeat { peers[slot].isPaused = false }
            sendEntries(to: slot, log, into: &effects)
        case .replicating:
            sendEntries(to: slot, log, into: &effects)
            // Entries under way may have been lost: an empty append behind them finds out.
            if peers[slot].match + 1 < peers[slot].next, !isAsked(slot) {
                askWhetherTheyCame(slot, log, into: &effects)
            }
        }
    }

    private func isAsked(_ slot: Int) -> Bool {
        peers[slot].asked == peers[slot].next && now < peers[slot].askedAt + timings.election.lowerBound
    }

    private mutating func askWhetherTheyCame(_ slot: Int, _ log: some LogView, into effects: inout Effects) {
        let previous = peers[slot].next - 1
        guard let previousTerm = ownTerm(at: previous, log) else { return }
        peers[slot].asked = peers[slot].next
        peers[slot].askedAt = now
        send(
            .append(
                previous: EntryID(index: previous, term: previousTerm), count: 0, entryTerm: term, commit: committed),
            to: peers[slot].id, into: &effects)
    }
}
