import Bytes
import Files
import Records
@testable import Replica
import Testing
import Views

@Suite struct `Requests that come again` {
    @Test func `the same source and id with the same content gets the first reply`() throws {
        let files = try ClinicStore.made()
        let shell = try Shell(files).start()
        let event = try ClinicStore.registered("p-1", id: "e1", expected: 0)
        let first = try #require(shell.append([event])?.appended)
        let records = shell.replica.book.record
        // Other order of members, no expectation: the content is the same.
        let again = try ClinicStore.event(
            """
            {"id":"e1","source":"/clinic/desk","specversion":"1.0","type":"patient.registered","subject":"patient/p-1",\
            "datacontenttype":"application/fhir+json","data":{"id":"p-1","resourceType":"Patient",\
            "name":[{"given":["Adaeze"],"family":"Plantedfamily"}],"birthDate":"1984-02-29"}}
            """)
        let second = try #require(shell.append([again])?.appended)
        #expect(second.isRepeat && second.events == first.events && second.position == first.position)
        #expect(shell.replica.book.position == 1)
        #expect(shell.replica.book.record == records + 1)
        let reopened = try Shell(files, seed: 2).start()
        #expect(reopened.append([event])?.appended?.events == first.events)
    }

    @Test func `the same source and id with other content is refused`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        shell.append([try ClinicStore.registered("p-1", id: "e1")])
        let other = try ClinicStore.registered("p-1", id: "e1", family: "Other")
        #expect(shell.append([other])?.problem?.kind == .eventReused)
    }

    @Test func `a batch is a repeat only whole and from one request`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        let one = try ClinicStore.registered("p-1", id: "e1")
        let two = try ClinicStore.registered("p-2", id: "e2")
        let three = try ClinicStore.registered("p-3", id: "e3")
        let first = try #require(shell.append([one, two])?.appended)
        let again = try #require(shell.append([one, two])?.appended)
        #expect(again.isRepeat && again.events == first.events)
        #expect(shell.append([two, one])?.appended?.events == first.events.reversed())
        #expect(shell.append([one, three])?.problem?.kind == .partialRepeat)
        #expect(shell.append([three])?.appended?.isRepeat == false)
        #expect(shell.append([two, three])?.problem?.kind == .partialRepeat)
        #expect(shell.append([three, three])?.problem?.kind == .repeatedEvent)
        #expect(shell.replica.book.position == 3)
    }

    @Test func `a repeat of what is still being written waits for it`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        shell.holdsDisk = true
        let event = try ClinicStore.registered("p-1", id: "e1")
        let ids = (0..<3).map { _ in shell.newID() }
        for id in ids {
            shell.tell([.asked(id, Ask(caller: ClinicStore.caller(), request: .append(AppendRequest(events: [event]))))]
            )
        }
        #expect(shell.ended.isEmpty)
        shell.writeAll()
        #expect(shell.ended == ids)
        #expect(shell.answers[ids[0]]?.last?.appended?.isRepeat == false)
        let replies = ids.compactMap { shell.answers[$0]?.last?.appended }
        #expect(replies[1].isRepeat && replies[2].isRepeat && replies[1].events == replies[0].events)
        #expect(shell.replica.book.position == 1)
    }

    @Test func `an idempotency key gives back the first reply, for other content a refusal`() throws {
        let files = try ClinicStore.made()
        let shell = try Shell(files).start()
        let event = try ClinicStore.registered("p-1", id: "e1", expected: 0)
        let first = try #require(shell.append([event], key: "k-1")?.appended)
        let again = try #require(shell.append([event], key: "k-1")?.appended)
        #expect(again.isRepeat && again.events == first.events)
        let other = try ClinicStore.registered("p-2", id: "e2")
        #expect(shell.append([other], key: "k-1")?.problem?.kind == .keyReused)
        #expect(shell.append([event, other], key: "k-1")?.problem?.kind == .keyReused)
        #expect(shell.append([other], key: "k-2")?.appended?.isRepeat == false)
        let reopened = try Shell(files, seed: 2).start()
        #expect(reopened.append([event], key: "k-1")?.appended?.events == first.events)
        #expect(reopened.append([other], key: "k-1")?.problem?.kind == .keyReused)
    }

    @Test func `an idempotency key whose first request still runs is refused`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        shell.holdsDisk = true
        let ids = (0..<2).map { _ in shell.newID() }
        for id in ids {
            let event = try ClinicStore.registered("p-1", id: "e1")
            shell.tell([
                .asked(
                    id,
                    Ask(
                        caller: ClinicStore.caller(),
                        request: .append(AppendRequest(events: [event], idempotencyKey: "k"))))
            ])
        }
        shell.writeAll()
        #expect(shell.answers[ids[0]]?.last?.appended != nil)
        #expect(shell.answers[ids[1]]?.last?.problem?.kind == .stillRunning)
    }

    @Test func `a refused request leaves its idempotency key free`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        let early = try ClinicStore.amended("p-1", id: "e2", phone: "1")
        #expect(shell.append([early], key: "k")?.problem?.kind == .missingStream)
        shell.append([try ClinicStore.registered("p-1", id: "e1")])
        #expect(shell.append([early], key: "k")?.appended?.isRepeat == false)
    }

    @Test func `an idempotency key is forgotten after seven days`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        shell.append([try ClinicStore.registered("p-1", id: "e1")], key: "k")
        for hour in 1...(7 * 24 + 2) {
            shell.tick(3_600_000)
            shell.append([try ClinicStore.registered("p-\(hour + 1)", id: "h\(hour)")], key: "h\(hour)")
        }
        #expect(shell.append([try ClinicStore.registered("p-0", id: "e0")], key: "k")?.appended?.isRepeat == false)
        #expect(shell.replica.idempotency.count < 7 * 24 + 4)
    }
}
