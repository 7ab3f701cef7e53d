internal import Bytes
internal import Records
internal import Views

// The audit view: one AuditEvent for each event (`e-N`) and each record (`r-N`), read from the log, found through the
// book's lists. Reading it is recorded too, one record a request.
extension Replica {
    /// Items that may be opened to fill a page.
    private static var auditLooksMax: Int { 8_192 }

    func readAudit(_ context: ReadContext, _ name: String, _ cut: Cut) throws(Problem) {
        guard let item = AuditItem(name: name), let shown = try audited(item, cut, context.tenant) else {
            throw .noSuchResource
        }
        var draft = context.record(.auditRead, replica: configuration.id)
        draft.subjects = shown.subjects
        draft.value.query = "AuditEvent/\(name)"
        draft.value.count = 1
        propose(draft, for: context.id) { replica, _, effects in
            replica.answer(
                context.id, .resource(shown.resource, position: cut.position), isLast: true, &effects)
        }
    }

    /// An AuditEvent never changes: its history is itself.
    func auditHistory(_ context: ReadContext, _ name: String, _ cut: Cut) throws(Problem) {
        guard let item = AuditItem(name: name), let shown = try audited(item, cut, context.tenant) else {
            throw .noSuchResource
        }
        answerAudit(context, [shown], text: "AuditEvent/\(name)/_history", isHistory: true, 1, nil, cut)
    }

    func searchAudit(
        _ context: ReadContext, _ query: SearchQuery, _ cut: Cut, from: UInt64, count: Int
    ) throws(Problem) {
        let filter = AuditFilter(query, context.tenant, book) { keyID($0, context.tenant) }
        guard !filter.isImpossible else {
            return answerAudit(context, [], text: query.auditText, isHistory: false, 0, nil, cut)
        }
        let asked = AuditExpansion(filter.subjects, book)
        if let named = filter.named {
            var found: [AuditShown] = []
            for item in named where item.isWithin(cut) {
                guard try filter.takes(item, self, context.tenant),
                    let shown = try audited(item, cut, context.tenant, asked)
                else { continue }
                found.append(shown)
            }
            found.sort { ($0.resource.lastUpdated, $0.resource.id) > ($1.resource.lastUpdated, $1.resource.id) }
            if case .date(descending: false) = query.sort { found.reverse() }
            let start = min(found.count, Int(clamping: from))
            let end = min(found.count, start + count)
            let next =
                end < found.count && count > 0
                ? try seal(
                    ReadCursor(
                        kind: .auditEvent, name: nil, query: query, cut: cut, next: UInt64(end), count: count),
                    context) : nil
            return answerAudit(
                context, Array(found[start..<end]), text: query.auditText, isHistory: false, found.count, next, cut,
                asked: filter.subjects)
        }
        let (scope, first, end) = try window(filter, query, cut)
        var isAscending = false
        if case .date(let descending) = query.sort { isAscending = !descending }
        var found: [AuditShown] = []
        var looked = 0
        var total = 0
        var next: String?
        // Newest first unless asked otherwise; `from` counts items of the scope already passed.
        var passed = Int(clamping: from)
        while passed < end - first {
            let number = isAscending ? first + passed : end - 1 - passed
            guard looked < Self.auditLooksMax, found.count < count || count == 0 else { break }
            looked += 1
            passed += 1
            guard let item = book.auditItems(scope, in: number..<(number + 1)).first,
                try filter.takes(item, self, context.tenant)
            else { continue }
            total += 1
            if count > 0, let shown = try audited(item, cut, context.tenant, asked) { found.append(shown) }
        }
        let isThrough = passed >= end - first
        if !isThrough {
            guard count > 0 else {
                throw Problem(.badParameter, "Too much to count: narrow the search by date, patient or agent.")
            }
            next = try seal(
                ReadCursor(
                    kind: .auditEvent, name: nil, query: query, cut: cut, next: UInt64(passed), count: count), context)
        }
        let exact = filter.isScopeAlone ? end - first : isThrough && from == 0 ? total : nil
        answerAudit(context, found, text: query.auditText, isHistory: false, exact, next, cut, asked: filter.subjects)
    }

    /// Which list to walk, and the part of it that the dates leave.
    private func window(
        _ filter: AuditFilter, _ query: SearchQuery, _ cut: Cut
    ) throws(Problem) -> (scope: AuditScope, first: Int, end: Int) {
        let scope = filter.scope(book)
        var lower = Cut(position: 0, record: 0)
        var upper = cut
        for case .date(let dates) in query.parameters {
            guard dates.count == 1, let date = dates.first else { continue }
            switch date.comparison {
            case .eq, .ge:
                lower = lower.later(try self.cut(through: Instant(microseconds: date.lower.microseconds - 1)))
            case .gt, .sa:
                lower = lower.later(try self.cut(through: Instant(microseconds: date.upper.microseconds - 1)))
            case .lt, .eb, .le, .ne: break
            }
            switch date.comparison {
            case .eq, .le:
                upper = upper.earlier(try self.cut(through: Instant(microseconds: date.upper.microseconds - 1)))
            case .lt, .eb:
                upper = upper.earlier(try self.cut(through: Instant(microseconds: date.lower.microseconds - 1)))
            case .gt, .ge, .sa, .ne: break
            }
        }
        let first = book.auditCount(scope, through: lower)
        return (scope, first, max(first, book.auditCount(scope, through: upper)))
    }

    private func answerAudit(
        _ context: ReadContext, _ shown: [AuditShown], text: String, isHistory: Bool, _ total: Int?, _ next: String?,
        _ cut: Cut, asked: [UInt64] = []
    ) {
        var draft = context.record(.auditRead, replica: configuration.id)
        var subjects = Set(asked)
        for one in shown { subjects.formUnion(one.subjects) }
        draft.subjects = subjects.sorted()
        draft.value.query = text
        draft.value.count = shown.count
        let page = ResourcePage(
            isHistory: isHistory, kind: .auditEvent, resources: shown.map(\.resource), total: total, next: next,
            position: cut.position)
        propose(draft, for: context.id) { replica, _, effects in
            replica.answer(context.id, .page(page), isLast: true, &effects)
        }
    }

    /// The AuditEvent of an item; nil when it is of another tenant or was not made by the cut.
    func audited(
        _ item: AuditItem, _ cut: Cut, _ tenant: Tenant, _ asked: AuditExpansion = .everybody
    ) throws(Problem) -> AuditShown? {
        guard item.isWithin(cut) else { return nil }
        switch item {
        case .event(let position): return try audited(event: position, tenant, asked)
        case .record(let number): return try audited(record: number, tenant, asked)
        }
    }

    private func audited(
        event position: UInt64, _ tenant: Tenant, _ asked: AuditExpansion
    ) throws(Problem) -> AuditShown? {
        let (_, place, transaction) = try event(at: position)
        guard transaction.tenant == tenant.id else { return nil }
        let header = try header(at: position)
        if place.rewind != nil {
            // Whose data it concerned is told when they are asked for: it may be everybody.
            let concerned = asked.named.filter { book.concerns(event: position, subject: $0) }
            let detail = AuditDetail(
                header, type: EventVocabulary.rewound.name, action: "U", recorded: transaction.stamp, outcome: .success,
                patients: concerned.compactMap { patient(ofKey: $0) }, entities: [])
            return AuditShown(detail, id: "e-\(position)", subjects: concerned)
        }
        let event = try openEvent(at: position)
        let type = EventVocabulary.kind(code: event.typeCode)?.type.name ?? Self.type(of: event.json) ?? ""
        let action = place.creation != nil ? "C" : event.isGone ? "D" : "U"
        let entities =
            Self.subject(of: event.json).map {
                [AuditDetail.Entity(reference: $0.reference, version: UInt64(event.version))]
            } ?? []
        let detail = AuditDetail(
            header, type: type, action: action, recorded: event.stamp, outcome: .success,
            patients: asked.shown(event.subjects).compactMap { patient(ofKey: $0) }, entities: entities)
        return AuditShown(detail, id: "e-\(position)", subjects: asked.shown(event.subjects))
    }

    private func audited(
        record number: UInt64, _ tenant: Tenant, _ asked: AuditExpansion
    ) throws(Problem) -> AuditShown? {
        let (facts, value) = try openRecord(number)
        guard facts.tenant == tenant.id else { return nil }
        let entities = value.shown.compactMap { shown in
            book.stream(tag: shown.stream).flatMap { asked.takes($0) ? name(of: $0) : nil }.map {
                AuditDetail.Entity(reference: $0.reference, version: UInt64(shown.version))
            }
        }
        let detail = AuditDetail(
            value, type: facts.code.typeName, action: facts.code.action, recorded: facts.stamp,
            outcome: facts.outcome, patients: asked.shown(facts.subjects).compactMap { patient(ofKey: $0) },
            entities: entities)
        return AuditShown(detail, id: "r-\(number)", subjects: asked.shown(facts.subjects))
    }

    /// The id of the patient whose key it is; nil when no stream of theirs can be opened.
    private func patient(ofKey id: UInt64) -> String? {
        guard let row = subjectKeys.row(id: id), let stream = book.stream(token: row.token, tenant: row.tenant) else {
            return nil
        }
        return name(of: stream)?.id
    }

    /// A stream's name, as its first event says; the names opened lately are kept.
    func name(of stream: StreamOrdinal) -> StreamName? {
        if let name = reads.names[stream] { return name }
        guard let event = try? openEvent(at: book.row(stream).first), let name = Self.subject(of: event.json) else {
            return nil
        }
        if reads.names.count >= 4096 { reads.names.removeAll(keepingCapacity: true) }
        reads.names[stream] = name
        return name
    }
}

/// Whose part of an item is shown: when patients are asked for theirs alone, since who saw one patient is no account
/// of who else was on the page.
struct AuditExpansion {
    private let patients: [UInt64]?
    /// Streams that ever held data of theirs.
    private let streams: Set<StreamOrdinal>

    static let everybody = AuditExpansion()

    private init() {
        patients = nil
        streams = []
    }

    init(_ patients: [UInt64], _ book: Book) {
        self.patients = patients.isEmpty ? nil : patients
        streams = Set(patients.flatMap { book.streams(ofSubject: $0) })
    }

    func shown(_ subjects: [UInt64]) -> [UInt64] { patients.map { subjects.filter($0.contains) } ?? subjects }

    /// The patients asked for; none when nobody was.
    var named: [UInt64] { patients ?? [] }

    func takes(_ stream: StreamOrdinal) -> Bool { patients == nil || streams.contains(stream) }
}

/// An AuditEvent to be shown, and whose data it speaks of.
struct AuditShown {
    var resource: ShownResource
    var subjects: [UInt64]

    init(_ detail: AuditDetail, id: String, subjects: [UInt64]) {
        resource = ShownResource(
            kind: .auditEvent, id: id, version: 1, lastUpdated: detail.recorded, content: .audit(detail),
            method: "POST")
        self.subjects = subjects
    }
}

extension AuditDetail {
    init(
        _ value: AuditValue, type: String, action: String, recorded: Instant, outcome: AuditOutcome,
        patients: [String], entities: [Entity]
    ) {
        self.init(
            type: type, action: action, recorded: recorded, actorName: value.name, actorID: value.credential,
            onBehalfOf: value.behalf, purpose: value.purpose, address: value.address, requestID: value.requestID,
            traceParent: value.traceParent, replica: value.replica, outcome: outcome, outcomeName: value.outcomeName,
            patients: patients, entities: entities, query: value.query, count: value.count, range: value.range)
    }
}

extension StreamName {
    /// As a FHIR reference.
    var reference: String {
        switch category {
        case .patient: "Patient/\(id)"
        case .appointment: "Appointment/\(id)"
        case .consent: "Consent/\(id)"
        case .disclosure: "disclosure/\(id)"
        }
    }
}

extension RecordCode {
    /// AuditEvent.action.
    var action: String {
        switch self {
        case .accessed: "R"
        case .searched, .denied, .auditRead, .strangers, .storeStarted, .clockAccepted, .integrityFailed,
            .primaryElected, .handoverOrdered, .changeOrdered, .membershipChanged, .restoreOrdered,
            .backupMade, .restoreDrilled:
            "E"
        case .storeCreated: "C"
        }
    }
}

extension Cut {
    fileprivate func later(_ other: Cut) -> Cut {
        Cut(position: max(position, other.position), record: max(record, other.record))
    }

    fileprivate func earlier(_ other: Cut) -> Cut {
        Cut(position: min(position, other.position), record: min(record, other.record))
    }
}
