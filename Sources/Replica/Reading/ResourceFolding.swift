internal import Bytes
internal import Consensus
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
    /// The version is the first of the stream.
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
    /// The resource as the event or rewind at `standing` left it.
    func folded(
        _ stream: StreamOrdinal, _ kind: ViewKind, at standing: StreamStanding
    ) throws(Problem) -> FoldedResource {
        let (fold, last) = try content(stream, kind, at: standing.position)
        return try result(fold, last, of: stream, at: standing)
    }

    /// Every version in `versions` of a stream, oldest first.
    func foldedVersions(
        _ stream: StreamOrdinal, _ kind: ViewKind, through position: UInt64, versions: ClosedRange<UInt32>
    ) throws(Problem) -> [FoldedResource] {
        var links: [StreamStanding] = []
        var at = book.standing(of: stream, through: position)
        while let standing = at, standing.position > 0, standing.version >= versions.lowerBound {
            if standing.version <= versions.upperBound { links.append(standing) }
            at = StreamStanding(
                version: standing.version - 1, position: book.position(before: standing.position, of: stream))
        }
        guard let oldest = links.last else { return [] }
        var (fold, last) = try content(stream, kind, at: oldest.position)
        var found = [try result(fold, last, of: stream, at: oldest)]
        for link in links.dropLast().reversed() {
            if book.rewindTarget(link.position) != nil {
                (fold, last) = try content(stream, kind, at: link.position)
            } else {
                let event = try openEvent(at: link.position)
                try apply(event, to: &fold)
                last = event
            }
            found.append(try result(fold, last, of: stream, at: link))
        }
        return found
    }

    /// What a stream said after each of its events from a position on, oldest first; where it was gone, nothing.
    func saidSince(_ position: UInt64, of stream: StreamOrdinal, _ kind: ViewKind) throws(Problem) -> [[UInt8]] {
        var events: [UInt64] = []
        var at = book.standing(of: stream).position
        while at > 0, at >= position {
            if book.rewindTarget(at) == nil { events.append(at) }
            at = book.position(before: at, of: stream)
        }
        var said: [[UInt8]] = []
        var last: UInt64 = 0
        var fold = ResourceFold(kind.category ?? .patient)
        for at in events.reversed() {
            let event: StoredEvent?
            if last > 0, book.position(before: at, of: stream) == last {
                let next = try openEvent(at: at)
                try apply(next, to: &fold)
                event = next
            } else {
                (fold, event) = try content(stream, kind, at: at)
            }
            last = at
            if let event, !event.isGone, !fold.isDeleted, let json = fold.resource { said.append(json) }
        }
        return said
    }

    /// What a stream says at a link of its chain, and the newest event that makes it up; nil where it is absent.
    private func content(
        _ stream: StreamOrdinal, _ kind: ViewKind, at position: UInt64
    ) throws(Problem) -> (fold: ResourceFold, last: StoredEvent?) {
        // A whole resource replaces what was before it: fold from the newest one.
        var events: [StoredEvent] = []
        var at = book.content(at: position, of: stream)
        while at > 0 {
            let event = try openEvent(at: at)
            events.append(event)
            if event.form == .resource, !event.isGone { break }
            at = mutated(.foldsWhatWasUndone) ? undone(before: at, stream) : book.content(before: at, of: stream)
        }
        var fold = ResourceFold(kind.category ?? .patient)
        for event in events.reversed() { try apply(event, to: &fold) }
        return (fold, events.first)
    }

    /// A planted bug: the event before in the stream, whether or not it counts.
    private func undone(before position: UInt64, _ stream: StreamOrdinal) -> UInt64 {
        var at = book.position(before: position, of: stream)
        while at > 0, book.rewindTarget(at) != nil { at = book.position(before: at, of: stream) }
        return at
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

    /// - Parameter last: the newest event that makes it up, which a rewind may have brought back; nil: it is absent.
    private func result(
        _ fold: ResourceFold, _ last: StoredEvent?, of stream: StreamOrdinal, at standing: StreamStanding
    ) throws(Problem) -> FoldedResource {
        let name = last.map { Self.subject(of: $0.json) } ?? name(of: stream)
        guard let name else { throw Self.damaged(standing.position) }
        let isOwn = last?.position == standing.position
        return FoldedResource(
            id: name.id, version: standing.version,
            stamp: isOwn ? last?.stamp ?? book.lastStamp : try transaction(at: standing.position).stamp,
            json: last.map { $0.isGone || fold.isDeleted } ?? true ? nil : fold.resource,
            subjects: last?.subjects ?? [], stream: book.tag(of: stream), isFirst: standing.version == 1)
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
        guard let standing = book.standing(of: stream, through: cut) else { return nil }
        var positions: [UInt64] = []
        var at = book.content(at: standing.position, of: stream)
        while at > 0 {
            positions.append(at)
            at = book.content(before: at, of: stream)
        }
        var now: StandingFacts?
        for position in positions.reversed() {
            let (frame, place, transaction) = try event(at: position)
            // What begins it may stand behind a rewind by which it was absent: that one does not say that it creates it.
            let before = before(now?.subjects ?? [], now?.appointment)
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

    /// An appointment before an event, for reading it by itself; of what begins it, nothing.
    func before(_ subjects: [UInt64], _ appointment: AppointmentFacts?) -> StreamBefore? {
        if appointment == nil, mutated(.readsAnewAsFirst) { return nil }
        return StreamBefore(category: .appointment, subjects: subjects, appointment: appointment)
    }

    /// Whether a stream is gone, or absent, since the event or rewind at a link of its chain.
    func isGone(at standing: StreamStanding, of stream: StreamOrdinal) throws(Problem) -> Bool {
        if book.standing(of: stream) == standing { return book.state(of: stream) != .live }
        let content = book.content(at: standing.position, of: stream)
        guard content > 0 else { return true }
        return try event(at: content).place.shape.contains(.isGone)
    }
}
