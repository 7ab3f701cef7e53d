internal import Bytes
internal import Records
internal import Views

// One resource: now or as of an instant, at a version, and its history.
extension Replica {
    func read(_ context: ReadContext, _ kind: ViewKind, _ name: String, _ asOf: AsOf?) throws(Problem) {
        let cut = try cut(asOf)
        guard kind != .auditEvent else { return try readAudit(context, name, cut) }
        let stream = try stream(context, kind, name)
        guard let standing = book.standing(of: stream, through: cut.position) else { throw .noSuchResource }
        guard try !isGone(at: standing, of: stream) else { throw .goneResource }
        try show(context, kind, folded(stream, kind, at: standing), position: cut.position)
    }

    func readVersion(
        _ context: ReadContext, _ kind: ViewKind, _ name: String, _ version: UInt64, _ asOf: AsOf?
    ) throws(Problem) {
        let cut = try cut(asOf)
        guard kind != .auditEvent else {
            guard version == 1 else { throw .noSuchResource }
            return try readAudit(context, name, cut)
        }
        let stream = try stream(context, kind, name)
        guard let version = UInt32(exactly: version), version > 0,
            let position = book.position(of: stream, version: version), position <= cut.position
        else { throw .noSuchResource }
        let standing = StreamStanding(version: version, position: position)
        guard try !isGone(at: standing, of: stream) else { throw .goneResource }
        try show(context, kind, folded(stream, kind, at: standing), position: cut.position)
    }

    func history(
        _ context: ReadContext, _ kind: ViewKind, _ name: String, _ asOf: AsOf?, _ page: PageRequest
    ) throws(Problem) {
        var cut = try cut(asOf)
        guard kind != .auditEvent else { return try auditHistory(context, name, cut) }
        let stream = try stream(context, kind, name)
        var count = page.count
        var newest: UInt32?
        if let text = page.cursor {
            let cursor = try open(cursor: text, context)
            guard cursor.kind == kind, cursor.name == name else { throw .badCursor }
            cut = cursor.cut
            count = cursor.count
            newest = UInt32(clamping: cursor.next)
        }
        guard let standing = book.standing(of: stream, through: cut.position) else { throw .noSuchResource }
        let last = min(newest ?? standing.version, standing.version)
        let first = last > UInt32(count) ? last - UInt32(count) + 1 : 1
        var next: String?
        if first > 1, count > 0 {
            next = try seal(
                ReadCursor(kind: kind, name: name, cut: cut, next: UInt64(first - 1), count: count), context)
        }
        let versions =
            count == 0
            ? [] : try foldedVersions(stream, kind, through: cut.position, versions: first...last).reversed()
        let shown = ResourcePage(
            isHistory: true, kind: kind, resources: versions.map { $0.shown(as: kind) },
            total: Int(standing.version), next: next, position: cut.position)
        try show(context, .accessed, Array(versions), query: "history", shown)
    }

    /// The stream of a resource.
    func stream(_ context: ReadContext, _ kind: ViewKind, _ name: String) throws(Problem) -> StreamOrdinal {
        guard let category = kind.category, let stream = StreamName(category, id: name),
            let ordinal = book.stream(token: context.tenant.stream(stream), tenant: context.tenant.id)
        else { throw .noSuchResource }
        return ordinal
    }

    private func show(
        _ context: ReadContext, _ kind: ViewKind, _ resource: FoldedResource, position: UInt64
    ) throws(Problem) {
        var draft = context.record(.accessed, replica: configuration.id)
        draft.subjects = resource.subjects
        draft.value.shown = [AuditValue.Shown(stream: resource.stream, version: resource.version)]
        let shown = resource.shown(as: kind)
        propose(draft, for: context.id) { replica, _, effects in
            replica.answer(context.id, .resource(shown, position: position), isLast: true, &effects)
        }
    }

    /// Proposes the record of a page and answers with it.
    func show(
        _ context: ReadContext, _ code: RecordCode, _ resources: [FoldedResource], query: String, _ page: ResourcePage
    ) throws(Problem) {
        var draft = context.record(code, replica: configuration.id)
        var subjects: Set<UInt64> = []
        for resource in resources { subjects.formUnion(resource.subjects) }
        draft.subjects = subjects.sorted()
        draft.value.shown = resources.map { AuditValue.Shown(stream: $0.stream, version: $0.version) }
        draft.value.query = query
        draft.value.count = resources.count
        propose(draft, for: context.id) { replica, _, effects in
            replica.answer(context.id, .page(page), isLast: true, &effects)
        }
    }
}
