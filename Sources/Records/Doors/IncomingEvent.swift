package import Bytes

/// The name of a stream: a category, `/`, and a FHIR id (1 to 64 of `A-Z a-z 0-9 - .`). It is PHI.
package struct StreamName: Hashable, Sendable {
    package let category: Category
    package let id: String

    /// nil when `id` is no FHIR id.
    package init?(_ category: Category, id: String) {
        let bytes = id.utf8
        guard (1...64).contains(bytes.count), bytes.allSatisfy(Self.isIDByte) else { return nil }
        self.category = category
        self.id = id
    }

    package var text: String { "\(category.name)/\(id)" }

    package static func isIDByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e: true
        default: false
        }
    }
}

/// A CloudEvent of an append, checked as far as it can be without knowing the store.
package struct IncomingEvent: Sendable {
    /// What is sealed and comes back: one compact JSON object, members in the order they came, strings and numbers
    /// letter by letter, without `expectedversion`.
    package var bytes: [UInt8]
    /// Where the value of `data` stands in `bytes`; nil when there is none.
    package var data: Range<Int>?
    package var dataForm: DataForm
    package var id: String
    package var source: String
    package var type: EventType
    package var subject: StreamName
    package var expectedVersion: UInt64?
    /// Ids of the patients whose data it is, ascending, as far as the event says so itself. A patch of an appointment
    /// that leaves `participant` alone says nothing: nil, and the stream's stand.
    package var patients: [String]?
    /// Ids of patients it refers to beside those, ascending: this event's data is theirs too, without their becoming
    /// subjects of the stream. Empty unless `patients` is nil.
    package var mentions: [String] = []
    /// What it says of the appointment; nil on other streams, and for types that cannot change one.
    package var appointment: AppointmentChange?
    /// On a patient's stream: every search key that the resource has after the event and had not before, ascending; nil
    /// when only the folded resource tells. A patch replaces names, identifiers and telecoms whole, for they are arrays
    /// (RFC 7396), and what an untouched member gives is known already.
    package var searchKeys: [UInt64]? = []

    package init(
        bytes: [UInt8], data: Range<Int>?, dataForm: DataForm, id: String, source: String, type: EventType,
        subject: StreamName, expectedVersion: UInt64?, patients: [String]?, appointment: AppointmentChange?
    ) {
        self.bytes = bytes
        self.data = data
        self.dataForm = dataForm
        self.id = id
        self.source = source
        self.type = type
        self.subject = subject
        self.expectedVersion = expectedVersion
        self.patients = patients
        self.appointment = appointment
    }
}

/// What an event says of an appointment; nil members were not said.
package struct AppointmentChange: Equatable, Sendable {
    package enum Said<Value: Equatable & Sendable>: Equatable, Sendable {
        case not
        case removed
        case value(Value)
    }

    package var status: AppointmentStatus?
    package var start: Said<Instant> = .not
    package var end: Said<Instant> = .not
    /// References such as `Practitioner/pr-7`, in the order of the resource, without repeats.
    package var practitioners: [String]?
    package var locations: [String]?
    package var hasCancelationReason: Bool?
    package var allowsOverlap = false
    /// A whole resource says everything: what it does not name is removed.
    package var isWhole = false

    package init() {}
}

/// The type of an event: one of the vocabulary, or another well-formed one.
package struct EventType: Hashable, Sendable {
    /// Stands in the log and never changes; 0 when the type is none of the vocabulary.
    package let code: UInt8
    package let name: String

    package init(code: UInt8, name: String) {
        self.code = code
        self.name = name
    }
}
