import Bytes
import Files
import JSON
import Keys
import Records
@testable import Replica
import SegmentedLog
import Testing
import Views

@Suite struct `Crashes` {
    /// What a client holds acknowledged, by position.
    private struct Acknowledged {
        var events: [UInt64: [UInt8]] = [:]
        var sent: [IncomingEvent] = []
    }

    /// Registers, books and snapshots until the story ends or the store stops.
    private func story(_ store: some FileStore, seed: UInt64) throws -> Acknowledged {
        var told = Acknowledged()
        guard let shell = try? Shell(store, seed: seed, configure: { $0.snapshotEvery = 12 }) else { return told }
        shell.tick()
        for number in 0..<14 where shell.stop == nil && shell.term != nil {
            let events =
                try number % 3 == 2
                ? [
                    ClinicStore.registered("p-\(number)", id: "e\(number)"),
                    ClinicStore.booked(
                        "a-\(number)", id: "b\(number)", patients: ["p-\(number)", "p-0"], practitioner: "pr-\(number)"),
                ] : [ClinicStore.registered("p-\(number)", id: "e\(number)")]
            told.sent += events
            guard let reply = shell.append(events)?.appended else { continue }
            for (event, made) in zip(events, reply.events) { told.events[made.position] = event.bytes }
            shell.tick(20)
        }
        if shell.stop == nil { shell.tell([.stopRequested]) }
        return told
    }

    private func check(_ files: MemoryFiles, _ told: Acknowledged, _ place: String) throws {
        let shell = try Shell(files, seed: 77).start()
        #expect(shell.term != nil, "ready after \(place)")
        for position in told.events.keys.sorted() {
            let stored = try shell.replica.openEvent(at: position)
            let sent = try #require(told.events[position])
            #expect(try JSONEquality.equal(stored.json, sent), "\(place): position \(position)")
        }
        // Whatever was unknown is done once when it is sent again, whatever was acknowledged stays as it was.
        var seen: Set<String> = []
        for event in told.sent { shell.append([event]) }
        for position in stride(from: UInt64(1), through: shell.replica.book.position, by: 1) {
            let json = try shell.replica.openEvent(at: position).json
            let id = try #require(try JSONText(parsing: json)["id"].flatMap { try JSONText(parsing: json).string($0) })
            #expect(seen.insert(id).inserted, "\(place): \(id) twice")
        }
        #expect(seen.count == told.sent.count)
    }

    @Test(arguments: [MemoryFiles.Tearing.losesAll, .keepsAll, .mixed])
    func `after a crash at any file operation what was acknowledged is there, once, in order`(
        _ tearing: MemoryFiles.Tearing
    ) throws {
        let made = try ClinicStore.made()
        var dice = SeededDice(seed: 5)
        var operation = 1
        while true {
            let inner = made.copy()
            let store = FailingFiles(inner, failing: .stop, at: operation)
            let told = try story(store, seed: UInt64(operation))
            inner.crash(tearing, dice: &dice)
            try check(inner, told, "operation \(operation)")
            guard store.hasFailed else { break }
            operation += operation < 40 ? 1 : 3
        }
        #expect(operation > 60)
    }

    @Test(arguments: [FailingFiles<MemoryFiles>.Failure.error(5), .shortWrite, .sync, .full])
    func `after a failed file operation what was acknowledged is there`(
        _ failure: FailingFiles<MemoryFiles>.Failure
    ) throws {
        let made = try ClinicStore.made()
        var dice = SeededDice(seed: 6)
        var operation = 1
        while true {
            let inner = made.copy()
            let store = FailingFiles(inner, failing: failure, at: operation)
            let told = try story(store, seed: UInt64(operation))
            inner.crash(.mixed, dice: &dice)
            try check(inner, told, "\(failure) at \(operation)")
            guard store.hasFailed else { break }
            operation += operation < 20 ? 1 : 4
        }
    }

    @Test func `a creation cut off anywhere can be begun again`() throws {
        var dice = SeededDice(seed: 7)
        var operation = 1
        while true {
            let inner = MemoryFiles()
            let store = FailingFiles(inner, failing: .stop, at: operation)
            let failed = (try? ClinicStore.create(store)) == nil
            inner.crash(.mixed, dice: &dice)
            if failed {
                do {
                    try ClinicStore.create(inner)
                } catch ReplicaError.exists {
                    // The genesis was durable already.
                }
            }
            let shell = try Shell(inner).start()
            #expect(shell.append([try ClinicStore.registered("p-1", id: "e1")])?.appended != nil)
            guard store.hasFailed else { break }
            operation += 1
        }
        #expect(operation > 5)
    }
}
