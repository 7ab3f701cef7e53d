import Bytes
import Files
import Keys
import Records
@testable import Replica
import SegmentedLog
import Testing
import Views

@Suite struct `The life of a replica` {
    /// A small clinic of registrations, bookings, steps, refusals and repeats.
    private func story(_ shell: Shell<some FileStore>, from first: Int, through last: Int) throws {
        for number in first...last {
            let patient = "p-\(number % 7)"
            switch number % 5 {
            case 0:
                shell.append([try ClinicStore.registered("\(patient)-\(number)", id: "r\(number)")])
            case 1:
                shell.append([
                    try ClinicStore.booked(
                        "a-\(number)", id: "b\(number)", patients: [patient], practitioner: "pr-\(number)")
                ])
            case 2:
                shell.append(
                    [
                        try ClinicStore.step("arrived", "a-\(number - 1)", id: "s\(number)"),
                        try ClinicStore.step("fulfilled", "a-\(number - 1)", id: "f\(number)"),
                    ], key: "k\(number)")
            case 3:
                shell.append([
                    try ClinicStore.booked(
                        "m-\(number)", id: "m\(number)", patients: [patient, "p-9"], practitioner: "pr-\(number)")
                ])
            default:
                shell.append([try ClinicStore.amended("p-none", id: "x\(number)", phone: "1")])
            }
        }
    }

    @Test func `a replay folds what the living folded`() throws {
        let files = try ClinicStore.made()
        let shell = try Shell(files).start()
        try story(shell, from: 1, through: 60)
        let living = shell.replica.book
        let reopened = try Shell(files.copy(), seed: 2)
        #expect(reopened.replica.book.position == living.position && reopened.replica.book.record == living.record)
        #expect(reopened.replica.book.digests == living.digests)
        #expect(reopened.replica.subjectKeys.rows.map(\.id) == shell.replica.subjectKeys.rows.map(\.id))
        #expect(reopened.replica.idempotency.count == shell.replica.idempotency.count)
    }

    @Test func `a snapshot and the tail after it give the same, whatever the log`() throws {
        let files = try ClinicStore.made()
        let shell = try Shell(files) { $0.snapshotEvery = 20 }.start()
        try story(shell, from: 1, through: 90)
        #expect(shell.snapshots > 2)
        let reopened = try Shell(files.copy(), seed: 2)
        #expect(reopened.replica.book.digests == shell.replica.book.digests)
        #expect(reopened.replica.background.snapshotCount > 0)
        let bare = files.copy()
        for path in bare.paths where path.hasPrefix(ReplicaPaths.views) { try bare.remove(path) }
        let rebuilt = try Shell(bare, seed: 3)
        #expect(rebuilt.replica.book.digests == shell.replica.book.digests)
        for position in 1...shell.replica.book.position {
            let stored = try shell.replica.openEvent(at: position)
            #expect(try reopened.replica.openEvent(at: position).json == stored.json)
            #expect(try rebuilt.replica.openEvent(at: position).json == stored.json)
        }
        // Retries are known from the runs as from the log.
        let known = reopened.start()
        let reply = known.append([try ClinicStore.booked("a-1", id: "b1", patients: ["p-1"], practitioner: "pr-1")])
        #expect(reply?.appended?.isRepeat == true)
    }

    @Test func `an event of two patients opens only with both keys and comes back equal`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        let event = try ClinicStore.booked("a-1", id: "e1", patients: ["p-1", "p-2"])
        #expect(shell.append([event])?.appended != nil)
        let stored = try shell.replica.openEvent(at: 1)
        #expect(stored.subjects.count == 2 && stored.subjects == shell.replica.subjectKeys.rows.map(\.id).sorted())
        #expect(shell.append([event])?.appended?.isRepeat == true)
        #expect(shell.append([try ClinicStore.step("arrived", "a-1", id: "e2")])?.appended != nil)
        #expect(try shell.replica.openEvent(at: 2).subjects == stored.subjects)
    }

    @Test func `every start leads in a higher term, durable before anything is sealed in it`() throws {
        let files = try ClinicStore.made()
        for life in 1...3 {
            let shell = try Shell(files, seed: UInt64(life)).start()
            #expect(shell.term == UInt64(life))
        }
    }

    @Test func `the planted words of a patient stand in no file`() throws {
        let files = try ClinicStore.made()
        let shell = try Shell(files) { $0.snapshotEvery = 20 }.start()
        try story(shell, from: 1, through: 60)
        shell.append([try ClinicStore.registered("p-planted", id: "planted-event-id", family: "Okaforplanted")])
        shell.tell([.stopRequested])
        #expect(shell.hasStopped)
        let words = [
            "Okaforplanted", "Plantedfamily", "p-planted", "planted-event-id", "pr-plantedbehalf", "192.0.2.77",
            "patient/", "service", "/clinic/desk", String(decoding: ClinicStore.secret, as: UTF8.self),
        ]
        for path in files.paths {
            let bytes = try #require(files.contents(path))
            for word in words { #expect(!contains(bytes, Array(word.utf8)), "\(word) in \(path)") }
            #expect(!contains(bytes, ClinicStore.root))
        }
    }

    private func contains(_ bytes: [UInt8], _ word: [UInt8]) -> Bool {
        guard bytes.count >= word.count else { return false }
        for start in 0...(bytes.count - word.count) where bytes[start] == word[0] {
            if bytes[start..<(start + word.count)].elementsEqual(word) { return true }
        }
        return false
    }

    @Test func `a clean stop leaves a snapshot of everything`() throws {
        let files = try ClinicStore.made()
        let shell = try Shell(files).start()
        try story(shell, from: 1, through: 20)
        shell.tell([.stopRequested])
        #expect(shell.hasStopped)
        let reopened = try Shell(files, seed: 2)
        #expect(reopened.replica.foldedIndex == reopened.replica.log.lastIndex)
        #expect(reopened.replica.background.snapshotCount == shell.replica.book.position + shell.replica.book.record)
        #expect(reopened.replica.book.digests == shell.replica.book.digests)
    }

    @Test func `a clock that jumps ahead stops appends until it is accepted`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        shell.tick()
        shell.wall.microseconds += 6_000_000
        let event = try ClinicStore.registered("p-1", id: "e1")
        #expect(shell.append([event])?.problem?.kind == .clockAhead)
        shell.tell([.clockAccepted(ClinicStore.caller("admin"))])
        #expect(shell.append([event])?.appended != nil)
        let (facts, _) = try shell.replica.openRecord(shell.replica.book.record)
        #expect(facts.code == .clockAccepted)
    }

    @Test func `a nearly full disk refuses events first, then everything that needs a record`() throws {
        let files = try ClinicStore.made()
        files.capacity = 64 << 20
        let shell = try Shell(files) {
            $0.log.headRooms = HeadRooms()
            $0.log.headRooms.events = 32 << 20
            $0.log.headRooms.records = 16 << 20
            $0.log.headRooms.control = 1 << 20
        }.start()
        let event = try ClinicStore.registered("p-1", id: "e1")
        files.capacity = 24 << 20
        shell.tick(200)
        #expect(shell.append([event])?.problem?.kind == .diskFull)
        #expect(shell.append([event], as: ClinicStore.caller("admin"))?.problem?.kind == .forbidden)
        files.capacity = 12 << 20
        shell.tick(200)
        #expect(shell.append([event], as: ClinicStore.caller("admin"))?.problem?.kind == .diskFull)
        files.capacity = 64 << 20
        shell.tick(200)
        #expect(shell.append([event])?.appended != nil)
    }

    @Test func `too many requests of one key are sent away`() throws {
        let shell = try Shell(ClinicStore.made()) { $0.requestsPerSecond = 5 }.start()
        shell.tick(5000)
        let kinds = (0..<20).map { _ in shell.ask(.cluster)?.problem?.kind }
        #expect(kinds.contains(.tooMany) && kinds.first == .some(nil))
        shell.tick(2000)
        #expect(shell.status != nil)
    }

    @Test func `status shows the digests of the views and where they stand`() throws {
        let shell = try Shell(ClinicStore.made()).start()
        try story(shell, from: 1, through: 10)
        let status = try #require(shell.status)
        #expect(status.primary == 1 && status.term == 1 && status.position == shell.replica.book.position)
        #expect(status.members[0].patientDigest == shell.replica.book.digests.patient.hex)
        #expect(status.members[0].digestRecord == status.record)
    }

    @Test func `a failed write ends the replica, and the answer is unknown`() throws {
        let inner = try ClinicStore.made()
        let store = FailingFiles(inner, failing: .sync, at: 12)
        let shell = try Shell(store)
        shell.tick()
        var unknown = 0
        var number = 0
        while shell.stop == nil, number < 100 {
            number += 1
            let reply = shell.append([try ClinicStore.registered("p-\(number)", id: "e\(number)")])
            if reply?.problem?.kind == .outcomeUnknown { unknown += 1 }
        }
        #expect(unknown == 1 && shell.stop != nil)
    }
}
