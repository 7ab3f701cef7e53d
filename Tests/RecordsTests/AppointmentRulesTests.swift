import Bytes
import Records
import Testing

struct AppointmentRulesTests {
    typealias Status = AppointmentStatus

    /// The table of allowed steps, as it is written for people.
    static let table: [Status: [Status]] = [
        .proposed: [.pending, .booked, .waitlist, .cancelled],
        .waitlist: [.proposed, .pending, .booked, .cancelled],
        .pending: [.booked, .proposed, .waitlist, .cancelled],
        .booked: [.arrived, .checkedIn, .fulfilled, .noShow, .cancelled, .pending, .proposed, .booked],
        .arrived: [.checkedIn, .fulfilled, .cancelled, .noShow, .booked],
        .checkedIn: [.fulfilled, .cancelled, .arrived],
        .noShow: [.booked, .arrived, .cancelled],
        .cancelled: [],
        .fulfilled: [],
        .enteredInError: [],
    ]

    static func type(implying status: Status) -> EventType {
        let name =
            switch status {
            case .proposed: "appointment.proposed"
            case .pending: "appointment.held"
            case .booked: "appointment.booked"
            case .arrived: "appointment.arrived"
            case .fulfilled: "appointment.fulfilled"
            case .cancelled: "appointment.cancelled"
            case .noShow: "appointment.no-show"
            case .enteredInError: "appointment.entered-in-error"
            case .checkedIn: "appointment.checked-in"
            case .waitlist: "appointment.waitlisted"
            }
        return EventType(code: EventVocabulary.kind(named: name)?.type.code ?? 0, name: name)
    }

    static func facts(_ status: Status) -> AppointmentFacts {
        AppointmentFacts(
            status: status, start: Instant(microseconds: 1_000_000), end: Instant(microseconds: 2_000_000),
            practitioners: [7],
            locations: [8])
    }

    static func fault(_ body: () throws(Problem) -> Void) -> ProblemKind? {
        do {
            try body()
            return nil
        } catch { return error.kind }
    }

    @Test(arguments: Status.allCases, Status.allCases)
    func `a step is taken when the table has it, and only then`(from: Status, to: Status) {
        let allowed = Self.table[from]?.contains(to) == true || (to == .enteredInError && from != .enteredInError)
        var change = AppointmentChange()
        change.status = to
        let fault = Self.fault { () throws(Problem) in
            let next = try AppointmentRules.next(
                Self.facts(from), type: Self.type(implying: to), change: change, practitioners: nil, locations: nil)
            #expect(next == Self.facts(to))
        }
        #expect(fault == (allowed ? nil : .invalidStatus))
    }

    @Test(arguments: Status.allCases)
    func `any status may come first, with a whole resource`(status: Status) throws {
        var change = AppointmentChange()
        change.status = status
        change.isWhole = true
        change.start = .value(Instant(microseconds: 1_000_000))
        change.end = .value(Instant(microseconds: 2_000_000))
        let next = try AppointmentRules.next(
            nil, type: Self.type(implying: status), change: change, practitioners: [7], locations: [8])
        #expect(next == Self.facts(status))
        change.isWhole = false
        #expect(
            Self.fault { () throws(Problem) in
                _ = try AppointmentRules.next(
                    nil, type: Self.type(implying: status), change: change, practitioners: [7], locations: [8])
            } == .missingStream)
    }

    @Test(arguments: Status.allCases)
    func `a note may be amended in every status but entered in error`(status: Status) {
        let note = EventType(code: 94, name: "appointment.note-amended")
        let fault = Self.fault { () throws(Problem) in
            let next = try AppointmentRules.next(
                Self.facts(status), type: note, change: AppointmentChange(), practitioners: nil, locations: nil)
            #expect(next == Self.facts(status))
        }
        #expect(fault == (status == .enteredInError ? .invalidStatus : nil))
    }

    @Test(arguments: Status.allCases)
    func `only what has not begun and is not over gets another time`(status: Status) {
        let moved = EventType(code: 87, name: "appointment.rescheduled")
        var change = AppointmentChange()
        change.start = .value(Instant(microseconds: 5_000_000))
        change.end = .value(Instant(microseconds: 6_000_000))
        let fault = Self.fault { () throws(Problem) in
            let next = try AppointmentRules.next(
                Self.facts(status), type: moved, change: change, practitioners: nil, locations: nil)
            #expect(next.start == Instant(microseconds: 5_000_000))
            #expect(next.practitioners == [7])
        }
        let may = [.proposed, .pending, .booked, .waitlist].contains(status)
        #expect(fault == (may ? nil : .invalidStatus))
    }

    @Test func `start and end stand together, and the end is later`() {
        func fault(_ body: (inout AppointmentChange) -> Void, status: Status = .booked) -> ProblemKind? {
            var change = AppointmentChange()
            change.status = .booked
            body(&change)
            return Self.fault { () throws(Problem) in
                _ = try AppointmentRules.next(
                    Self.facts(status), type: Self.type(implying: .booked), change: change, practitioners: nil,
                    locations: nil)
            }
        }
        #expect(fault { $0.start = .removed } == .invalidResource)
        #expect(fault { $0.end = .removed } == .invalidResource)
        #expect(
            fault {
                $0.start = .removed
                $0.end = .removed
            } == .invalidResource)
        #expect(fault { $0.end = .value(Instant(microseconds: 1_000_000)) } == .invalidInterval)
        #expect(fault { $0.end = .value(Instant(microseconds: 999_999)) } == .invalidInterval)
        #expect(fault { $0.end = .value(Instant(microseconds: 1_000_001)) } == nil)
        #expect(fault { $0.start = .value(Instant(microseconds: 3_000_000)) } == .invalidInterval)
    }

    @Test(arguments: Status.allCases)
    func `app-3: only some statuses do without times`(status: Status) {
        var change = AppointmentChange()
        change.status = status
        change.isWhole = true
        let fault = Self.fault { () throws(Problem) in
            _ = try AppointmentRules.next(
                nil, type: Self.type(implying: status), change: change, practitioners: [], locations: [])
        }
        let may = [.proposed, .cancelled, .waitlist, .enteredInError].contains(status)
        #expect(fault == (may ? nil : .invalidResource))
    }

    @Test(arguments: Status.allCases)
    func `app-4: a reason stands only with cancelled and noshow`(status: Status) {
        var change = AppointmentChange()
        change.status = status
        change.hasCancelationReason = true
        change.isWhole = true
        change.start = .value(Instant(microseconds: 1))
        change.end = .value(Instant(microseconds: 2))
        let fault = Self.fault { () throws(Problem) in
            _ = try AppointmentRules.next(
                nil, type: Self.type(implying: status), change: change, practitioners: [], locations: [])
        }
        #expect(fault == (status == .cancelled || status == .noShow ? nil : .invalidResource))
    }

    @Test func `a reason left over from a missed visit has to go when the patient comes after all`() {
        var missed = Self.facts(.noShow)
        missed.hasCancelationReason = true
        var change = AppointmentChange()
        change.status = .arrived
        func fault() -> ProblemKind? {
            Self.fault { () throws(Problem) in
                _ = try AppointmentRules.next(
                    missed, type: Self.type(implying: .arrived), change: change, practitioners: nil, locations: nil)
            }
        }
        #expect(fault() == .invalidResource)
        change.hasCancelationReason = false
        #expect(fault() == nil)
    }

    @Test func `leave to overlap lasts while the same is taken`() throws {
        var booked = Self.facts(.booked)
        booked.allowsOverlap = true
        var change = AppointmentChange()
        change.status = .arrived
        let arrived = try AppointmentRules.next(
            booked, type: Self.type(implying: .arrived), change: change, practitioners: nil, locations: nil)
        #expect(arrived.allowsOverlap)
        change.status = .booked
        change.end = .value(Instant(microseconds: 3_000_000))
        let moved = try AppointmentRules.next(
            booked, type: Self.type(implying: .booked), change: change, practitioners: nil, locations: nil)
        #expect(!moved.allowsOverlap)
        change.allowsOverlap = true
        let allowed = try AppointmentRules.next(
            Self.facts(.booked), type: Self.type(implying: .booked), change: change, practitioners: nil, locations: nil)
        #expect(allowed.allowsOverlap)
    }

    @Test func `a whole resource removes what it does not name`() throws {
        var change = AppointmentChange()
        change.status = .proposed
        change.isWhole = true
        let next = try AppointmentRules.next(
            Self.facts(.pending), type: Self.type(implying: .proposed), change: change, practitioners: nil,
            locations: nil)
        #expect(next == AppointmentFacts(status: .proposed))
    }
}
