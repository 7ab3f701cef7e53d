internal import Bytes
internal import Consensus
internal import Records
internal import Files
internal import SegmentedLog
internal import Views

// What others say, and what this replica says of itself.
extension Replica {
    /// There are others, so that what is damaged here can be fetched from them.
    var hasPeers: Bool { !peers.views.isEmpty }

    /// A new link: both ends say who they are before anything else counts.
    func connected(_ peer: Int, into effects: inout [ReplicaEffect]) {
        guard peers.view(peer) != nil, life.isAlive else { return }
        peers.connected(peer)
        effects.append(.send(to: peer, .hello(hello)))
        // A lane of it was lost and is there again: what was under way on it may be gone.
        if peers.view(peer)?.isKnown == true { agree(.connected(peer: peer), into: &effects) }
    }

    func disconnected(_ peer: Int, into effects: inout [ReplicaEffect]) {
        guard let view = peers.view(peer), view.isConnected else { return }
        peers.disconnected(peer)
        guard view.isKnown, life.isAlive else { return }
        if peer == knownPrimary { electionHint = .linkClosed }
        agree(.disconnected(peer: peer), into: &effects)
    }

    func receive(_ message: PeerMessage, from peer: Int, into effects: inout [ReplicaEffect]) {
        guard let view = peers.view(peer), life.isAlive else { return }
        peers.heard(peer, milliseconds: clock.milliseconds)
        switch message {
        case .hello(let hello):
            for sighting in hello.sightings { seen(sighting, into: &effects) }
            identified(peer, boot: hello.boot, term: hello.term, durable: hello.durable, into: &effects)
            keepSightings(into: &effects)
            tellRetired(peer, into: &effects)
        case .figures(let figures):
            identified(
                peer, boot: figures.boot, term: figures.term, durable: figures.durableIndex, into: &effects)
            guard peers.view(peer)?.isRolledBack == false else { return }
            keepSightings(into: &effects)
            peers.told(peer, figures, forward: clock.forward)
            if figures.state != .retired { tellRetired(peer, into: &effects) }
        case .retired: retire(into: &effects)
        case .saved(let notice): if view.isKnown { noted(notice, by: peer, into: &effects) }
        case .savedNoted(let id): backupRecorded(id)
        case .readIndexAsked(let token): if view.isKnown { readIndexAsked(token, by: peer, into: &effects) }
        case .readIndex(let token, let index): readIndexTold(token, index, into: &effects)
        case .raft(let raft, let frames):
            guard view.isKnown, !view.isRolledBack, !isRolledBack, !isRetired, !isLeaving else { return }
            receive(raft, frames, from: peer, into: &effects)
        case .fetch(let request): fetch(request, for: peer, into: &effects)
        case .fetched(let first, let committed, let frames):
            fetched(first, committed: committed, frames, into: &effects)
        }
    }

    private func receive(
        _ message: RaftMessage, _ frames: [StoredFrame], from peer: Int, into effects: inout [ReplicaEffect]
    ) {
        guard message.from == peer, message.to == configuration.id else { return }
        if peer == knownPrimary { primaryHeard = (peer, clock.milliseconds) }
        if case .timeoutNow = message.kind { electionHint = .handover }
        if case .appendAnswer(let match) = message.kind, isPrimary, message.term == raft.term {
            // What it promised to hold it must still have after its next start, whether its figures came or not. What it
            // promised to an earlier primary it may have taken back since.
            peers.promised(peer, durable: min(match, committedIndex))
        }
        guard case .append(let previous, let count, let term, _) = message.kind else {
            guard frames.isEmpty else { return }
            return agree(.received(message), into: &effects)
        }
        guard count == frames.count, previous.index < .max - UInt64(count) else { return }
        for (at, frame) in frames.enumerated() {
            guard let header = try? frame.parsed(), header.index == previous.index + 1 + UInt64(at),
                header.term == term
            else {
                refusedFrames += 1
                return
            }
        }
        incoming = (previous.index + 1, frames)
        agree(.received(message), into: &effects)
        incoming = (0, [])
    }

    /// A replica names itself. One that has less than it was seen to have is refused from then on: its disk was rolled
    /// back, or it is another's.
    private func identified(
        _ peer: Int, boot: UInt64, term: UInt64, durable: UInt64, into effects: inout [ReplicaEffect]
    ) {
        guard let before = peers.view(peer), before.isConnected else { return }
        peers.identified(peer, boot: boot, term: term, durable: durable, milliseconds: clock.milliseconds)
        guard let after = peers.view(peer) else { return }
        if after.isKnown, !before.isKnown { agree(.connected(peer: peer), into: &effects) }
        if after.isRolledBack, before.isKnown { agree(.disconnected(peer: peer), into: &effects) }
    }

    /// Writes down that a replica was seen in a newer life or term, so that it is refused with less after this one's next
    /// start too: it may have voted in that term. How far its log goes is written with it, and falls behind between.
    private func keepSightings(into effects: inout [ReplicaEffect]) {
        let retired = retiredForGood
        let isKept = peers.sightings.allSatisfy { seen in
            guard !retired.contains(UInt64(seen.id)) else { return true }
            guard let kept = terms.state.known.first(where: { $0.replica == UInt64(seen.id) }) else {
                return terms.state.known.count >= TermState.knownMax
            }
            return kept.boot >= seen.boot && kept.term >= seen.term
        }
        guard !isKept, life.isAlive else { return }
        do throws(LogError) {
            try save()
        } catch {
            fail(.internalError, into: &effects)
        }
    }

    /// The ids that are retired by what is committed: they never come back, and the term file has no room for them.
    private var retiredForGood: [UInt64] {
        let committed = configurations.last { $0.index <= committedIndex } ?? configurations[0]
        return committed.entry.membership.retired.map(UInt64.init)
    }

    /// Makes what may never be forgotten durable, and what is known of the others with it.
    func save(_ change: (inout TermState) -> Void = { _ in }) throws(LogError) {
        var next = terms.state
        for one in peers.known { _ = next.note(one) }
        change(&next)
        try terms.save(next, forgetting: retiredForGood)
    }

    /// Somebody saw a replica with so much; this one too.
    private func seen(_ sighting: PeerSighting, into effects: inout [ReplicaEffect]) {
        guard sighting.id == configuration.id else { return peers.seen(sighting) }
        guard
            sighting.boot > terms.state.boot || sighting.term > terms.state.term || sighting.held > claimedLast.index
        else { return }
        foundRolledBack(into: &effects)
    }

    private var hello: PeerHello {
        PeerHello(
            boot: terms.state.boot, term: terms.state.term,
            durable: log.fault == nil ? log.durableIndex : claimedLast.index, sightings: peers.sightings)
    }

    /// What this replica says of itself.
    var peerFigures: PeerFigures {
        let digests = book.digests
        return PeerFigures(
            state: ownState, boot: terms.state.boot, term: terms.state.term, index: foldedIndex,
            position: book.position, record: book.record, stamp: book.lastStamp, lastIndex: log.lastIndex,
            durableIndex: log.fault == nil ? log.durableIndex : claimedLast.index, committedIndex: committedIndex,
            patientDigest: digests.patient, appointmentDigest: digests.appointment, auditDigest: digests.audit,
            freeBytes: UInt64((try? store.freeSpace()) ?? 0), clock: clock.machine,
            clockTrust: clock.trust, backupTrouble: backupTrouble)
    }

    /// Its state in one word.
    var ownState: ReplicaState {
        switch life {
        case .opened: return .starting
        case .damaged: return .damaged
        case .stopping, .stopped: return .stopping
        case .failed: return .failed
        case .following, .electing, .primary: break
        }
        if isRetired { return .retired }
        if isRolledBack { return .rolledBack }
        if log.fault != nil { return .damaged }
        if isStalled { return .diskStalled }
        if room < .events { return .diskFull }
        if !membership.isMember(configuration.id) { return .spare }
        switch life {
        case .primary: return .ready
        case .following where knownPrimary != nil: return foldedIndex < committedIndex ? .catchingUp : .ready
        default: return .starting
        }
    }
}
