import Bytes
import Consensus
import Files
import JSON
import Keys
import Records
@testable import Replica
import SegmentedLog
import TestSupport
import Testing
import Views

@Suite struct `A branch` {
    /// A clinic that lived, with two patients, a booking of both, and some that looked.
    private static func lived() throws -> Shell<MemoryFiles> {
        let shell = try Shell(ClinicStore.made()).start()
        shell.append([try ClinicStore.registered("p-1", id: "e1"), try ClinicStore.registered("p-2", id: "e2")])
        shell.append([try ClinicStore.booked("a-1", id: "e3", patients: ["p-1", "p-2"])], key: "k3")
        shell.append([try ClinicStore.amended("p-1", id: "e4", phone: "+44 1")])
        _ = shell.read(.patient, "p-1")
        _ = shell.read(.patient, "p-none")
        shell.tell([.stopRequested])
        try #require(shell.hasStopped && shell.book.position == 4)
        return shell
    }

    private static func shell(
        _ files: MemoryFiles, seed: UInt64 = 9, snapshotEvery: UInt64 = 10_000
    ) throws -> Shell<MemoryFiles> {
        try Shell(files, seed: seed) {
            $0.clusterID = BranchStore.clusterID
            $0.snapshotEvery = snapshotEvery
        }
    }

    /// The JSON of all events, and who is named in the headers and records.
    private static func told(_ replica: Replica<MemoryFiles>) throws -> (events: [[UInt8]], audit: [AuditValue]) {
        var events: [[UInt8]] = []
        var audit: [AuditValue] = []
        for position in 1...replica.book.position {
            events.append(try replica.openEvent(at: position).json)
            audit.append(try replica.header(at: position))
        }
        for number in 1...replica.book.record { audit.append(try replica.openRecord(number).value) }
        return (events, audit)
    }

    @Test func `leads, reads what was written under both ids, and goes on with the streams of old patients`() throws {
        let parent = try Self.lived()
        let before = try Self.told(parent.replica)
        let files = try BranchStore.made(of: parent.store)
        let shell = try Self.shell(files).start()
        #expect(shell.term != nil && shell.replica.damage == nil)
        #expect(shell.status?.clusterID == Hex.text(of: BranchStore.clusterID))
        #expect(shell.replica.membership == Membership(voters: [1]))
        #expect(shell.replica.lineage.generations.count == 2)
        let copied = shell.replica.lineage.newest
        // Its first record says that a replica of it was started, and is the branch's own.
        #expect(shell.book.position == 4 && shell.book.record == parent.book.record + 1)
        let reply = shell.append([
            try ClinicStore.amended("p-1", id: "f1", phone: "+44 2", expected: 2),
            try ClinicStore.registered("p-9", id: "f2"),
        ])
        #expect(reply?.appended?.events.map(\.version) == [3, 1])
        #expect(
            shell.append([try ClinicStore.step("arrived", "a-1", id: "f3")])?.appended?.events.map(\.version) == [2])
        let after = try Self.told(shell.replica)
        #expect(Array(after.events[..<4]) == before.events)
        #expect(after.events.count == 7)
        // Headers of the copied events, then of the new ones, then records: the copied ones first.
        #expect(Array(after.audit[..<4]) == Array(before.audit[..<4]))
        #expect(after.audit[7...].starts(with: before.audit[4...]))
        #expect(after.audit[4...6].allSatisfy { $0.name == "service" })
        // Each is sealed under the id of whoever wrote it.
        for position in 1...7 as ClosedRange<UInt64> {
            let cluster = position < copied.firstPosition ? ClinicStore.clusterID : BranchStore.clusterID
            #expect(try shell.replica.event(at: position).frame.cluster == cluster)
        }
        for patient in ["p-1", "p-2", "p-9"] { #expect(shell.read(.patient, patient)?.problem == nil) }
        #expect(shell.read(.appointment, "a-1", asOf: .position(3))?.problem == nil)
        let found = shell.page(SearchQuery(kind: .auditEvent, parameters: [.patient(["p-1"])]))
        #expect(found?.resources.isEmpty == false)
        // What the parent was told is known here.
        let again = shell.append([try ClinicStore.booked("a-1", id: "e3", patients: ["p-1", "p-2"])], key: "k3")
        #expect(again?.appended?.isRepeat == true)
        #expect(shell.append([try ClinicStore.registered("p-2", id: "e2")])?.appended?.isRepeat == true)
    }

    @Test func `is started again from a snapshot, and fetches old patients' keys from the copied entries`() throws {
        let files = try BranchStore.made(of: Self.lived().store)
        let shell = try Self.shell(files, snapshotEvery: 3).start()
        for number in 1...6 {
            #expect(shell.append([try ClinicStore.registered("q-\(number)", id: "g\(number)")])?.appended != nil)
        }
        let told = try Self.told(shell.replica)
        shell.tell([.stopRequested])
        #expect(shell.hasStopped && shell.snapshots > 0)
        let again = try Self.shell(files, seed: 10)
        #expect(again.replica.background.snapshotCount > 0, "the snapshot was taken")
        #expect(again.replica.membership == Membership(voters: [1]))
        let rows = again.replica.subjectKeys.rows
        #expect(rows.allSatisfy { again.replica.subjectKeys.wrapped(id: $0.id) == nil })
        let copied = again.replica.lineage.newest.firstIndex
        #expect(rows.contains { $0.index < copied } && rows.contains { $0.index > copied })
        #expect(again.book.digests == shell.book.digests)
        again.tick()
        #expect(again.term != nil)
        let found = try Self.told(again.replica)
        #expect(found.events == told.events && found.audit.starts(with: told.audit))
        #expect(again.append([try ClinicStore.amended("p-2", id: "h1", phone: "+44 3")])?.appended != nil)
    }

    @Test func `lets in whom its first entry names, and nobody of its parent's`() throws {
        let parent = try Self.lived()
        let shell = try Self.shell(try BranchStore.made(of: parent.store)).start()
        let crypto = try Crypto()
        #expect(shell.credentials.map(\.id) == ["admin", "svc"] && shell.credentials.count == 2)
        for row in shell.credentials {
            #expect(
                row.verifies(BranchStore.secret, crypto: crypto) && !row.verifies(ClinicStore.secret, crypto: crypto))
        }
        for row in parent.credentials { #expect(row.verifies(ClinicStore.secret, crypto: crypto)) }
        // One whom the parent knew and the branch does not.
        var store = try BranchStore(of: parent.store)
        var entry = try store.entry()
        entry.credentials.removeAll { $0.id == "svc" }
        try store.append(entry.body)
        let other = try Self.shell(store.files).start()
        #expect(other.append([try ClinicStore.registered("p-7", id: "x")])?.problem?.kind == .unauthenticated)
        #expect(other.book.position == 4)
    }

    @Test func `is not opened with a lineage or a first entry that is damaged, another's or missing`() throws {
        let parent = try Self.lived().store
        let whole = try BranchStore.made(of: parent)
        func error(_ files: MemoryFiles) throws -> ReplicaError? {
            do {
                _ = try Self.shell(files)
                return nil
            } catch let error as ReplicaError {
                return error
            }
        }
        #expect(try error(whole.copy()) == nil)
        let damaged = whole.copy()
        var bytes = try #require(damaged.contents(ReplicaPaths.lineage))
        bytes[30] ^= 1
        damaged.put(ReplicaPaths.lineage, bytes)
        #expect(try error(damaged) == .log(.lineage(.damaged)))
        let foreign = whole.copy()
        foreign.put(ReplicaPaths.lineage, Lineage(ClusterIdentity(ClinicStore.clusterID)).bytes)
        #expect(try error(foreign) == .log(.otherCluster))
        let without = whole.copy()
        try without.remove(ReplicaPaths.lineage)
        #expect(try error(without) == .log(.otherCluster))

        var store = try BranchStore(of: parent)
        let first = store.lineage.newest.firstIndex
        #expect(try error(store.files.copy()) == .log(.lineage(.unreached)))
        let entry = try store.entry()
        try store.append([EntryFormat.version, EntryKind.noOp.rawValue])
        #expect(try error(store.files) == .entry(.malformed, index: first))
        let changes: [(inout BranchEntry) -> Void] = [
            { $0.parentID[0] ^= 1 }, { $0.clusterID[0] ^= 1 }, { $0.copied.index -= 1 }, { $0.copied.position += 1 },
            { $0.copied.record += 1 }, { $0.copied.hash = .zero }, { $0.voters = [] }, { $0.voters = [2, 1] },
        ]
        for (number, change) in changes.enumerated() {
            var other = entry
            change(&other)
            var store = try BranchStore(of: parent)
            try store.append(other.body)
            let found = try error(store.files)
            #expect(
                found == .entry(.malformed, index: first) || found == .log(.refusedFrame(.form)), "change \(number)")
        }
    }

    @Test func `its first entry reads back as it was written, and anything else is refused`() throws {
        var entry = BranchEntry(
            parentID: Array(1...16), clusterID: Array(17...32), madeAt: Instant(microseconds: 1_790_000_000_000_000),
            isCutShort: true, mayLack: true, targetPosition: 300, targetStamp: Instant(microseconds: -5),
            copied: BranchEntry.Copied(
                index: 200, position: 301, record: 90, hash: Digest([UInt8](repeating: 3, count: 32))),
            logEpoch: 2, registryEpoch: 300, auditEpoch: 2, voters: [1, 2, 3],
            credentialKey: [UInt8](repeating: 9, count: 60),
            credentials: [
                Genesis.Credential(
                    id: "svc", name: "service", tenant: 1, scopes: 7,
                    secretMAC: Digest([UInt8](repeating: 4, count: 32)))
            ])
        let golden = try Fixture.bytes("entries/v1/branch.bin", orWrite: entry.body)
        #expect(golden == entry.body)
        let read = try BranchEntry(body: golden)
        #expect(read.body == golden && read.copied == entry.copied && read.isCutShort && read.mayLack)
        #expect(read.configuration == ConfigurationEntry(Membership(voters: [1, 2, 3])))
        #expect(read.credentials.map(\.id) == ["svc"] && read.targetStamp.microseconds == -5)
        for count in 0..<golden.count {
            #expect(throws: ByteError.self) { try BranchEntry(body: Array(golden[..<count])) }
        }
        #expect(throws: ByteError.self) { try BranchEntry(body: golden + [0]) }
        // Neither events nor records: readers pass over it.
        var reader = try EntryReader(golden, start: EntryStart(position: 302, record: 91, stamp: entry.madeAt))
        #expect(try reader.kind == .branch && reader.next() == nil)
        let changes: [(inout BranchEntry) -> Void] = [
            { $0.parentID = $0.clusterID }, { $0.copied.index = 0 }, { $0.targetPosition = 302 }, { $0.voters = [] },
            { $0.voters = [1, 1] }, { $0.voters = [0] },
        ]
        for change in changes {
            var other = entry
            change(&other)
            #expect(throws: ByteError.self) { try BranchEntry(body: other.body) }
        }
        entry.isCutShort = false
        entry.mayLack = false
        var flags = entry.body
        let at = 2 + 16 + 16 + 8
        #expect(flags[at] == 0 && golden[at] == 3)
        flags[at] = 4
        #expect(throws: ByteError.self) { try BranchEntry(body: flags) }
    }
}
