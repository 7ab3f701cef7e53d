import Bytes

/// A believable clinic as the stream of events its systems would send, from one seed and for as long as it is asked.
///
/// The clinic lives one day after another from 2025-11-24 on: it registers people (three in five at the start, the
/// rest over the first year), books, moves, cancels and keeps appointments, amends what it knows, takes and withdraws
/// consents, notes disclosures, merges those registered twice. Told in order, every event is valid where it stands: no
/// practitioner or room is taken twice, every status follows from the one before, nothing happens to what was not
/// made. A thousand patients give about 25,000 events a year, about 512 bytes each.
///
/// Each event is a structured CloudEvent 1.0 as compact JSON, its id a random UUID. The same seed and counts give the
/// same bytes on every machine.
package struct ClinicGenerator: Sendable {
    package let patientCount: Int
    package let practitionerCount: Int
    /// Events handed out so far.
    package private(set) var told = 0

    private let eventsMax: Int
    var dice: SeededDice
    var patients: Patients
    var visits = Visits()
    var calendar: Calendar
    var registered = 0
    /// Consents that may still be withdrawn.
    var consents: [(number: UInt64, patient: Int)] = []
    var consentsMade: UInt64 = 0
    var disclosuresMade: UInt64 = 0
    /// Days since 1970-01-01.
    var today: Int
    /// Steps of visits and merges that follow on a later day.
    var followUps: [[FollowUp]] = Array(repeating: [], count: Calendar.daysAheadMax + 1)
    /// What is still to be told of today, the next at the end.
    var plan: [Step] = []
    var stepsPlanned = 0

    static let firstDay = CivilDay(year: 2025, month: 11, day: 24).daysSinceEpoch

    /// Set apart from all other clinics by this number in every id; 0 for the only one.
    let clinic: Int

    /// A clinic with `patients` people (1 to 10,000,000), which falls silent after `events`, or never. Clinics of
    /// different numbers share no patient, practitioner or room, so that one store can take events of all.
    package init(seed: UInt64, patients count: Int, events: Int? = nil, clinic: Int = 0) {
        precondition(clinic >= 0)
        self.clinic = clinic
        precondition((1...10_000_000).contains(count))
        patientCount = count
        practitionerCount = count / 600 + 3
        eventsMax = events ?? .max
        dice = SeededDice(seed: seed)
        patients = Patients(count: count, practitioners: practitionerCount, startingYear: 2025, dice: &dice)
        calendar = Calendar(practitioners: practitionerCount)
        today = Self.firstDay - 1
    }

    /// The next event; nil once all that were asked for are told.
    package mutating func next() -> [UInt8]? {
        guard told < eventsMax else { return nil }
        while plan.isEmpty { planNextDay() }
        let step = plan.removeLast()
        told += 1
        return text(of: step)
    }
}

/// One event of a day, planned but not yet written out.
struct Step: Sendable {
    /// Minutes since local midnight.
    let minute: Int
    /// Keeps the order of steps of one minute.
    let order: Int
    let what: What

    enum What: Sendable {
        case registered(Int)
        case amended(Int, Amendment)
        case merged(duplicate: Int, original: Int)
        case consented(number: UInt64, patient: Int)
        case withdrew(number: UInt64, patient: Int)
        case disclosed(number: UInt64, patient: Int)
        case visit(Visit, VisitStep)
    }
}

enum Amendment: Sendable, CaseIterable {
    case phone, address, married, identifierAdded, preference, carer, deceased, deactivated, reactivated
}

enum VisitStep: Sendable {
    /// Made: the whole resource, in this first status.
    case booked, held, proposed, waitlisted
    /// Later, as patches.
    case responded, accepted, moved, arrived, checkedIn, fulfilled, noShow, cancelled, noteAmended, enteredInError
}

enum FollowUp: Sendable {
    case accept(slot: Int, number: UInt64)
    case move(slot: Int, number: UInt64)
    case note(slot: Int, number: UInt64)
    case cancel(slot: Int, number: UInt64)
    case merge(duplicate: Int)
    case reactivate(patient: Int)
}
