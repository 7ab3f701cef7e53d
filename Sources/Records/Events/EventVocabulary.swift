/// What a type of the vocabulary asks of its data.
package enum DataNeed: Sendable {
    /// A whole resource of the stream's kind.
    case resource
    /// A merge patch, or the whole resource anew.
    case change
    /// As `change`, but the type alone says enough: data may be left out.
    case optionalChange
    /// Nothing; what comes all the same is kept and shown, and folded into nothing.
    case nothing
    /// Anything, such as a Provenance beside a patch: the stream's own resource or a patch is folded, the rest kept.
    case anything
}

/// How a type stands to the beginning of its stream.
package enum Creation: Sendable {
    /// It begins a stream, and nothing else.
    case always
    /// It begins a stream that is missing, and goes on with one that is there.
    case whenMissing
    case never
}

/// One type of the vocabulary: the clinical events that Chartlog understands.
package struct EventKind: Sendable {
    package let type: EventType
    package let data: DataNeed
    package let creation: Creation
    /// The appointment statuses that may follow, the implied one first; empty: the type says nothing of it.
    package let statuses: [AppointmentStatus]

    init(_ code: UInt8, _ name: String, _ data: DataNeed, creation: Creation, statuses: [AppointmentStatus]) {
        type = EventType(code: code, name: name)
        self.data = data
        self.creation = creation
        self.statuses = statuses
    }
}

/// Every type of the vocabulary with its code. Codes stand in the log: they are never changed and never used again.
package enum EventVocabulary {
    package static let kinds: [EventKind] = patient + consent + appointment + disclosure

    /// A rewind, which the server alone writes: an event of no stream of its own, shown in each stream that it touched.
    package static let rewound = EventType(code: 240, name: "chartlog.rewound")

    /// By code; nil for codes that stand for nothing.
    package static func kind(code: UInt8) -> EventKind? { byCode[Int(code)] }

    package static func kind(named name: String) -> EventKind? { kind(spelled: Array(name.utf8)[...]) }

    /// By the UTF-8 of its name.
    static func kind(spelled name: ArraySlice<UInt8>) -> EventKind? {
        guard let kind = byHash[hash(name)], kind.type.name.utf8.elementsEqual(name) else { return nil }
        return kind
    }

    /// FNV-1a.
    private static func hash(_ name: ArraySlice<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return hash
    }

    private static let byCode: [EventKind?] = {
        var table: [EventKind?] = Array(repeating: nil, count: 256)
        for kind in kinds {
            precondition(kind.type.code != 0 && table[Int(kind.type.code)] == nil)
            table[Int(kind.type.code)] = kind
        }
        return table
    }()

    private static let byHash: [UInt64: EventKind] = {
        var table: [UInt64: EventKind] = [:]
        for kind in kinds {
            precondition(table.updateValue(kind, forKey: hash(Array(kind.type.name.utf8)[...])) == nil)
        }
        return table
    }()

    private static func kind(
        _ code: UInt8, _ name: String, _ data: DataNeed, creation: Creation = .never,
        _ statuses: [AppointmentStatus] = []
    ) -> EventKind {
        EventKind(code, name, data, creation: creation, statuses: statuses)
    }

    private static let patient = [
        kind(1, "patient.registered", .resource, creation: .always),
        kind(2, "patient.demographics-amended", .change),
        kind(3, "patient.contact-amended", .change),
        kind(4, "patient.identifier-added", .change),
        kind(5, "patient.identifier-retired", .change),
        kind(6, "patient.communication-preference-changed", .change),
        kind(7, "patient.care-provider-assigned", .change),
        kind(8, "patient.deceased-recorded", .change),
        kind(9, "patient.deceased-corrected", .change),
        kind(10, "patient.deactivated", .optionalChange),
        kind(11, "patient.reactivated", .optionalChange),
        kind(12, "patient.merged", .change),
        kind(13, "patient.unmerged", .change),
        kind(14, "patient.entered-in-error", .nothing),
        kind(15, "patient.erasure-requested", .nothing),
        kind(16, "patient.erasure-refused", .nothing),
        kind(17, "patient.erasure-restricted", .nothing),
        kind(18, "patient.erasure-completed", .nothing),
        kind(19, "patient.legal-hold-placed", .nothing),
        kind(20, "patient.legal-hold-released", .nothing),
    ]

    /// Restrictions, notices, amendments and disagreements concern a patient's record or one consent: they stand on
    /// either stream.
    private static let consent = [
        kind(40, "consent.granted", .resource, creation: .always),
        kind(41, "consent.updated", .change),
        kind(42, "consent.withdrawn", .optionalChange),
        kind(43, "consent.expired", .optionalChange),
        kind(50, "restriction.requested", .anything, creation: .whenMissing),
        kind(51, "restriction.agreed", .anything),
        kind(52, "restriction.refused", .anything),
        kind(53, "restriction.terminated", .anything),
        kind(56, "notice.provided", .anything),
        kind(60, "amendment.requested", .anything),
        kind(61, "amendment.accepted", .anything),
        kind(62, "amendment.denied", .anything),
        kind(66, "disagreement.filed", .anything),
    ]

    private static let appointment = [
        kind(80, "appointment.proposed", .optionalChange, creation: .whenMissing, [.proposed]),
        kind(81, "appointment.requested", .optionalChange, creation: .whenMissing, [.proposed, .pending]),
        kind(82, "appointment.waitlisted", .optionalChange, creation: .whenMissing, [.waitlist]),
        kind(83, "appointment.held", .optionalChange, creation: .whenMissing, [.pending]),
        kind(
            84, "appointment.hold-expired", .optionalChange, creation: .whenMissing, [.proposed, .waitlist, .cancelled]),
        kind(85, "appointment.booked", .optionalChange, creation: .whenMissing, [.booked]),
        kind(86, "appointment.participant-responded", .change, creation: .whenMissing),
        kind(87, "appointment.rescheduled", .change, creation: .whenMissing),
        kind(88, "appointment.arrived", .optionalChange, creation: .whenMissing, [.arrived]),
        kind(89, "appointment.checked-in", .optionalChange, creation: .whenMissing, [.checkedIn]),
        kind(90, "appointment.fulfilled", .optionalChange, creation: .whenMissing, [.fulfilled]),
        kind(91, "appointment.cancelled", .optionalChange, creation: .whenMissing, [.cancelled]),
        kind(92, "appointment.no-show", .optionalChange, creation: .whenMissing, [.noShow]),
        kind(93, "appointment.entered-in-error", .optionalChange, creation: .whenMissing, [.enteredInError]),
        kind(94, "appointment.note-amended", .change, creation: .whenMissing),
        kind(110, "teleconsult.token-issued", .nothing),
        kind(111, "teleconsult.token-verified", .nothing),
        kind(112, "teleconsult.token-refused", .nothing),
        kind(113, "teleconsult.token-revoked", .nothing),
    ]

    private static let disclosure = [
        kind(120, "disclosure.recorded", .anything, creation: .whenMissing),
        kind(124, "export.requested", .anything, creation: .whenMissing),
        kind(125, "export.completed", .anything, creation: .whenMissing),
        kind(126, "export.downloaded", .anything, creation: .whenMissing),
    ]
}
