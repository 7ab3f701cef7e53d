import Bytes
import Files
import Records
@testable import Replica
import SegmentedLog
import Testing
import Views

/// Going back by appending: what counts again, what is gone, and what never goes back.
@Suite struct `A rewind` {
    /// Two patients, one booking moved, one cancelled; then, after the position that is returned, two more streams and
    /// changes of the old ones.
    private func clinic(
        _ files: MemoryFiles? = nil, configure: (inout ReplicaConfiguration) -> Void = { _ in }
    ) throws -> (shell: Shell<MemoryFiles>, target: UInt64) {
        let shell = try Shell(files ?? ClinicStore.made(), configure: configure).start()
        for event in [
            try ClinicStore.registered("p-1", id: "1"), try ClinicStore.registered("p-2", id: "2"),
            try ClinicStore.booked("a-1", id: "3"), try ClinicStore.amended("p-1", id: "4", phone: "+44 1"),
            try ClinicStore.booked("a-2", id: "5", practitioner: "pr-8"),
        ] {
            #expect(shell.append([event])?.appended != nil)
        }
        let target = shell.book.position
        shell.tick(50)
        for event in [
            try ClinicStore.amended("p-1", id: "6", phone: "+44 2"), try ClinicStore.step("cancelled", "a-1", id: "7"),
            try ClinicStore.registered("p-3", id: "8"),
            try ClinicStore.booked("a-3", id: "9", patients: ["p-3"]),
            try ClinicStore.step("arrived", "a-2", id: "10"),
        ] {
            #expect(shell.append([event])?.appended != nil)
        }
        return (shell, target)
    }

    private func text(_ shell: Shell<MemoryFiles>, _ kind: ViewKind, _ id: String, asOf: AsOf? = nil) -> String? {
        guard case .resource(let shown, _)? = shell.read(kind, id, asOf: asOf), case .json(let json) = shown.content
        else { return nil }
        return String(decoding: json, as: UTF8.self)
    }

    @Test func `brings back what was, one version up, and keeps what was undone readable`() throws {
        let (shell, target) = try clinic()
        let before = text(shell, .patient, "p-1", asOf: .position(target))
        let undone = text(shell, .patient, "p-1")
        let plan = try #require(shell.rewind(to: .position(target), applies: true).plan)
        let position = try #require(plan.appliedAt)
        #expect(position == 11 && shell.book.position == 11)
        #expect(text(shell, .patient, "p-1") == before && before != undone)
        #expect(shell.shown(.patient, "p-1")?.version == 4)
        #expect(text(shell, .patient, "p-1", asOf: .position(position - 1)) == undone)
        #expect(shell.shown(.patient, "p-2")?.version == 1, "what did not change has no version more")
        #expect(shell.shown(.appointment, "a-1")?.version == 3)
    }

    @Test func `tells before what it does, and changes nothing by that`() throws {
        let (shell, target) = try clinic()
        let digests = shell.book.digests
        let plan = try #require(shell.rewind(to: .position(target), applies: false).plan)
        #expect(plan.appliedAt == nil && plan.target == target && plan.position == 10)
        #expect(plan.streams == 5 && plan.vanishing == 2 && plan.patients == 2)
        #expect(plan.appointmentsReturning == 1 && plan.appointmentsVanishing == 1)
        #expect(shell.book.position == 10 && shell.book.digests.patient == digests.patient)
        #expect(shell.append([try ClinicStore.amended("p-2", id: "n", phone: "1")])?.appended != nil)
    }

    @Test func `tells of the position it names, whatever is appended while it looks`() throws {
        let (shell, target) = try clinic()
        let position = try #require(try shell.rewind(to: .position(target), applies: true).plan?.appliedAt)
        let preview = shell.newID()
        shell.tell([
            .operate(preview, ClinicStore.caller("admin"), .rewind(to: .position(target), applies: false)),
            .asked(
                shell.newID(),
                Ask(
                    caller: ClinicStore.caller(),
                    request: .append(
                        AppendRequest(events: [
                            try ClinicStore.registered("p-3", id: "a"),
                            try ClinicStore.booked("a-3", id: "b", patients: ["p-3"], practitioner: "pr-9"),
                        ])))),
        ])
        for _ in 0..<50 where shell.answers[preview] == nil { shell.tick() }
        let plan = try #require(shell.answers[preview]?.last?.plan)
        #expect(shell.book.position == position + 2 && plan.position == position)
        #expect(plan.streams == 5 && plan.vanishing == 0 && plan.patients == 1)
        #expect(plan.appointmentsReturning == 0 && plan.appointmentsVanishing == 0)
    }

    @Test func `that is only looked at is in nobody's way once nobody waits for it`() throws {
        let (shell, target) = try clinic { $0.rewoundSliceMax = 1 }
        let admin = ClinicStore.caller("admin")
        func ask(applies: Bool) -> AskID {
            let id = shell.newID()
            shell.tell([.operate(id, admin, .rewind(to: .position(target), applies: applies))])
            return id
        }
        let left = ask(applies: false)
        #expect(shell.replica.rewinding?.ask == left)
        let second = ask(applies: false)
        #expect(shell.answers[second]?.last?.problem?.kind == .orderRefused, "one at a time")
        shell.tell([.abandoned(second)])
        #expect(shell.replica.rewinding?.ask == left, "who was refused takes nothing along")
        shell.tell([.abandoned(left)])
        #expect(shell.replica.rewinding == nil)
        let ordered = ask(applies: true)
        shell.tell([.abandoned(ordered)])
        for _ in 0..<100 where shell.replica.rewinding != nil { shell.tick() }
        #expect(shell.book.position == 11, "what was ordered is done, whoever waits for it")
        #expect(shell.answers[left] == nil)
    }

    @Test func `makes what came after absent: gone, and begun anew with its versions going on`() throws {
        let (shell, target) = try clinic()
        #expect(try shell.rewind(to: .position(target), applies: true).plan != nil)
        #expect(shell.read(.patient, "p-3")?.problem?.kind == .gone)
        #expect(shell.read(.appointment, "a-3")?.problem?.kind == .gone)
        #expect(shell.read(.patient, "p-3", asOf: .position(target))?.problem?.kind == .notFound)
        let amended = shell.append([try ClinicStore.amended("p-3", id: "a", phone: "1")])
        #expect(amended?.problem?.kind == .gone)
        let anew = shell.append([try ClinicStore.registered("p-3", id: "b", family: "Anew", expected: 0)])
        #expect(anew?.appended?.events.first?.version == 3)
        #expect(shell.shown(.patient, "p-3")?.version == 3)
        let wrong = shell.append([try ClinicStore.registered("p-4", id: "c", expected: 3)])
        #expect(wrong?.problem?.kind == .versionConflict)
    }

    @Test func `gives times back that were taken since, and takes again those that were given up`() throws {
        let (shell, target) = try clinic()
        #expect(try shell.rewind(to: .position(target), applies: true).plan != nil)
        // a-1 holds pr-7 at nine again, though it was cancelled and a-3 had taken its time.
        let taken = shell.append([try ClinicStore.booked("a-9", id: "t")])
        #expect(taken?.problem?.kind == .doubleBooking)
        let arrived = shell.append([try ClinicStore.step("arrived", "a-1", id: "u")])
        #expect(arrived?.appended?.events.first?.version == 4)
        // a-2 is booked again and may arrive again.
        #expect(shell.append([try ClinicStore.step("arrived", "a-2", id: "v")])?.appended != nil)
        // a-3 may be booked anew, as a whole.
        let part = shell.append([try ClinicStore.step("arrived", "a-3", id: "w")])
        #expect(part?.problem?.kind == .missingStream)
        let whole = try ClinicStore.booked("a-3", id: "x", patients: ["p-2"], practitioner: "pr-9")
        #expect(shell.append([whole])?.appended?.events.first?.version == 3)
        #expect(shell.book.appointmentCount(status: .booked, tenant: 1) == 1)
        #expect(shell.book.appointmentCount(status: .arrived, tenant: 1) == 2)
    }

    /// What begins it again does not say that it creates it: read by itself it seemed damaged.
    @Test func `of which an appointment was booked anew is searched as of then, and gone back to`() throws {
        let (shell, target) = try clinic()
        #expect(try shell.rewind(to: .position(target), applies: true).plan != nil)
        #expect(shell.append([try ClinicStore.booked("a-3", id: "x", patients: ["p-2"], practitioner: "pr-9")]) != nil)
        let anew = shell.book.position
        #expect(shell.append([try ClinicStore.step("arrived", "a-3", id: "y")])?.appended != nil)
        func found(_ asOf: AsOf?) throws -> [String] {
            try #require(
                shell.page(
                    SearchQuery(kind: .appointment, parameters: [.practitioner(["Practitioner/pr-9"])], asOf: asOf))
            ).resources.map { "\($0.id) \($0.version)" }
        }
        #expect(try found(.position(anew)) == ["a-3 3"] && found(.position(anew - 1)).isEmpty)
        let then = text(shell, .appointment, "a-3", asOf: .position(anew))
        let plan = try #require(try shell.rewind(to: .position(anew), applies: true).plan)
        #expect(plan.streams == 1 && plan.vanishing == 0)
        #expect(text(shell, .appointment, "a-3") == then && shell.shown(.appointment, "a-3")?.version == 5)
        #expect(try found(nil) == ["a-3 5"])
        #expect(shell.book.appointmentCount(status: .booked, tenant: 1) == 3)
        // And back to before it was booked anew, and to where it was.
        #expect(try shell.rewind(to: .position(anew - 1), applies: true).plan?.vanishing == 1)
        #expect(try shell.rewind(to: .position(anew), applies: true).plan != nil)
        #expect(text(shell, .appointment, "a-3") == then && shell.shown(.appointment, "a-3")?.version == 7)
    }

    @Test func `answers a repeat of what it undid with its own position`() throws {
        let (shell, target) = try clinic()
        let position = try #require(try shell.rewind(to: .position(target), applies: true).plan?.appliedAt)
        let undone = shell.append([try ClinicStore.amended("p-1", id: "6", phone: "+44 2")])?.appended
        #expect(undone?.isRepeat == true && undone?.events.first?.rewoundBy == position)
        let standing = shell.append([try ClinicStore.amended("p-1", id: "4", phone: "+44 1")])?.appended
        #expect(standing?.isRepeat == true && standing?.events.first?.rewoundBy == nil)
        // Once the rewind is rewound the event counts again, and what was undone meanwhile does not.
        #expect(try shell.rewind(to: .position(position - 1), applies: true).plan?.appliedAt == position + 1)
        let again = shell.append([try ClinicStore.amended("p-1", id: "6", phone: "+44 2")])?.appended
        #expect(again?.events.first?.rewoundBy == nil)
        #expect(shell.shown(.patient, "p-3")?.version == 3)
    }

    @Test func `keeps the audit trail, and stands in it under each patient concerned`() throws {
        let (shell, target) = try clinic()
        let records = shell.book.record
        let position = try #require(try shell.rewind(to: .position(target), applies: true).plan?.appliedAt)
        #expect(shell.book.record > records)
        for patient in ["p-1", "p-3"] {
            let page = shell.page(SearchQuery(kind: .auditEvent, parameters: [.patient([patient])]))
            let shown = page?.resources.map(\.id) ?? []
            #expect(shown.contains("e-\(position)"))
            #expect(shown.contains("e-6") == (patient == "p-1"), "what was undone stays in the trail")
        }
        let untouched = shell.page(SearchQuery(kind: .auditEvent, parameters: [.patient(["p-2"])]))
        #expect(untouched?.resources.contains { $0.id == "e-\(position)" } == false)
        guard case .resource(let shown, _)? = shell.read(.auditEvent, "e-\(position)"),
            case .audit(let detail) = shown.content
        else {
            Issue.record("the rewind is not in the audit view")
            return
        }
        #expect(detail.type == "chartlog.rewound" && detail.actorName == "administrator" && detail.patients.isEmpty)
        let orders = shell.page(SearchQuery(kind: .auditEvent, parameters: [.agent(["administrator"])]))
        let types = orders?.resources.compactMap { resource in
            if case .audit(let detail) = resource.content { detail.type } else { nil }
        }
        #expect(types?.contains("restore.ordered") == true)
    }

    @Test func `is refused where it would mean nothing`() throws {
        let (shell, target) = try clinic()
        func refused(_ asked: AsOf, _ kind: ProblemKind) throws {
            #expect(try shell.rewind(to: asked, applies: true).problem?.kind == kind, "\(asked)")
        }
        let first = try shell.replica.transaction(at: 1).stamp
        try refused(.instant(Instant(microseconds: first.microseconds - 1)), .badInstant)
        try refused(.instant(Instant(microseconds: shell.wall.microseconds + 60_000_000)), .badInstant)
        try refused(.position(99), .badPosition)
        try refused(.position(0), .badPosition)
        try refused(.position(10), .orderRefused)
        #expect(
            shell.append([
                try ClinicStore.registered("p-5", id: "x"), try ClinicStore.registered("p-6", id: "y"),
            ])?.appended != nil)
        try refused(.position(11), .insideTransaction)
        let id = shell.newID()
        shell.tell([.operate(id, ClinicStore.caller(), .rewind(to: .position(target), applies: true))])
        #expect(shell.answers[id]?.last?.problem?.kind == .forbidden)
        #expect(shell.book.position == 12)
    }

    @Test func `is refused on a disk that has no room for events, though it can be looked at`() throws {
        let files = try ClinicStore.made()
        files.capacity = 64 << 20
        let (shell, target) = try clinic(files) {
            $0.log.headRooms = HeadRooms()
            $0.log.headRooms.events = 32 << 20
            $0.log.headRooms.records = 4 << 20
            $0.log.headRooms.control = 1 << 20
        }
        files.capacity = 24 << 20
        shell.tick(200)
        #expect(try shell.rewind(to: .position(target), applies: true).problem?.kind == .diskFull)
        #expect(try shell.rewind(to: .position(target), applies: false).plan != nil)
        files.capacity = 64 << 20
        shell.tick(200)
        #expect(try shell.rewind(to: .position(target), applies: true).plan?.appliedAt == 11)
    }

    @Test func `is refused where it touches more than a store that serves takes, or an entry holds`() throws {
        var (shell, target) = try clinic { $0.rewoundStreamsMax = 4 }
        for applies in [false, true] {
            let problem = try #require(try shell.rewind(to: .position(target), applies: applies).problem)
            #expect(problem.kind == .orderRefused && problem.detail.contains("branch"))
        }
        #expect(shell.append([try ClinicStore.amended("p-2", id: "n", phone: "1")])?.appended != nil)
        (shell, target) = try clinic { $0.log.bodyCapacity = 8 << 10 }
        for number in 0..<900 {
            #expect(shell.append([try ClinicStore.registered("q-\(number)", id: "q-\(number)")])?.appended != nil)
        }
        let problem = try #require(try shell.rewind(to: .position(target), applies: true).problem)
        #expect(problem.kind == .orderRefused && problem.detail.contains("--drop-after"))
        #expect(shell.append([try ClinicStore.amended("p-2", id: "n", phone: "1")])?.appended != nil)
    }

    /// A store of 300 patients, forty times gone back whole; none of them has its terms.
    private func often(_ files: MemoryFiles) throws {
        let (writer, target) = try clinic(files) { $0.indexesTerms = false }
        for batch in 0..<30 {
            let events = try (0..<10).map { try ClinicStore.registered("w-\(batch)-\($0)", id: "w-\(batch)-\($0)") }
            #expect(writer.append(events)?.appended != nil)
        }
        var to = target
        for _ in 0..<40 {
            let plan = try #require(try writer.rewind(to: .position(to), applies: true).plan)
            to = try #require(plan.appliedAt) - 1
        }
    }

    /// A branch of such a store lost its primary again and again: each patient was read at each of its versions, and each
    /// rewind's entry opened for each.
    @Test func `that follows on many of the whole store costs no long turn of who brings search terms up to date`()
        throws
    {
        let files = try ClinicStore.made()
        try often(files)
        let shell = try Shell(files) { $0.slicedBytesMax = 16 << 10 }
        var (most, before) = (0, 0)
        shell.stepped = {
            most = max(most, shell.replica.opened.bytesTaken - before)
            before = shell.replica.opened.bytesTaken
        }
        _ = shell.start()
        for _ in 0..<400 where shell.book.staleCount > 0 { shell.tick() }
        shell.stepped = nil
        #expect(shell.book.staleCount == 0 && most < 40 << 10, "\(most)")
        #expect(shell.replica.opened.bytesTaken < 400 << 10, "\(shell.replica.opened.bytesTaken)")
        let found = shell.page(SearchQuery(kind: .patient, parameters: [.id(["w-7-3"])]))
        #expect(found?.resources.map(\.id) == ["w-7-3"])
    }

    @Test func `that follows on many of the whole store costs no long turn of who reads all events`() throws {
        let files = try ClinicStore.made()
        try often(files)
        // Opened again, it has taken nothing apart yet.
        let shell = try Shell(files) {
            $0.slicedBytesMax = 16 << 10
            $0.indexesTerms = false
        }.start()
        var query = EventsQuery()
        query.limit = 10_000
        let id = shell.newID()
        let all = shell.replica.opened.bytesTaken
        var (most, before) = (0, all)
        shell.stepped = {
            most = max(most, shell.replica.opened.bytesTaken - before)
            before = shell.replica.opened.bytesTaken
        }
        shell.tell([.asked(id, Ask(caller: ClinicStore.caller(), request: .events(query)))])
        for _ in 0..<2_000 where !shell.ended.contains(id) {
            shell.tell([.drained(id)])
            shell.tick()
        }
        shell.stepped = nil
        #expect(shell.ended.contains(id))
        #expect(shell.replica.opened.bytesTaken - all > 96 << 10, "there is more than a turn may take")
        // A slice, and the frame it ends in.
        #expect(most > 0 && most < 24 << 10, "\(most)")
    }

    @Test func `closes appends until it is made, and waits for what was decided before it`() throws {
        let (shell, target) = try clinic()
        shell.holdsDisk = true
        let earlier = shell.newID()
        shell.tell([
            .asked(
                earlier,
                Ask(
                    caller: ClinicStore.caller(),
                    request: .append(
                        AppendRequest(events: [try ClinicStore.amended("p-2", id: "e", phone: "9")]))))
        ])
        let order = shell.newID()
        shell.tell([.operate(order, ClinicStore.caller("admin"), .rewind(to: .position(target), applies: true))])
        while shell.replica.rewinding == nil {
            let batch = try #require(shell.waiting.isEmpty ? nil : shell.waiting.removeFirst())
            try batch.carryOut(on: shell.store)
            shell.tell([.persisted(batch: batch.number)])
            shell.tick()
        }
        #expect(shell.answers[earlier]?.last?.appended != nil && shell.answers[order] == nil)
        let late = shell.append([try ClinicStore.amended("p-2", id: "l", phone: "8")])
        #expect(late?.problem?.kind == .unavailable)
        shell.holdsDisk = false
        shell.writeAll()
        for _ in 0..<50 where shell.answers[order] == nil { shell.tick() }
        #expect(shell.answers[order]?.last?.plan?.appliedAt == 12)
        #expect(shell.shown(.patient, "p-2")?.version == 3, "what was decided before is undone as well")
        #expect(shell.append([try ClinicStore.amended("p-2", id: "m", phone: "7")])?.appended != nil)
    }

    @Test func `gives the same digests and answers from the log alone and from a snapshot`() throws {
        let (shell, target) = try clinic()
        #expect(try shell.rewind(to: .position(target), applies: true).plan != nil)
        let texts = ["p-1", "p-2"].map { text(shell, .patient, $0) } + [text(shell, .appointment, "a-1")]
        let digests = shell.book.digests
        let bare = shell.store.copy()
        for path in bare.paths where path.hasPrefix(ReplicaPaths.views) { try bare.remove(path) }
        shell.tell([.stopRequested])
        for store in [bare, shell.store] {
            let again = try Shell(store, seed: 5).start()
            #expect(again.book.digests.patient == digests.patient)
            #expect(again.book.digests.appointment == digests.appointment)
            #expect(["p-1", "p-2"].map { text(again, .patient, $0) } + [text(again, .appointment, "a-1")] == texts)
            #expect(again.read(.patient, "p-3")?.problem?.kind == .gone)
        }
    }

    @Test func `is folded alike by three replicas, and stands across a failover`() throws {
        let trio = try Trio(seed: 8)
        let primary = try #require(trio.lead())
        for event in [
            try ClinicStore.registered("p-1", id: "1"), try ClinicStore.booked("a-1", id: "2"),
            try ClinicStore.step("cancelled", "a-1", id: "3"), try ClinicStore.registered("p-2", id: "4"),
        ] {
            #expect(trio.append([event])?.appended != nil)
        }
        let order = trio.order(.rewind(to: .position(2), applies: true), to: primary)
        #expect(trio.answer(order)?.plan?.appliedAt == 5)
        #expect(trio.run(within: 3_000) { trio.isConverged && trio.members.allSatisfy { $0.position == 5 } })
        let digests = try trio.members.map { try #require($0.replica?.book.digests) }
        #expect(digests.allSatisfy { $0.appointment == digests[0].appointment && $0.patient == digests[0].patient })
        trio.kill(primary.id)
        let next = try #require(trio.lead())
        #expect(next.id != primary.id)
        let read = trio.put(.read(.appointment, id: "a-1", asOf: nil), to: next)
        guard case .resource(let shown, _)? = trio.answer(read) else {
            Issue.record("the booking is not back")
            return
        }
        #expect(shown.version == 3)
        #expect(trio.append([try ClinicStore.step("arrived", "a-1", id: "5")])?.appended?.events.first?.version == 4)
    }
}
