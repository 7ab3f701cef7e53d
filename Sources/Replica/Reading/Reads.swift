internal import Bytes
internal import Consensus
internal import Records
internal import Views

/// What a replica remembers of the answers under way. Iterated in the order in which they came.
struct ReadSessions {
    /// Answers of `/v1/events`, by id, and the order in which they began.
    var events: [AskID: EventsSession] = [:]
    var order: [AskID] = []
    /// Searches that have looked at a part of their candidates.
    var searches: [SearchSession] = []
    /// As-of reads that wait for what is stamped before their instant to commit.
    var fenced: [FencedRead] = []
    /// Names of streams opened lately; looked up, never iterated.
    var names: [StreamOrdinal: StreamName] = [:]
    /// Patients whose terms could not be taken: every search looks at them, and says why it cannot.
    var unindexed: [StreamOrdinal] = []
    /// How many stale patients were taken from the book so far.
    var staleTaken = 0
    /// The stamp of the first event, once it was looked up.
    var firstStamp: Instant?
}

/// An as-of read of an instant that what is proposed may still reach.
struct FencedRead {
    var id: AskID
    var ask: Ask
    var credential: CredentialRow
    /// What must be folded first.
    var position: UInt64
    var record: UInt64
}

// Where reads begin, go on and end. A read is folded from what is committed, its access record is proposed, and it
// is answered once that record is durable: the record's commit is the proof that the answer was current when it was
// folded, and the audit of it (design 8 and 9).
extension Replica {
    /// An authenticated read, the replica being primary: checks scopes and purpose, reads, records, answers.
    func begin(_ id: AskID, _ ask: Ask, credential: CredentialRow, into effects: inout [ReplicaEffect]) {
        guard credential.scopes.isSuperset(of: ask.request.scope), let tenant = tenant(credential.tenant) else {
            return refuse(id, ask.caller, credential, Self.forbidden)
        }
        guard ask.caller.purpose != nil else { return refuse(id, ask.caller, credential, Self.purposeRequired) }
        if let seen = ask.atLeast, seen > book.position {
            return refuse(
                id, ask.caller, credential,
                Problem(
                    .badPosition, "No event has this position yet: the last one is named here.",
                    [.position(book.position)]))
        }
        if case .instant(let instant) = ask.request.asOf {
            guard !clock.isAhead else { return refuse(id, ask.caller, credential, Self.clockAhead) }
            if fence(id, ask, credential, at: instant) { return }
        }
        let context = ReadContext(id: id, caller: ask.caller, credential: credential, tenant: tenant)
        do throws(Problem) {
            switch ask.request {
            case .events(let query): try beginEvents(context, query, into: &effects)
            case .read(let kind, let name, let asOf): try read(context, kind, name, asOf)
            case .readVersion(let kind, let name, let version, let asOf):
                try readVersion(context, kind, name, version, asOf)
            case .history(let kind, let name, let asOf, let page): try history(context, kind, name, asOf, page)
            case .search(let query): try beginSearch(context, query)
            case .append, .cluster, .backups, .refused: break
            }
        } catch {
            refuse(id, ask.caller, credential, error, subjects: subjects(of: ask.request, tenant))
        }
    }

    /// The primary's clock stamps nothing: neither events nor the records of reads.
    static var clockAhead: Problem {
        Problem(
            .clockAhead, "The primary's clock jumped ahead: set it right, or if it is right run chartlog clock accept.",
            [.retryAfterSeconds(5)])
    }

    /// Key ids of the patients that a refused read asked for, as far as they are known; for its record.
    private func subjects(of request: Request, _ tenant: Tenant) -> [UInt64] {
        switch request {
        case .read(let kind, let name, _), .readVersion(let kind, let name, _, _),
            .history(let kind, let name, _, _):
            guard let category = kind.category, let stream = StreamName(category, id: name) else { return [] }
            if let known = book.stream(token: tenant.stream(stream), tenant: tenant.id) {
                return book.row(known).subjects
            }
            return kind == .patient ? keyID(name, tenant).map { [$0] } ?? [] : []
        case .search(let query):
            var ids: [UInt64] = []
            for case .patient(let names) in query.parameters { ids += names.compactMap { keyID($0, tenant) } }
            return Set(ids).sorted()
        case .append, .events, .cluster, .backups, .refused: return []
        }
    }

    /// Whether a search or a reader of events has more to look at, or there is more to fold: the shell need not wait before its next tick.
    package var hasWork: Bool {
        if !reads.searches.isEmpty || hasMoreToFold || rewinding?.isReading == true { return true }
        return reads.order.contains { id in
            if case .scanning = reads.events[id]?.state { true } else { false }
        }
    }

    /// The client took the last piece and wants more.
    func drained(_ id: AskID, into effects: inout [ReplicaEffect]) { eventsDrained(id, into: &effects) }

    /// Nobody waits any more.
    func abandoned(_ id: AskID) {
        endEvents(id)
        reads.searches.removeAll { $0.context.id == id }
        reads.fenced.removeAll { $0.id == id }
        abandonPreview(id)
    }

    /// Something was folded: those who follow may go on, and those who waited for it begin.
    func followers(into effects: inout [ReplicaEffect]) {
        if !reads.fenced.isEmpty {
            let waiting = reads.fenced
            reads.fenced = []
            for read in waiting {
                if book.position >= read.position, book.record >= read.record {
                    begin(read.id, read.ask, credential: read.credential, into: &effects)
                } else {
                    reads.fenced.append(read)
                }
            }
        }
        startOrderedBackup(into: &effects)
        eventsFollow(into: &effects)
    }

    /// Time has passed.
    func readsTicked(into effects: inout [ReplicaEffect]) {
        eventsTicked(into: &effects)
        searchesTicked()
        goOnRewinding(into: &effects)
    }

    /// The replica stops: every answer under way ends with the problem.
    ///
    /// - Parameter recordsAreAnswered: Who waits for a record has been answered already.
    func abandonReads(
        _ problem: Problem, recordsAreAnswered: Bool = false, into effects: inout [ReplicaEffect]
    ) {
        for id in reads.order {
            if recordsAreAnswered, case .recording = reads.events[id]?.state { continue }
            answer(id, problem, &effects)
        }
        for session in reads.searches { answer(session.context.id, problem, &effects) }
        for read in reads.fenced { answer(read.id, problem, &effects) }
        reads = ReadSessions()
    }

    /// Makes sure that nothing will be stamped at or before an instant any more; true when the read has to wait for
    /// what is proposed already. Stamps from now on are later; after a failover that holds because the answer leaves
    /// only with a committed record stamped later (design 9).
    private func fence(_ id: AskID, _ ask: Ask, _ credential: CredentialRow, at instant: Instant) -> Bool {
        guard instant > book.lastStamp, instant <= max(clock.wall, lastStamp), !mutated(.fencesNothing) else {
            return false
        }
        let isTailCommitted = book.position + 1 == nextPosition && book.record + 1 == nextRecord
        if lastStamp < instant { lastStamp = instant }
        guard !isTailCommitted else { return false }
        if instant < firstPendingStamp { return false }
        reads.fenced.append(
            FencedRead(
                id: id, ask: ask, credential: credential, position: nextPosition - 1, record: nextRecord - 1))
        return true
    }

    /// The stamp of the oldest thing proposed and not folded; the far future when there is none.
    private var firstPendingStamp: Instant {
        let first = pendingFirst < pending.count ? pending[pendingFirst].items.first : gathering?.items.first
        switch first {
        case .transaction(let transaction): return transaction.facts.stamp
        case .record(let record): return record.facts.stamp
        case .rewind(let rewind): return rewind.transaction.stamp
        case nil: return Instant(microseconds: .max)
        }
    }
}
