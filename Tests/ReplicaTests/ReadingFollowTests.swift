import Bytes
import Files
import Records
@testable import Replica
import Testing
import Views

/// Readers that stay.
@Suite struct `Followers` {
    private func clinic(_ count: Int) throws -> Shell<MemoryFiles> {
        let shell = try Shell(ClinicStore.made()).start()
        for number in 0..<count { shell.append([try ClinicStore.registered("p-\(number)", id: "e\(number)")]) }
        return shell
    }

    private func follow(_ shell: Shell<MemoryFiles>, after: UInt64? = nil, limit: Int = 1000) -> AskID {
        var query = EventsQuery()
        query.follow = true
        query.after = after
        query.limit = limit
        return ask(shell, query)
    }

    private func ask(_ shell: Shell<MemoryFiles>, _ query: EventsQuery) -> AskID {
        let id = shell.newID()
        shell.tick()
        shell.tell([.asked(id, Ask(caller: ClinicStore.caller(), request: .events(query)))])
        return id
    }

    private func marks(_ shell: Shell<MemoryFiles>, _ id: AskID) -> [EventsPiece.Mark] {
        shell.answers[id, default: []].compactMap(\.piece).map(\.mark)
    }

    private func positions(_ shell: Shell<MemoryFiles>, _ id: AskID) -> [UInt64] {
        shell.answers[id, default: []].compactMap(\.piece).flatMap(\.events).map(\.position)
    }

    @Test func `what was there comes first, then one mark, then each event as it is written`() throws {
        let shell = try clinic(3)
        let id = follow(shell)
        #expect(positions(shell, id) == [1, 2, 3] && marks(shell, id) == [.caughtUp(position: 3)])
        shell.tell([.drained(id)])
        for number in 3..<6 {
            shell.append([try ClinicStore.registered("p-\(number)", id: "e\(number)")])
            shell.tell([.drained(id)])
        }
        #expect(positions(shell, id) == Array(1...6))
        #expect(marks(shell, id) == [.caughtUp(position: 3), .none, .none, .none])
        #expect(!shell.ended.contains(id))
    }

    @Test func `of a slow client one piece waits, and nothing else does`() throws {
        let shell = try clinic(1)
        let id = follow(shell)
        for number in 1..<30 {
            #expect(shell.append([try ClinicStore.registered("p-\(number)", id: "e\(number)")])?.appended != nil)
        }
        shell.tick(60_000)
        #expect(shell.answers[id]?.count == 1)
        shell.tell([.drained(id)])
        #expect(shell.answers[id]?.count == 2 && positions(shell, id) == Array(1...30))
    }

    @Test func `a quiet stream says every fifteen seconds that it lives`() throws {
        let shell = try clinic(2)
        let id = follow(shell)
        shell.tell([.drained(id)])
        let records = shell.book.record
        for second in 1...14 {
            shell.tick(1000)
            #expect(shell.answers[id]?.count == 1, "after \(second) s")
        }
        shell.tick(1000)
        #expect(marks(shell, id) == [.caughtUp(position: 2), .alive(position: 2)])
        shell.tell([.drained(id)])
        shell.tick(15_000)
        #expect(marks(shell, id).count == 3)
        #expect(shell.book.record == records)
    }

    @Test func `the limit bounds what comes before the mark`() throws {
        let shell = try clinic(5)
        let cut = follow(shell, limit: 3)
        #expect(marks(shell, cut) == [.end(position: 3, more: true)] && shell.ended.contains(cut))
        let exact = follow(shell, limit: 5)
        #expect(marks(shell, exact) == [.caughtUp(position: 5)])
        shell.tell([.drained(exact)])
        for number in 5..<12 {
            shell.append([try ClinicStore.registered("p-\(number)", id: "e\(number)")])
            shell.tell([.drained(exact)])
        }
        #expect(positions(shell, exact) == Array(1...12))
    }

    @Test func `one that follows a stream not yet made sees it from its first event`() throws {
        let shell = try clinic(2)
        var query = EventsQuery()
        query.follow = true
        if let name = StreamName(.patient, id: "p-9") { query.subject = .stream(name) }
        let id = ask(shell, query)
        #expect(marks(shell, id) == [.caughtUp(position: 2)])
        shell.tell([.drained(id)])
        shell.append([try ClinicStore.registered("p-8", id: "e8")])
        #expect(shell.answers[id]?.count == 1)
        shell.append([try ClinicStore.registered("p-9", id: "e9"), try ClinicStore.amended("p-9", id: "x", phone: "1")])
        shell.tell([.drained(id)])
        shell.append([try ClinicStore.amended("p-8", id: "y", phone: "1")])
        shell.append([try ClinicStore.amended("p-9", id: "z", phone: "2")])
        #expect(positions(shell, id) == [4, 5, 7])
    }

    @Test func `going on from a place continues there, from one that is not yet is refused`() throws {
        let shell = try clinic(4)
        let id = follow(shell, after: 3)
        #expect(positions(shell, id) == [4])
        let end = follow(shell, after: 4)
        #expect(positions(shell, end).isEmpty && marks(shell, end) == [.caughtUp(position: 4)])
        let beyond = follow(shell, after: 5)
        #expect(shell.answers[beyond]?.last?.problem?.kind == .badPosition)
    }

    @Test func `since an instant to come, nothing before it is shown`() throws {
        let shell = try clinic(2)
        var query = EventsQuery()
        query.follow = true
        query.since = Instant(microseconds: shell.wall.microseconds + 10_000_000)
        let id = ask(shell, query)
        shell.tell([.drained(id)])
        shell.append([try ClinicStore.registered("p-2", id: "e2")])
        shell.tick(11_000)
        shell.append([try ClinicStore.registered("p-3", id: "e3")])
        #expect(positions(shell, id) == [4])
    }

    @Test func `one that left gets nothing more, wherever its piece was`() throws {
        let shell = try clinic(3)
        let id = follow(shell)
        shell.tell([.abandoned(id)])
        shell.append([try ClinicStore.registered("p-5", id: "e5")])
        #expect(shell.answers[id]?.count == 1 && shell.replica.reads.events.isEmpty)
        shell.tick()
        shell.holdsDisk = true
        let early = follow(shell)
        shell.tell([.abandoned(early)])
        shell.holdsDisk = false
        shell.writeAll()
        #expect(shell.answers[early] == nil && shell.replica.reads.order.isEmpty)
        #expect(!shell.replica.hasWork)
    }

    @Test func `every follower's piece has its own record, of those whom it showed`() throws {
        let shell = try clinic(1)
        let id = follow(shell)
        shell.tell([.drained(id)])
        shell.append([try ClinicStore.registered("p-7", id: "e7")])
        let (facts, value) = try shell.replica.openRecord(shell.book.record)
        #expect(facts.code == .searched && facts.subjects == [shell.replica.subjectKeys.rows[1].id])
        #expect(value.range == 2...2 && value.count == 1)
    }

    @Test func `when the replica stops, those who follow are told once`() throws {
        let shell = try clinic(3)
        let following = follow(shell)
        shell.tell([.drained(following)])
        shell.tick()
        shell.holdsDisk = true
        let recording = follow(shell)
        shell.tell([.stopRequested])
        shell.holdsDisk = false
        shell.writeAll()
        for id in [following, recording] {
            #expect(shell.answers[id]?.last?.problem?.kind == .unavailable)
            #expect(shell.ended.filter { $0 == id }.count == 1)
        }
    }

    @Test func `when the disk fails, whoever waits for a record is told once`() throws {
        let shell = try clinic(3)
        let following = follow(shell)
        shell.tell([.drained(following)])
        shell.tick()
        shell.holdsDisk = true
        let recording = follow(shell)
        let read = shell.newID()
        shell.tell([.asked(read, Ask(caller: ClinicStore.caller(), request: .read(.patient, id: "p-1", asOf: nil)))])
        shell.waiting = []
        shell.tell([.diskFailed(.full)])
        #expect(shell.stop != nil)
        for id in [following, recording, read] {
            #expect(shell.answers[id]?.last?.problem?.kind == .outcomeUnknown)
            #expect(shell.ended.filter { $0 == id }.count == 1)
        }
    }
}
