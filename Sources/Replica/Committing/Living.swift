internal import Bytes
internal import Consensus
internal import Files
internal import Records
internal import SegmentedLog

// What time brings: the start, the ticks, the end.
extension Replica {
    /// A write that takes longer than this, in milliseconds, is a stalled disk: whoever leads with it gives up (design 2:
    /// a stuck disk costs no more than 4 s).
    static var stallMilliseconds: UInt64 { 1_500 }
    private static var figuresMilliseconds: UInt64 { 250 }
    /// How long a stop waits for answers and for another to lead.
    private static var stopMilliseconds: UInt64 { 2_000 }

    /// The first tick: a new boot number, durable before the first word to anybody, then agreement begins. With one
    /// replica that is to lead; with several, to listen.
    func start(into effects: inout [ReplicaEffect]) {
        guard !hasStarted else { return }
        hasStarted = true
        if knowsCredentials { effects.append(.credentials(credentials)) }
        guard case .opened = life else { return }
        do {
            try save { $0.boot += 1 }
        } catch {
            return fail(.internalError, into: &effects)
        }
        life = .following
        startedAt = clock.milliseconds
        agree(
            .started(
                term: terms.state.term, vote: terms.state.vote.map { Int($0) },
                last: EntryID(index: log.lastIndex, term: log.end.term), committed: foldedIndex,
                membership: configurations[0].entry.membership), into: &effects)
        for (index, entry) in configurations.dropFirst() {
            agree(.membershipAppended(index: index, entry.membership), into: &effects)
        }
        if log.wanted != nil { foundFault(into: &effects) }
    }

    func ticked(into effects: inout [ReplicaEffect]) {
        if clock.milliseconds >= roomTold + 100 || roomTold == 0 {
            roomTold = max(1, clock.milliseconds)
            room = (try? log.headRoom()) ?? .nothing
        }
        considerTakenOver(into: &effects)
        switch life {
        case .opened, .damaged, .stopped, .failed: return
        case .following, .electing, .primary, .stopping: break
        }
        learnCredentials(into: &effects)
        learnPlaces(into: &effects)
        answerChanged(into: &effects)
        considerRetired(into: &effects)
        watchDisk(into: &effects)
        agree(.ticked(milliseconds: clock.milliseconds), into: &effects)
        if stopDue > 0, handover == nil || clock.milliseconds >= stopDue, life.canBeginStopping {
            beginStopping(into: &effects)
        }
        switch life {
        case .primary:
            announce(into: &effects)
            readsTicked(into: &effects)
            considerHandover(into: &effects)
            goOnChanging(into: &effects)
        case .stopping: goOnStopping(into: &effects)
        case .following, .electing, .opened, .damaged, .stopped, .failed: break
        }
        if !isWriting, life.isAlive { write(log.idle(nowMilliseconds: clock.milliseconds), into: &effects) }
        repairTicked(into: &effects)
        backupsTicked(into: &effects)
        tellFigures(into: &effects)
    }

    /// A disk that does not finish is told to consensus, which then neither leads nor stands for election; it is well
    /// again once what it was given is on it.
    private func watchDisk(into effects: inout [ReplicaEffect]) {
        guard !isStalled, isWriting, clock.milliseconds >= writingSince + Self.stallMilliseconds else { return }
        isStalled = true
        agree(.diskStalled, into: &effects)
    }

    /// Whoever has failed says nothing more: its term may not have become durable.
    private func tellFigures(into effects: inout [ReplicaEffect]) {
        guard clock.milliseconds >= figuresDue, life.isAlive else { return }
        figuresDue = clock.milliseconds + Self.figuresMilliseconds
        noteCommitted()
        let others = peers.views.filter { isReachable($0) && membership.voters.contains($0.id) }
        clock.compared(
            with: others.compactMap { view in
                view.figures.map { (offset: view.clockOffset, trust: $0.clockTrust) }
            }, quorum: membership.voters.count / 2 + 1)
        guard !peers.views.isEmpty else { return }
        let figures = peerFigures
        for view in peers.views where view.isConnected { effects.append(.send(to: view.id, .figures(figures))) }
    }

    func stopRequested(into effects: inout [ReplicaEffect]) {
        switch life {
        case .primary:
            // Whoever can lead is asked to, so that the others need not find out.
            if handOver(to: nil, for: nil, into: &effects) {
                stopDue = clock.milliseconds + Self.stopMilliseconds
                return
            }
            beginStopping(into: &effects)
        case .following, .electing: beginStopping(into: &effects)
        case .stopping, .stopped: break
        case .opened, .damaged, .failed:
            life = .stopped
            effects.append(.stopped)
        }
    }

    /// Stops and does not lead: it takes nothing more, so that what is on its way to the disk comes to an end.
    var isLeaving: Bool { if case .stopping = life { !isLeading } else { false } }

    func beginStopping(into effects: inout [ReplicaEffect]) {
        for ask in handover?.asks ?? [] { answer(ask, Self.noPrimary, &effects) }
        handover = nil
        abandonReads(
            Problem(.unavailable, "The replica is stopping; try again.", [.retryAfterSeconds(1)]), into: &effects)
        abandonRewind(
            Problem(.unavailable, "The replica is stopping; try again.", [.retryAfterSeconds(1)]), into: &effects)
        abandonBackupOrder(
            Problem(.unavailable, "The replica is stopping; try again.", [.retryAfterSeconds(1)]), into: &effects)
        life = .stopping
        stopDue = clock.milliseconds + Self.stopMilliseconds
        takeSnapshot(into: &effects)
        goOnStopping(into: &effects)
    }

    /// Once everything is written and the snapshot made: the last watermark, then the end.
    func goOnStopping(into effects: inout [ReplicaEffect]) {
        guard case .stopping = life else { return }
        if isLeading, foldedIndex < log.lastIndex, clock.milliseconds >= stopDue { stepDown(into: &effects) }
        guard !isWriting, gathering == nil, log.durableIndex == log.lastIndex, !background.isBusy,
            !isLeading || foldedIndex == log.lastIndex
        else { return }
        if let batch = log.settle() { return write(batch, into: &effects) }
        life = .stopped
        tell(primary: nil, into: &effects)
        effects.append(.stopped)
    }
}

// Records that the store makes of itself.
extension Replica {
    /// A record of the store itself.
    func recordOfStore(_ code: RecordCode) {
        var value = AuditValue()
        value.name = "chartlog"
        value.replica = configuration.id
        propose(systemRecord(code, .success, value), for: nil, then: nil)
    }

    private func systemRecord(_ code: RecordCode, _ outcome: AuditOutcome, _ value: AuditValue) -> RecordDraft {
        RecordDraft(
            code: code, outcome: outcome, tenant: tenants[0].id, actor: tenants[0].actor(value.name), behalf: 0,
            subjects: [], value: value)
    }

    func record(_ count: StrangerCount, into effects: inout [ReplicaEffect]) {
        guard unreadiness == nil, room >= .records else { return }
        var value = AuditValue()
        value.name = "strangers"
        value.address = count.prefix
        value.outcomeName = count.problem.rawValue
        value.count = max(0, count.count)
        value.replica = configuration.id
        propose(systemRecord(.strangers, .seriousFailure, value), for: nil, then: nil)
    }

    func acceptClock(_ caller: Caller, into effects: inout [ReplicaEffect]) {
        clock.accept()
        guard unreadiness == nil, let credential = credentials.first(where: { $0.id == caller.credential }) else {
            return
        }
        let value = AuditValue(caller, credential: credential, replica: configuration.id)
        propose(systemRecord(.clockAccepted, .success, value), for: nil, then: nil)
    }
}
