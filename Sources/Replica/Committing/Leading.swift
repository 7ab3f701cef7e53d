internal import Bytes
internal import Consensus
internal import Records
internal import SegmentedLog
internal import Views

// From election to the first decision, and what becomes of the tail when another leads.
extension Replica {
    /// Appends the no-op of the term; nothing is decided before it is committed and everything through it folded.
    func lead(_ term: UInt64, into effects: inout [ReplicaEffect]) {
        if isLeading { stepDown(into: &effects) }
        life = .electing
        failover = Failover(
            at: clock.wall, reason: primaryHeard == nil ? .started : electionHint ?? .silence, from: primaryHeard?.id,
            milliseconds: nil)
        tell(primary: nil, into: &effects)
        // What this life decided before is gone or in the log; the log says where the lines stand.
        overlay = Overlay()
        backups.noted = []
        backups.recorded = []
        lastStamp = log.lastStamp
        nextPosition = log.end.nextPosition
        nextRecord = log.end.nextRecord
        let draft = FrameDraft(
            term: term, firstStamp: lastStamp, lastStamp: lastStamp, firstPosition: nextPosition, eventCount: 0,
            firstRecord: nextRecord, recordCount: 0, body: [EntryFormat.version, EntryKind.noOp.rawValue],
            leaves: .none)
        do {
            noOpIndex = try log.append(draft, dice: &dice)
        } catch {
            return fail(.internalError, into: &effects)
        }
        tellAppended(into: &effects)
    }

    /// Decides from now on, once the no-op of the term is committed and everything through it is folded.
    func considerReady(into effects: inout [ReplicaEffect]) {
        guard case .electing = life, noOpIndex > 0, foldedIndex >= noOpIndex else { return }
        life = .primary(term: raft.term)
        if let heard = primaryHeard { failover?.milliseconds = clock.milliseconds - heard.at }
        if book.record == 0 { recordOfStore(.storeCreated) }
        recordOfStore(membership.voters.count == 1 ? .storeStarted : .primaryElected)
        announce(into: &effects)
    }

    /// Says that appends are acknowledged from now on, once there is room for them.
    func announce(into effects: inout [ReplicaEffect]) {
        guard !isAnnounced, room >= .events else { return }
        isAnnounced = true
        tell(primary: configuration.id, into: &effects)
        effects.append(.ready(term: raft.term))
    }

    /// Another leads, or nobody.
    func follow(_ primary: Int?, into effects: inout [ReplicaEffect]) {
        switch life {
        case .primary, .electing:
            stepDown(into: &effects)
            life = .following
        case .opened, .following: life = .following
        case .stopping: if isLeading { stepDown(into: &effects) }
        case .damaged, .stopped, .failed: return
        }
        if let primary, primary != configuration.id {
            primaryHeard = (primary, clock.milliseconds)
            electionHint = nil
        }
        tell(primary: primary == configuration.id ? nil : primary, into: &effects)
    }

    func tell(primary: Int?, into effects: inout [ReplicaEffect]) {
        guard primary != knownPrimary else { return }
        knownPrimary = primary
        figuresDue = 0
        effects.append(.primary(primary))
    }

    /// Whether the tail of the log is of this replica's making in the present term.
    var isLeading: Bool { noOpIndex > 0 }

    /// This replica leads no more. What it put into the log may yet be committed by another, so whoever waits for that
    /// is told that the outcome is unknown; what it never put there surely did not happen. Nothing is refused from here:
    /// what refusals rest on may be lost (design 2).
    func stepDown(into effects: inout [ReplicaEffect]) {
        let gathered = gathering?.items ?? []
        drop(pending[pendingFirst...].flatMap(\.items), Self.unknownOutcome, into: &effects)
        drop(gathered, Self.noPrimary, into: &effects)
        pending = []
        pendingFirst = 0
        gathering = nil
        overlay = Overlay()
        waitingBytes = 0
        waitingAppends = 0
        noOpIndex = 0
        isAnnounced = false
        for (id, _) in unrecorded { answer(id, Self.noPrimary, &effects) }
        unrecorded = []
        for ask in changeAsks { answer(ask.id, Self.unknownOutcome, &effects) }
        changeAsks = []
        abandonProofs(Self.noPrimary, into: &effects)
        abandonReads(Self.noPrimary, recordsAreAnswered: true, into: &effects)
        abandonRewind(Self.noPrimary, into: &effects)
    }

    func drop(_ items: [PendingItem], _ problem: Problem, into effects: inout [ReplicaEffect]) {
        for item in items {
            switch item {
            case .transaction(let transaction): answer(transaction.ask, problem, &effects)
            case .record(let record): if let ask = record.ask { answer(ask, problem, &effects) }
            case .rewind(let rewind):
                answer(rewind.ask, problem.kind == .outcomeUnknown ? Self.unknownRewind : problem, &effects)
            }
        }
    }

    /// Ordered again, it would take back what was written since.
    private static var unknownRewind: Problem {
        Problem(
            .outcomeUnknown, "It may have been done: look for a chartlog.rewound event before you order it again.")
    }

    static var unknownOutcome: Problem {
        Problem(.outcomeUnknown, "Send it again with the same ids: it is done once.")
    }

    static var noPrimary: Problem {
        Problem(.noPrimary, "Another replica is about to lead; try again.", [.retryAfterSeconds(1)])
    }
}

/// What needs no record, only the proof that this replica still leads: what it says is current then.
struct Proof {
    enum Use {
        /// An append of nothing, answered with the last committed position.
        case nothing(AskID)
        /// A backup of this replica's own.
        case backup(token: UInt64)
        /// Another replica that is to make a backup.
        case peer(Int, token: UInt64)
    }

    let token: UInt64
    let use: Use
    /// What must be folded first, once the proof is there.
    var index: UInt64?
}

extension Replica {
    /// Asks the others whether there is a later primary, for what is current only if there is none.
    func prove(for use: Proof.Use, into effects: inout [ReplicaEffect]) {
        nextProof += 1
        proofs.append(Proof(token: nextProof, use: use))
        agree(.readRequested(token: nextProof), into: &effects)
    }

    func readReady(_ token: UInt64, _ index: UInt64, into effects: inout [ReplicaEffect]) {
        guard let at = proofs.firstIndex(where: { $0.token == token }) else { return }
        switch proofs[at].use {
        case .nothing:
            proofs[at].index = index
            answerProved(into: &effects)
        case .backup(let token):
            proofs.remove(at: at)
            readIndexTold(token, index, into: &effects)
        case .peer(let peer, let token):
            proofs.remove(at: at)
            effects.append(.send(to: peer, .readIndex(token: token, index)))
        }
    }

    func readLost(_ token: UInt64, into effects: inout [ReplicaEffect]) {
        guard let at = proofs.firstIndex(where: { $0.token == token }) else { return }
        // A backup that waits asks again.
        if case .nothing(let id) = proofs.remove(at: at).use { answer(id, Self.noPrimary, &effects) }
    }

    func abandonProofs(_ problem: Problem, into effects: inout [ReplicaEffect]) {
        for case .nothing(let id) in proofs.map(\.use) { answer(id, problem, &effects) }
        proofs = []
    }

    /// Answers those whose proof is there and whose index is folded.
    func answerProved(into effects: inout [ReplicaEffect]) {
        guard !proofs.isEmpty else { return }
        proofs.removeAll { proof in
            guard case .nothing(let id) = proof.use, let index = proof.index, index <= foldedIndex else { return false }
            let nothing = Appended(position: book.position, events: [], isRepeat: true)
            answer(id, .appended(nothing), isLast: true, &effects)
            return true
        }
    }
}
