internal import Bytes
internal import Consensus
internal import Keys
internal import Records
internal import SegmentedLog

/// A record to be proposed; the replica gives it number and stamp.
struct RecordDraft {
    var code: RecordCode
    var outcome: AuditOutcome
    var tenant: UInt32
    var actor: UInt64
    var behalf: UInt64
    /// Key ids of the patients whose data is shown or asked for, ascending.
    var subjects: [UInt64]
    var value: AuditValue
    /// The stamp is no earlier: the fence of a read as of an instant (design 9).
    var notBefore: Instant?
}

extension Replica {
    /// What to do once a record is durable and folded: send the piece of an answer that it stands for.
    typealias Then = (Replica, RecordFacts, inout [ReplicaEffect]) -> Void

    struct PendingRecord {
        /// Who waits for it; answered 504 when it may be lost.
        var ask: AskID?
        var facts: RecordFacts
        var then: Then?
    }

    enum PendingItem {
        case transaction(PendingTransaction)
        case record(PendingRecord)
        case rewind(PendingRewind)
    }

    /// An entry being gathered while the disk is busy with the one before.
    struct Gathering {
        var builder: EntryBuilder
        var items: [PendingItem] = []
        /// Bytes of it that `waitingBytes` knows of.
        var countedBytes = 0
    }

    /// An entry appended to the log and not yet folded. Its facts are kept, so that committing decodes nothing.
    struct PendingEntry {
        var index: UInt64
        var items: [PendingItem]
        var bytes: Int
    }

    /// Strictly after everything stamped before, and no earlier than the clock.
    func nextStamp(notBefore: Instant?) -> Instant {
        var stamp = max(Instant(microseconds: lastStamp.microseconds + 1), clock.wall)
        if let notBefore { stamp = max(stamp, notBefore) }
        return stamp
    }

    func newGathering(stamp: Instant) -> Gathering {
        if auditUses.uses > KeyBudget.usesMax / 2 { drawAuditKey() }
        return Gathering(
            builder: EntryBuilder(
                start: EntryStart(position: nextPosition, record: nextRecord, stamp: stamp), seed: auditSeed,
                registryEpoch: ring.registryEpoch))
    }

    /// Another salt for the audit values from now on.
    private func drawAuditKey() {
        let seed = AuditSeed(salt: dice.bytes(EntryFormat.saltBytes), epoch: ring.auditEpoch)
        guard let key = try? ring.auditKey(clusterID: ring.clusterID, segmentSalt: seed.salt, epoch: seed.epoch)
        else { return }
        auditSeed = seed
        auditKey = key
        auditUses = KeyBudget()
    }

    /// Proposes a record; `then` is called once it is durable on a majority and folded, in the log's order. Nothing
    /// of what it records may leave before.
    func propose(_ draft: RecordDraft, for ask: AskID?, then: Then?) {
        let stamp = nextStamp(notBefore: draft.notBefore)
        var facts = RecordFacts(
            number: nextRecord, stamp: stamp, tenant: draft.tenant, actor: draft.actor, behalf: draft.behalf,
            code: draft.code, outcome: draft.outcome, subjects: draft.subjects, leafPrefix: 0)
        var gathering = self.gathering ?? newGathering(stamp: stamp)
        self.gathering = nil
        let bound = Binding.record(cluster: ring.clusterID, tenant: draft.tenant, number: facts.number)
        do throws(KeyError) {
            facts.leafPrefix = try gathering.builder.addRecord(
                facts, value: try sealing(draft.value, bound: bound), crypto: crypto
            ).words.0
        } catch {
            lost += gathering.items
            if let ask { unrecorded.append((ask, Problem(.unavailable, "The replica is stopping; try again."))) }
            return failed(.internalError)
        }
        gathering.items.append(.record(PendingRecord(ask: ask, facts: facts, then: then)))
        lastStamp = stamp
        nextRecord += 1
        waitingBytes += gathering.builder.writer.count - gathering.countedBytes
        gathering.countedBytes = gathering.builder.writer.count
        self.gathering = gathering
        if gathering.countedBytes >= EntryFormat.bodyBytesMax { close(gathering) }
    }

    /// A refusal of an authenticated request: recorded first, then answered (design 9).
    func refuse(
        _ id: AskID, _ caller: Caller, _ credential: CredentialRow, _ problem: Problem, subjects: [UInt64] = []
    ) {
        guard problem.kind.status < 429 else {
            // Nothing was decided, so there is nothing to prove: 503 and the like need no record.
            return unrecorded.append((id, problem))
        }
        guard let tenant = tenant(credential.tenant) else { return unrecorded.append((id, problem)) }
        var value = AuditValue(caller, credential: credential, replica: configuration.id)
        value.outcomeName = problem.kind.rawValue
        let draft = RecordDraft(
            code: .denied, outcome: .minorFailure, tenant: tenant.id, actor: tenant.actor(credential.name),
            behalf: caller.behalf(tenant), subjects: subjects, value: value)
        propose(draft, for: id) { replica, _, effects in replica.answer(id, problem, &effects) }
    }

    /// Hands a gathered entry to the log.
    func close(_ gathering: Gathering) {
        self.gathering = nil
        let builder = gathering.builder
        let draft = FrameDraft(
            term: raft.term, firstStamp: builder.start.stamp, lastStamp: builder.lastStamp,
            firstPosition: builder.start.position, eventCount: builder.eventLeaves.count,
            firstRecord: builder.start.record, recordCount: builder.recordLeaves.count, body: builder.writer.bytes,
            leaves: FrameLeaves(events: builder.eventLeaves, records: builder.recordLeaves))
        do throws(LogError) {
            let index = try log.append(draft, dice: &dice)
            pending.append(PendingEntry(index: index, items: gathering.items, bytes: gathering.countedBytes))
        } catch {
            lost.append(contentsOf: gathering.items)
            failed(.internalError)
        }
    }

    /// Puts what was gathered into the log, has it sent, and gives it to the disk, unless the disk is busy. What is sent
    /// comes first, so that the disks work side by side.
    func propose(into effects: inout [ReplicaEffect]) {
        for (id, problem) in unrecorded { answer(id, problem, &effects) }
        unrecorded.removeAll(keepingCapacity: true)
        if !isWriting, let gathering { close(gathering) }
        if let failure { return fail(failure, into: &effects) }
        tellAppended(into: &effects)
        guard !isWriting else { return }
        write(log.takeBatch(), into: &effects)
    }

    func write(_ batch: DiskBatch?, into effects: inout [ReplicaEffect]) {
        guard let batch else { return }
        isWriting = true
        writingSince = clock.milliseconds
        effects.append(.write(batch))
    }
}
