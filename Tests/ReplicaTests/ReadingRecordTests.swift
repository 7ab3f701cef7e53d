import Bytes
import Files
import Records
@testable import Replica
import Testing
import Views

/// What of a read stays: its record, durable before anything leaves.
@Suite struct `Reads and their records` {
    private func clinic() throws -> Shell<MemoryFiles> {
        let shell = try Shell(ClinicStore.made()).start()
        shell.append([try ClinicStore.registered("p-1", id: "e1"), try ClinicStore.registered("p-2", id: "e2")])
        shell.append([try ClinicStore.booked("a-1", id: "e3", patients: ["p-1"])])
        shell.append([try ClinicStore.amended("p-1", id: "e4", phone: "+1 555")])
        shell.tick()
        return shell
    }

    static var reads: [Request] {
        var events = EventsQuery()
        if let name = StreamName(.patient, id: "p-1") { events.subject = .stream(name) }
        return [
            .events(events), .read(.patient, id: "p-1", asOf: nil), .read(.appointment, id: "a-1", asOf: nil),
            .readVersion(.patient, id: "p-1", version: 1),
            .history(.patient, id: "p-1", asOf: nil, page: PageRequest()),
            .search(SearchQuery(kind: .patient, parameters: [.id(["p-1"])])),
            .search(SearchQuery(kind: .appointment, parameters: [.patient(["p-1"])])),
        ]
    }

    @Test(arguments: 0..<7) func `nothing leaves before its record is on the disk, and there is one`(
        which: Int
    ) throws {
        let shell = try clinic()
        let records = shell.book.record
        shell.holdsDisk = true
        let id = shell.newID()
        shell.tell([.asked(id, Ask(caller: ClinicStore.caller(), request: Self.reads[which]))])
        #expect(shell.answers[id] == nil && !shell.waiting.isEmpty)
        shell.writeAll()
        #expect(shell.ended.contains(id) && shell.answers[id]?.last?.problem == nil)
        #expect(shell.book.record == records + 1)
        let (facts, value) = try shell.replica.openRecord(records + 1)
        let key = shell.replica.subjectKeys.rows[0].id
        #expect(facts.outcome == .success && facts.subjects == [key])
        #expect(value.purpose == "TREAT" && value.name == "service" && value.address == "192.0.2.77")
    }

    @Test(arguments: 0..<7) func `whoever may not read is refused and recorded`(which: Int) throws {
        let shell = try clinic()
        for (caller, kind) in [
            (ClinicStore.caller("admin"), ProblemKind.forbidden), (ClinicStore.caller(purpose: nil), .purposeRequired),
        ] {
            let records = shell.book.record
            let answer = shell.wait(Self.reads[which], as: caller)
            #expect(answer?.problem?.kind == kind)
            #expect(shell.book.record == records + 1)
            #expect(try shell.replica.openRecord(records + 1).facts.code == .denied)
        }
    }

    @Test func `what is not found is recorded as well, under the patient whose it would be`() throws {
        let shell = try clinic()
        shell.append([
            try ClinicStore.event(
                """
                {"specversion":"1.0","id":"x","source":"/x","type":"patient.entered-in-error","subject":"patient/p-2"}
                """)
        ])
        let records = shell.book.record
        #expect(shell.read(.patient, "p-none")?.problem?.kind == .notFound)
        #expect(shell.read(.patient, "p-2")?.problem?.kind == .gone)
        #expect(shell.ask(.readVersion(.patient, id: "p-1", version: 3))?.problem?.kind == .notFound)
        #expect(shell.ask(.readVersion(.patient, id: "p-1", version: 0))?.problem?.kind == .notFound)
        #expect(shell.book.record == records + 4)
        let gone = try shell.replica.openRecord(records + 2)
        #expect(gone.facts.subjects == [shell.replica.subjectKeys.rows[1].id] && gone.value.outcomeName == "gone")
    }

    @Test func `the audit of a patient finds every way in which they were seen, and nobody else`() throws {
        let shell = try clinic()
        let before = shell.book.record
        for read in Self.reads { _ = shell.wait(read) }
        _ = try shell.pieces(EventsQuery())
        _ = shell.read(.patient, "p-2")
        let seen = UInt64(Self.reads.count) + 1
        #expect(shell.book.record == before + seen + 1)
        let query = SearchQuery(kind: .auditEvent, parameters: [.patient(["p-1"])], page: PageRequest(count: 4))
        let pages = try shell.pages(query)
        let told = pages.flatMap(\.resources)
        let wanted = (1...seen).map { "r-\(before + $0)" }.reversed() + ["e-4", "e-3", "e-1"]
        #expect(told.map(\.id) == wanted)
        #expect(pages[0].total == wanted.count)
        for shown in told {
            guard case .audit(let detail) = shown.content else {
                Issue.record("no audit detail")
                continue
            }
            #expect(detail.patients == ["p-1"] && detail.actorName == "service" && detail.purpose == "TREAT")
            #expect(detail.entities.allSatisfy { $0.reference == "Patient/p-1" || $0.reference == "Appointment/a-1" })
        }
        // The stream of all events was seen by both.
        let other = try shell.pages(SearchQuery(kind: .auditEvent, parameters: [.patient(["p-2"])])).flatMap(
            \.resources)
        #expect(other.map(\.id).suffix(3) == ["r-\(before + seen + 1)", "r-\(before + seen)", "e-2"])
    }

    @Test func `the audit view is searched by actor, action, outcome, time and id`() throws {
        let shell = try clinic()
        let before = shell.book.record
        let cut = shell.wall
        shell.tick()
        _ = shell.read(.patient, "p-1")
        _ = shell.read(.patient, "p-none")
        let records = shell.book.record
        func ids(_ parameters: [SearchParameter], sort: SearchSort = .none) throws -> [String] {
            try shell.pages(SearchQuery(kind: .auditEvent, parameters: parameters, sort: sort)).flatMap(\.resources)
                .map(\.id)
        }
        let later = DateSearch(.gt, from: cut, to: cut)
        let audits = 2
        #expect(try ids([.agent(["service"]), .outcome([.minorFailure])]) == ["r-\(records)"])
        #expect(try ids([.agent(["Practitioner/pr-plantedbehalf"]), .action(["C"])]) == ["e-3", "e-2", "e-1"])
        #expect(try ids([.agent(["service"]), .action(["R"]), .date([later])]) == ["r-\(before + 1)"])
        #expect(
            try ids([.id(["e-2", "r-1", "e-99", "r-x", "p-1"])], sort: .date(descending: false)) == ["r-1", "e-2"])
        #expect(try ids([.agent(["stranger"])]).isEmpty)
        #expect(try ids([.agent(["chartlog"])], sort: .date(descending: false)) == ["r-1", "r-2"])
        #expect(shell.book.record > records + UInt64(audits))
        let key = shell.replica.subjectKeys.rows[0].id
        let items = shell.book.auditCount(.subject(key), through: shell.book.cut)
        let counted = shell.page(
            SearchQuery(kind: .auditEvent, parameters: [.patient(["p-1"])], page: PageRequest(count: 0)))
        #expect(counted?.resources.isEmpty == true && counted?.total == items && counted?.next == nil)
    }

    @Test func `an audit event is read by its name, as it was by then`() throws {
        let shell = try clinic()
        let shown = shell.shown(.auditEvent, "e-1")
        #expect(shown?.version == 1)
        #expect(shell.read(.auditEvent, "r-1")?.problem == nil)
        for name in ["e-0", "e-5", "r-999", "e-01", "x-1", "e-", ""] {
            #expect(shell.read(.auditEvent, name)?.problem?.kind == .notFound, "\(name)")
        }
        #expect(shell.read(.auditEvent, "e-4", asOf: .position(2))?.problem?.kind == .notFound)
        #expect(shell.read(.auditEvent, "e-2", asOf: .position(2))?.problem == nil)
    }
}
