internal import Bytes
internal import Records
internal import Views

// The audit view: one AuditEvent for each event (`e-N`) and each record (`r-N`), read from the log, found through the
// book's lists. Reading it is recorded too, one record a request.
extension Replica {
    /// Items that may be opened to fill a page.
    private static var auditLooksMax: Int { 20_000 }

    func readAudit(_ context: ReadContext, _ name: String, _ cut: Cut) throws(Problem) {
        guard let item = Self.auditItem(name), let shown = try audited(item, cut, context.tenant) else {
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
        guard let item = Self.auditItem(name), let shown = try audited(item, cut, context.tenant) else {
            throw .noSuchResource
        }
        answerAudit(context, [shown], text: "AuditEvent/\(name)/_history", isHistory: true, 1, nil, cut)
    }

    func searchAudit(
        _ context: ReadContext, _ query: SearchQuery, _ cut: Cut, from: UInt64, count: Int
    ) throws(Problem) {
        let filter = AuditFilter(query, context.tenant) { keyID($0, context.tenant) }
        guard !filter.isImpossible else {
            return answerAudit(context, [], text: query.auditText, isHistory: false, 0, nil, cut)
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
            if count > 0, let shown = try audited(item, cut, context.tenant) { found.append(shown) }
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
        let scope = filter.scope
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

    private static func auditItem(_ name: String) -> AuditItem? {
        guard name.utf8.count > 2, let number = UInt64(name.dropFirst(2)), number > 0,
            String(number) == name.dropFirst(2)
        else { return nil }
        return name.hasPrefix("e-") ? .event(number) : name.hasPrefix("r-") ? .record(number) : nil
    }

    /// The AuditEvent of an item; nil when it is of another tenant or was not made by the cut.
    func audited(_ item: AuditItem, _ cut: Cut, _ tenant: Tenant) throws(Problem) -> AuditShown? {
        switch item {
        case .event(let position):
            guard position <= cut.position else { return nil }
            return try audited(event: position, tenant)
        case .record(let number):
            guard number <= cut.record else { return nil }
            return try audited(record: number, tenant)
        }
    }

    private func audited(event position: UInt64, _ tenant: Tenant) throws(Problem) -> AuditShown? {
        let (_, place, transaction) = try event(at: position)
        guard transaction.tenant == tenant.id else { return nil }
        let event = try openEvent(at: position)
        let header = try header(at: position)
        let type = EventVocabulary.kind(code: event.typeCode)?.type.name ?? Self.type(of: event.json) ?? ""
        let action = place.creation != nil ? "C" : event.isGone ? "D" : "U"
        let entities =
            Self.subject(of: event.json).map {
                [AuditDetail.Entity(reference: $0.reference, version: UInt64(event.version))]
            } ?? []
        let detail = AuditDetail(
            header, type: type, action: action, recorded: event.stamp, outcome: .success,
            patients: event.subjects.compactMap { patient(ofKey: $0) }, entities: entities)
        return AuditShown(detail, id: "e-\(position)", subjects: event.subjects)
    }

    private func audited(record number: UInt64, _ tenant: Tenant) throws(Problem) -> AuditShown? {
        let (facts, value) = try openRecord(number)
        guard facts.tenant == tenant.id else { return nil }
        let entities = value.shown.compactMap { shown in
            name(ofTag: shown.stream).map {
                AuditDetail.Entity(reference: $0.reference, version: UInt64(shown.version))
            }
        }
        let detail = AuditDetail(
            value, type: facts.code.typeName, action: facts.code.action, recorded: facts.stamp,
            outcome: facts.outcome, patients: facts.subjects.compactMap { patient(ofKey: $0) }, entities: entities)
        return AuditShown(detail, id: "r-\(number)", subjects: facts.subjects)
    }

    /// The id of the patient whose key it is; nil when no stream of theirs can be opened.
    private func patient(ofKey id: UInt64) -> String? {
        guard let row = subjectKeys.row(id: id), let stream = book.stream(token: row.token, tenant: row.tenant) else {
            return nil
        }
        return name(of: stream)?.id
    }

    private func name(ofTag tag: UInt64) -> StreamName? { book.stream(tag: tag).flatMap { name(of: $0) } }

    /// A stream's name, as its first event says; the names opened lately are kept.
    private func name(of stream: StreamOrdinal) -> StreamName? {
        if let name = reads.names[stream] { return name }
        guard let event = try? openEvent(at: book.row(stream).first), let name = Self.subject(of: event.json) else {
            return nil
        }
        if reads.names.count >= 4096 { reads.names.removeAll(keepingCapacity: true) }
        reads.names[stream] = name
        return name
    }
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
        case .searched, .denied, .auditRead, .strangers, .storeStarted, .clockAccepted, .integrityFailed: "E"
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
