import Bytes
import Files
import Records
@testable import Replica
import Testing
import Views

/// Cuts in time and position, and what may still reach them.
@Suite struct `Cuts` {
    @Test func `an instant that what is proposed may reach is answered after it`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        shell.append([try ClinicStore.registered("p-1", id: "e1")])
        shell.tick(10)
        shell.holdsDisk = true
        let append = shell.newID()
        let event = try ClinicStore.amended("p-1", id: "e2", phone: "1")
        shell.tell([.asked(append, Ask(caller: ClinicStore.caller(), request: .append(AppendRequest(events: [event]))))]
        )
        shell.tick(10)
        let now = AsOf.instant(shell.wall)
        let fenced = shell.newID()
        let past = shell.newID()
        let early = AsOf.instant(Instant(microseconds: shell.wall.microseconds - 15_000))
        shell.tell([
            .asked(fenced, Ask(caller: ClinicStore.caller(), request: .read(.patient, id: "p-1", asOf: now))),
            .asked(past, Ask(caller: ClinicStore.caller(), request: .read(.patient, id: "p-1", asOf: early))),
        ])
        #expect(shell.answers[fenced] == nil)
        shell.holdsDisk = false
        shell.writeAll()
        func version(_ id: AskID) -> UInt64? {
            if case .resource(let shown, _)? = shell.answers[id]?.last { shown.version } else { nil }
        }
        #expect(version(fenced) == 2 && version(past) == 1)
        #expect(shell.shown(.patient, "p-1", asOf: now)?.version == 2)
    }

    @Test func `asked twice with appends between, an instant gives the same`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        shell.append([try ClinicStore.registered("p-1", id: "e0")])
        var told: [(AsOf, UInt64)] = []
        // The clock stands still: stamps alone go on.
        for number in 1...40 {
            let instant = AsOf.instant(shell.wall)
            let id = shell.newID()
            shell.tell([
                .asked(id, Ask(caller: ClinicStore.caller(), request: .read(.patient, id: "p-1", asOf: instant)))
            ])
            guard case .resource(let shown, _)? = shell.answers[id]?.last else {
                Issue.record("\(String(describing: shell.answers[id]))")
                continue
            }
            told.append((instant, shown.version))
            let append = shell.newID()
            let event = try ClinicStore.amended("p-1", id: "e\(number)", phone: "\(number)")
            shell.tell([
                .asked(append, Ask(caller: ClinicStore.caller(), request: .append(AppendRequest(events: [event]))))
            ])
            if number % 4 == 0 { shell.tick() }
        }
        for (instant, version) in told { #expect(shell.shown(.patient, "p-1", asOf: instant)?.version == version) }
        let restarted = try Shell(shell.store.copy(), seed: 2).start()
        for (instant, version) in told { #expect(restarted.shown(.patient, "p-1", asOf: instant)?.version == version) }
    }

    @Test func `nothing is folded at a place that is none`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        #expect(shell.read(.patient, "p-1", asOf: .instant(shell.wall))?.problem?.kind == .badInstant)
        let first = try #require(
            shell.append([try ClinicStore.registered("p-1", id: "e1")])?.appended?.events.first?.recorded)
        shell.append([
            try ClinicStore.amended("p-1", id: "e2", phone: "1"), try ClinicStore.amended("p-1", id: "e3", phone: "2"),
            try ClinicStore.amended("p-1", id: "e4", phone: "3"),
        ])
        func problem(_ asOf: AsOf) -> Problem? { shell.read(.patient, "p-1", asOf: asOf)?.problem }
        func moved(_ instant: Instant, _ by: Int64) -> AsOf {
            .instant(Instant(microseconds: instant.microseconds + by))
        }
        #expect(problem(moved(first, -1))?.kind == .badInstant)
        #expect(problem(moved(first, 0)) == nil)
        #expect(problem(moved(shell.wall, 1_000_000))?.kind == .badInstant)
        #expect(problem(.position(0))?.kind == .badPosition)
        #expect(problem(.position(5))?.kind == .badPosition)
        for position in [UInt64(2), 3] {
            let inside = problem(.position(position))
            #expect(inside?.kind == .insideTransaction && inside?.fields == [.neighbours(before: 1, after: 4)])
        }
        #expect(problem(.position(1)) == nil && problem(.position(4)) == nil)
        shell.append([try ClinicStore.registered("p-2", id: "e5")])
        #expect(shell.read(.patient, "p-2", asOf: .position(4))?.problem?.kind == .notFound)
        let history = shell.ask(.history(.patient, id: "p-2", asOf: .position(4), page: PageRequest()))
        #expect(history?.problem?.kind == .notFound)
    }

    @Test func `while the clock is not believed instants mean nothing`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        shell.append([try ClinicStore.registered("p-1", id: "e1")])
        shell.tick()
        let now = AsOf.instant(shell.wall)
        shell.wall.microseconds += 60_000_000
        #expect(shell.read(.patient, "p-1", asOf: now)?.problem?.kind == .clockAhead)
        #expect(shell.read(.patient, "p-1")?.problem == nil)
    }

    // Cursors.

    private func clinic(_ count: Int) throws -> Shell<MemoryFiles> {
        let shell = try Shell(ClinicStore.made()).start()
        for number in 1...count { shell.append([try ClinicStore.registered("p-\(number)", id: "e\(number)")]) }
        return shell
    }

    @Test func `pages neither skip nor double while others write`() throws {
        let shell = try clinic(20)
        let family = SearchParameter.family([TextSearch("plantedfam")])
        var number = 100
        let pages = try shell.pages(
            SearchQuery(kind: .patient, parameters: [family], page: PageRequest(count: 3))
        ) { _ in
            number += 1
            shell.append([try ClinicStore.registered("p-\(number)", id: "e\(number)")])
            shell.append([try ClinicStore.amended("p-\(number - 90)", id: "x\(number)", phone: "1")])
        }
        #expect(pages.flatMap(\.resources).map(\.id) == (1...20).map { "p-\($0)" })
        #expect(pages.flatMap(\.resources).allSatisfy { $0.version == 1 } && pages.allSatisfy { $0.position == 20 })
        #expect(pages.count == 7 && pages.last?.next == nil)
    }

    @Test func `a history stays as it was on its first page`() throws {
        let shell = try clinic(1)
        for number in 2...10 { shell.append([try ClinicStore.amended("p-1", id: "x\(number)", phone: "\(number)")]) }
        var told: [UInt64] = []
        var page = PageRequest(count: 4)
        while let found = shell.ask(.history(.patient, id: "p-1", asOf: nil, page: page))?.page {
            told += found.resources.map(\.version)
            #expect(found.total == 10 && found.position == 10)
            shell.append([try ClinicStore.amended("p-1", id: "y\(told.count)", phone: "0")])
            guard let next = found.next else { break }
            page = PageRequest(cursor: next)
        }
        #expect(told == (1...10).reversed())
    }

    @Test func `a link is for one credential, one search and one hour`() throws {
        let shell = try clinic(5)
        let link = try #require(
            shell.page(SearchQuery(kind: .patient, parameters: [], page: PageRequest(count: 2)))?.next)
        func kind(_ request: Request, as caller: Caller = ClinicStore.caller()) -> ProblemKind? {
            shell.wait(request, as: caller)?.problem?.kind
        }
        func search(_ kind: ViewKind, _ link: String) -> Request {
            .search(SearchQuery(kind: kind, parameters: [], page: PageRequest(cursor: link)))
        }
        #expect(kind(search(.patient, link)) == nil)
        #expect(kind(search(.appointment, link)) == .badCursor)
        #expect(kind(search(.auditEvent, link)) == .badCursor)
        #expect(kind(.history(.patient, id: "p-1", asOf: nil, page: PageRequest(cursor: link))) == .badCursor)
        #expect(kind(search(.patient, String(link.dropLast(4)))) == .badCursor)
        #expect(kind(search(.patient, "")) == .badCursor)
        #expect(kind(search(.patient, link + "AAAA")) == .badCursor)
        #expect(kind(search(.patient, link), as: ClinicStore.caller("admin")) == .forbidden)
        let other = try Shell(ClinicStore.made(), seed: 9).start()
        #expect(other.wait(search(.patient, link))?.problem?.kind == .badCursor)
        shell.tick(3_599_000)
        #expect(kind(search(.patient, link)) == nil)
        shell.tick(2_000)
        #expect(kind(search(.patient, link)) == .badCursor)
    }

    @Test func `appointments come in the order of their time when asked`() throws {
        let shell = try clinic(1)
        for (name, hour) in [("a-1", "11"), ("a-2", "09"), ("a-3", "10")] {
            shell.append([
                try ClinicStore.booked(
                    name, id: name, start: "2026-12-01T\(hour):00:00Z", end: "2026-12-01T\(hour):30:00Z")
            ])
        }
        shell.append([
            try ClinicStore.event(
                """
                {"specversion":"1.0","id":"w","source":"/x","type":"appointment.waitlisted","subject":"appointment/a-0",\
                "datacontenttype":"application/fhir+json","data":{"resourceType":"Appointment","id":"a-0",\
                "status":"waitlist","participant":[{"actor":{"reference":"Patient/p-1"},"status":"accepted"}]}}
                """)
        ])
        for (descending, wanted) in [(false, ["a-2", "a-3", "a-1", "a-0"]), (true, ["a-1", "a-3", "a-2", "a-0"])] {
            let pages = try shell.pages(
                SearchQuery(
                    kind: .appointment, parameters: [.patient(["p-1"])], sort: .date(descending: descending),
                    page: PageRequest(count: 3)))
            #expect(pages.flatMap(\.resources).map(\.id) == wanted && pages.count == 2 && pages[0].total == 4)
        }
        let counted = shell.page(SearchQuery(kind: .appointment, parameters: [], page: PageRequest(count: 0)))
        #expect(counted?.total == 4 && counted?.resources.isEmpty == true && counted?.next == nil)
    }
}
