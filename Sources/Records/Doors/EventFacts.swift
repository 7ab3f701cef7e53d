package import Bytes

/// The categories a stream's name may begin with.
package enum Category: UInt8, CaseIterable, Sendable {
    case patient = 1
    case appointment = 2
    case consent = 3
    case disclosure = 4

    package var name: String {
        switch self {
        case .patient: "patient"
        case .appointment: "appointment"
        case .consent: "consent"
        case .disclosure: "disclosure"
        }
    }

    /// nil when the UTF-8 is that of no name.
    init?(spelled name: ArraySlice<UInt8>) {
        for category in Self.allCases where category.name.utf8.elementsEqual(name) {
            self = category
            return
        }
        return nil
    }
}

/// Appointment.status of FHIR R4; raw values stand in the log and never change.
package enum AppointmentStatus: UInt8, CaseIterable, Sendable {
    case proposed = 1
    case pending = 2
    case booked = 3
    case arrived = 4
    case fulfilled = 5
    case cancelled = 6
    case noShow = 7
    case enteredInError = 8
    case checkedIn = 9
    case waitlist = 10

    /// Whether a practitioner or location is taken by an appointment in this status.
    package var isBusy: Bool {
        switch self {
        case .pending, .booked, .arrived, .checkedIn, .fulfilled: true
        case .proposed, .cancelled, .noShow, .enteredInError, .waitlist: false
        }
    }
}

/// What deciding about an appointment needs: the whole state after an event, from parts that need no patient's key.
package struct AppointmentFacts: Equatable, Sendable {
    package var status: AppointmentStatus
    /// Half-open [start, end); both or neither.
    package var start: Instant?
    package var end: Instant?
    /// Keyed hashes (64 bits, under the tenant's index key) of "Practitioner/x", in the order of the resource.
    package var practitioners: [UInt64]
    package var locations: [UInt64]
    /// app-4 needs to know it when the status changes.
    package var hasCancelationReason: Bool
    /// This booking may overlap others.
    package var allowsOverlap: Bool

    package init(
        status: AppointmentStatus, start: Instant? = nil, end: Instant? = nil, practitioners: [UInt64] = [],
        locations: [UInt64] = [], hasCancelationReason: Bool = false, allowsOverlap: Bool = false
    ) {
        self.status = status
        self.start = start
        self.end = end
        self.practitioners = practitioners
        self.locations = locations
        self.hasCancelationReason = hasCancelationReason
        self.allowsOverlap = allowsOverlap
    }
}

/// Which member of a consent's or a patient's life an event ends or begins; folds into the stream's state.
package enum StreamState: UInt8, Sendable {
    /// Rewound away: there was no such stream at the instant that the store went back to. Reads answer 410; begun anew,
    /// its versions go on.
    case absent = 0
    case live = 1
    /// entered-in-error: reads answer 410.
    case gone = 2
    /// The subject's key is destroyed.
    case erased = 3
}

/// The deciding part of one event as the log holds it: sealed by the frame, by no subject's key.
///
/// It is all that deciding, view digests and the indexes need, and it survives erasure.
package struct EventFacts: Equatable, Sendable {
    package var position: UInt64
    package var tenant: UInt32
    package var category: Category
    /// `EventType.code`; 0 when the type is none of the vocabulary and `typeToken` stands for it.
    package var typeCode: UInt8
    package var typeToken: UInt64
    /// The stream's random tag.
    package var stream: UInt64
    /// HMAC of the stream's name under the tenant's index key; only in the event that made the stream.
    package var streamToken: Token128?
    /// 1, 2, 3 … in its stream.
    package var version: UInt32
    /// HMAC of source and id under the tenant's index key.
    package var identity: Token128
    /// Key ids of the patients whose data this event holds, ascending; empty when it is sealed to the tenant.
    package var subjects: [UInt64]
    /// The appointment's whole state after this event; nil on other streams.
    package var appointment: AppointmentFacts?
    package var state: StreamState
    /// `data` is a whole resource (folding may begin here), a merge patch, or absent.
    package var data: DataForm
    /// The first 64 bits of the event's Merkle leaf, which covers the ciphertext.
    package var leafPrefix: UInt64

    package init(
        position: UInt64, tenant: UInt32, category: Category, typeCode: UInt8, typeToken: UInt64, stream: UInt64,
        streamToken: Token128?, version: UInt32, identity: Token128, subjects: [UInt64],
        appointment: AppointmentFacts?, state: StreamState, data: DataForm, leafPrefix: UInt64
    ) {
        self.position = position
        self.tenant = tenant
        self.category = category
        self.typeCode = typeCode
        self.typeToken = typeToken
        self.stream = stream
        self.streamToken = streamToken
        self.version = version
        self.identity = identity
        self.subjects = subjects
        self.appointment = appointment
        self.state = state
        self.data = data
        self.leafPrefix = leafPrefix
    }
}

/// What an event's `data` is.
package enum DataForm: UInt8, Sendable {
    case none = 0
    case resource = 1
    case mergePatch = 2
    /// Neither FHIR nor a patch (`data_base64`, text); kept and shown, folded into nothing.
    case opaque = 3
}

/// One transaction as the views fold it.
package struct TransactionFacts: Equatable, Sendable {
    package var stamp: Instant
    package var tenant: UInt32
    /// Keyed hash (64 bits) of the actor's name, and of the on-behalf-of reference (0: none).
    package var actor: UInt64
    package var behalf: UInt64
    package var events: [EventFacts]

    package init(stamp: Instant, tenant: UInt32, actor: UInt64, behalf: UInt64, events: [EventFacts]) {
        self.stamp = stamp
        self.tenant = tenant
        self.actor = actor
        self.behalf = behalf
        self.events = events
    }
}

/// One access or system record as the views fold it.
package struct RecordFacts: Equatable, Sendable {
    package var number: UInt64
    package var stamp: Instant
    package var tenant: UInt32
    package var actor: UInt64
    package var behalf: UInt64
    package var code: RecordCode
    package var outcome: AuditOutcome
    /// Key ids of the patients whose data was shown or asked for, ascending.
    package var subjects: [UInt64]
    package var leafPrefix: UInt64

    package init(
        number: UInt64, stamp: Instant, tenant: UInt32, actor: UInt64, behalf: UInt64, code: RecordCode,
        outcome: AuditOutcome, subjects: [UInt64], leafPrefix: UInt64
    ) {
        self.number = number
        self.stamp = stamp
        self.tenant = tenant
        self.actor = actor
        self.behalf = behalf
        self.code = code
        self.outcome = outcome
        self.subjects = subjects
        self.leafPrefix = leafPrefix
    }
}

/// Kinds of record; raw values stand in the log and never change.
package enum RecordCode: UInt8, CaseIterable, Sendable {
    /// One resource, version or history was read.
    case accessed = 1
    /// A search, or a read of /v1/events.
    case searched = 2
    case denied = 3
    /// The audit view was read.
    case auditRead = 4
    /// 401s and framing errors of an address prefix within a minute, counted.
    case strangers = 5
    case storeCreated = 16
    case storeStarted = 17
    case clockAccepted = 18
    case integrityFailed = 19
    /// A replica leads from this term on.
    case primaryElected = 20
    case handoverOrdered = 21
    /// Somebody is to join, to leave, or to take another's place.
    case changeOrdered = 22
    /// It is done: another membership counts.
    case membershipChanged = 23
    /// A rewind is to be planned or made.
    case restoreOrdered = 24
    /// A backup was made: its manifest's number and hash, and where it is.
    case backupMade = 25
    /// A restore was tried out.
    case restoreDrilled = 26

    /// The reserved type the audit view shows.
    package var typeName: String {
        switch self {
        case .accessed: "record.accessed"
        case .searched: "record.searched"
        case .denied: "record.access-denied"
        case .auditRead: "record.audit-read"
        case .strangers: "auth.failed"
        case .storeCreated: "chartlog.created"
        case .storeStarted: "chartlog.started"
        case .clockAccepted: "chartlog.clock-accepted"
        case .integrityFailed: "chartlog.integrity-failed"
        case .primaryElected: "chartlog.primary-elected"
        case .handoverOrdered: "chartlog.handover-ordered"
        case .changeOrdered: "chartlog.change-ordered"
        case .membershipChanged: "chartlog.membership-changed"
        case .restoreOrdered: "restore.ordered"
        case .backupMade: "backup.made"
        case .restoreDrilled: "restore.drilled"
        }
    }
}

/// AuditEvent.outcome of FHIR R4.
package enum AuditOutcome: UInt8, Sendable {
    case success = 0
    case minorFailure = 4
    case seriousFailure = 8
    case majorFailure = 12
}
