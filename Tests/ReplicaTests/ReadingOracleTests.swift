import Bytes
import Files
import Records
@testable import Replica
import Testing
import Views

/// Answers against a twin that folds everything anew each time, now and at every cut, and after a restart.
@Suite struct `Reading against a twin` {
    /// Compares a patient's or appointment's answers at one cut.
    private func compare(
        _ shell: Shell<MemoryFiles>, _ twin: ReadingTwin, _ subject: String, _ kind: ViewKind, _ id: String,
        at position: UInt64, asOf: AsOf?
    ) {
        let history = twin.history(subject, through: position)
        let answer = shell.read(kind, id, asOf: asOf)
        switch history.last {
        case nil: #expect(answer?.problem?.kind == .notFound, "\(subject) at \(position)")
        case let last? where last.resource == nil:
            #expect(answer?.problem?.kind == .gone, "\(subject) at \(position)")
        case let last?:
            guard case .resource(let shown, let stands)? = answer else {
                Issue.record("\(subject) at \(position): \(String(describing: answer?.problem))")
                return
            }
            #expect(stands == position)
            #expect(ReadingTwin.Version(shown) == last, "\(subject) at \(position)")
        }
    }

    private func compareAll(_ clinic: inout ReadingClinic, _ shell: Shell<MemoryFiles>) {
        let twin = clinic.twin
        let end = UInt64(twin.events.count)
        for subject in twin.subjects {
            guard let (kind, id) = clinic.kind(subject) else { continue }
            compare(shell, twin, subject, kind, id, at: end, asOf: nil)
            compareHistory(shell, twin, subject, kind, id, at: end, asOf: nil)
        }
        for (position, stamp) in twin.ends {
            let touched = twin.events[Int(position) - 1].subject
            let other = twin.subjects[Int.random(in: 0..<twin.subjects.count, using: &clinic.dice)]
            for subject in [touched, other] where subject != "" {
                guard let (kind, id) = clinic.kind(subject) else { continue }
                compare(shell, twin, subject, kind, id, at: position, asOf: .position(position))
                compare(shell, twin, subject, kind, id, at: position, asOf: .instant(stamp))
            }
        }
        for _ in 0..<60 {
            let from = twin.ends[0].stamp.microseconds
            let to = twin.ends[twin.ends.count - 1].stamp.microseconds
            let instant = Instant(microseconds: Int64.random(in: from...to, using: &clinic.dice))
            let subject = twin.subjects[Int.random(in: 0..<twin.subjects.count, using: &clinic.dice)]
            guard let (kind, id) = clinic.kind(subject) else { continue }
            let position = twin.position(asOf: instant)
            compare(shell, twin, subject, kind, id, at: position, asOf: .instant(instant))
            compareHistory(shell, twin, subject, kind, id, at: position, asOf: .instant(instant))
        }
    }

    private func compareHistory(
        _ shell: Shell<MemoryFiles>, _ twin: ReadingTwin, _ subject: String, _ kind: ViewKind, _ id: String,
        at position: UInt64, asOf: AsOf?
    ) {
        var told: [ReadingTwin.Version] = []
        var page = PageRequest(count: 3)
        var asOf = asOf
        while true {
            let answer = shell.ask(.history(kind, id: id, asOf: asOf, page: page))
            guard let found = answer?.page else {
                #expect(answer?.problem?.kind == .notFound)
                break
            }
            told += found.resources.map { ReadingTwin.Version($0) }
            #expect(found.position == position)
            guard let next = found.next else { break }
            asOf = nil
            page = PageRequest(cursor: next)
        }
        #expect(told == twin.history(subject, through: position).reversed(), "\(subject) through \(position)")
        for version in told.prefix(2) {
            let asked: AsOf? = version.version % 2 == 0 ? .position(position) : nil
            let answer = shell.ask(.readVersion(kind, id: id, version: version.version, asOf: asked))
            if version.resource == nil {
                #expect(answer?.problem?.kind == .gone)
            } else if case .resource(let shown, _)? = answer {
                #expect(ReadingTwin.Version(shown) == version)
            } else {
                Issue.record("\(subject) version \(version.version): \(String(describing: answer?.problem))")
            }
        }
        let later = Request.readVersion(
            kind, id: id, version: (told.first?.version ?? 0) + 1, asOf: .position(position))
        #expect(shell.ask(later)?.problem?.kind == .notFound, "as of then there was no such version")
    }

    @Test func `patients, appointments and histories are the twin's at every cut`() throws {
        var clinic = try ReadingClinic(seed: 11, patients: 14)
        try clinic.live(90)
        try clinic.oddities("one")
        try clinic.live(40)
        compareAll(&clinic, clinic.shell)
        // The same after a restart from the log alone, and after one from a snapshot.
        let bare = clinic.shell.store.copy()
        for path in bare.paths where path.hasPrefix(ReplicaPaths.views) { try bare.remove(path) }
        let replayed = try Shell(bare, seed: 3).start()
        compareAll(&clinic, replayed)
        clinic.shell.tell([.stopRequested])
        #expect(clinic.shell.hasStopped)
        let restarted = try Shell(clinic.shell.store, seed: 4).start()
        #expect(restarted.replica.background.snapshotCount > 0)
        compareAll(&clinic, restarted)
    }

    @Test func `rewinds, and rewinds of rewinds, are the twin's at every cut`() throws {
        var clinic = try ReadingClinic(seed: 12, patients: 10)
        try clinic.live(50)
        try clinic.rewind()
        try clinic.liveOn(30)
        try clinic.oddities("one")
        for _ in 0..<4 {
            try clinic.rewind()
            try clinic.liveOn(Int.random(in: 1...12, using: &clinic.dice))
        }
        try clinic.rewind()
        try clinic.rewind()
        compareAll(&clinic, clinic.shell)
        for _ in 0..<40 {
            let query = query(&clinic)
            try compareEvents(clinic.shell, query, clinic.twin)
        }
        try compareSearches(&clinic, clinic.shell, 2)
        // The same from the log alone, with the same digests, and from a snapshot.
        let bare = clinic.shell.store.copy()
        for path in bare.paths where path.hasPrefix(ReplicaPaths.views) { try bare.remove(path) }
        let replayed = try Shell(bare, seed: 3).start()
        #expect(replayed.book.digests.patient == clinic.shell.book.digests.patient)
        #expect(replayed.book.digests.appointment == clinic.shell.book.digests.appointment)
        compareAll(&clinic, replayed)
        clinic.shell.tell([.stopRequested])
        let restarted = try Shell(clinic.shell.store, seed: 4).start()
        #expect(restarted.replica.background.snapshotCount > 0)
        compareAll(&clinic, restarted)
        try compareSearches(&clinic, restarted, 2)
        for _ in 0..<20 {
            let query = query(&clinic)
            try compareEvents(restarted, query, clinic.twin)
        }
    }

    // Events.

    private func query(_ clinic: inout ReadingClinic) -> EventsQuery {
        let twin = clinic.twin
        let count = UInt64(twin.events.count)
        let whole = twin.events.filter { $0.target == nil }
        func some() -> ReadingTwin.Event { whole[Int.random(in: 0..<whole.count, using: &clinic.dice)] }
        func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &clinic.dice) == 0 }
        var query = EventsQuery()
        switch Int.random(in: 0..<6, using: &clinic.dice) {
        case 0, 1: query.subject = .all
        case 2: query.subject = .category(chance(2) ? .patient : .appointment)
        case 3, 4:
            let parts = some().subject.split(separator: "/")
            let category = Category.allCases.first { $0.name == parts[0] } ?? .patient
            if let name = StreamName(category, id: String(parts[1])) { query.subject = .stream(name) }
        default: query.subject = chance(3) ? .nothing : .all
        }
        if chance(3) { query.types = (0..<Int.random(in: 1...3, using: &clinic.dice)).map { _ in some().type } }
        if chance(3) { query.after = UInt64.random(in: 0...(count + 2), using: &clinic.dice) }
        if chance(3) { query.before = UInt64.random(in: 0...(count + 2), using: &clinic.dice) }
        func instant() -> Instant {
            Instant(microseconds: some().stamp.microseconds + Int64.random(in: -1...1, using: &clinic.dice))
        }
        if chance(4) { query.since = instant() }
        if chance(4) { query.until = instant() }
        if chance(4) { query.asOf = .position(some().last) }
        query.isDescending = chance(2)
        query.limit = Int.random(in: 1...40, using: &clinic.dice)
        if chance(3) { query.limit = 10_000 }
        return query
    }

    private func expected(_ query: EventsQuery, _ twin: ReadingTwin) -> [ReadingTwin.Event] {
        var end = UInt64(twin.events.count)
        if case .position(let position)? = query.asOf { end = position }
        let found = twin.events.filter { event in
            guard event.position <= end else { return false }
            switch query.subject {
            case .all: break
            case .nothing: return false
            case .category(let category):
                let isTouched =
                    event.target != nil
                    && twin.subjects.contains {
                        $0.hasPrefix(category.name + "/") && twin.touched($0, at: event.position) != nil
                    }
                guard event.subject.hasPrefix(category.name + "/") || isTouched else { return false }
            case .stream(let name):
                let isTouched = event.target != nil && twin.touched(name.text, at: event.position) != nil
                guard event.subject == name.text || isTouched else { return false }
            }
            if !query.types.isEmpty, !query.types.contains(event.type) { return false }
            if let after = query.after, event.position <= after { return false }
            if let before = query.before, event.position >= before { return false }
            if let since = query.since, event.stamp < since { return false }
            if let until = query.until, event.stamp > until { return false }
            return true
        }
        return query.isDescending ? found.reversed() : found
    }

    private func compareEvents(_ shell: Shell<MemoryFiles>, _ query: EventsQuery, _ twin: ReadingTwin) throws {
        let records = shell.book.record
        let answers = try shell.pieces(query)
        let pieces = answers.compactMap(\.piece)
        #expect(pieces.count == answers.count && !pieces.isEmpty, "\(query)")
        let told = pieces.flatMap(\.events)
        let all = expected(query, twin)
        let wanted = all.prefix(query.limit)
        #expect(told.map(\.position) == wanted.map(\.position), "\(query)")
        let garbled = zip(told, wanted).filter {
            guard $1.target == nil else { return Plain($0.json)["type"]?.text != "chartlog.rewound" }
            return $0.json != $1.json && Plain($0.json) != $1.plain
        }.map(\.0.position)
        #expect(garbled.isEmpty)
        let versions = wanted.map { event -> UInt64? in
            guard event.target != nil else { return event.version }
            if case .stream(let name) = query.subject { return twin.touched(name.text, at: event.position) }
            return nil
        }
        #expect(told.map(\.version) == versions && told.map(\.recorded) == wanted.map(\.stamp))
        guard case .end(let position, let more)? = pieces.last?.mark else {
            Issue.record("no end: \(query)")
            return
        }
        #expect(more == (all.count > query.limit), "\(query)")
        #expect(pieces.dropLast().allSatisfy { $0.mark == .none })
        if more, let last = wanted.last?.position {
            // Whoever goes on from there gets the rest, and nothing again.
            let following = all[query.limit].position
            #expect(
                query.isDescending
                    ? (position <= last && position > following) : (position >= last && position < following))
        }
        // Every piece with events has one record, and an answer without any has one, too.
        #expect(shell.book.record - records == UInt64(max(1, pieces.count { !$0.events.isEmpty })))
        if !more, !query.isDescending, query.before == nil, query.until == nil, query.asOf == nil {
            #expect(position >= UInt64(twin.events.count))
        }
    }

    @Test func `windows of events are the twin's, whatever is asked`() throws {
        var clinic = try ReadingClinic(seed: 21, patients: 14)
        try clinic.live(200)
        try clinic.oddities("one")
        for _ in 0..<120 {
            let query = query(&clinic)
            try compareEvents(clinic.shell, query, clinic.twin)
        }
        let restarted = try Shell(clinic.shell.store.copy(), seed: 5).start()
        for _ in 0..<30 {
            let query = query(&clinic)
            try compareEvents(restarted, query, clinic.twin)
        }
    }

    @Test func `a long answer comes in pieces that fit together`() throws {
        var clinic = try ReadingClinic(seed: 22, patients: 60)
        try clinic.live(1100)
        var query = EventsQuery()
        query.limit = 10_000
        try compareEvents(clinic.shell, query, clinic.twin)
        #expect(try clinic.shell.pieces(query).count >= 3)
        query.isDescending = true
        try compareEvents(clinic.shell, query, clinic.twin)
    }

    // Searches.

    private func compareSearches(_ clinic: inout ReadingClinic, _ shell: Shell<MemoryFiles>, _ rounds: Int) throws {
        let twin = clinic.twin
        for round in 0..<rounds {
            let isNow = round % 3 == 0
            let position =
                isNow
                ? UInt64(twin.events.count)
                : twin.ends[Int.random(in: 0..<twin.ends.count, using: &clinic.dice)].position
            let asOf: AsOf? = isNow ? nil : .position(position)
            let count = [2, 7, 30, 100][round % 4]
            func check(_ kind: ViewKind, _ parameters: [SearchParameter], _ wanted: [(id: String, resource: Plain)])
                throws
            {
                let query = SearchQuery(
                    kind: kind, parameters: parameters, asOf: asOf, page: PageRequest(count: count))
                let pages = try shell.pages(query)
                let told = pages.flatMap(\.resources)
                #expect(told.map(\.id) == wanted.map(\.id), "\(parameters) at \(position)")
                // Parsing is dear in a debug build; what is shown is what a read shows.
                if count == 7 { #expect(told.map { ReadingTwin.Version($0).resource } == wanted.map(\.resource)) }
                #expect(pages.allSatisfy { $0.position == position && $0.resources.count <= count })
                if let total = pages.first?.total { #expect(total == wanted.count) }
            }
            let patients = twin.resources("patient", through: position)
            // Words from any time: what once was must not be found once it is no more.
            let known = twin.resources("patient", through: UInt64(twin.events.count)) + patients
            guard let someone = known.randomElement(using: &clinic.dice) else { continue }
            if let family = someone.resource.families.first {
                try check(
                    .patient, [.family([TextSearch(family, mode: .exact)])],
                    patients.filter { $0.resource.families.contains { Array($0.utf8) == Array(family.utf8) } })
            }
            if let identifier = someone.resource.identifiers.last {
                try check(
                    .patient, [.identifier([IdentifierSearch(system: nil, value: identifier)])],
                    patients.filter { $0.resource.identifiers.contains(identifier) })
            }
            if let phone = someone.resource.phones.first {
                func digits(_ text: String) -> String { text.filter { "0123456789".contains($0) } }
                try check(
                    .patient, [.phone([phone])],
                    patients.filter { $0.resource.phones.contains { digits($0) == digits(phone) } })
            }
            try check(.patient, [.id([someone.id, "nobody", someone.id])], patients.filter { $0.id == someone.id })
            try check(.patient, [], patients)

            let appointments = twin.resources("appointment", through: position)
            let booked = twin.resources("appointment", through: UInt64(twin.events.count)) + appointments
            guard let visit = booked.randomElement(using: &clinic.dice) else { continue }
            if count > 2 { try check(.appointment, [], appointments) }
            for actor in visit.resource.actors {
                let parameter: SearchParameter =
                    actor.hasPrefix("Patient/")
                    ? .patient([String(actor.dropFirst(8))])
                    : actor.hasPrefix("Practitioner/") ? .practitioner([actor]) : .actor([actor])
                let all = appointments.filter { $0.resource.actors.contains(actor) }
                try check(.appointment, [parameter], all)
                try check(.appointment, [.actor([actor])], all)
                if let start = visit.resource["start"]?.text, let instant = try? Instant(start) {
                    let day = Int64(instant.daysSinceEpoch) * 86_400_000_000
                    let date = DateSearch(
                        .eq, from: Instant(microseconds: day), to: Instant(microseconds: day + 86_400_000_000))
                    try check(
                        .appointment, [parameter, .date([date])],
                        all.filter { other in
                            guard let text = other.resource["start"]?.text, let at = try? Instant(text) else {
                                return false
                            }
                            return at.daysSinceEpoch == instant.daysSinceEpoch
                        })
                }
            }
            if let code = visit.resource["status"]?.text, let status = AppointmentStatus(code: code) {
                try check(
                    .appointment, [.status([status])], appointments.filter { $0.resource["status"]?.text == code })
            }
        }
    }

    @Test func `searches are the twin's, now and at earlier cuts`() throws {
        var clinic = try ReadingClinic(seed: 31, patients: 16)
        try clinic.live(90)
        try clinic.oddities("one")
        try compareSearches(&clinic, clinic.shell, 2)
        try clinic.live(50)
        try compareSearches(&clinic, clinic.shell, 4)
        clinic.shell.tell([.stopRequested])
        let restarted = try Shell(clinic.shell.store, seed: 4).start()
        try compareSearches(&clinic, restarted, 2)
    }
}
