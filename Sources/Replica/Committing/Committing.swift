internal import Keys
internal import Bytes
internal import Consensus
internal import Files
internal import Records
internal import SegmentedLog
internal import Views

// From the disk's word to the answer: persisted, committed, folded, answered.
extension Replica {
    func persisted(_ batch: UInt64, into effects: inout [ReplicaEffect]) {
        isWriting = false
        log.persisted(batch: batch)
        agree(.persisted(through: log.durableIndex), into: &effects)
        goOnStopping(into: &effects)
    }

    /// Folds everything through the index, in order, and answers who waits for it.
    func committed(through index: UInt64, into effects: inout [ReplicaEffect]) {
        while foldedIndex < index {
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
                guard replay(next) else { return }
            }
            foldedIndex = next
        }
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
            }
        }
    }

    private func fold(_ transaction: PendingTransaction, index: UInt64) {
        let facts = transaction.facts
        book.apply(facts) { PatientTerms.searchKeys(addedBy: transaction.events[$0]) }
        for event in facts.events { identities.add(event.identity, position: event.position) }
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

    /// Folds an entry from the log; false when it cannot be read.
    private func replay(_ index: UInt64) -> Bool {
        do {
            let frame = try log.frame(at: index)
            try Folding.fold(
                frame, book: &book, subjectKeys: &subjectKeys, idempotency: &idempotency, identities: identities)
            return true
        } catch {
            failed(.damaged)
            return false
        }
    }

    /// The disk failed: what it holds of the batch is unknown, so nobody may be told either way (504).
    func diskFailed(_ error: FileError, into effects: inout [ReplicaEffect]) {
        fail(error == .full ? .diskFull : .internalError, into: &effects)
        agree(.diskFailed, into: &effects)
    }

    /// Notes a failure found where no effect can be given; the turn of the loop ends with it.
    func failed(_ kind: ProblemKind) {
        if failure == nil { failure = kind }
    }

    func fail(_ kind: ProblemKind, into effects: inout [ReplicaEffect]) {
        if case .failed = life { return }
        life = .failed
        let unknown = Problem(.outcomeUnknown, "Send it again with the same ids: it is done once.")
        var items = pending[pendingFirst...].flatMap(\.items)
        if let gathering { items += gathering.items }
        items += lost
        for item in items {
            switch item {
            case .transaction(let transaction): answer(transaction.ask, unknown, &effects)
            case .record(let record): if let ask = record.ask { answer(ask, unknown, &effects) }
            }
        }
        pending = []
        pendingFirst = 0
        gathering = nil
        lost = []
        overlay = Overlay()
        abandonReads(unknown, into: &effects)
        effects.append(.stop(Problem(kind, "The replica stops: what it wrote last may not be on the disk.")))
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
                    id: self.events[at].id, subject: self.events[at].subject.text,
                    version: UInt64(facts.events[at].version), position: facts.events[at].position,
                    recorded: facts.stamp))
        }
        return Appended(position: facts.events.last?.position ?? 0, events: events, isRepeat: false)
    }
}
