internal import Views
internal import Bytes
internal import Consensus
internal import Files
internal import Keys
internal import Records
internal import SegmentedLog

// The life of a replica: election, the no-op of its term, what time brings, the end.
extension Replica {
    /// The first tick: stand for election, unless the log is damaged. Records begin and end their life in `take`.
    func start(into effects: inout [ReplicaEffect]) {
        guard !hasStarted else { return }
        hasStarted = true
        effects.append(.credentials(credentials))
        guard case .opened = life else { return }
        life = .electing
        agree(
            .started(
                term: terms.state.term, vote: terms.state.vote.map(Int.init),
                last: EntryID(index: log.lastIndex, term: log.end.term), committed: 1,
                membership: Membership(voters: members)), into: &effects)
        agree(.ticked(milliseconds: clock.milliseconds), into: &effects)
    }

    func ticked(into effects: inout [ReplicaEffect]) {
        if clock.milliseconds >= roomTold + 100 || roomTold == 0 {
            roomTold = max(1, clock.milliseconds)
            room = (try? log.headRoom()) ?? .nothing
        }
        switch life {
        case .primary:
            announce(into: &effects)
            agree(.ticked(milliseconds: clock.milliseconds), into: &effects)
            if !isWriting { write(log.idle(nowMilliseconds: clock.milliseconds), into: &effects) }
            readsTicked(into: &effects)
        case .stopping: goOnStopping(into: &effects)
        case .electing, .opened, .damaged, .stopped, .failed: break
        }
    }

    /// Tells consensus a fact and carries out what it orders; what comes of that is told afterwards.
    func agree(_ input: RaftNode.Input, into effects: inout [ReplicaEffect]) {
        var orders = RaftNode.Effects()
        raft.step(input, log: TermsOfLog(log: log), into: &orders)
        var facts: [RaftNode.Input] = []
        for order in orders {
            switch order {
            case .persistTerm(let term, let vote): facts += persist(term, vote, into: &effects)
            case .becamePrimary(let term): lead(term, into: &effects)
            case .committed(let index):
                committed(through: index, into: &effects)
                if case .electing = life, index >= noOpIndex, noOpIndex > 0 { ready(into: &effects) }
            case .becameSecondary: fail(.unavailable, into: &effects)
            case .send, .truncate, .append, .membershipReverted, .changeMembership, .readReady, .readLost,
                .transferEnded:
                break  // A cluster of one has no peers.
            }
        }
        for fact in facts { agree(fact, into: &effects) }
    }

    /// Makes term and vote durable before anything else happens in them.
    private func persist(_ term: UInt64, _ vote: Int?, into effects: inout [ReplicaEffect]) -> [RaftNode.Input] {
        do {
            try terms.save(TermState(term: term, vote: vote.map(UInt64.init), boot: terms.state.boot + 1))
        } catch {
            fail(.internalError, into: &effects)
            return []
        }
        return [.termPersisted(term, vote: vote)]
    }

    /// Appends the no-op of the term; nothing is decided before it is committed and everything through it folded.
    private func lead(_ term: UInt64, into effects: inout [ReplicaEffect]) {
        let draft = FrameDraft(
            term: term, firstStamp: lastStamp, lastStamp: lastStamp, firstPosition: nextPosition, eventCount: 0,
            firstRecord: nextRecord, recordCount: 0, body: [EntryFormat.version, EntryKind.noOp.rawValue],
            leaves: .none)
        do {
            noOpIndex = try log.append(draft, dice: &dice)
        } catch {
            return fail(.internalError, into: &effects)
        }
        if !isWriting { write(log.takeBatch(), into: &effects) }
    }

    private func ready(into effects: inout [ReplicaEffect]) {
        guard case .electing = life else { return }
        life = .primary(term: raft.term)
        if book.record == 0 { recordOfStore(.storeCreated) }
        recordOfStore(.storeStarted)
        announce(into: &effects)
    }

    /// Says that appends are acknowledged from now on, once there is room for them.
    private func announce(into effects: inout [ReplicaEffect]) {
        guard !isAnnounced, room >= .events else { return }
        isAnnounced = true
        effects.append(.ready(term: raft.term))
    }

    /// A record of the store itself.
    private func recordOfStore(_ code: RecordCode) {
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

    func stopRequested(into effects: inout [ReplicaEffect]) {
        switch life {
        case .primary:
            abandonReads(
                Problem(.unavailable, "The replica is stopping; try again.", [.retryAfterSeconds(1)]), into: &effects)
            life = .stopping
            takeSnapshot(into: &effects)
        case .stopping, .stopped: break
        case .opened, .electing, .damaged, .failed:
            life = .stopped
            effects.append(.stopped)
        }
    }

    /// Once everything is written and the snapshot made: the last watermark, then the end.
    func goOnStopping(into effects: inout [ReplicaEffect]) {
        guard case .stopping = life, !isWriting, gathering == nil, log.durableIndex == log.lastIndex,
            !background.isBusy
        else { return }
        if let batch = log.settle() { return write(batch, into: &effects) }
        life = .stopped
        effects.append(.stopped)
    }
}

/// The log, as agreement sees it.
private struct TermsOfLog<Store: FileStore>: LogView {
    let log: EntryLog<Store, EntryLeaves>

    func term(at index: UInt64) -> UInt64? { try? log.header(at: index).term }
    func bytes(at index: UInt64) -> Int { (try? log.header(at: index).bodyLength) ?? 0 }
}
