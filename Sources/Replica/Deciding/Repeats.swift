internal import Bytes
internal import Consensus
internal import JSON
internal import Records
internal import Views

/// What the first request got, for one that comes again.
struct EarlierReply {
    var appended: Appended
    var subjects: [UInt64]
    var shown: [AuditValue.Shown]
}

// Requests that come again: by Idempotency-Key, then by source and id (design 5, in that order).
extension Replica {
    /// The first reply when this request was done before; nil when it is new.
    ///
    /// - Throws: the refusal when it is neither new nor the same.
    func earlier(_ draft: AppendDraft) throws(Problem) -> EarlierReply? {
        if mutated(.forgetsRepeats) { return nil }
        if let token = draft.idempotency {
            if overlay.idempotency[token] != nil {
                throw Problem(.stillRunning, "The first request with this Idempotency-Key still runs; wait for it.")
            }
            if let position = idempotency.position(of: token),
                let reply = try keyed(draft, token: token, position: position)
            {
                return reply
            }
        }
        return try identified(draft)
    }

    /// The reply to the transaction at `position`, if it is the one that carried the key.
    private func keyed(_ draft: AppendDraft, token: Token128, position: UInt64) throws(Problem) -> EarlierReply? {
        let place = try transaction(at: position)
        guard place.idempotency == token else { return nil }
        let positions = Array(place.firstPosition..<(place.firstPosition + UInt64(place.eventCount)))
        guard positions.count == draft.request.events.count, let reply = try same(draft, at: positions) else {
            throw Problem(.keyReused, "This Idempotency-Key was used for another request; use a new one.")
        }
        return reply
    }

    private func identified(_ draft: AppendDraft) throws(Problem) -> EarlierReply? {
        try refuseRepeatsWithin(draft)
        var positions: [UInt64] = []
        var pendings: [PendingTransaction] = []
        for identity in draft.identities {
            if let pending = overlay.identities[identity] {
                pendings.append(pending)
                if let event = pending.facts.events.first(where: { $0.identity == identity }) {
                    positions.append(event.position)
                }
            } else if let position = try position(of: identity) {
                positions.append(position)
            }
        }
        guard !positions.isEmpty else { return nil }
        guard positions.count == draft.identities.count, let first = positions.first else { throw Self.partialRepeat }
        if let pending = pendings.first {
            guard pendings.allSatisfy({ $0 === pending }), pendings.count == positions.count else {
                throw Self.partialRepeat
            }
            return try same(draft, pending: pending)
        }
        let place = try transaction(at: first)
        let range = place.firstPosition..<(place.firstPosition + UInt64(place.eventCount))
        guard positions.allSatisfy({ range.contains($0) }) else { throw Self.partialRepeat }
        guard let reply = try same(draft, at: positions) else { throw Self.eventReused }
        return reply
    }

    private static var partialRepeat: Problem {
        Problem(
            .partialRepeat, "Some of these events exist, or came by several requests: send the new ones alone.")
    }

    private static var eventReused: Problem {
        Problem(.eventReused, "An event with this source and id exists and says something else; use a new id.")
    }

    private func refuseRepeatsWithin(_ draft: AppendDraft) throws(Problem) {
        guard draft.identities.count > 1 else { return }
        var seen: Set<Token128> = []
        seen.reserveCapacity(draft.identities.count)
        for (at, identity) in draft.identities.enumerated() where !seen.insert(identity).inserted {
            throw Problem(
                .repeatedEvent, "Two events of one request have the same source and id.", [.eventIndex(at)])
        }
    }

    /// The committed event of that source and id; candidates of the index are verified against the log.
    private func position(of identity: Token128) throws(Problem) -> UInt64? {
        let candidates: [UInt64]
        do {
            candidates = try identities.candidates(for: identity)
        } catch {
            throw Problem(.damaged, "An index could not be read; see the replica's log.")
        }
        for position in candidates where position <= book.position {
            if try event(at: position).place.identity == identity { return position }
        }
        return nil
    }

    /// The reply when the events at `positions` say what the request says, one by one; nil when one does not.
    private func same(_ draft: AppendDraft, at positions: [UInt64]) throws(Problem) -> EarlierReply? {
        var reply = EarlierReply(
            appended: Appended(position: positions.max() ?? 0, events: [], isRepeat: true), subjects: [], shown: [])
        for (event, position) in zip(draft.request.events, positions) {
            let stored = try openEvent(at: position)
            guard Self.isSame(stored.json, event.bytes) else { return nil }
            reply.add(
                event, version: stored.version, position: position, stamp: stored.stamp, stream: stored.stream,
                subjects: stored.subjects,
                rewoundBy: mutated(.forgetsRewinds)
                    ? nil : book.stream(tag: stored.stream).flatMap { book.rewound(event: position, of: $0) })
        }
        return reply
    }

    private func same(_ draft: AppendDraft, pending: PendingTransaction) throws(Problem) -> EarlierReply? {
        var reply = EarlierReply(
            appended: Appended(position: 0, events: [], isRepeat: true), subjects: [], shown: [])
        for (event, identity) in zip(draft.request.events, draft.identities) {
            guard let at = pending.facts.events.firstIndex(where: { $0.identity == identity }),
                Self.isSame(pending.events[at].bytes, event.bytes)
            else { throw Self.eventReused }
            let facts = pending.facts.events[at]
            reply.add(
                event, version: facts.version, position: facts.position, stamp: pending.facts.stamp,
                stream: facts.stream, subjects: facts.subjects)
            reply.appended.position = max(reply.appended.position, facts.position)
        }
        return reply
    }

    /// Whether two events say the same, whatever the order of their members.
    private static func isSame(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a == b || ((try? JSONEquality.equal(a, b)) ?? false)
    }

    /// Answers a repeat, once a record of it has proved that what it rests on stands.
    func repeatAnswer(_ draft: AppendDraft, _ reply: EarlierReply) {
        var value = AuditValue(draft.caller, credential: draft.credential, replica: configuration.id)
        value.shown = reply.shown
        value.count = reply.shown.count
        let record = RecordDraft(
            code: .accessed, outcome: .success, tenant: draft.tenant.id,
            actor: draft.tenant.actor(draft.credential.name), behalf: draft.caller.behalf(draft.tenant),
            subjects: reply.subjects, value: value)
        propose(record, for: draft.id) { [id = draft.id] replica, _, effects in
            replica.answer(id, .appended(reply.appended), isLast: true, &effects)
        }
    }
}

extension EarlierReply {
    fileprivate mutating func add(
        _ event: IncomingEvent, version: UInt32, position: UInt64, stamp: Instant, stream: UInt64, subjects: [UInt64],
        rewoundBy: UInt64? = nil
    ) {
        var told = AppendedEvent(
            id: event.id, subject: event.subject, version: UInt64(version), position: position, recorded: stamp)
        told.rewoundBy = rewoundBy
        appended.events.append(told)
        shown.append(AuditValue.Shown(stream: stream, version: version))
        for subject in subjects where !self.subjects.contains(subject) { self.subjects.append(subject) }
        self.subjects.sort()
    }
}
