internal import Bytes
internal import Consensus
internal import Keys
internal import Records
internal import SegmentedLog
internal import Views

extension Replica {
    private static var suspectMilliseconds: UInt64 { 5_000 }
    private static var downMilliseconds: UInt64 { 60_000 }

    /// What an operator sees; no PHI.
    var status: ClusterStatus {
        var status = ClusterStatus(
            clusterID: Hex.text(of: ring.clusterID), primary: isPrimary ? configuration.id : knownPrimary,
            term: raft.term, index: foldedIndex, position: book.position, record: book.record,
            minDurableCopies: minDurableCopies, lastStamp: book.lastStamp,
            members: ([configuration.id] + peers.views.map(\.id)).sorted().map(member), warnings: warnings)
        // Who leads no more would tell of the time when it did.
        if isPrimary, let failover {
            status.lastFailover = ClusterStatus.LastFailover(
                at: failover.at, reason: failover.reason.rawValue, from: failover.from, to: configuration.id,
                milliseconds: failover.milliseconds)
        }
        status.retired = membership.retired
        status.change = change
        return status
    }

    var isPrimary: Bool { if case .primary = life { true } else { false } }

    /// How many disks are known to hold whatever was acknowledged, but for the last second or 8 MiB; 0 where nobody is
    /// known to lead from here.
    var minDurableCopies: Int {
        guard isPrimary else { return 0 }
        let voters = membership.voters + (membership.incoming ?? []).filter { !membership.voters.contains($0) }
        return voters.count { id in
            guard id != configuration.id else { return !isStalled }
            return peers.view(id).map(countsAsCopy) == true
        }
    }

    func countsAsCopy(_ view: PeerView) -> Bool {
        isReachable(view) && copies.counts(held: view.sighting.held, milliseconds: clock.milliseconds)
    }

    /// Remembers what is committed now.
    func noteCommitted() {
        guard isPrimary else { return copies.forget() }
        copies.note(committedIndex, milliseconds: clock.milliseconds)
    }

    private func member(_ id: Int) -> ClusterStatus.Member {
        let figures = id == configuration.id ? peerFigures : peers.view(id)?.figures
        let position = figures?.position ?? 0
        let lag = book.position > position ? book.position - position : 0
        var member = ClusterStatus.Member(
            id: id, role: role(of: id), state: state(of: id).name, position: position, lagEvents: lag,
            lagSeconds: id == configuration.id
                ? 0 : Double(copies.lag(held: figures?.index ?? 0, milliseconds: clock.milliseconds)) / 1000,
            patientDigest: (figures?.patientDigest ?? .zero).hex,
            appointmentDigest: (figures?.appointmentDigest ?? .zero).hex,
            auditDigest: (figures?.auditDigest ?? .zero).hex, digestPosition: position,
            digestRecord: figures?.record ?? 0)
        member.durableIndex = figures?.durableIndex ?? 0
        member.freeBytes = figures?.freeBytes ?? 0
        member.silentMilliseconds =
            id == configuration.id
            ? 0 : peers.view(id)?.heardAt.map { clock.milliseconds - min($0, clock.milliseconds) }
        return member
    }

    private func role(of id: Int) -> String {
        if id == (isPrimary ? configuration.id : knownPrimary) { return "primary" }
        if id == configuration.id, isRetired { return "retired" }
        if membership.isVoter(id) { return "secondary" }
        if membership.learners.contains(id) { return "learner" }
        return membership.retired.contains(id) ? "retired" : "spare"
    }

    func state(of id: Int) -> ReplicaState {
        guard id != configuration.id else { return ownState }
        if membership.retired.contains(id) { return .retired }
        guard let view = peers.view(id) else { return .lost }
        if view.isRolledBack { return .rolledBack }
        // Of one never heard of in this life the silence began with it.
        let silence = clock.milliseconds - min(clock.milliseconds, view.heardAt ?? max(startedAt, view.knownSince))
        if silence >= configuration.lostMilliseconds { return .lost }
        if silence >= Self.downMilliseconds { return .down }
        if silence >= Self.suspectMilliseconds { return .suspect }
        if silence >= Self.recentMilliseconds { return .silent }
        return view.figures?.state ?? .starting
    }

    private var change: ClusterStatus.Change? {
        let newest = configurations[configurations.count - 1]
        guard let change = newest.entry.change else { return nil }
        let isCommitted = newest.index <= committedIndex
        return ClusterStatus.Change(
            joining: change.joining, leaving: change.leaving,
            state: newest.entry.membership.isJoint ? "joint" : isCommitted ? "copying" : "begun",
            hold: newest.entry.membership.isJoint ? nil : hold(change), isAutomatic: change.isAutomatic,
            begun: change.begun)
    }

    private var warnings: [String] {
        var warnings: [String] = []
        let voters = membership.voters.count
        if voters == 1 { warnings.append("One copy: nothing survives the loss of this disk but a backup.") }
        if isPrimary, voters > 1, minDurableCopies < voters {
            warnings.append("A replica lags or is away: fewer copies than there are voters.")
        }
        if clock.isAhead { warnings.append("The clock jumped ahead by more than 5 s: appends are refused.") }
        if clock.hasWarned { warnings.append("The clock jumped ahead by more than 0.5 s.") }
        switch room {
        case .events: break
        case .records: warnings.append("The disk is nearly full: appends are refused.")
        case .control, .nothing: warnings.append("The disk is nearly full: appends and reads are refused.")
        }
        if let replacementHold { warnings.append(replacementHold) }
        warnings += backupWarnings
        if isStalled { warnings.append("The disk does not finish what it was given.") }
        if background.hasFailed { warnings.append("The last snapshot failed; the next start takes longer.") }
        if isRetired { warnings.append("This replica was retired: stop it, and take its directory away.") }
        if isRolledBack {
            warnings.append("This disk has less than others saw on it: it is refused. Replace the replica.")
        }
        if log.fault != nil {
            warnings.append(
                hasPeers
                    ? "A part of the log is damaged and is being fetched from the other replicas."
                    : "The log is damaged: run chartlog verify.")
        }
        return warnings
    }
}
