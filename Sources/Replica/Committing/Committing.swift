internal import Keys
internal import Bytes
internal import Consensus
internal import Files
internal import Records
internal import SegmentedLog
internal import Views

// From the disk's word to the answer: persisted, committed, folded, answered.
extension Replica {
    /// Bytes of bodies that one turn folds of what it decodes, so that a long catch-up never holds up a heartbeat.
    private static var foldedBytesMax: Int { 512 << 10 }
    /// Turns that folding may give way.
    private static var turnsMax: Int { 4 }

    func persisted(_ batch: UInt64, into effects: inout [ReplicaEffect]) {
        isWriting = false
        log.persisted(batch: batch)
        agree(.persisted(through: log.durableIndex), into: &effects)
        if isStalled {
            isStalled = false
            agree(.diskRecovered, into: &effects)
        }
        goOnStopping(into: &effects)
    }

    /// Entries through here are decided for ever. Those that this replica decided itself are folded at once, and whoever
    /// waits for them is answered.
    func committed(through index: UInt64, into effects: inout [ReplicaEffect]) {
        committedIndex = max(committedIndex, index)
        var room = 0
        fold(bytes: &room, into: &effects)
    }

    /// What may be folded: a primary need not wait for its own disk, since two others have it (its snapshots do).
    private var foldableIndex: UInt64 {
        if mutated(.foldsUndecided) { return log.durableIndex }
        return isLeading ? committedIndex : min(committedIndex, log.durableIndex)
    }

    /// Folds what was decided elsewhere, a chunk a turn, unless the turn brought what others wait for.
    func foldLater(after inputs: [ReplicaInput], into effects: inout [ReplicaEffect]) {
        guard foldedIndex < foldableIndex else {
            turnsNotFolded = 0
            return
        }
        turnsNotFolded += 1
        guard turnsNotFolded > Self.turnsMax || !inputs.contains(where: \.isUrgent) else { return }
        turnsNotFolded = 0
        var room = Self.foldedBytesMax
        fold(bytes: &room, into: &effects)
        if let failure { fail(failure, into: &effects) }
        propose(into: &effects)
    }

    /// Whether there is more to fold at once.
    var hasMoreToFold: Bool {
        life.isAlive && foldedIndex < foldableIndex && log.firstWound(after: foldedIndex) != foldedIndex + 1
    }

    /// Folds in order; of what has to be decoded at least nothing, at most as many bytes.
    private func fold(bytes: inout Int, into effects: inout [ReplicaEffect]) {
        let before = foldedIndex
        while foldedIndex < foldableIndex {
            let next = foldedIndex + 1
            if pendingFirst < pending.count, pending[pendingFirst].index == next {
                let entry = pending[pendingFirst]
                pending[pendingFirst].items = []
                pendingFirst += 1
                if pendingFirst == pending.count {
                    pending.removeAll(keepingCapacity: true)
                    pendingFirst = 0
                }
                fold(entry, into: &effects)
            } else {
                // An entry without items, such as a no-op of this replica's, costs nothing.
                guard bytes > 0 || next >= noOpIndex && isLeading else { break }
                guard let count = replay(next, into: &effects) else { break }
                bytes -= count
            }
            foldedIndex = next
        }
        guard foldedIndex > before else { return }
        passConfigurations()
        considerReady(into: &effects)
        answerProved(into: &effects)
        followers(into: &effects)
        considerBackground(into: &effects)
    }

    private func fold(_ entry: PendingEntry, into effects: inout [ReplicaEffect]) {
        waitingBytes -= entry.bytes
        for item in entry.items {
            switch item {
            case .transaction(let transaction):
                fold(transaction, index: entry.index)
                waitingAppends -= 1
                effects.append(.answer(transaction.ask, .appended(transaction.reply), isLast: true))
            case .record(let record):
                book.apply(record.facts)
                record.then?(self, record.facts, &effects)
            case .rewind(let rewind): fold(rewind, into: &effects)
            }
        }
    }

    private func fold(_ transaction: PendingTransaction, index: UInt64) {
        let facts = transaction.facts
        book.apply(facts) { transaction.events[$0].searchKeys }
        let events = facts.events.span
        for at in events.indices { identities.add(events[at].identity, position: events[at].position) }
        for key in transaction.newKeys {
            subjectKeys.add(
                SubjectKeys.Row(id: key.id, token: key.token, tenant: facts.tenant, index: index), wrapped: key.wrapped,
                epoch: ring.registryEpoch)
            if let made = overlay.keys[key.token] { subjectKeys.keep(made.key, id: key.id) }
        }
        if let token = transaction.idempotency, let first = facts.events.first {
            idempotency.add(token, position: first.position, stamp: facts.stamp)
        }
        overlay.folded(transaction)
    }

    /// Folds an entry from the log; its bytes, or nil when it cannot be read.
    private func replay(_ index: UInt64, into effects: inout [ReplicaEffect]) -> Int? {
        do {
            let frame = try log.frame(at: index)
            try Folding.fold(
                frame, book: &book, subjectKeys: &subjectKeys, idempotency: &idempotency, identities: identities,
                leaves: leafMemo.take(frame.header))
            return frame.body.count
        } catch {
            if case .damaged? = error as? LogError, hasPeers { foundFault(into: &effects) } else { failed(.damaged) }
            return nil
        }
    }

    /// The disk failed: what it holds of the batch is unknown, so nobody may be told either way (504).
    func diskFailed(_ error: FileError, into effects: inout [ReplicaEffect]) {
        fail(error == .full ? .diskFull : .internalError, into: &effects)
        agree(.barred, into: &effects)
    }

    /// Notes a failure found where no effect can be given; the turn of the loop ends with it.
    func failed(_ kind: ProblemKind) {
        if failure == nil { failure = kind }
    }

    func fail(_ kind: ProblemKind, into effects: inout [ReplicaEffect]) {
        if case .failed = life { return }
        life = .failed
        var items = pending[pendingFirst...].flatMap(\.items)
        if let gathering { items += gathering.items }
        items += lost
        drop(items, Self.unknownOutcome, into: &effects)
        pending = []
        pendingFirst = 0
        gathering = nil
        lost = []
        overlay = Overlay()
        abandonProofs(Self.unknownOutcome, into: &effects)
        abandonBackupOrder(Self.unknownOutcome, into: &effects)
        abandonReads(Self.unknownOutcome, recordsAreAnswered: true, into: &effects)
        abandonRewind(Self.unknownOutcome, into: &effects)
        tell(primary: nil, into: &effects)
        effects.append(.stop(Problem(kind, "The replica stops: what it wrote last may not be on the disk.")))
    }
}

extension ReplicaInput {
    /// Others wait for what comes of it.
    var isUrgent: Bool {
        switch self {
        case .received(_, .raft), .persisted, .asked: true
        case .received, .ticked, .drained, .abandoned, .diskFailed, .backgroundFinished, .strangers, .clockAccepted,
            .stopRequested, .connected, .disconnected, .operate, .backupProgressed, .backupEnded, .backupsFound:
            false
        }
    }
}

extension PendingTransaction {
    /// The reply, once it is committed.
    var reply: Appended {
        var events: [AppendedEvent] = []
        events.reserveCapacity(facts.events.count)
        for at in facts.events.indices {
            events.append(
                AppendedEvent(
                    id: self.events[at].id, subject: self.events[at].subject,
                    version: UInt64(facts.events[at].version), position: facts.events[at].position,
                    recorded: facts.stamp))
        }
        return Appended(position: facts.events.last?.position ?? 0, events: events, isRepeat: false)
    }
}
