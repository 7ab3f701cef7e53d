/// An appointment as the generator remembers it until its last event is told.
struct Visit: Sendable {
    /// Counts all appointments ever made; its id is a permutation of it.
    var number: UInt64
    var patient: Int
    /// A child's parent or another relative who comes along as a patient of the clinic, or -1.
    var relative: Int
    var practitioner: Int
    var day: Int
    var unit: Int
    var units: Int
    var service: Int
}

/// The visits still running, in slots that are used again, so that memory is bounded by the weeks ahead.
struct Visits: Sendable {
    private var slots: [Visit] = []
    private var free: [Int] = []
    private var made: UInt64 = 0
    /// Slots by day of the appointment; an entry whose number is another is stale.
    private var byDay: [[(slot: Int, number: UInt64)]] = Array(repeating: [], count: Calendar.daysAheadMax + 1)

    subscript(slot: Int) -> Visit { slots[slot] }

    mutating func add(_ visit: Visit) -> Int {
        var visit = visit
        visit.number = made
        made += 1
        let slot: Int
        if let reused = free.popLast() {
            slots[reused] = visit
            slot = reused
        } else {
            slots.append(visit)
            slot = slots.count - 1
        }
        byDay[visit.day % byDay.count].append((slot, visit.number))
        return slot
    }

    mutating func move(_ slot: Int, to day: Int, unit: Int) {
        slots[slot].day = day
        slots[slot].unit = unit
        byDay[day % byDay.count].append((slot, slots[slot].number))
    }

    /// Frees the slot; the caller keeps its own copy of the visit for what is still to be told.
    mutating func end(_ slot: Int) {
        slots[slot].number = .max
        free.append(slot)
    }

    /// Whether `slot` still holds the visit that had this number.
    func isRunning(_ slot: Int, _ number: UInt64) -> Bool { slots[slot].number == number }

    /// Takes the slots that may be due on `day`: some have been moved or ended, and one moved away and back stands
    /// twice, so ask `isDue` before using each.
    mutating func takeDay(_ day: Int) -> [(slot: Int, number: UInt64)] {
        defer { byDay[day % byDay.count].removeAll(keepingCapacity: true) }
        return byDay[day % byDay.count]
    }

    func isDue(_ slot: Int, _ number: UInt64, on day: Int) -> Bool {
        isRunning(slot, number) && slots[slot].day == day
    }
}

/// What people come for: the words of FHIR's example service types, and how many quarters of an hour it takes.
struct Service: Sendable {
    let name: [UInt8]
    let reason: [UInt8]
    let units: Int

    init(_ name: String, _ reason: String, units: Int) {
        self.name = Array(name.utf8)
        self.reason = Array(reason.utf8)
        self.units = units
    }

    static let all = [
        Service("General practice", "Cough and fever", units: 1),
        Service("General practice", "Blood pressure check", units: 1),
        Service("General practice", "Back pain", units: 1),
        Service("General practice", "Repeat prescription", units: 1),
        Service("Immunisation", "Influenza vaccination", units: 1),
        Service("Diabetes review", "Annual review", units: 2),
        Service("Child health", "Eighteen month check", units: 2),
        Service("Antenatal care", "Routine visit", units: 2),
        Service("Minor procedure", "Wound dressing", units: 2),
        Service("Mental health", "Follow-up", units: 3),
        Service("New patient", "First consultation", units: 3),
        Service("Physiotherapy", "Knee rehabilitation", units: 2),
    ]
}
