import Bytes
import Records

@testable import Views

/// The book's dumb twin: it keeps every fact and answers by looking through all of them.
struct Twin {
    var items: [(item: AuditItem, subjects: [UInt64], actors: [UInt64])] = []
    var events: [EventFacts] = []
    /// Tags in the order of creation.
    var tags: [UInt64] = []
    private var byTag: [UInt64: [EventFacts]] = [:]

    init(folding steps: [Step]) {
        for step in steps {
            switch step {
            case .record(let record):
                items.append((.record(record.number), record.subjects, [record.actor, record.behalf]))
            case .transaction(let transaction):
                for event in transaction.events {
                    if event.version == 1 { tags.append(event.stream) }
                    events.append(event)
                    byTag[event.stream, default: []].append(event)
                    items.append(
                        (.event(event.position), event.subjects, [transaction.actor, transaction.behalf]))
                }
            }
        }
    }

    func events(of tag: UInt64, through position: UInt64 = .max) -> [EventFacts] {
        (byTag[tag] ?? []).filter { $0.position <= position }
    }

    func items(_ scope: AuditScope, through cut: Cut) -> [AuditItem] {
        items.filter { entry in
            let isBefore =
                switch entry.item {
                case .event(let position): position <= cut.position
                case .record(let number): number <= cut.record
                }
            let isOf =
                switch scope {
                case .all: true
                case .subject(let keyID): entry.subjects.contains(keyID)
                case .actor(let token): token != 0 && entry.actors.contains(token)
                }
            return isBefore && isOf
        }.map { $0.item }
    }

    /// Streams (by their number) that ever stood under what `holds` says of their facts.
    func streams(where holds: (EventFacts) -> Bool) -> [UInt32] {
        let found = Set(events.filter(holds).map { $0.stream })
        return tags.indices.filter { found.contains(tags[$0]) }.map { UInt32($0) }
    }

    func overlapping(_ token: UInt64, _ start: Instant, _ end: Instant, _ excluded: UInt32?)
        -> Overlap?
    {
        var found: [Overlap] = []
        for (number, tag) in tags.enumerated() where UInt32(number) != excluded {
            guard let last = byTag[tag]?.last, last.state == .live, let facts = last.appointment,
                facts.status.isBusy, let from = facts.start, let to = facts.end,
                facts.practitioners.contains(token) || facts.locations.contains(token), from < end,
                start < to
            else { continue }
            found.append(Overlap(stream: StreamOrdinal(raw: UInt32(number)), start: from, end: to))
        }
        return found.min { ($0.start, $0.stream) < ($1.start, $1.stream) }
    }
}
