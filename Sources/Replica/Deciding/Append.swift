internal import Views
internal import Bytes
internal import Consensus
internal import Keys
internal import Records
internal import SegmentedLog

// Deciding an append: who may, whether it was done before, what it meets, what it makes (design 5).
extension Replica {
    func append(
        _ id: AskID, _ caller: Caller, _ request: AppendRequest, credential: CredentialRow,
        into effects: inout [ReplicaEffect]
    ) {
        guard credential.scopes.contains(.append), let tenant = tenant(credential.tenant) else {
            return refuse(id, caller, credential, Self.forbidden)
        }
        guard caller.purpose != nil else { return refuse(id, caller, credential, Self.purposeRequired) }
        if let problem = appendsClosed(request) { return answer(id, problem, &effects) }
        guard !request.events.isEmpty else { return prove(for: .nothing(id), into: &effects) }
        let draft = AppendDraft(
            id: id, caller: caller, request: request, credential: credential, tenant: tenant,
            idempotency: request.idempotencyKey.map { tenant.idempotency(credential: credential.id, key: $0) },
            identities: identities(of: request, tenant))
        do throws(Problem) {
            if let earlier = try earlier(draft) { return repeatAnswer(draft, earlier) }
            try commitTo(draft)
        } catch {
            refuse(id, caller, credential, error, subjects: subjectsNamed(by: request, tenant: tenant))
        }
    }

    private func identities(of request: AppendRequest, _ tenant: Tenant) -> [Token128] {
        // A span lends its events; a loop over the array would copy each.
        let events = request.events.span
        var identities: [Token128] = []
        identities.reserveCapacity(events.count)
        for at in events.indices { identities.append(tenant.identity(source: events[at].source, id: events[at].id)) }
        return identities
    }

    static var forbidden: Problem { Problem(.forbidden, "This key lacks the scope for it; ask an administrator.") }

    static var purposeRequired: Problem {
        Problem(.purposeRequired, "Say why: send X-Purpose-Of-Use with a v3-PurposeOfUse code, such as TREAT.")
    }

    /// Why no append can be taken now whatever it says.
    private func appendsClosed(_ request: AppendRequest) -> Problem? {
        if clock.isAhead { return Self.clockAhead }
        if rewinding?.closesAppends == true, !mutated(.appendsWhileRewinding) { return Self.isRewinding }
        if room < .events { return Self.diskFull }
        guard waitingAppends < configuration.waitingAppendsMax, waitingBytes < configuration.waitingBytesMax,
            book.hasRoom(events: Int(nextPosition - book.position) + request.events.count, records: pending.count)
        else { return Problem(.overloaded, "Too much waits for the disk; try again.", [.retryAfterSeconds(1)]) }
        return nil
    }

    /// Decides, seals and proposes all events of a request, or none.
    private func commitTo(_ draft: AppendDraft) throws(Problem) {
        overlay.begin()
        let first = nextPosition
        do throws(Problem) {
            let decided = try decide(draft)
            try propose(draft, decided)
        } catch {
            overlay.takeBack()
            nextPosition = first
            throw error
        }
    }

    private func propose(_ draft: AppendDraft, _ decided: Decided) throws(Problem) {
        let facts = TransactionFacts(
            stamp: nextStamp(notBefore: nil), tenant: draft.tenant.id, actor: draft.tenant.actor(draft.credential.name),
            behalf: draft.caller.behalf(draft.tenant), events: [])
        let transaction = PendingTransaction(
            ask: draft.id, events: draft.request.events, facts: facts, idempotency: draft.idempotency,
            newKeys: decided.newKeys)
        do throws(KeyError) {
            try seal(transaction, decided, header: value(draft))
        } catch {
            throw Problem(.internalError, "A key could not be used; see the replica's log.")
        }
        lastStamp = facts.stamp
        nextPosition += UInt64(decided.events.count)
        overlay.proposed(transaction)
        waitingAppends += 1
    }

    private func value(_ draft: AppendDraft) -> AuditValue {
        var value = AuditValue(draft.caller, credential: draft.credential, replica: configuration.id)
        value.idempotencyKey = draft.request.idempotencyKey
        return value
    }

    /// Key ids of the patients whose streams a refused request named, as far as they are known; for its record.
    private func subjectsNamed(by request: AppendRequest, tenant: Tenant) -> [UInt64] {
        var ids: [UInt64] = []
        for event in request.events.prefix(100) {
            for patient in event.patients ?? [] {
                guard let id = subjectKeys.id(of: tenant.stream(.patient, id: patient), tenant: tenant.id),
                    !ids.contains(id)
                else { continue }
                ids.append(id)
            }
        }
        return ids.sorted()
    }
}

/// An append while it is being decided.
struct AppendDraft {
    let id: AskID
    let caller: Caller
    let request: AppendRequest
    let credential: CredentialRow
    let tenant: Tenant
    let idempotency: Token128?
    /// What stands for source and id of each event.
    let identities: [Token128]
}

extension Caller {
    /// What stands for on whose behalf; 0 when nobody was named.
    func behalf(_ tenant: Tenant) -> UInt64 { onBehalfOf.map { tenant.reference($0) } ?? 0 }
}

extension AuditValue {
    init(_ caller: Caller, credential: CredentialRow, replica: Int) {
        self.init()
        self.credential = credential.id
        name = credential.name
        behalf = caller.onBehalfOf
        purpose = caller.purpose?.code
        address = caller.address
        self.replica = caller.receivedBy ?? replica
        requestID = caller.requestID
        traceParent = caller.traceParent
    }
}
