import Bytes
import Files
import Keys
import Records
@testable import Replica
import SegmentedLog
import Testing
import Views

@Suite struct `Appends` {
    @Test func `an append is answered once it is durable and folded`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        #expect(shell.term == 1)
        shell.holdsDisk = true
        let id = shell.newID()
        let event = try ClinicStore.registered("p-1", id: "e1", expected: 0)
        shell.tick()
        shell.writeAll()
        shell.tell([.asked(id, Ask(caller: ClinicStore.caller(), request: .append(AppendRequest(events: [event]))))])
        #expect(shell.answers[id] == nil)
        #expect(shell.replica.book.position == 0)
        shell.writeAll()
        let reply = try #require(shell.answers[id]?.last?.appended)
        #expect(reply.position == 1 && !reply.isRepeat)
        #expect(reply.events.map(\.subject.text) == ["patient/p-1"])
        #expect(reply.events[0].version == 1 && reply.events[0].recorded >= shell.wall)
        #expect(shell.replica.book.position == 1)
    }

    @Test func `what was appended comes back byte for byte`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        let events = try [
            ClinicStore.registered("p-1", id: "e1"), ClinicStore.booked("a-1", id: "e2"),
            ClinicStore.step("arrived", "a-1", id: "e3"), ClinicStore.amended("p-1", id: "e4", phone: "+1 555 0100"),
        ]
        for event in events { #expect(shell.append([event])?.appended != nil) }
        for (at, event) in events.enumerated() {
            let stored = try shell.replica.openEvent(at: UInt64(at) + 1)
            #expect(stored.json == event.bytes)
            #expect(try shell.replica.header(at: UInt64(at) + 1).name == "service")
        }
        #expect(try shell.replica.header(at: 1).requestID == "0f8fad5b-d9cb-469f-a165-70867728950e")
        #expect(try shell.replica.header(at: 1).behalf == "Practitioner/pr-plantedbehalf")
    }

    @Test func `everything asked in one turn is one entry`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        let before = shell.replica.log.lastIndex
        let asks = try (0..<10).map { number in
            ReplicaInput.asked(
                shell.newID(),
                Ask(
                    caller: ClinicStore.caller(),
                    request: .append(
                        AppendRequest(events: [try ClinicStore.registered("p-\(number)", id: "e\(number)")]))))
        }
        shell.tell(asks)
        #expect(shell.replica.log.lastIndex == before + 1)
        #expect(shell.replica.book.position == 10)
    }

    @Test func `stamps rise and positions are gapless over restarts and clocks that go back`() throws {
        let files = try ClinicStore.made()
        var stamps: [Instant] = []
        for life in 0..<4 {
            let shell = try Shell(files, seed: UInt64(life) + 10)
            shell.wall.microseconds -= Int64(life) * 3_600_000_000
            shell.tick()
            for number in 0..<3 {
                let reply = shell.append([try ClinicStore.registered("p-\(life)-\(number)", id: "e\(life)-\(number)")])
                let event = try #require(reply?.appended?.events.first)
                #expect(event.position == UInt64(life * 3 + number + 1))
                stamps.append(event.recorded)
            }
        }
        #expect(zip(stamps, stamps.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func `a batch is whole or nothing`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        let refused = shell.append([
            try ClinicStore.registered("p-1", id: "e1"), try ClinicStore.amended("p-2", id: "e2", phone: "1"),
        ])
        #expect(refused?.problem?.kind == .missingStream)
        #expect(shell.replica.book.position == 0 && shell.replica.overlay.isEmpty)
        let taken = shell.append([
            try ClinicStore.registered("p-1", id: "e1", expected: 0),
            try ClinicStore.amended("p-1", id: "e2", phone: "1", expected: 1),
            try ClinicStore.amended("p-1", id: "e3", phone: "2", expected: 2),
        ])
        #expect(taken?.appended?.events.map(\.version) == [1, 2, 3])
        #expect(shell.replica.book.position == 3 && shell.replica.overlay.isEmpty)
    }

    @Test func `all failed expectations are listed`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        shell.append([try ClinicStore.registered("p-1", id: "e1")])
        let refused = shell.append([
            try ClinicStore.amended("p-1", id: "e2", phone: "1", expected: 7),
            try ClinicStore.amended("p-1", id: "e3", phone: "1", expected: 1),
            try ClinicStore.amended("p-9", id: "e4", phone: "1", expected: 3),
        ])
        let problem = try #require(refused?.problem)
        #expect(problem.kind == .versionConflict)
        #expect(
            problem.fields == [
                .conflicts([
                    VersionConflict(subject: "patient/p-1", expected: 7, actual: 1),
                    VersionConflict(subject: "patient/p-9", expected: 3, actual: 0),
                ])
            ])
    }

    @Test func `nobody is booked twice, in the book or in the tail`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        shell.holdsDisk = true
        let first = shell.newID()
        let second = shell.newID()
        func ask(_ id: AskID, _ event: IncomingEvent) -> ReplicaInput {
            .asked(id, Ask(caller: ClinicStore.caller(), request: .append(AppendRequest(events: [event]))))
        }
        shell.tell([ask(first, try ClinicStore.booked("a-1", id: "e1"))])
        shell.tell([
            ask(
                second,
                try ClinicStore.booked(
                    "a-2", id: "e2", patients: ["p-2"], start: "2026-12-01T09:29:00Z", end: "2026-12-01T10:00:00Z"))
        ])
        shell.holdsDisk = false
        shell.writeAll()
        #expect(shell.answers[first]?.last?.appended != nil)
        let problem = try #require(shell.answers[second]?.last?.problem)
        #expect(problem.kind == .doubleBooking)
        let busy = ProblemField.busy(
            actor: "Practitioner/pr-7", start: try Instant("2026-12-01T09:00:00Z"),
            end: try Instant("2026-12-01T09:30:00Z"))
        #expect(problem.fields == [busy])
        let touching = try ClinicStore.booked(
            "a-3", id: "e3", start: "2026-12-01T09:30:00Z", end: "2026-12-01T10:00:00Z")
        #expect(shell.append([touching])?.appended != nil)
        #expect(shell.append([try ClinicStore.booked("a-4", id: "e4")])?.problem?.kind == .doubleBooking)
        #expect(shell.append([try ClinicStore.booked("a-5", id: "e5", overlap: true)])?.appended != nil)
        // One that overlaps by leave may arrive and be fulfilled; one that is cancelled frees the time.
        #expect(shell.append([try ClinicStore.step("arrived", "a-1", id: "e6")])?.appended != nil)
        #expect(shell.append([try ClinicStore.step("cancelled", "a-3", id: "e7")])?.appended != nil)
        let again = try ClinicStore.booked("a-6", id: "e8", start: "2026-12-01T09:30:00Z", end: "2026-12-01T10:00:00Z")
        #expect(shell.append([again])?.appended != nil)
    }

    @Test func `a refusal has its record before its answer`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        shell.tick()
        shell.holdsDisk = true
        let records = shell.replica.book.record
        let id = shell.newID()
        let event = try ClinicStore.amended("p-9", id: "e1", phone: "1")
        shell.tell([.asked(id, Ask(caller: ClinicStore.caller(), request: .append(AppendRequest(events: [event]))))])
        #expect(shell.answers[id] == nil)
        shell.writeAll()
        #expect(shell.answers[id]?.last?.problem?.kind == .missingStream)
        #expect(shell.replica.book.record == records + 1)
        let (facts, value) = try shell.replica.openRecord(records + 1)
        #expect(facts.code == .denied && value.outcomeName == "missing-stream" && value.address == "192.0.2.77")
    }

    @Test(arguments: [
        ("admin", "TREAT", ProblemKind.forbidden), ("svc", "", .purposeRequired),
    ])
    func `who may not append is refused and recorded`(_ who: String, _ why: String, _ kind: ProblemKind) throws {
        let shell = try Shell(ClinicStore.made()).start()
        let records = shell.replica.book.record
        let event = try ClinicStore.registered("p-1", id: "e1")
        #expect(shell.append([event], as: ClinicStore.caller(who, purpose: why))?.problem?.kind == kind)
        #expect(shell.replica.book.record == records + 1 && shell.replica.book.position == 0)
    }

    @Test(arguments: [
        ("admin", "TREAT", ProblemKind.unknownCategory, ProblemKind.forbidden),
        ("svc", "", .unknownCategory, .purposeRequired), ("svc", "TREAT", .unknownCategory, .unknownCategory),
        ("admin", "", .badJSON, .badJSON),
    ])
    func `a missing scope or purpose is told before what comes after it`(
        _ who: String, _ why: String, _ found: ProblemKind, _ told: ProblemKind
    ) throws {
        let shell = try Shell(ClinicStore.made()).start()
        let records = shell.replica.book.record
        let id = shell.newID()
        shell.tick()
        let caller = ClinicStore.caller(who, purpose: why)
        shell.tell([.asked(id, Ask(caller: caller, request: .refused(Problem(found, "Why.")), needed: .append))])
        shell.writeAll()
        #expect(shell.answers[id]?.last?.problem?.kind == told)
        let (_, value) = try shell.replica.openRecord(records + 1)
        #expect(value.outcomeName == told.rawValue)
    }

    @Test func `figures follow the log`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        let before = shell.replica.figures
        shell.append([try ClinicStore.registered("p-1", id: "e1")])
        let after = shell.replica.figures
        #expect(after.position == 1 && after.isPrimary && after.term == 1 && after.undurableEntries == 0)
        #expect(after.index > before.index && after.logBytes > before.logBytes && after.freeBytes > 0)
    }

    @Test func `the key of a patient rides in the entry that first uses it, once`() throws {
        let files = try ClinicStore.made()
        let shell = try Shell(files).start()
        shell.append([try ClinicStore.booked("a-1", id: "e1", patients: ["p-1"])])
        shell.append([try ClinicStore.registered("p-1", id: "e2")])
        #expect(shell.replica.subjectKeys.rows.count == 1)
        let first = try shell.replica.transaction(at: 1)
        let second = try shell.replica.transaction(at: 2)
        #expect(first.keys.count == NewKeyPlace.bytes && second.keys.isEmpty)
        #expect(try shell.replica.openEvent(at: 1).subjects == shell.replica.openEvent(at: 2).subjects)
    }

    @Test func `a step follows a booking whose patient's key is still in the tail`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        shell.tick()
        shell.holdsDisk = true
        let events = try [
            ClinicStore.booked("a-1", id: "e1", patients: ["p-1"]), ClinicStore.step("arrived", "a-1", id: "e2"),
        ]
        let ids = events.map { _ in shell.newID() }
        for (id, event) in zip(ids, events) {
            shell.tell([.asked(id, Ask(caller: ClinicStore.caller(), request: .append(AppendRequest(events: [event]))))]
            )
        }
        shell.writeAll()
        #expect(ids.allSatisfy { shell.answers[$0]?.last?.appended != nil })
        #expect(try shell.replica.openEvent(at: 2).json == events[1].bytes)
        #expect(shell.replica.overlay.key(id: try shell.replica.openEvent(at: 1).subjects[0]) == nil)
        let batch = try [
            ClinicStore.booked("a-2", id: "e3", patients: ["p-2"], practitioner: "pr-8"),
            ClinicStore.step("arrived", "a-2", id: "e4"),
        ]
        shell.holdsDisk = false
        #expect(shell.append(batch)?.appended?.events.map(\.version) == [1, 2])
    }
}
