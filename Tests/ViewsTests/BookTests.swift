import Bytes
import Records
import Testing

@testable import Views

@Suite struct BookTests {
    static let seeds: [UInt64] = [1, 2, 3]

    @Test(arguments: seeds) func `streams stand at every cut as in the twin`(seed: UInt64) {
        var history = History(seed: seed)
        let steps = history.steps(200)
        let book = Book(folding: steps)
        let twin = Twin(folding: steps)
        #expect(book.streamCount == twin.tags.count)
        for (number, tag) in twin.tags.enumerated() {
            let events = twin.events(of: tag)
            let ordinal = StreamOrdinal(raw: UInt32(number))
            #expect(book.stream(tag: tag) == ordinal)
            let row = book.row(ordinal)
            let last = events[events.count - 1]
            #expect(row.version == UInt32(events.count))
            #expect(row.first == events[0].position && row.last == last.position)
            #expect(row.subjects == last.subjects && row.appointment == last.appointment)
            #expect(row.state == last.state && row.category == last.category && row.tenant == last.tenant)
            #expect(row.token == events[0].streamToken)
            #expect(book.stream(token: row.token, tenant: row.tenant) == ordinal)
            #expect(book.stream(token: row.token, tenant: row.tenant + 1) == nil)
            for cut in stride(from: UInt64(0), through: book.position, by: 37) {
                let before = twin.events(of: tag, through: cut)
                let standing = book.standing(of: ordinal, through: cut)
                #expect(
                    standing?.version == before.last?.version && standing?.position == before.last?.position)
                #expect(book.positions(of: ordinal, through: cut) == before.map { $0.position }.reversed())
            }
            for event in events {
                #expect(book.position(of: ordinal, version: event.version) == event.position)
            }
            #expect(book.position(of: ordinal, version: UInt32(events.count + 1)) == nil)
            #expect(book.positions(of: ordinal, through: .max, limit: 2).count == min(2, events.count))
        }
        #expect(book.stream(tag: 77) == nil)
        #expect(book.stream(token: .zero, tenant: 1) == nil)
    }

    @Test(arguments: seeds) func `audit lists hold every item in log order, at every cut`(
        seed: UInt64
    ) {
        var history = History(seed: seed)
        let steps = history.steps(300)
        var book = Book()
        var cuts = [book.cut]
        for step in steps {
            book.fold(step)
            cuts.append(book.cut)
        }
        let twin = Twin(folding: steps)
        let scopes: [AuditScope] =
            [.all] + (0...5).map { .actor($0) } + [.actor(100), .actor(200)]
            + (0..<12).flatMap { [.subject(1000 + $0), .subject(2000 + $0)] }
        for scope in scopes {
            for cut in stride(from: 0, to: cuts.count, by: 61).map({ cuts[$0] }) + [book.cut] {
                let expected = twin.items(scope, through: cut)
                let count = book.auditCount(scope, through: cut)
                #expect(count == expected.count)
                #expect(book.auditItems(scope, in: 0..<count) == expected)
                #expect(
                    book.auditItems(scope, in: count / 3..<count * 2 / 3)
                        == Array(expected[count / 3..<count * 2 / 3]))
            }
        }
    }

    @Test(arguments: seeds) func `appointments are found by all they ever stood under`(seed: UInt64) {
        var history = History(seed: seed)
        let steps = history.steps(200)
        let book = Book(folding: steps)
        let twin = Twin(folding: steps)
        func days(_ facts: AppointmentFacts) -> ClosedRange<Int>? {
            guard let start = facts.start, let end = facts.end else { return nil }
            return start.daysSinceEpoch...Instant(microseconds: end.microseconds - 1).daysSinceEpoch
        }
        for tenant in [UInt32(1), 2] {
            let base = UInt64(tenant) * 10_000
            for token in (1...14).map({ base + $0 }) + (500...503).map({ base + $0 }) {
                let isOf = { (facts: AppointmentFacts) in
                    facts.practitioners.contains(token) || facts.locations.contains(token)
                }
                let ever = twin.streams { $0.appointment.map(isOf) ?? false }
                #expect(book.appointments(.practitioner(token), tenant: tenant).map { $0.raw } == ever)
                for day in stride(from: 19675, to: 19720, by: 9) {
                    let onDay = twin.streams {
                        $0.appointment.map { isOf($0) && days($0)?.contains(day) == true } ?? false
                    }
                    let found = Set(book.appointments(.actorOnDay(token, day), tenant: tenant).map { $0.raw })
                    #expect(found.isSuperset(of: onDay) && found.isSubset(of: ever))
                }
            }
            for day in stride(from: 19670, to: 19730, by: 2) {
                let onDay = twin.streams { event in
                    event.tenant == tenant
                        && event.appointment.map { days($0)?.contains(day) == true } ?? false
                }
                let found = book.appointments(.day(day), tenant: tenant).map { $0.raw }
                #expect(Set(found).isSuperset(of: onDay))
                // What is more than there need be are bookings of over seven days alone.
                let long = twin.streams {
                    ($0.appointment.flatMap { days($0)?.count } ?? 0) > 7 && $0.tenant == tenant
                }
                #expect(Set(found).subtracting(onDay).isSubset(of: long))
                #expect(found == found.sorted() && Set(found).count == found.count)
            }
            for status in AppointmentStatus.allCases {
                let now = twin.tags.filter { tag in
                    let last = twin.events(of: tag).last
                    return last?.tenant == tenant && last?.appointment?.status == status
                }
                #expect(book.appointmentCount(status: status, tenant: tenant) == now.count)
            }
            for keyID in (0..<12).map({ UInt64(tenant) * 1000 + $0 }) {
                let ever = twin.streams { $0.subjects.contains(keyID) }
                #expect(book.streams(ofSubject: keyID).map { $0.raw }.sorted() == ever)
                let booked = twin.streams { $0.subjects.contains(keyID) && $0.category == .appointment }
                #expect(book.appointments(.subject(keyID), tenant: tenant).map { $0.raw } == booked)
            }
            for category in Category.allCases {
                let made = twin.streams { $0.category == category && $0.tenant == tenant }
                #expect(book.streamCount(of: category, tenant: tenant) == made.count)
                #expect(
                    book.streams(of: category, tenant: tenant, in: 0..<made.count).map { $0.raw } == made)
            }
        }
    }

    @Test(arguments: seeds) func `overlaps are those that brute force finds`(seed: UInt64) {
        var history = History(seed: seed)
        let steps = history.steps(200)
        let book = Book(folding: steps)
        let twin = Twin(folding: steps)
        var dice = SeededDice(seed: seed)
        var found = 0
        for _ in 0..<600 {
            let token =
                (1 + dice.next() % 2) * 10_000
                + (dice.next() % 3 == 0 ? 500 + dice.next() % 3 : 1 + dice.next() % 9)
            let start =
                1_700_000_000_000_000 / 60_000_000 * 60_000_000 + Int64(dice.next() % 4000) * 900_000_000
            let length = dice.next() % 9 == 0 ? Int64(1 + dice.next() % 12) * 86_400_000_000 : 900_000_000
            let (from, to) = (Instant(microseconds: start), Instant(microseconds: start + length))
            let expected = twin.overlapping(token, from, to, nil)
            #expect(book.overlapping(actor: token, from: from, to: to) == expected)
            if let expected {
                found += 1
                #expect(
                    book.overlapping(actor: token, from: from, to: to, excluding: expected.stream)
                        == twin.overlapping(token, from, to, expected.stream.raw))
            }
        }
        #expect(found > 5)
    }

    @Test func `bookings that touch do not overlap`() {
        var book = Book()
        let hour: Int64 = 3_600_000_000
        let facts = AppointmentFacts(
            status: .booked, start: Instant(microseconds: 10 * hour),
            end: Instant(microseconds: 11 * hour),
            practitioners: [7])
        book.apply(Self.booking(facts, position: 1, version: 1))
        func overlap(_ from: Int64, _ to: Int64) -> Bool {
            book.overlapping(actor: 7, from: Instant(microseconds: from), to: Instant(microseconds: to))
                != nil
        }
        #expect(!overlap(9 * hour, 10 * hour) && !overlap(11 * hour, 12 * hour))
        #expect(overlap(9 * hour, 10 * hour + 1) && overlap(11 * hour - 1, 12 * hour))
        var cancelled = facts
        cancelled.status = .cancelled
        book.apply(Self.booking(cancelled, position: 2, version: 2))
        #expect(!overlap(9 * hour, 12 * hour))
    }

    @Test(arguments: seeds) func `a copy stands still while the original goes on`(seed: UInt64) {
        var history = History(seed: seed)
        let steps = history.steps(400)
        var book = Book()
        var copies: [(Int, Book)] = []
        for (number, step) in steps.enumerated() {
            if number % 97 == 0 { copies.append((number, book)) }
            book.fold(step)
        }
        for (number, copy) in copies {
            #expect(copy.encoded == Book(folding: Array(steps[..<number])).encoded)
        }
    }

    @Test(arguments: seeds) func `digests are those of the rows, whatever the order`(seed: UInt64) {
        var history = History(seed: seed)
        let steps = history.steps(300)
        let book = Book(folding: steps)
        var patient = SetHash()
        var appointment = SetHash()
        for number in (0..<book.streams.count).reversed() {
            let cell = book.streams[number]
            if cell.category == .appointment {
                appointment.add(book.digest(of: cell))
            } else {
                patient.add(book.digest(of: cell))
            }
        }
        var audit = SetHash()
        for step in steps.reversed() {
            switch step {
            case .record(let record): audit.add(Book.auditDigest(of: record))
            case .transaction(let transaction):
                for event in transaction.events { audit.add(Book.auditDigest(of: event, in: transaction)) }
            }
        }
        #expect(
            book.digests
                == ViewDigests(patient: patient.sum, appointment: appointment.sum, audit: audit.sum))
    }

    @Test func `every fact of an event moves a digest`() {
        let hour: Int64 = 3_600_000_000
        let facts = AppointmentFacts(
            status: .booked, start: Instant(microseconds: hour), end: Instant(microseconds: 2 * hour),
            practitioners: [7], locations: [9])
        let plain = Self.booking(facts, position: 1, version: 1)
        var changed: [TransactionFacts] = []
        func change(_ edit: (inout TransactionFacts) -> Void) {
            var copy = plain
            edit(&copy)
            changed.append(copy)
        }
        change { $0.stamp.microseconds += 1 }
        change { $0.actor += 1 }
        change { $0.behalf += 1 }
        change { $0.events[0].tenant += 1 }
        change { $0.events[0].stream += 1 }
        change { $0.events[0].streamToken = Token128(low: 1, high: 3) }
        change { $0.events[0].subjects = [4] }
        change { $0.events[0].subjects = [3, 4] }
        change { $0.events[0].state = .gone }
        change { $0.events[0].leafPrefix += 1 }
        change { $0.events[0].category = .consent }
        change { $0.events[0].appointment?.status = .pending }
        change { $0.events[0].appointment?.start?.microseconds += 1 }
        change { $0.events[0].appointment?.end?.microseconds += 1 }
        change { $0.events[0].appointment?.practitioners = [9] }
        change { $0.events[0].appointment?.practitioners = [7, 8] }
        change { $0.events[0].appointment?.locations = [] }
        change { $0.events[0].appointment?.hasCancelationReason = true }
        change { $0.events[0].appointment?.allowsOverlap = true }
        var seen = [Book(folding: [.transaction(plain)]).digests]
        for transaction in changed {
            let digests = Book(folding: [.transaction(transaction)]).digests
            #expect(!seen.contains(digests))
            seen.append(digests)
        }
    }

    @Test func `patients whose terms are behind are told once, and found by their keys`() {
        var history = History(seed: 9)
        var book = Book(folding: history.steps(200))
        let patients = (0..<book.streamCount).map { StreamOrdinal(raw: UInt32($0)) }.filter {
            book.category(of: $0) == .patient
        }
        #expect(book.staleCount == patients.count)
        var taken = book.takeStale(limit: 3)
        #expect(taken.count == 3 && book.staleCount == patients.count - 3)
        taken += book.takeStale(limit: .max)
        #expect(Set(taken.map { $0.stream }) == Set(patients) && book.staleCount == 0)
        for patient in taken {
            #expect(patient.from == book.row(patient.stream).first)
            book.index(patient: patient.stream, keys: [1, UInt64(patient.stream.raw) + 100])
            book.index(patient: patient.stream, keys: [1, 2])
        }
        #expect(book.patients(key: 1) == patients && book.patients(key: 2) == patients)
        #expect(book.patientCount(key: 1) == patients.count)
        for patient in patients { #expect(book.patients(key: UInt64(patient.raw) + 100) == [patient]) }
        #expect(book.patients(key: 3).isEmpty)
        let before = book.position
        book.fold(history.steps(60))
        for patient in book.takeStale(limit: .max) { #expect(patient.from > before) }
    }

    @Test func `room ends before ordinals do`() {
        let book = Book()
        #expect(book.hasRoom(events: Int(Book.capacity) - 1, records: 0))
        #expect(!book.hasRoom(events: Int(Book.capacity), records: 0))
        #expect(!book.hasRoom(events: 0, records: Int(Book.capacity)))
    }

    static func booking(_ facts: AppointmentFacts, position: UInt64, version: UInt32)
        -> TransactionFacts
    {
        TransactionFacts(
            stamp: Instant(microseconds: Int64(position)), tenant: 1, actor: 1, behalf: 0,
            events: [
                EventFacts(
                    position: position, tenant: 1, category: .appointment, typeCode: 1, typeToken: 0,
                    stream: 5,
                    streamToken: version == 1 ? Token128(low: 1, high: 2) : nil, version: version,
                    identity: Token128(low: 1, high: position), subjects: [3], appointment: facts,
                    state: .live,
                    data: .resource, leafPrefix: 11)
            ])
    }
}

extension Book {
    /// All pieces.
    var pieces: [[UInt8]] {
        var encoder = BookEncoder(self)
        var pieces: [[UInt8]] = []
        while let piece = encoder.next() { pieces.append(piece) }
        return pieces
    }

    var encoded: [UInt8] { Array(pieces.joined()) }
}
