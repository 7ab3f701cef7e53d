import Bytes
import Records
import Views

/// One step of a log as the views fold it.
enum Step {
    case transaction(TransactionFacts)
    case record(RecordFacts)
}

/// A seeded clinic that never was: bookings moved, cancelled and deleted, relatives on one appointment, two tenants,
/// reads in between.
struct History {
    private var dice: SeededDice
    private var position: UInt64 = 0
    private var record: UInt64 = 0
    private var clock: Int64 = 1_700_000_000_000_000
    private var streams: [Living] = []
    private var tag: UInt64 = 0

    private struct Living {
        var tag: UInt64
        var tenant: UInt32
        var category: Category
        var version: UInt32
        var subjects: [UInt64]
        var appointment: AppointmentFacts?
        var state: StreamState
    }

    init(seed: UInt64) { dice = SeededDice(seed: seed) }

    /// `count` steps.
    mutating func steps(_ count: Int) -> [Step] { (0..<count).map { _ in step() } }

    private mutating func below(_ bound: UInt64) -> UInt64 { dice.next() % bound }

    private mutating func step() -> Step {
        clock += Int64(1 + below(5_000_000))
        let stamp = Instant(microseconds: clock)
        let tenant = UInt32(1 + below(2))
        if below(3) == 0 {
            record += 1
            var subjects = (0..<below(4)).map { _ in keyID(tenant) }
            subjects = Array(Set(subjects)).sorted()
            return .record(
                RecordFacts(
                    number: record, stamp: stamp, tenant: tenant, actor: below(5), behalf: below(3) * 100,
                    code: below(2) == 0 ? .accessed : .searched,
                    outcome: below(9) == 0 ? .minorFailure : .success,
                    subjects: subjects, leafPrefix: dice.next()))
        }
        let events = (0...below(4)).map { _ in event(tenant) }
        return .transaction(
            TransactionFacts(
                stamp: stamp, tenant: tenant, actor: 1 + below(4), behalf: below(3) * 100, events: events))
    }

    private mutating func keyID(_ tenant: UInt32) -> UInt64 { UInt64(tenant) * 1000 + below(12) }

    private mutating func event(_ tenant: UInt32) -> EventFacts {
        position += 1
        let known = streams.indices.filter { streams[$0].tenant == tenant }
        let at: Int
        var token: Token128?
        if known.isEmpty || below(4) == 0 {
            tag += 1
            let category: Category =
                switch below(6) {
                case 0, 1: .patient
                case 2: .consent
                default: .appointment
                }
            streams.append(
                Living(
                    tag: tag &* 0x9e37_79b9_7f4a_7c15, tenant: tenant, category: category, version: 0,
                    subjects: [keyID(tenant)], appointment: nil, state: .live))
            at = streams.count - 1
            token = Token128(low: dice.next(), high: dice.next())
        } else {
            at = known[Int(below(UInt64(known.count)))]
        }
        streams[at].version += 1
        if streams[at].category == .appointment { changeAppointment(at, tenant) }
        streams[at].state = below(15) == 0 ? .gone : .live
        let stream = streams[at]
        return EventFacts(
            position: position, tenant: tenant, category: stream.category, typeCode: 1, typeToken: 0,
            stream: stream.tag, streamToken: token, version: stream.version,
            identity: Token128(low: dice.next(), high: dice.next()), subjects: stream.subjects,
            appointment: stream.appointment, state: stream.state, data: .resource, leafPrefix: dice.next()
        )
    }

    private mutating func changeAppointment(_ at: Int, _ tenant: UInt32) {
        let base = UInt64(tenant) * 10_000
        if streams[at].appointment == nil || below(3) == 0 {
            let start =
                1_700_000_000_000_000 / 60_000_000 * 60_000_000 + Int64(below(40 * 24 * 4)) * 900_000_000
            // Now and then to the microsecond, overnight, or for weeks.
            let length: Int64 =
                switch below(12) {
                case 0: 900_000_001
                case 1: 86_400_000_000 * 2
                case 2: 86_400_000_000 * Int64(5 + below(9))
                default: Int64(1 + below(8)) * 900_000_000
                }
            let hasTime = below(10) != 0
            let practitioners = (0..<(below(8) == 0 ? below(4) : 1)).map { base + 1 + $0 * 3 + below(3) }
            streams[at].appointment = AppointmentFacts(
                status: .booked, start: hasTime ? Instant(microseconds: start) : nil,
                end: hasTime ? Instant(microseconds: start + length) : nil, practitioners: practitioners,
                locations: below(5) == 0 ? [] : [base + 500 + below(3)],
                hasCancelationReason: below(4) == 0,
                allowsOverlap: below(6) == 0)
            if below(6) == 0 {
                let subjects = Set([keyID(tenant), keyID(tenant)]).sorted()
                streams[at].subjects = subjects
            }
            if below(20) == 0 { streams[at].subjects = [] }
        }
        let status = AppointmentStatus.allCases[Int(below(10))]
        streams[at].appointment?.status = status
    }
}

extension Book {
    mutating func fold(_ step: Step) {
        switch step {
        case .transaction(let transaction): apply(transaction)
        case .record(let record): apply(record)
        }
    }

    mutating func fold(_ steps: [Step]) { for step in steps { fold(step) } }

    init(folding steps: [Step]) {
        self.init()
        fold(steps)
    }
}
