package import Bytes

/// The three views of the log as an index: what deciding, finding and listing need, and no patient's words.
///
/// A value: `apply` folds facts in log order, a copy shares storage and stands still while the original goes on (the
/// background writes a snapshot from it). Everything in it is a function of the facts folded, the term postings
/// apart, which follow what `index(patient:keys:)` was told.
/// Invariant: position p of the log is event p folded here, p = 1, 2, 3 …; the same for records.
package struct Book: Sendable {
    /// The last event and the last record folded; 0 before the first.
    package internal(set) var position: UInt64 = 0
    package internal(set) var record: UInt64 = 0
    /// The stamp of the last transaction or record folded.
    package internal(set) var lastStamp = Instant(microseconds: 0)

    var streams = ChunkedTable<StreamCell>(shift: 8)
    var byTag = OrdinalIndex()
    var byToken = OrdinalIndex()
    var appointments = ChunkedTable<AppointmentCell>(shift: 9)
    /// For event p, at p - 1, the position of the event before it in its stream; 0 for the first.
    var previous = ChunkedTable<UInt32>(shift: 12)
    var order = LogOrder()
    /// Ascending by position; at the position of each `previous` says 0.
    var rewinds: [RewindRow] = []
    var overflow = OverflowLists()
    /// Key ids of patients, and tokens of practitioners and locations, numbered.
    var subjects = WordTable()
    var actors = WordTable()
    var tenants: [UInt32] = []
    /// 16 counts a tenant, by raw status.
    var statusCounts: [Int] = []

    /// Audit items by key id and by actor or behalf token; numbers of `order`.
    var itemsOfSubject = PostingLists()
    var itemsOfActor = PostingLists()
    /// Stream ordinals.
    var streamsOfSubject = PostingLists()
    var streamsOfCategory = PostingLists()
    var bookings = PostingLists()
    var patientsOfTerm = PostingLists()

    /// Patients whose terms are behind, oldest first; those before `staleFirst` have been taken.
    var stale: [UInt64] = []
    var staleFirst = 0

    var patientHash = SetHash()
    var appointmentHash = SetHash()
    var auditHash = SetHash()

    package init() {}

    /// The most events, and the most records, a book holds: ordinals and postings are 32-bit numbers of both together.
    package static let capacity: UInt64 = 1 << 31

    /// Whether that many more fit. When they do not, appends must stop: `apply` would trap.
    package func hasRoom(events: Int, records: Int) -> Bool {
        position + UInt64(events) < Self.capacity && record + UInt64(records) < Self.capacity
            && tenants.count < Int(UInt16.max)
    }

    package var cut: Cut { Cut(position: position, record: record) }

    package var digests: ViewDigests {
        ViewDigests(patient: patientHash.sum, appointment: appointmentHash.sum, audit: auditHash.sum)
    }
}
