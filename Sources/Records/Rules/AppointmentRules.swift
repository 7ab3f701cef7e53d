/// An appointment's status as a state machine, and what must hold of its times.
///
/// FHIR R4 forbids no step from one status to another; this table is Chartlog's. app-1 is checked where the resource
/// is read, app-2 to app-4 here, since a patch may break them only together with what was there before. app-4 follows
/// its text (`noshow`), not its FHIRPath (`no-show`, which is no code).
package enum AppointmentRules {
    /// The statuses that may follow `status`; any may come first, since stores are filled from others.
    package static func following(_ status: AppointmentStatus) -> [AppointmentStatus] {
        switch status {
        case .proposed: [.pending, .booked, .waitlist, .cancelled, .enteredInError]
        case .waitlist: [.proposed, .pending, .booked, .cancelled, .enteredInError]
        case .pending: [.booked, .proposed, .waitlist, .cancelled, .enteredInError]
        case .booked:
            [.arrived, .checkedIn, .fulfilled, .noShow, .cancelled, .pending, .proposed, .booked, .enteredInError]
        case .arrived: [.checkedIn, .fulfilled, .cancelled, .noShow, .booked, .enteredInError]
        case .checkedIn: [.fulfilled, .cancelled, .arrived, .enteredInError]
        case .noShow: [.booked, .arrived, .cancelled, .enteredInError]
        case .cancelled, .fulfilled: [.enteredInError]
        case .enteredInError: []
        }
    }

    /// The whole state after an event; `practitioners` and `locations` are the tokens of `change`'s, nil when it does
    /// not speak of them.
    ///
    /// - Throws: `invalidStatus`, `invalidInterval` or `invalidResource`. Whether the time is free is asked elsewhere.
    package static func next(
        _ current: AppointmentFacts?, type: EventType, change: AppointmentChange, practitioners: [UInt64]?,
        locations: [UInt64]?
    ) throws(Problem) -> AppointmentFacts {
        var facts = AppointmentFacts(status: try status(after: current?.status, type: type, change: change))
        facts.start = value(change.start, or: change.isWhole ? nil : current?.start)
        facts.end = value(change.end, or: change.isWhole ? nil : current?.end)
        facts.practitioners = practitioners ?? (change.isWhole ? [] : current?.practitioners ?? [])
        facts.locations = locations ?? (change.isWhole ? [] : current?.locations ?? [])
        facts.hasCancelationReason =
            change.hasCancelationReason ?? (change.isWhole ? false : current?.hasCancelationReason ?? false)
        try check(facts)
        facts.allowsOverlap =
            change.allowsOverlap || (current.map { sameTaking($0, facts) && $0.allowsOverlap } ?? false)
        return facts
    }

    private static func status(
        after current: AppointmentStatus?, type: EventType, change: AppointmentChange
    ) throws(Problem) -> AppointmentStatus {
        guard let current else {
            guard change.isWhole, let first = change.status else {
                throw Problem(.missingStream, "Begin an appointment with a whole Appointment as data.")
            }
            try checkReschedule(type, from: first, to: first)
            return first
        }
        let next = change.status ?? current
        let stays = next == current && (type.kind?.statuses.isEmpty ?? true) && current != .enteredInError
        guard stays || following(current).contains(next) else { throw step(from: current, to: next) }
        try checkReschedule(type, from: current, to: next)
        return next
    }

    /// Only what has not begun and is not over gets another time.
    private static func checkReschedule(
        _ type: EventType, from: AppointmentStatus, to: AppointmentStatus
    ) throws(Problem) {
        guard type.name == "appointment.rescheduled" else { return }
        switch to {
        case .proposed, .pending, .booked, .waitlist: return
        case .arrived, .fulfilled, .cancelled, .noShow, .enteredInError, .checkedIn: throw step(from: from, to: to)
        }
    }

    private static func step(from: AppointmentStatus, to: AppointmentStatus) -> Problem {
        Problem(
            .invalidStatus, "This status cannot follow the present one; read the appointment and decide anew.",
            [.status(from: from.code, to: to.code)])
    }

    /// app-2, app-3, app-4, and that it ends after it starts.
    private static func check(_ facts: AppointmentFacts) throws(Problem) {
        switch (facts.start, facts.end) {
        case (nil, nil):
            switch facts.status {
            case .proposed, .cancelled, .waitlist, .enteredInError: break
            case .pending, .booked, .arrived, .fulfilled, .noShow, .checkedIn:
                throw Problem(
                    .invalidResource,
                    "Give start and end: only a proposed, waitlisted or cancelled appointment may lack them (app-3).",
                    [.member("Appointment.start")])
            }
        case (let start?, let end?):
            guard end > start else {
                throw Problem(
                    .invalidInterval, "Let the appointment end after it starts.", [.member("Appointment.end")])
            }
        case (nil, _?), (_?, nil):
            throw Problem(
                .invalidResource, "Give both start and end, or neither (app-2).",
                [.member(facts.start == nil ? "Appointment.start" : "Appointment.end")])
        }
        guard !facts.hasCancelationReason || facts.status == .cancelled || facts.status == .noShow else {
            throw Problem(
                .invalidResource, "Only a cancelled or missed appointment has a cancelationReason (app-4).",
                [.member("Appointment.cancelationReason")])
        }
    }

    /// Leave to overlap lasts while the same people and rooms are taken for the same time.
    private static func sameTaking(_ a: AppointmentFacts, _ b: AppointmentFacts) -> Bool {
        a.start == b.start && a.end == b.end && a.practitioners == b.practitioners && a.locations == b.locations
    }

    private static func value<Value>(_ said: AppointmentChange.Said<Value>, or before: Value?) -> Value? {
        switch said {
        case .not: before
        case .removed: nil
        case .value(let value): value
        }
    }
}

extension AppointmentStatus {
    /// The code of http://hl7.org/fhir/appointmentstatus.
    package var code: String {
        switch self {
        case .proposed: "proposed"
        case .pending: "pending"
        case .booked: "booked"
        case .arrived: "arrived"
        case .fulfilled: "fulfilled"
        case .cancelled: "cancelled"
        case .noShow: "noshow"
        case .enteredInError: "entered-in-error"
        case .checkedIn: "checked-in"
        case .waitlist: "waitlist"
        }
    }

    /// nil when the code is none of the value set.
    package init?(code: String) {
        guard let status = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = status
    }
}
