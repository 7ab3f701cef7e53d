internal import Bytes
internal import Keys
internal import Records
internal import Views

/// One event as decided: its facts, and the stream as it was before.
struct DecidedEvent {
    var facts: EventFacts
    var before: StreamBefore?
}

/// A request as decided.
struct Decided {
    var events: [DecidedEvent] = []
    var newKeys: [NewKey] = []
    /// The keys of the patients it concerns, by id, so that sealing asks nobody.
    var keys: [UInt64: SecretKey] = [:]
}

// Expectations, streams, statuses and busy times, event by event against committed state and the tail before them.
extension Replica {
    /// Decides a request and sets what it does into the overlay, which the caller takes back when this throws.
    ///
    /// Of several problems the one that stands first in the precedence of design 11 is thrown: 410, then all failed
    /// expectations, then a double booking, then the first of 422.
    func decide(_ draft: AppendDraft) throws(Problem) -> Decided {
        // One copy for the whole request: asking a member of a class costs one each time.
        let book = self.book
        var decided = Decided()
        decided.events.reserveCapacity(draft.request.events.count)
        var conflicts: [VersionConflict] = []
        var refusal: Problem?
        let events = draft.request.events.span
        for at in events.indices {
            let token = draft.tenant.stream(events[at].subject)
            let now = stream(token, tenant: draft.tenant.id, in: book)
            if let expected = events[at].expectedVersion, !(now?.meets(expected) ?? (expected == 0)) {
                conflicts.append(
                    VersionConflict(
                        subject: events[at].subject.text, expected: expected, actual: UInt64(now?.version ?? 0)))
                continue
            }
            // After a problem only expectations are of interest, and those on streams it did not touch.
            guard refusal == nil || refusal?.kind == .doubleBooking else { continue }
            do throws(Problem) {
                let facts = try next(
                    events[at], identity: draft.identities[at], token: token, now: now, draft, book, &decided)
                if let busy = busyTime(facts, before: now?.before, draft.tenant, book) { throw busy }
            } catch {
                let problem =
                    error.kind == .doubleBooking || events.count == 1
                    ? error : error.about(event: at)
                // What this replica cannot tell now is no word about the request, nor is what the rest of it would be.
                if problem.kind == .gone || problem.kind.status >= 500 { throw problem }
                if refusal == nil { refusal = problem }
            }
        }
        guard conflicts.isEmpty else {
            throw Problem(
                .versionConflict, "Read the streams named in conflicts and decide anew.", [.conflicts(conflicts)])
        }
        if let refusal { throw refusal }
        return decided
    }

    /// The stream of that name as the last decided event leaves it.
    func stream(_ token: Token128, tenant: UInt32, in book: Book) -> StreamNow? {
        if let tag = overlay.tags[token] { return overlay.streams[tag] }
        guard let ordinal = book.stream(token: token, tenant: tenant) else { return nil }
        if !overlay.isEmpty, let now = overlay.streams[book.tag(of: ordinal)] { return now }
        let row = book.row(ordinal)
        return StreamNow(
            tag: row.tag, version: row.version, state: row.state,
            before: StreamBefore(category: row.category, subjects: row.subjects, appointment: row.appointment),
            last: row.last)
    }

    /// The event's facts; sets them into the overlay.
    private func next(
        _ event: IncomingEvent, identity: Token128, token: Token128, now: StreamNow?, _ draft: AppendDraft,
        _ book: Book, _ decided: inout Decided
    ) throws(Problem) -> EventFacts {
        let category = event.subject.category
        _ = try StreamRules.begins(event.type, on: category, state: now?.state)
        let before = now?.before
        var appointment = before?.appointment
        if let change = event.appointment {
            appointment = try AppointmentRules.next(
                appointment, type: event.type, change: change,
                practitioners: change.practitioners?.map { draft.tenant.reference($0) },
                locations: change.locations?.map { draft.tenant.reference($0) })
        }
        let subjects = try self.subjects(of: event, named: token, before: before, draft, &decided)
        let tag = now?.tag ?? newTag(book)
        let facts = EventFacts(
            position: nextPosition + UInt64(decided.events.count), tenant: draft.tenant.id, category: category,
            typeCode: event.type.code, typeToken: event.type.code == 0 ? draft.tenant.type(event.type.name) : 0,
            stream: tag, streamToken: now == nil ? token : nil, version: (now?.version ?? 0) + 1, identity: identity,
            subjects: subjects, appointment: appointment, state: StreamRules.state(after: event.type),
            data: event.dataForm, leafPrefix: 0)
        if now == nil { overlay.name(token, tag: tag) }
        overlay.set(
            StreamNow(
                tag: tag, version: facts.version, state: facts.state,
                before: StreamBefore(category: category, subjects: subjects, appointment: appointment),
                last: facts.position))
        decided.events.append(DecidedEvent(facts: facts, before: before))
        return facts
    }

    /// Key ids of the patients whose data the event is, ascending; keys are made for those that have none. `name` is
    /// the token of the event's stream.
    private func subjects(
        of event: IncomingEvent, named name: Token128, before: StreamBefore?, _ draft: AppendDraft,
        _ decided: inout Decided
    ) throws(Problem) -> [UInt64] {
        var ids: [UInt64] = []
        if let patients = event.patients {
            guard patients.count <= EntryFormat.subjectsMax else {
                throw Problem(.tooLarge, "An event has at most 62 patients.", [.limit(EntryFormat.subjectsMax)])
            }
            for patient in patients {
                let isOwn = event.subject.category == .patient && event.subject.id == patient
                let token = isOwn ? name : draft.tenant.stream(.patient, id: patient)
                ids.append(try subject(token, draft, &decided))
            }
            if ids.count > 1 { ids.sort() }
            // A patch speaks of the stream's patients as well: before it and after it (design 11).
            if event.dataForm == .mergePatch, let before, before.subjects != ids {
                ids = Array(Set(ids).union(before.subjects)).sorted()
            }
        } else {
            ids = before?.subjects ?? []
        }
        for id in ids where decided.keys[id] == nil {
            if let made = overlay.key(id: id) {
                decided.keys[id] = made
            } else {
                decided.keys[id] = try subjectKey(id)
            }
        }
        return ids
    }

    /// The key id of the patient whose stream's name `token` stands for.
    private func subject(
        _ token: Token128, _ draft: AppendDraft, _ decided: inout Decided
    ) throws(Problem) -> UInt64 {
        if let made = overlay.keys[token] {
            decided.keys[made.id] = made.key
            return made.id
        }
        if let known = subjectKeys.id(of: token, tenant: draft.tenant.id) { return known }
        var id = dice.word()
        while id == 0 || id == .max || subjectKeys.row(id: id) != nil || overlay.key(id: id) != nil { id = dice.word() }
        let key = dice.key()
        let wrapped: [UInt8]
        do throws(KeyError) {
            wrapped = try ring.wrap(key, as: id, tenant: draft.tenant.id, crypto: crypto, dice: &dice)
        } catch {
            throw Problem(.internalError, "A key could not be made; see the replica's log.")
        }
        overlay.add(key, id: id, for: token)
        decided.newKeys.append(NewKey(id: id, token: token, wrapped: wrapped))
        decided.keys[id] = key
        return id
    }

    private func newTag(_ book: Book) -> UInt64 {
        while true {
            let tag = dice.word()
            if tag != 0, overlay.streams[tag] == nil, book.stream(tag: tag) == nil { return tag }
        }
    }

    /// The problem when a practitioner or location that the event newly takes is busy at that time.
    private func busyTime(
        _ facts: EventFacts, before: StreamBefore?, _ tenant: Tenant, _ book: Book
    ) -> Problem? {
        guard let appointment = facts.appointment, facts.state == .live, appointment.status.isBusy,
            !appointment.allowsOverlap, let start = appointment.start, let end = appointment.end
        else { return nil }
        let held = before?.appointment.flatMap { $0.status.isBusy && $0.start == start && $0.end == end ? $0 : nil }
        for actor in [appointment.practitioners, appointment.locations].joined() {
            if let held, held.practitioners.contains(actor) || held.locations.contains(actor) { continue }
            guard let taken = taken(actor, from: start, to: end, excluding: facts.stream, in: book) else { continue }
            return Problem(
                .doubleBooking, "Choose another time, or send allowoverlap: true.",
                [.busy(actor: reference(of: actor, stream: facts.stream, tenant), start: taken.start, end: taken.end)])
        }
        return nil
    }

    /// The reference that `token` stands for: known to the tenant since this start, or told by the stream's events.
    private func reference(of token: UInt64, stream tag: UInt64, _ tenant: Tenant) -> String {
        if let known = tenant.referenceText(token) { return known }
        guard let ordinal = book.stream(tag: tag) else { return "" }
        for position in book.positions(of: ordinal, through: book.position) where book.rewindTarget(position) == nil {
            guard let event = try? openEvent(at: position) else { continue }
            for reference in JSONReferences.actors(in: event.json) where tenant.reference(reference) == token {
                return reference
            }
        }
        return ""
    }

    private func taken(
        _ actor: UInt64, from start: Instant, to end: Instant, excluding tag: UInt64, in book: Book
    ) -> (start: Instant, end: Instant)? {
        let tail = overlay.overlapping(actor: actor, from: start, to: end, excluding: tag)
        let told = book.overlapping(actor: actor, from: start, to: end) { ordinal in
            let other = book.tag(of: ordinal)
            return other == tag || overlay.streams[other] != nil
        }
        guard let told else { return tail }
        guard let tail, tail.start < told.start else { return (told.start, told.end) }
        return tail
    }
}

extension Problem {
    /// The same, with the place of its event in the request.
    func about(event index: Int) -> Problem {
        var problem = self
        problem.fields.append(.eventIndex(index))
        return problem
    }
}
