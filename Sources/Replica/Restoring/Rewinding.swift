internal import Bytes
internal import Consensus
internal import Compression
internal import JSON
internal import Keys
internal import Records
internal import SegmentedLog
internal import Views

/// A rewind on its way: planned from what is folded, then, when it was ordered, proposed as one event.
struct RewindJob {
    enum Stage {
        /// Appends are closed; what was decided before is still to be folded.
        case draining
        /// Looks up how the streams stood, a slice at a time.
        case reading
        /// The event is in the log.
        case proposed
    }

    let ask: AskID
    let caller: Caller
    let asked: AsOf
    let applies: Bool
    var stage: Stage
    var plan = RestorePlan(instant: Instant(microseconds: 0), target: 0, position: 0)
    var looks = RewindLooks()

    /// Nothing is appended between what is read here and the rewind that rests on it.
    var closesAppends: Bool { applies }
    var isReading: Bool {
        switch stage {
        case .draining, .proposed: false
        case .reading: true
        }
    }
}

/// A rewind in an entry that is not folded yet.
struct PendingRewind {
    let ask: AskID
    let facts: RewindFacts
    let transaction: TransactionFacts
    let identity: Token128
    let plan: RestorePlan
}

// The store goes back (design 9): every stream that changed since takes the content it had, by one event. What never goes
// back, the audit trail and the registers, are records and untouched by it.
extension Replica {
    static var isRewinding: Problem {
        Problem(.unavailable, "The store is going back to an earlier instant; try again.", [.retryAfterSeconds(1)])
    }

    /// - Throws: why nothing can be rewound to that as things stand.
    func considerRewind(to asked: AsOf, applies: Bool) throws(Problem) {
        guard rewinding == nil else {
            throw Problem(.orderRefused, "Another rewind is under way: wait until it is done.")
        }
        guard !clock.isAhead else { throw Self.clockAhead }
        // Its entry is large, and never written by half.
        guard !applies || room >= .events else { throw Self.diskFull }
        let target = try cut(asked).position
        guard target > 0 else {
            throw Problem(
                .badInstant, "Nothing had happened by then: name an instant after the first event.",
                [.position(book.position)])
        }
        let undecided = book.position + 1 < nextPosition
        guard target < book.position || undecided else {
            throw Problem(
                .orderRefused, "Nothing has changed since: there is nothing to rewind.", [.position(book.position)])
        }
    }

    func beginRewind(
        to asked: AsOf, applies: Bool, for id: AskID, _ caller: Caller, into effects: inout [ReplicaEffect]
    ) throws(Problem) {
        try considerRewind(to: asked, applies: applies)
        rewinding = RewindJob(ask: id, caller: caller, asked: asked, applies: applies, stage: .draining)
        goOnRewinding(into: &effects)
    }

    /// One slice, as far as it can go now.
    func goOnRewinding(into effects: inout [ReplicaEffect]) {
        guard let stage = rewinding?.stage, let ask = rewinding?.ask else { return }
        do throws(Problem) {
            switch stage {
            case .draining: try drain()
            case .reading: try lookUp(into: &effects)
            case .proposed: break
            }
        } catch {
            rewinding = nil
            answer(ask, error, &effects)
        }
    }

    /// Waits until all that was decided is folded, then says what is to be looked up. No later event is stamped at or
    /// before the instant.
    private func drain() throws(Problem) {
        guard var job = rewinding, !job.applies || (overlay.isEmpty && book.position + 1 == nextPosition) else {
            return
        }
        if job.applies, case .instant(let instant) = job.asked { lastStamp = max(lastStamp, instant) }
        let target = try cut(job.asked).position
        job.plan = RestorePlan(instant: try instant(of: job.asked), target: target, position: book.position)
        job.looks.streams = book.streams(changedAfter: target)
        if mutated(.rewindsEventsAlone) {
            job.looks.streams.removeAll { book.rewindTarget(book.standing(of: $0).position) != nil }
        }
        guard !job.looks.streams.isEmpty else {
            throw Problem(
                .orderRefused, "Nothing has changed since: there is nothing to rewind.", [.position(book.position)])
        }
        guard job.looks.streams.count <= configuration.rewoundStreamsMax,
            book.hasRoom(events: 1, records: pending.count)
        else {
            throw Problem(
                .orderRefused, "Too much has changed since for one rewind: restore a branch instead.",
                [.limit(configuration.rewoundStreamsMax)])
        }
        job.looks.reserve()
        job.stage = .reading
        rewinding = job
    }

    private func instant(of asked: AsOf) throws(Problem) -> Instant {
        switch asked {
        case .instant(let instant): return instant
        case .position(let position): return try transaction(at: position).stamp
        }
    }

    private func lookUp(into effects: inout [ReplicaEffect]) throws(Problem) {
        guard var job = rewinding else { return }
        // The job's arrays are this function's alone meanwhile, so that they change in place.
        rewinding = nil
        guard try goOn(looking: &job.looks, &job.plan) else {
            rewinding = job
            return
        }
        let told = RewindCodec.bytes(target: job.plan.target, job.looks.rewound, of: job.looks.streams, book)
        // What else its entry holds, and what was gathered before it, takes some room too.
        guard told.count + log.configuration.bodyCapacity / 8 <= log.configuration.bodyCapacity else {
            throw Problem(
                .orderRefused, "Too much has changed since for one entry: restore a branch with --drop-after instead.")
        }
        guard job.applies else { return answer(job.ask, .restore(job.plan), isLast: true, &effects) }
        try propose(job, told)
        job.stage = .proposed
        job.looks = RewindLooks()
        rewinding = job
    }

    /// - Parameter streams: What the entry says of them.
    private func propose(_ job: RewindJob, _ streams: [UInt8]) throws(Problem) {
        guard let credential = credentials.first(where: { $0.id == job.caller.credential }) else {
            throw Problem(.unauthenticated, "Send a valid key: Authorization: Bearer ID.SECRET.")
        }
        let tenant = tenants[0]
        let number = UInt32(book.foldedRewinds.count + 1)
        let event = RewindText.event(job.plan, asked: job.asked, number: number)
        let facts = TransactionFacts(
            stamp: nextStamp(notBefore: nil), tenant: tenant.id, actor: tenant.actor(credential.name),
            behalf: job.caller.behalf(tenant), events: [])
        var rewind = RewindFacts(
            position: nextPosition, target: job.plan.target, streams: job.looks.rewound, leafPrefix: 0)
        let identity = tenant.identity(source: RewindText.source, id: RewindText.id(number))
        var gathering = self.gathering ?? newGathering(stamp: facts.stamp)
        self.gathering = nil
        do throws(KeyError) {
            try gathering.builder.beginTransaction(
                facts, idempotency: nil, keys: [], eventCount: 1,
                header: sealing(
                    AuditValue(job.caller, credential: credential, replica: configuration.id),
                    bound: Binding.transaction(
                        cluster: ring.clusterID, tenant: tenant.id, position: gathering.builder.nextPosition)),
                crypto: crypto)
            rewind.leafPrefix = try add(
                rewind.position, streams, number, identity, event, facts, tenant, to: &gathering.builder)
        } catch {
            lost += gathering.items
            failed(.internalError)
            throw Problem(.internalError, "A key could not be used; see the replica's log.")
        }
        var plan = job.plan
        plan.appliedAt = rewind.position
        gathering.items.append(
            .rewind(
                PendingRewind(ask: job.ask, facts: rewind, transaction: facts, identity: identity, plan: plan)))
        lastStamp = facts.stamp
        nextPosition += 1
        waitingBytes += gathering.builder.writer.count - gathering.countedBytes
        gathering.countedBytes = gathering.builder.writer.count
        self.gathering = gathering
    }

    private func add(
        _ position: UInt64, _ streams: [UInt8], _ number: UInt32, _ identity: Token128, _ event: [UInt8],
        _ facts: TransactionFacts, _ tenant: Tenant, to builder: inout EntryBuilder
    ) throws(KeyError) -> UInt64 {
        builder.beginRewind(streams, position: position, number: number, identity: identity, stamp: facts.stamp)
        var compressed: [UInt8] = []
        compressor.compress(event, in: 0..<event.count, dictionary: .events, onto: &compressed)
        try builder.addPart(
            Sealing(
                plain: compressed, key: tenant.sealingKey, nonce: dice.bytes(Crypto.nonceBytes),
                associated: Binding.event(
                    cluster: ring.clusterID, tenant: tenant.id, stream: 0, version: number, position: position,
                    part: 0, typeCode: EventVocabulary.rewound.code, typeToken: 0, key: KeyName.tenant)),
            crypto: crypto)
        return builder.endEvent().words.0
    }

    /// The rewind is decided for ever: the book goes back, appends are open again, and who ordered it is told.
    func fold(_ rewind: PendingRewind, into effects: inout [ReplicaEffect]) {
        book.apply(rewind.facts, of: rewind.transaction)
        identities.add(rewind.identity, position: rewind.facts.position)
        rewinding = nil
        answer(rewind.ask, .restore(rewind.plan), isLast: true, &effects)
    }

    /// Nobody waits any more for what a rewind would do: it stands in nobody's way then. One that was ordered goes on.
    func abandonPreview(_ id: AskID) {
        if let job = rewinding, job.ask == id, !job.applies { rewinding = nil }
    }

    /// Whoever ordered a rewind that is not in the log yet is told that nothing came of it.
    func abandonRewind(_ problem: Problem, into effects: inout [ReplicaEffect]) {
        guard let job = rewinding else { return }
        rewinding = nil
        if case .proposed = job.stage { return }
        answer(job.ask, problem, &effects)
    }
}

/// The words of a rewind's event.
enum RewindText {
    static let source = "/chartlog"

    static func id(_ number: UInt32) -> String { "rewind-\(number)" }

    /// As it is sealed; no stream is named in it.
    static func event(_ plan: RestorePlan, asked: AsOf, number: UInt32) -> [UInt8] {
        var writer = JSONWriter(reserving: 256)
        writer.beginObject()
        writer.member("specversion", "1.0")
        writer.member("id", id(number))
        writer.member("source", source)
        writer.member("type", EventVocabulary.rewound.name)
        writer.member("datacontenttype", "application/json")
        writer.name("data")
        writer.beginObject()
        writer.member("asof", asked.text)
        writer.member("instant", plan.instant.text)
        writer.member("target", String(plan.target))
        writer.member("streams", plan.streams)
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }

    /// The same as it is shown in one stream.
    static func event(_ json: [UInt8], in stream: StreamName) -> [UInt8] {
        precondition(json.last == 0x7d)
        // A FHIR id needs no escapes.
        return json.dropLast() + Array(",\"subject\":\"\(stream.text)\"}".utf8)
    }
}
