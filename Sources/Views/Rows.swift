package import Bytes
package import Records

/// A stream's number in a book, from 0 in the order of creation; means nothing in another store.
package struct StreamOrdinal: Hashable, Comparable, Sendable {
    package let raw: UInt32

    package init(raw: UInt32) { self.raw = raw }

    package static func < (a: StreamOrdinal, b: StreamOrdinal) -> Bool { a.raw < b.raw }
}

/// Where a reader stands in the log: through this event and this record. Both are 0 before the first.
package struct Cut: Hashable, Sendable {
    package var position: UInt64
    package var record: UInt64

    package init(position: UInt64, record: UInt64) {
        self.position = position
        self.record = record
    }
}

/// What the audit view lists.
package enum AuditItem: Hashable, Sendable {
    /// By position: `e-N`.
    case event(UInt64)
    /// By record number: `r-N`.
    case record(UInt64)
}

/// Whose audit items.
package enum AuditScope: Hashable, Sendable {
    /// Everything, of all tenants.
    case all
    /// By key id.
    case subject(UInt64)
    /// By the token of an actor's name or of an on-behalf-of reference.
    case actor(UInt64)
}

/// A stream as it stands at the end of the book.
package struct StreamRow: Equatable, Sendable {
    /// The stream's random tag.
    package var tag: UInt64
    /// The keyed hash of its name.
    package var token: Token128
    package var tenant: UInt32
    package var category: Category
    package var state: StreamState
    package var version: UInt32
    /// Positions of its first and its last event.
    package var first: UInt64
    package var last: UInt64
    /// Key ids of the patients whose data its last event holds, ascending.
    package var subjects: [UInt64]
    /// The appointment after its last event; nil on other streams.
    package var appointment: AppointmentFacts?
    /// Rolling hash over the leaf prefixes of its events.
    package var content: UInt64
    /// It is known that the stream had these subjects and was live at each of its versions. False also where that is not
    /// known: the book came of a snapshot that did not say so.
    package var isSteady: Bool
}

/// A version of a stream and the position of the event, or of the rewind, that made it.
package struct StreamStanding: Equatable, Sendable {
    package var version: UInt32
    package var position: UInt64

    package init(version: UInt32, position: UInt64) {
        self.version = version
        self.position = position
    }
}

/// A booking that takes a practitioner or location at a time.
package struct Overlap: Equatable, Sendable {
    package var stream: StreamOrdinal
    /// Half-open [start, end).
    package var start: Instant
    package var end: Instant
}

/// A patient stream whose search terms are behind: events from `from` on are not in them yet.
package struct StalePatient: Equatable, Sendable {
    package var stream: StreamOrdinal
    package var from: UInt64
}

/// By what appointments are found. Each names all that ever stood under it, not only those that do now.
package enum AppointmentKey: Hashable, Sendable {
    /// UTC day counted from 1970-01-01 that the appointment touches.
    case day(Int)
    /// Keyed hash of a practitioner's or a location's reference.
    case practitioner(UInt64)
    case location(UInt64)
    /// Both: far fewer than either.
    case actorOnDay(UInt64, Int)
    /// Key id of a patient.
    case subject(UInt64)
}

/// 32 bytes for each view; equal on two replicas that folded the same log to the same place.
package struct ViewDigests: Equatable, Sendable {
    /// Streams of patients, consents and disclosures.
    package var patient: Digest
    package var appointment: Digest
    /// Every event's and every record's who, when and leaf.
    package var audit: Digest

    package init(patient: Digest, appointment: Digest, audit: Digest) {
        self.patient = patient
        self.appointment = appointment
        self.audit = audit
    }
}
