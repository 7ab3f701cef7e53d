internal import Bytes
internal import JSON
internal import Records
internal import Views

/// A resource folded to one of its versions.
struct FoldedResource {
    var id: String
    var version: UInt32
    var stamp: Instant
    /// nil: the version says that it is gone.
    var json: [UInt8]?
    /// Key ids of the patients whose data the version's event holds.
    var subjects: [UInt64]
    var stream: UInt64
    /// The event that made the version also made the stream.
    var isFirst: Bool

    func shown(as kind: ViewKind) -> ShownResource {
        ShownResource(
            kind: kind, id: id, version: UInt64(version), lastUpdated: stamp,
            content: json.map { .json($0) } ?? .deleted, method: isFirst ? "POST" : json == nil ? "DELETE" : "PUT")
    }
}

/// An appointment's deciding facts at a cut.
struct StandingFacts {
    var appointment: AppointmentFacts
    /// Key ids of its patients.
    var subjects: [UInt64]
    var isGone: Bool
    /// Nothing came after: it was read from the book.
    var isCurrent: Bool
}

// Folding a stream's events to the resource they make. Nothing is kept: the log is opened each time.
extension Replica {
    /// The resource as the event at `standing` left it.
    func folded(
        _ stream: StreamOrdinal, _ kind: ViewKind, at standing: StreamStanding
    ) throws(Problem) -> FoldedResource {
        // A whole resource replaces what was before it: fold from the newest one.
        var events: [StoredEvent] = []
        var position = standing.position
        while position > 0 {
            let event = try openEvent(at: position)
            events.append(event)
            if event.form == .resource, !event.isGone { break }
            position = book.position(before: position)
        }
        var fold = ResourceFold(kind.category ?? .patient)
        for event in events.reversed() { try apply(event, to: &fold) }
        guard let last = events.first else { throw .noSuchResource }
        return try result(fold, last, isFirst: book.position(before: last.position) == 0)
    }

    /// Every version in `versions` of a stream, oldest first.
    func foldedVersions(
        _ stream: StreamOrdinal, _ kind: ViewKind, through position: UInt64, versions: ClosedRange<UInt32>
    ) throws(Problem) -> [FoldedResource] {
        // From the newest whole resource at or before the oldest version asked for.
        var events: [StoredEvent] = []
        var at = book.standing(of: stream, through: position)
        while let standing = at, standing.position > 0 {
            if standing.version <= versions.upperBound {
                let event = try openEvent(at: standing.position)
                events.append(event)
                if event.version <= versions.lowerBound, event.form == .resource, !event.isGone { break }
            }
            at = StreamStanding(
                version: standing.version - 1, position: book.position(before: standing.position))
        }
        var fold = ResourceFold(kind.category ?? .patient)
        var found: [FoldedResource] = []
        for event in events.reversed() {
            try apply(event, to: &fold)
            guard versions.contains(event.version) else { continue }
            found.append(try result(fold, event, isFirst: event.version == 1))
        }
        return found
    }

    private func apply(_ event: StoredEvent, to fold: inout ResourceFold) throws(Problem) {
        do throws(JSONError) {
            try fold.apply(event: event.json, form: event.form, type: type(of: event))
        } catch {
            throw Self.damaged(event.position)
        }
    }

    private func type(of event: StoredEvent) -> EventType {
        EventVocabulary.kind(code: event.typeCode)?.type ?? EventType(code: 0, name: Self.type(of: event.json) ?? "")
    }

    private func result(
        _ fold: ResourceFold, _ last: StoredEvent, isFirst: Bool
    ) throws(Problem) -> FoldedResource {
        guard let name = Self.subject(of: last.json) else { throw Self.damaged(last.position) }
        return FoldedResource(
            id: name.id, version: last.version, stamp: last.stamp,
            json: last.isGone || fold.isDeleted ? nil : fold.resource, subjects: last.subjects, stream: last.stream,
            isFirst: isFirst)
    }

    /// The stream's name as an event of it says.
    static func subject(of event: [UInt8]) -> StreamName? {
        guard let text = try? JSONText(parsing: event), let node = text["subject"], let name = text.string(node)
        else { return nil }
        guard let slash = name.firstIndex(of: "/") else { return nil }
        let id = String(name[name.index(after: slash)...])
        guard let category = Category.allCases.first(where: { $0.name == name[..<slash] }) else { return nil }
        return StreamName(category, id: id)
    }

    /// An appointment as of a position, folded from the deciding parts alone; nil when it was not made by then.
    func standingFacts(of stream: StreamOrdinal, through cut: UInt64) throws(Problem) -> StandingFacts? {
        let row = book.row(stream)
        if row.last <= cut {
            return row.appointment.map {
                StandingFacts(appointment: $0, subjects: row.subjects, isGone: row.state != .live, isCurrent: true)
            }
        }
        var now: StandingFacts?
        for position in book.positions(of: stream, through: cut).sorted() {
            let (frame, place, transaction) = try event(at: position)
            let before = now.map {
                StreamBefore(category: .appointment, subjects: $0.subjects, appointment: $0.appointment)
            }
            do throws(ByteError) {
                let facts = try place.facts(in: frame.body, tenant: transaction.tenant, before: before, leafPrefix: 0)
                guard let appointment = facts.appointment else { throw .malformed }
                now = StandingFacts(
                    appointment: appointment, subjects: facts.subjects, isGone: facts.state != .live, isCurrent: false)
            } catch {
                throw Self.damaged(position)
            }
        }
        return now
    }

    /// Whether the event at a position says that its stream is gone.
    func isGone(at standing: StreamStanding, of stream: StreamOrdinal) throws(Problem) -> Bool {
        if book.standing(of: stream) == standing { return book.state(of: stream) != .live }
        return try event(at: standing.position).place.shape.contains(.isGone)
    }
}
