import Bytes
import Clinic
import Files
import Records
@testable import Replica
import Testing
import Views

/// What a reader of a shell asks, and what comes.
extension Shell {
    func read(_ kind: ViewKind, _ id: String, asOf: AsOf? = nil) -> Answer? { ask(.read(kind, id: id, asOf: asOf)) }

    func shown(_ kind: ViewKind, _ id: String, asOf: AsOf? = nil) -> ReadingTwin.Version? {
        guard case .resource(let shown, _)? = read(kind, id, asOf: asOf) else { return nil }
        return ReadingTwin.Version(shown)
    }

    /// Every piece of an answer of events, each asked for once the last has come.
    func pieces(_ query: EventsQuery, between: (Int) throws -> Void = { _ in }) throws -> [Answer] {
        let id = newID()
        tick()
        tell([.asked(id, Ask(caller: ClinicStore.caller(), request: .events(query)))])
        var turns = 0
        var seen = 0
        while !ended.contains(id), turns < 10_000 {
            turns += 1
            if let now = answers[id]?.count, now > seen {
                seen = now
                try between(seen)
                tell([.drained(id)])
            } else {
                tick()
            }
        }
        return answers[id] ?? []
    }

    /// Asks, and lets time pass until the answer has come.
    func wait(_ request: Request, as caller: Caller = ClinicStore.caller()) -> Answer? {
        let id = newID()
        tick()
        tell([.asked(id, Ask(caller: caller, request: request))])
        for _ in 0..<10_000 where !ended.contains(id) { tick() }
        return answers[id]?.last
    }

    func page(_ query: SearchQuery) -> ResourcePage? {
        if case .page(let page)? = wait(.search(query)) { page } else { nil }
    }

    /// Every page of a search, by its links.
    func pages(_ query: SearchQuery, between: (Int) throws -> Void = { _ in }) throws -> [ResourcePage] {
        var found: [ResourcePage] = []
        var next = query
        while let page = page(next), found.count < 1000 {
            found.append(page)
            guard let link = page.next else { break }
            try between(found.count)
            next = SearchQuery(kind: query.kind, parameters: [], page: PageRequest(cursor: link))
        }
        return found
    }

    var book: Book { replica.book }

    /// Orders a rewind, and waits for what comes of it.
    func rewind(to asked: AsOf, applies: Bool) throws -> Answer {
        let id = newID()
        tick()
        tell([.operate(id, ClinicStore.caller("admin"), .rewind(to: asked, applies: applies))])
        for _ in 0..<1_000 where !ended.contains(id) { tick() }
        return try #require(answers[id]?.last)
    }
}

extension ReadingTwin.Version {
    init(_ shown: ShownResource) {
        self.init(version: shown.version, stamp: shown.lastUpdated, resource: nil)
        if case .json(let bytes) = shown.content { resource = Plain(bytes) }
    }
}

extension Answer {
    var piece: EventsPiece? { if case .events(let piece) = self { piece } else { nil } }
    var plan: RestorePlan? { if case .restore(let plan) = self { plan } else { nil } }
    var page: ResourcePage? { if case .page(let page) = self { page } else { nil } }
}

/// A clinic in a store and in its twin.
struct ReadingClinic {
    let shell: Shell<MemoryFiles>
    var twin = ReadingTwin()
    var dice: SeededDice
    private var generator: ClinicGenerator

    init(seed: UInt64, patients: Int, files: MemoryFiles? = nil) throws {
        shell = try Shell(files ?? ClinicStore.made()).start()
        dice = SeededDice(seed: seed)
        generator = ClinicGenerator(seed: seed, patients: patients)
    }

    /// Appends that many events of the generated clinic, one to five in a transaction.
    mutating func live(_ count: Int) throws {
        let until = twin.events.count + count
        while twin.events.count < until {
            var batch: [IncomingEvent] = []
            for _ in 0..<Int.random(in: 1...5, using: &dice) {
                let told = generator.next()
                let bytes = try #require(told)
                batch.append(try CloudEventReader.structured(bytes))
            }
            try tell(batch)
        }
    }

    /// Appends that many events of the clinic, which knows nothing of rewinds: what does not fit any more is refused, and
    /// the clinic goes on.
    mutating func liveOn(_ count: Int) throws {
        let until = twin.events.count + count
        var tries = 0
        while twin.events.count < until {
            tries += 1
            try #require(tries < 2_000)
            let told = generator.next()
            let event = try CloudEventReader.structured(try #require(told))
            if Bool.random(using: &dice) { shell.tick(UInt64.random(in: 1...900, using: &dice)) }
            let answer = shell.append([event])
            if let reply = answer?.appended {
                twin.append([event], reply)
            } else {
                let kind = try #require(answer?.problem?.kind)
                #expect([409, 410, 422].contains(kind.status), "\(kind)")
            }
        }
    }

    /// Appends one transaction, which must be taken.
    mutating func tell(_ batch: [IncomingEvent]) throws {
        if Bool.random(using: &dice) { shell.tick(UInt64.random(in: 1...900, using: &dice)) }
        let answer = shell.append(batch)
        let reply = try #require(answer?.appended, "\(String(describing: answer?.problem))")
        twin.append(batch, reply)
    }

    /// What the generator never does: entered in error, registered anew, opaque data, several patients, whole
    /// resources after patches.
    mutating func oddities(_ name: String) throws {
        let patient = "odd-\(name)"
        try tell([try ClinicStore.registered(patient, id: "o1\(name)", family: "Ódd")])
        try tell([
            try ClinicStore.amended(patient, id: "o2\(name)", phone: "+44 1"),
            try ClinicStore.amended(patient, id: "o3\(name)", phone: "+44 2"),
        ])
        try tell([
            try ClinicStore.event(
                """
                {"specversion":"1.0","id":"o4\(name)","source":"/x","type":"amendment.requested",\
                "subject":"patient/\(patient)","data":{"free":"text"}}
                """)
        ])
        try tell([
            try ClinicStore.event(
                """
                {"specversion":"1.0","id":"o5\(name)","source":"/x","type":"patient.entered-in-error",\
                "subject":"patient/\(patient)"}
                """)
        ])
        try tell([try ClinicStore.registered(patient, id: "o6\(name)", family: "Anew")])
        try tell([
            try ClinicStore.booked(
                "oa-\(name)", id: "o7\(name)", patients: [patient, "guest-\(name)"], practitioner: "odd-\(name)")
        ])
        try tell([
            try ClinicStore.event(
                """
                {"specversion":"1.0","id":"o8\(name)","source":"/x","type":"appointment.participant-responded",\
                "subject":"appointment/oa-\(name)","datacontenttype":"application/merge-patch+json",\
                "data":{"participant":[{"actor":{"reference":"Patient/\(patient)"},"status":"declined"}],\
                "extension":[{"url":"urn:x","valueDecimal":1.500}]}}
                """)
        ])
        try tell([try ClinicStore.step("cancelled", "oa-\(name)", id: "o9\(name)")])
        try tell([try ClinicStore.step("entered-in-error", "oa-\(name)", id: "oA\(name)")])
    }

    /// Goes back to some earlier position, in the store and in the twin.
    mutating func rewind() throws {
        let at = Int.random(in: 0..<(twin.ends.count - 1), using: &dice)
        let (target, stamp) = twin.ends[at]
        let asked: AsOf = Bool.random(using: &dice) ? .position(target) : .instant(stamp)
        let plan = try #require(shell.rewind(to: asked, applies: true).plan)
        #expect(plan.target == target && plan.position == UInt64(twin.events.count))
        let position = try #require(plan.appliedAt)
        twin.rewind(to: target, at: position, stamp: try shell.replica.transaction(at: position).stamp)
    }

    func kind(_ subject: String) -> (ViewKind, String)? {
        let parts = subject.split(separator: "/").map(String.init)
        switch parts[0] {
        case "patient": return (.patient, parts[1])
        case "appointment": return (.appointment, parts[1])
        default: return nil
        }
    }
}
