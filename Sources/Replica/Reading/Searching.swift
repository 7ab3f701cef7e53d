internal import Bytes
internal import Records
internal import Views

/// A search under way. It looks at its candidates a slice at a time, so that no search holds up the loop.
struct SearchSession {
    let context: ReadContext
    var query: SearchQuery
    let cut: Cut
    /// Most resources of the page.
    let count: Int
    /// Where the page begins: for patients a stream's number, otherwise how many were shown before.
    let from: UInt64
    /// Streams to look at, in the order of their creation; nil before it is planned.
    var candidates: [StreamOrdinal]?
    var looked = 0
    /// Of patients: the page so far, one more than `count` when there are more.
    var found: [FoldedResource] = []
    /// Of appointments: everything that matches, with its start.
    var matches: [(start: Instant?, stream: StreamOrdinal)] = []
    var total = 0
    /// Of appointments: which of `matches` the page is, once all are known.
    var page: Range<Int>?
    /// Stale patients to be indexed before it begins: those that were stale when it came.
    let staleUntil: Int
    /// Its record is proposed, or it was refused.
    var isOver = false
}

// Searching patients and appointments. Candidates come from the book's lists, which name everything that ever stood
// there, and each is checked against what it was at the cut.
extension Replica {
    /// Candidates that may be folded in one slice, by all searches together, and how many are looked at by their facts
    /// alone in the time of one that is folded.
    private static var foldsMax: Int { 128 }
    private static var factsPerFold: Int { 32 }

    /// What one search may fold in a slice.
    private var foldsEach: Int { max(4, Self.foldsMax / max(1, reads.searches.count)) }

    func beginSearch(_ context: ReadContext, _ query: SearchQuery) throws(Problem) {
        var query = query
        var cut = try cut(query.asOf)
        var from: UInt64 = 0
        var count = query.page.count
        if let text = query.page.cursor {
            let cursor = try open(cursor: text, context)
            guard cursor.kind == query.kind, let sealed = cursor.query else { throw .badCursor }
            query = sealed
            cut = cursor.cut
            from = cursor.next
            count = cursor.count
        }
        guard query.kind != .auditEvent else { return try searchAudit(context, query, cut, from: from, count: count) }
        reads.searches.append(
            SearchSession(
                context: context, query: query, cut: cut, count: count, from: from,
                staleUntil: reads.staleTaken + book.staleCount))
        goOn(reads.searches.count - 1)
        reads.searches.removeAll { $0.isOver }
    }

    func searchesTicked() {
        if reads.searches.isEmpty {
            if configuration.indexesTerms, book.staleCount > 0, !isWriting { indexStale(limit: 16) }
            return
        }
        for at in reads.searches.indices { goOn(at) }
        reads.searches.removeAll { $0.isOver }
    }

    /// Looks at one slice of a search and, when it is through, proposes its record.
    private func goOn(_ at: Int) {
        var session = reads.searches[at]
        do throws(Problem) {
            if try !look(&session) {
                reads.searches[at] = session
                return
            }
            try finish(session)
        } catch {
            refuse(session.context.id, session.context.caller, session.context.credential, error)
        }
        reads.searches[at].isOver = true
    }

    /// True when enough was looked at.
    private func look(_ session: inout SearchSession) throws(Problem) -> Bool {
        guard let candidates = session.candidates else {
            if session.query.kind == .patient, reads.staleTaken < session.staleUntil {
                indexStale(limit: foldsEach)
                if reads.staleTaken < session.staleUntil { return false }
            }
            session.candidates =
                session.query.kind == .patient ? patientCandidates(session) : appointmentCandidates(session)
            return try look(&session)
        }
        guard session.query.kind == .appointment else { return try lookAtPatients(&session, candidates) }
        if session.page == nil {
            guard try lookAtAppointments(&session, candidates) else { return false }
            session.page = session.sortedPage()
        }
        return try foldPage(&session)
    }

    // Patients: folded and matched one by one.

    private func lookAtPatients(
        _ session: inout SearchSession, _ candidates: [StreamOrdinal]
    ) throws(Problem) -> Bool {
        var folds = 0
        while session.looked < candidates.count {
            guard folds < foldsEach else { return false }
            let stream = candidates[session.looked]
            session.looked += 1
            guard let standing = book.standing(of: stream, through: session.cut.position),
                try !isGone(at: standing, of: stream)
            else { continue }
            folds += 1
            let resource = try folded(stream, .patient, at: standing)
            guard let json = resource.json,
                Self.matches(session.query.parameters, resource.id, json)
            else { continue }
            session.total += 1
            guard session.count > 0 else { continue }
            session.found.append(resource)
            if session.found.count > session.count { return true }
        }
        return true
    }

    private static func matches(_ parameters: [SearchParameter], _ id: String, _ json: [UInt8]) -> Bool {
        guard let matcher = try? SearchMatcher(json) else { return false }
        return parameters.allSatisfy { parameter in
            if case .id(let ids) = parameter { return ids.contains(id) }
            return matcher.matches(parameter)
        }
    }

    private func patientCandidates(_ session: SearchSession) -> [StreamOrdinal] {
        var fewest: [StreamOrdinal]?
        func narrow(_ streams: [StreamOrdinal]) {
            if streams.count < fewest?.count ?? .max { fewest = streams }
        }
        let tenant = session.context.tenant
        for parameter in session.query.parameters {
            if case .id(let ids) = parameter {
                narrow(streams(.patient, ids, tenant))
            } else if let alternatives = SearchMatcher.candidateKeys(for: parameter) {
                narrow(union(alternatives.map { patients(with: $0) }))
            }
        }
        var all = fewest ?? allStreams(.patient, tenant)
        if fewest != nil, !reads.unindexed.isEmpty { all = union([all, reads.unindexed]) }
        return all.filter { UInt64($0.raw) >= session.from && book.tenant(of: $0) == tenant.id }
    }

    /// Patients that have all keys, found through the rarest.
    private func patients(with keys: [UInt64]) -> [StreamOrdinal] {
        guard let rarest = keys.min(by: { book.patientCount(key: $0) < book.patientCount(key: $1) }) else { return [] }
        return book.patients(key: rarest)
    }

    /// Brings the search terms of up to `limit` patients up to date, event by event: what an earlier one said is needed by a
    /// search as of then. What a rewind brought back was said before. A turn opens a bounded part of the log.
    private func indexStale(limit: Int) {
        let bytes = opened.bytesTaken
        for _ in 0..<limit where opened.bytesTaken - bytes < configuration.slicedBytesMax {
            guard let patient = book.takeStale(limit: 1).first else { return }
            reads.staleTaken += 1
            do {
                for json in try saidSince(patient.from, of: patient.stream, .patient) {
                    book.index(patient: patient.stream, keys: try PatientTerms(resource: json).searchKeys())
                }
            } catch {
                // What cannot be opened is no absence: every search looks at it and names it.
                if !reads.unindexed.contains(patient.stream) { reads.unindexed.append(patient.stream) }
            }
        }
    }

    // Appointments: by facts alone; only the page is folded.

    private func lookAtAppointments(
        _ session: inout SearchSession, _ candidates: [StreamOrdinal]
    ) throws(Problem) -> Bool {
        let tenant = session.context.tenant
        let ids = session.query.parameters.map { parameter -> [StreamOrdinal] in
            if case .id(let ids) = parameter { streams(.appointment, ids, tenant) } else { [] }
        }
        let most = foldsEach * Self.factsPerFold
        var looked = 0
        while session.looked < candidates.count {
            guard looked < most else { return false }
            let stream = candidates[session.looked]
            session.looked += 1
            guard let facts = try standingFacts(of: stream, through: session.cut.position) else { continue }
            looked += facts.isCurrent ? 1 : 16
            guard !facts.isGone else { continue }
            let parameters = session.query.parameters
            guard parameters.indices.allSatisfy({ matches(parameters[$0], ids[$0], stream, facts, tenant) })
            else { continue }
            if session.namesActors {
                looked += Self.factsPerFold
                guard try namesActors(session, stream) else { continue }
            }
            session.matches.append((facts.appointment.start, stream))
        }
        return true
    }

    /// Whether the resource itself names who was asked for: the facts have whose data it is, which is more.
    private func namesActors(_ session: SearchSession, _ stream: StreamOrdinal) throws(Problem) -> Bool {
        guard let standing = book.standing(of: stream, through: session.cut.position),
            let json = try folded(stream, .appointment, at: standing).json
        else { return false }
        do {
            let matcher = try SearchMatcher(json)
            return session.query.parameters.allSatisfy { $0.namesActors ? matcher.matches($0) : true }
        } catch {
            throw Self.damaged(standing.position)
        }
    }

    private func matches(
        _ parameter: SearchParameter, _ ids: [StreamOrdinal], _ stream: StreamOrdinal, _ facts: StandingFacts,
        _ tenant: Tenant
    ) -> Bool {
        switch parameter {
        case .id: return ids.contains(stream)
        case .status(let statuses): return statuses.contains(facts.appointment.status)
        case .date(let dates):
            guard let start = facts.appointment.start else { return false }
            return dates.contains { $0.holds(for: start) }
        case .patient(let ids): return ids.contains { isSubject($0, facts, tenant) }
        case .practitioner(let names):
            return names.contains { facts.appointment.practitioners.contains(tenant.reference($0)) }
        case .location(let names):
            return names.contains { facts.appointment.locations.contains(tenant.reference($0)) }
        case .actor(let names):
            return names.contains { name in
                if name.hasPrefix("Patient/") { return isSubject(String(name.dropFirst(8)), facts, tenant) }
                guard name.hasPrefix("Practitioner/") || name.hasPrefix("Location/") else { return true }
                let token = tenant.reference(name)
                return facts.appointment.practitioners.contains(token) || facts.appointment.locations.contains(token)
            }
        case .identifier, .name, .family, .given, .birthDate, .phone, .agent, .action, .outcome: return false
        }
    }

    private func isSubject(_ patient: String, _ facts: StandingFacts, _ tenant: Tenant) -> Bool {
        keyID(patient, tenant).map { facts.subjects.contains($0) } ?? false
    }

    /// The key id of a patient; nil when nothing was ever written of them.
    func keyID(_ patient: String, _ tenant: Tenant) -> UInt64? {
        subjectKeys.id(of: tenant.stream(.patient, id: patient), tenant: tenant.id)
    }

    private func appointmentCandidates(_ session: SearchSession) -> [StreamOrdinal] {
        let tenant = session.context.tenant
        let days = session.query.days
        var fewest: [StreamOrdinal]?
        func narrow(_ lists: [[StreamOrdinal]]) {
            let streams = union(lists)
            if streams.count < fewest?.count ?? .max { fewest = streams }
        }
        func byActor(_ names: [String], _ key: (UInt64) -> AppointmentKey) {
            let tokens = names.map { tenant.reference($0) }
            if let days {
                narrow(
                    tokens.flatMap { token in
                        days.map { book.appointments(.actorOnDay(token, $0), tenant: tenant.id) }
                    })
            } else {
                narrow(tokens.map { book.appointments(key($0), tenant: tenant.id) })
            }
        }
        func bySubject(_ ids: [String]) {
            narrow(
                ids.map { id in keyID(id, tenant).map { book.appointments(.subject($0), tenant: tenant.id) } ?? [] })
        }
        for parameter in session.query.parameters {
            switch parameter {
            case .id(let ids): narrow([streams(.appointment, ids, tenant)])
            case .practitioner(let names): byActor(names) { .practitioner($0) }
            case .location(let names): byActor(names) { .location($0) }
            case .patient(let ids): bySubject(ids)
            case .actor(let names):
                if names.allSatisfy({ $0.hasPrefix("Patient/") }) { bySubject(names.map { String($0.dropFirst(8)) }) }
            default: break
            }
        }
        if fewest == nil, let days { narrow(days.map { book.appointments(.day($0), tenant: tenant.id) }) }
        return (fewest ?? allStreams(.appointment, tenant)).filter {
            book.tenant(of: $0) == tenant.id
        }
    }

    private func allStreams(_ category: Category, _ tenant: Tenant) -> [StreamOrdinal] {
        book.streams(of: category, tenant: tenant.id, in: 0..<book.streamCount(of: category, tenant: tenant.id))
    }

    private func streams(_ category: Category, _ ids: [String], _ tenant: Tenant) -> [StreamOrdinal] {
        let found = ids.compactMap { id in
            StreamName(category, id: id).flatMap { book.stream(token: tenant.stream($0), tenant: tenant.id) }
        }
        return Set(found).sorted()
    }

    private func union(_ lists: [[StreamOrdinal]]) -> [StreamOrdinal] {
        guard lists.count > 1 else { return lists.first ?? [] }
        var all = lists.flatMap { $0 }.sorted()
        var kept = 0
        for stream in all where kept == 0 || all[kept - 1] != stream {
            all[kept] = stream
            kept += 1
        }
        all.removeLast(all.count - kept)
        return all
    }

    // The page.

    private func finish(_ session: SearchSession) throws(Problem) {
        session.query.kind == .patient ? try finishPatients(session) : try finishAppointments(session)
    }

    private func finishPatients(_ session: SearchSession) throws(Problem) {
        let shown = Array(session.found.prefix(session.count))
        var next: String?
        if session.found.count > session.count, let candidates = session.candidates {
            // The one too many is where the next page begins.
            next = try seal(session.cursor(next: UInt64(candidates[session.looked - 1].raw)), session.context)
        }
        try show(
            session, shown, total: next == nil && session.from == 0 ? session.total : nil, next: next)
    }

    /// Folds the page's appointments; true when all are.
    private func foldPage(_ session: inout SearchSession) throws(Problem) -> Bool {
        guard let page = session.page else { return true }
        for match in session.matches[page].dropFirst(session.found.count).prefix(foldsEach) {
            guard let standing = book.standing(of: match.stream, through: session.cut.position) else { continue }
            session.found.append(try folded(match.stream, .appointment, at: standing))
        }
        return session.found.count == page.count
    }

    private func finishAppointments(_ session: SearchSession) throws(Problem) {
        let end = session.page?.upperBound ?? 0
        let next =
            end < session.matches.count && session.count > 0
            ? try seal(session.cursor(next: UInt64(end)), session.context) : nil
        try show(session, session.found, total: session.matches.count, next: next)
    }

    private func show(
        _ session: SearchSession, _ resources: [FoldedResource], total: Int?, next: String?
    ) throws(Problem) {
        let kind = session.query.kind
        let page = ResourcePage(
            isHistory: false, kind: kind, resources: resources.map { $0.shown(as: kind) }, total: total, next: next,
            position: session.cut.position)
        try show(session.context, .searched, resources, query: session.query.auditText, page)
    }
}

extension SearchSession {
    /// Puts all matches into the order asked for; which of them the page is.
    fileprivate mutating func sortedPage() -> Range<Int> {
        if case .date(let descending) = query.sort {
            let far = Instant(microseconds: descending ? .min : .max)
            matches.sort { a, b in
                let (first, second) = (a.start ?? far, b.start ?? far)
                return first == second ? a.stream < b.stream : descending ? first > second : first < second
            }
        }
        let first = Int(min(from, UInt64(matches.count)))
        return first..<min(matches.count, first + count)
    }

    /// The facts alone do not say who takes part.
    fileprivate var namesActors: Bool { query.parameters.contains { $0.namesActors } }

    fileprivate func cursor(next: UInt64) -> ReadCursor {
        ReadCursor(kind: query.kind, name: nil, query: query, cut: cut, next: next, count: count)
    }
}

extension SearchParameter {
    /// Asks for a patient, or for an actor the facts do not list.
    fileprivate var namesActors: Bool {
        switch self {
        case .patient: true
        case .actor(let names):
            !names.allSatisfy { $0.hasPrefix("Practitioner/") || $0.hasPrefix("Location/") }
        case .id, .identifier, .name, .family, .given, .birthDate, .phone, .practitioner, .location, .status, .date,
            .agent, .action, .outcome:
            false
        }
    }
}

extension SearchQuery {
    /// The UTC days in which every match begins, when the dates asked for bound them to at most 62.
    fileprivate var days: ClosedRange<Int>? {
        var lower: Instant?
        var upper: Instant?
        for case .date(let dates) in parameters {
            guard dates.count == 1, let date = dates.first else { continue }
            switch date.comparison {
            case .eq:
                lower = max(lower ?? date.lower, date.lower)
                upper = min(upper ?? date.upper, date.upper)
            case .ge: lower = max(lower ?? date.lower, date.lower)
            case .gt, .sa: lower = max(lower ?? date.upper, date.upper)
            case .lt, .eb: upper = min(upper ?? date.lower, date.lower)
            case .le: upper = min(upper ?? date.upper, date.upper)
            case .ne: break
            }
        }
        guard let lower, let upper, lower < upper else { return nil }
        let last = Instant(microseconds: upper.microseconds - 1).daysSinceEpoch
        return last - lower.daysSinceEpoch < 62 ? lower.daysSinceEpoch...last : nil
    }

    /// The search as the access record keeps it, sealed.
    var auditText: String {
        let kind = kind.rawValue
        return ([kind] + parameters.map { "\($0)" }).joined(separator: " ")
    }
}
