import Bytes
import Clinic
import Records
import Testing
import TestSupport

/// The clinic against the rules that a store holds its clients to.
@Suite struct ClinicRulesTests {
    @Test(arguments: [(1, 200, 0), (2, 30, 0), (3, 700, 7)])
    func `every event is accepted where it stands`(seed: UInt64, patients: Int, clinic: Int) {
        var events = ClinicGenerator(seed: seed, patients: patients, events: 6000, clinic: clinic)
        var desk = Desk()
        var refusals: [String] = []
        while let bytes = events.next(), refusals.count < 5 {
            do throws(Problem) {
                try desk.take(bytes)
            } catch {
                refusals.append("\(error.kind.rawValue) \(error.fields): \(String(decoding: bytes, as: UTF8.self))")
            }
        }
        #expect(refusals.isEmpty)
        #expect(desk.shared > 0)
        #expect(desk.types.count >= 20)
    }

    @Test func `the fixture is what seed 1 gives`() throws {
        var events = ClinicGenerator(seed: 1, patients: 200, events: 5000)
        var text: [UInt8] = []
        while let event = events.next() { text += event + [0x0a] }
        #expect(try Fixture.bytes("clinic.ndjson", orWrite: text) == text)
    }
}

/// Takes events as a store would: shape, streams, statuses and times.
private struct Desk {
    private struct Stream {
        var state: StreamState
        var appointment: AppointmentFacts?
        var actors: [String] = []
    }

    private var streams: [StreamName: Stream] = [:]
    private var busy: [String: [(start: Instant, end: Instant, stream: StreamName)]] = [:]
    private var identities: Set<String> = []
    var shared = 0
    var types: Set<String> = []

    mutating func take(_ bytes: [UInt8]) throws(Problem) {
        let event = try CloudEventReader.structured(bytes)
        guard identities.insert(event.id).inserted else { throw Problem(.eventReused, "twice") }
        types.insert(event.type.name)
        if (event.patients?.count ?? 0) > 1 { shared += 1 }
        let before = streams[event.subject]
        let begins = try StreamRules.begins(event.type, on: event.subject.category, state: before?.state)
        var stream = begins ? Stream(state: .live) : before ?? Stream(state: .live)
        stream.state = StreamRules.state(after: event.type)
        if let change = event.appointment {
            let current = begins ? nil : before?.appointment
            let facts = try AppointmentRules.next(
                current, type: event.type, change: change, practitioners: change.practitioners?.map { _ in 0 },
                locations: change.locations?.map { _ in 0 })
            stream.appointment = facts
            if let practitioners = change.practitioners {
                stream.actors = practitioners + (change.locations ?? [])
            }
            try occupy(event.subject, facts, stream.actors, before: before?.actors ?? [])
        }
        streams[event.subject] = stream
    }

    private mutating func occupy(
        _ name: StreamName, _ facts: AppointmentFacts, _ actors: [String], before: [String]
    ) throws(Problem) {
        for actor in before { busy[actor]?.removeAll { $0.stream == name } }
        guard facts.status.isBusy, let start = facts.start, let end = facts.end else { return }
        for actor in actors {
            if busy[actor, default: []].contains(where: { $0.start < end && start < $0.end }) {
                throw Problem(.doubleBooking, "taken", [.busy(actor: actor, start: start, end: end)])
            }
            busy[actor, default: []].append((start, end, name))
        }
    }
}
