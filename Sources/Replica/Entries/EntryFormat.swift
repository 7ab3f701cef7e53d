internal import Bytes

/// The words of an entry's body. `Replica.docc/Entries.md` has the byte tables.
enum EntryFormat {
    /// First byte of every body. Each value ever released stays readable.
    static let version: UInt8 = 1
    /// Bytes of the salt from which the audit key of an entry's values derives.
    static let saltBytes = 8
    /// Bytes of a wrapped key (nonce, key, tag).
    static let wrappedBytes = 60
    /// A body grows no further than this unless one transaction alone is larger.
    static let bodyBytesMax = 256 << 10
    /// Parts of one event: the common one, one a patient, and what opens with all of them.
    static let partsMax = 64
    static let subjectsMax = 62
    static let eventsMax = 10_000
}

/// What an entry is for; the second byte of its body.
enum EntryKind: UInt8 {
    /// Nothing but a term: the first entry of every primary.
    case noOp = 0
    case batch = 1
    case genesis = 2
    /// Another membership, or another step towards one.
    case configuration = 3
    /// The first entry of a store that was made of another's.
    case branch = 4
}

/// What follows in a batch; the first byte of an item.
enum ItemKind: UInt8 {
    case transaction = 1
    case record = 2
}

/// Which optional parts an event's deciding part has.
struct EventShape: OptionSet {
    let rawValue: UInt8

    /// Bits 0 and 1: `DataForm`.
    static let form: UInt8 = 0x03
    /// The event makes the stream: category and the token of its name follow.
    static let creates = EventShape(rawValue: 0x04)
    /// The subjects are named; otherwise they are those of the stream before it.
    static let namesSubjects = EventShape(rawValue: 0x08)
    /// A change of the appointment's facts follows.
    static let changesAppointment = EventShape(rawValue: 0x10)
    /// The stream is gone after this event; otherwise it is live.
    static let isGone = EventShape(rawValue: 0x20)
    /// The type is none of the vocabulary: 64 bits of its keyed hash stand in the place of its code.
    static let hasTypeToken = EventShape(rawValue: 0x40)
    /// More than one sealed value follows.
    static let hasParts = EventShape(rawValue: 0x80)
}

/// Which facts of an appointment differ from those before the event.
struct AppointmentMask: OptionSet {
    let rawValue: UInt8

    static let status = AppointmentMask(rawValue: 0x01)
    static let interval = AppointmentMask(rawValue: 0x02)
    /// The interval is taken away.
    static let noInterval = AppointmentMask(rawValue: 0x04)
    /// The interval is told in whole minutes.
    static let minutes = AppointmentMask(rawValue: 0x08)
    static let practitioners = AppointmentMask(rawValue: 0x10)
    static let locations = AppointmentMask(rawValue: 0x20)
    /// Flips whether a cancelation reason is there.
    static let flipsReason = AppointmentMask(rawValue: 0x40)
    /// Flips whether it may overlap others.
    static let flipsOverlap = AppointmentMask(rawValue: 0x80)
}

/// Where a body's number lines and stamps begin, as its frame's header says.
struct EntryStart: Equatable {
    var position: UInt64
    var record: UInt64
    var stamp: Instant
}
