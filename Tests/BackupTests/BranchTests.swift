@testable import Backup
import Bytes
import Files
import Keys
import Records
@testable import Replica
import SegmentedLog
import Testing
import Views

/// New stores of an earlier one's log: what they show, and what a failure on the way leaves.
@Suite struct `Branching a store` {
    private static let root = SecretKey([UInt8](repeating: 5, count: 31) + [6])
    private static let clusterID = Array(UInt8(51)...66)
    private let clinic: Clinic

    init() throws {
        clinic = try Clinic()
        try clinic.live(14)
    }

    /// Where in the same files the parent's views lie.
    private static let parentViews = "parent"

    /// The log as a backup of it is restored.
    private func restored() throws -> MemoryFiles {
        let kept = MemoryFiles()
        _ = try clinic.backUp(clinic.stand(), to: kept.destination)
        let files = MemoryFiles()
        let reader = try BackupReader(kept.destination, trust: TestSigner.trust)
        var restore = LogRestore(reader.manifest, from: reader.destination, into: files, directory: ReplicaPaths.log)
        while true {
            if case .finished = try restore.step() { return files }
        }
    }

    /// The same with the parent's snapshot of its views beside it, which lacks the patients that came after it.
    private static func restoredWithViews(
        lived before: Int = 10, after: Int = 4
    ) throws -> (clinic: Clinic, files: MemoryFiles) {
        let clinic = try Clinic()
        try clinic.live(before)
        clinic.snap()
        try clinic.live(after)
        let files = MemoryFiles()
        for path in clinic.files.paths {
            let bytes = try #require(clinic.files.contents(path))
            if path.hasPrefix(ReplicaPaths.log + "/") { files.put(path, bytes) }
            if path.hasPrefix(ReplicaPaths.views + "/") {
                files.put(Self.parentViews + path.dropFirst(ReplicaPaths.views.count), bytes)
            }
        }
        precondition(files.paths.contains { $0.hasPrefix(Self.parentViews + "/snapshot") })
        return (clinic, files)
    }

    /// A copy with one bit of one file turned.
    private static func flipped(_ whole: MemoryFiles, _ path: String, _ at: Int) -> MemoryFiles {
        let files = whole.copy()
        guard var bytes = files.contents(path) else { preconditionFailure("the file is there") }
        bytes[at] ^= 0x10
        files.put(path, bytes)
        return files
    }

    private func plan(_ clusterID: [UInt8], _ target: BranchTarget) -> BranchPlan {
        BranchPlan(
            clusterID: clusterID, madeAt: Instant(microseconds: 1_791_000_000_000_000),
            credentials: [
                PlannedCredential(id: "boss", name: "boss", scopes: .administer, secret: Array("b".utf8)),
                PlannedCredential(
                    id: "new", name: "new", scopes: [.append, .read, .audit], secret: Array("n".utf8)),
            ], target: target)
    }

    private func making<Store: FileStore>(
        _ store: Store, of parent: Lineage, keys: KeyRing, as clusterID: [UInt8] = clusterID
    ) throws(ReplicaError) -> BranchMaking<Store> {
        try BranchMaking(
            store, parent: parent, keys: keys, clusterID: clusterID, root: Self.root, dice: SeededDice(seed: 77))
    }

    @discardableResult
    private func branch<Store: FileStore>(
        _ store: Store, of parent: Lineage, keys: KeyRing, to asked: AsOf, as clusterID: [UInt8] = clusterID,
        voters: [Int] = [1], digests: ViewDigests? = nil, applies: Bool = true,
        adopted: (Bool) -> Void = { _ in }
    ) throws(ReplicaError) -> (made: BranchMade, shown: RestorePlan?) {
        var making = try making(store, of: parent, keys: keys, as: clusterID)
        try making.begin()
        do throws(ReplicaError) {
            adopted(try making.adoptViews(from: store, directory: Self.parentViews))
        } catch {
            guard case .views = error else { throw error }
            adopted(false)
        }
        try making.verify { _, _ in }
        let target = try making.target(asked)
        var shown: RestorePlan?
        var wall = Instant(microseconds: 1_791_000_000_000_000)
        let made = try making.make(
            plan(clusterID, target), digests: digests, applies: applies, voters: voters,
            now: {
                wall.microseconds += 1_000
                return wall
            }, configure: Self.sizes
        ) { shown = $0 }
        return (made, shown)
    }

    private static func sizes(_ configuration: inout ReplicaConfiguration) {
        configuration.log.headRooms.events = 0
        configuration.log.headRooms.records = 0
        configuration.log.headRooms.control = 0
        configuration.log.bodyCapacity = 8 << 10
        configuration.log.fillStep = 4096
        configuration.log.slotsMin = 16
        configuration.log.slotsMax = 32
    }

    private var parent: Lineage { Lineage(ClusterIdentity(Clinic.clusterID)) }

    /// The store opened again, as a process would.
    private func opened(_ files: MemoryFiles, _ clusterID: [UInt8] = clusterID) throws -> Replica<MemoryFiles> {
        var configuration = ReplicaConfiguration(id: 1, clusterID: clusterID)
        Self.sizes(&configuration)
        return try Replica.open(files, configuration: configuration, root: Self.root, dice: SeededDice(seed: 5))
    }

    /// What every stream says now, by its tag: enough to tell two stores' views apart.
    private func contents(_ replica: Replica<MemoryFiles>, through position: UInt64? = nil) throws -> [UInt64: [UInt8]]
    {
        var found: [UInt64: [UInt8]] = [:]
        for number in 0..<replica.book.streamCount {
            let stream = StreamOrdinal(raw: UInt32(number))
            let kind: ViewKind = replica.book.category(of: stream) == .patient ? .patient : .appointment
            guard let standing = replica.book.standing(of: stream, through: position ?? replica.book.position),
                try !replica.isGone(at: standing, of: stream)
            else { continue }
            found[replica.book.tag(of: stream)] = try replica.folded(stream, kind, at: standing).json
        }
        return found
    }

    @Test func `gives what as-of gives in the parent, and tells before what it undoes`() throws {
        let target: UInt64 = 11
        let files = try restored()
        let (made, shown) = try branch(files, of: parent, keys: clinic.keys, to: .position(target))
        let plan = try #require(made.plan)
        #expect(shown?.streams == plan.streams && plan.target == target && plan.position == 28)
        #expect(plan.streams == 17 && plan.vanishing == 17 && plan.appliedAt == 29)
        let replica = try opened(files)
        #expect(replica.lineage == made.lineage && made.lineage.generations.count == 2)
        #expect(try contents(replica) == contents(clinic.replica, through: target))
        #expect(try contents(replica, through: 28) == contents(clinic.replica), "what was undone stays readable")
        // Every byte of it opens under the ids that wrote it.
        let report = try LogVerifier.verify(
            store: files, directory: ReplicaPaths.log, lineage: made.lineage, keys: replica.ring,
            crypto: try Crypto(), leaves: EntryLeaves())
        #expect(report.isOK)
    }

    @Test(arguments: [UInt64(11), 23]) func `begins from its parent's snapshot, and is what it is without`(
        _ target: UInt64
    ) throws {
        let (clinic, files) = try Self.restoredWithViews()
        let without = files.copy()
        try Replica.clear(Self.parentViews, of: without)
        try branch(without, of: parent, keys: clinic.keys, to: .position(target), digests: clinic.replica.digests)
        var isThere = false
        let (made, _) = try branch(
            files, of: parent, keys: clinic.keys, to: .position(target), digests: clinic.replica.digests
        ) { isThere = $0 }
        #expect(isThere, "the log is folded from the snapshot on")
        for made in [files, without] {
            #expect(made.paths.count { $0.hasPrefix(ReplicaPaths.views + "/snapshot") } == 1, "and stands in one")
        }
        let replica = try opened(files)
        #expect(try contents(replica) == contents(clinic.replica, through: target))
        #expect(try contents(replica, through: 28) == contents(clinic.replica))
        #expect(try contents(replica) == contents(opened(without)))
        #expect(made.plan?.streams == (28 - Int(target)))
        // Its parent's keys open nothing of its views.
        let place = ViewPlace(
            directory: ReplicaPaths.views, clusterID: Clinic.clusterID, key: try clinic.keys.snapshotKey())
        #expect(try SnapshotStore(store: files, place: place, crypto: try Crypto()).load().snapshot == nil)
    }

    @Test func `passes over a snapshot that is damaged, and refuses to fold to anything else than was backed up`()
        throws
    {
        let (clinic, whole) = try Self.restoredWithViews()
        for path in whole.paths where path.hasPrefix(Self.parentViews + "/") {
            let bytes = try #require(whole.contents(path))
            for at in stride(from: 0, to: bytes.count, by: 9001) {
                let files = Self.flipped(whole, path, at)
                try branch(files, of: parent, keys: clinic.keys, to: .position(11), digests: clinic.replica.digests)
                #expect(try contents(opened(files)) == contents(clinic.replica, through: 11))
            }
            let lost = whole.copy()
            try lost.remove(path)
            try branch(lost, of: parent, keys: clinic.keys, to: .position(11), digests: clinic.replica.digests)
            #expect(try contents(opened(lost)) == contents(clinic.replica, through: 11))
        }
        var digests = clinic.replica.digests
        digests.audit = .zero
        #expect(throws: ReplicaError.views(.damaged(file: ReplicaPaths.views, page: 0))) {
            try branch(whole, of: parent, keys: clinic.keys, to: .position(11), digests: digests)
        }
    }

    @Test func `tells what it would undo, and makes it of the same copy afterwards`() throws {
        let (clinic, files) = try Self.restoredWithViews()
        let copied = files.copy()
        let (_, shown) = try branch(files, of: parent, keys: clinic.keys, to: .position(11), applies: false)
        let told = try #require(shown)
        #expect(told.appliedAt == nil && told.streams == 17)
        // The tail is copied anew, and the snapshot.
        for path in files.paths where path.hasPrefix(ReplicaPaths.log + "/") { try files.remove(path) }
        for path in copied.paths { files.put(path, try #require(copied.contents(path))) }
        let (made, _) = try branch(files, of: parent, keys: clinic.keys, to: .position(11))
        #expect(made.plan?.streams == told.streams && made.plan?.patients == told.patients)
        #expect(try contents(opened(files)) == contents(clinic.replica, through: 11))
    }

    /// A snapshot of the parent that stands at the first entry left out has the number of the branch's own first one.
    @Test(arguments: [true, false]) func `begins from no snapshot of what was left out`(_ isCutFirst: Bool) throws {
        let (clinic, files) = try Self.restoredWithViews(lived: 14, after: 0)
        var making = try making(files, of: parent, keys: clinic.keys)
        try making.begin()
        if !isCutFirst { try making.adoptViews(from: files, directory: Self.parentViews) }
        var target = try making.target(.position(27))
        target = try making.cutShort(after: target)
        #expect(target.lastPosition == 27 && target.eventsBeside == 0 && target.recordsBeside == 0)
        if isCutFirst { #expect(try !making.adoptViews(from: files, directory: Self.parentViews)) }
        var wall = Instant(microseconds: 1_791_000_000_000_000)
        let made = try making.make(
            plan(Self.clusterID, target), voters: [1],
            now: {
                wall.microseconds += 1_000
                return wall
            }, configure: Self.sizes
        ) { _ in }
        #expect(made.plan == nil)
        let replica = try opened(files)
        #expect(replica.book.position == 27)
        #expect(try contents(replica) == contents(clinic.replica, through: 27))
    }

    @Test func `by an instant is cut between transactions, and at the end undoes nothing`() throws {
        let stamp = try clinic.replica.transaction(at: 9).stamp
        for (instant, expected) in [(stamp.microseconds, UInt64(9)), (stamp.microseconds - 1, 8)] {
            let files = try restored()
            let asked = AsOf.instant(Instant(microseconds: instant))
            let (made, _) = try branch(files, of: parent, keys: clinic.keys, to: asked)
            #expect(made.target.position == expected && made.target.instant.microseconds == instant)
            #expect(try contents(opened(files)) == contents(clinic.replica, through: expected))
        }
        let files = try restored()
        let (made, shown) = try branch(files, of: parent, keys: clinic.keys, to: .position(28))
        #expect(made.plan == nil && shown == nil)
        #expect(try contents(opened(files)) == contents(clinic.replica))
    }

    @Test func `refuses what is not covered, and keys of another store`() throws {
        let first = try clinic.replica.transaction(at: 1).stamp.microseconds
        let last = clinic.replica.log.lastStamp.microseconds
        for (asked, kind) in [
            (AsOf.instant(Instant(microseconds: first - 1)), ProblemKind.badInstant),
            (.instant(Instant(microseconds: last + 1)), .badInstant), (.position(0), .badPosition),
            (.position(29), .badPosition),
        ] {
            let files = try restored()
            var making = try making(files, of: parent, keys: clinic.keys)
            do throws(ReplicaError) {
                _ = try making.target(asked)
                Issue.record("\(asked) was taken")
            } catch {
                guard case .refused(let problem) = error else {
                    Issue.record("\(error)")
                    continue
                }
                #expect(problem.kind == kind)
            }
        }
        let other = KeyRing(
            clusterID: Clinic.clusterID,
            held: KeyKind.allCases.map { HeldKey(kind: $0, epoch: 1, key: SecretKey([UInt8](1...32))) })
        #expect(throws: ReplicaError.self) {
            try making(try restored(), of: parent, keys: other).verify { _, _ in }
        }
    }

    @Test func `of a branch, and of that`() throws {
        let files = try restored()
        let (first, _) = try branch(files, of: parent, keys: clinic.keys, to: .position(20))
        let between = try opened(files)
        let keys = between.ring
        #expect(keys.logEpoch == 2 && keys.registryEpoch == 2 && keys.auditEpoch == 2)
        let second = MemoryFiles()
        for path in files.paths where path.hasPrefix(ReplicaPaths.log + "/") {
            second.put(path, try #require(files.contents(path)))
        }
        let id = Array(UInt8(81)...96)
        let (made, _) = try branch(second, of: first.lineage, keys: keys, to: .position(13), as: id)
        #expect(made.lineage.generations.count == 3)
        let replica = try opened(second, id)
        #expect(try contents(replica) == contents(clinic.replica, through: 13))
        // Back to before the first branch's rewind: what it undid is there again.
        let third = MemoryFiles()
        for path in second.paths where path.hasPrefix(ReplicaPaths.log + "/") {
            third.put(path, try #require(second.contents(path)))
        }
        let last = Array(UInt8(111)...126)
        try branch(third, of: made.lineage, keys: replica.ring, to: .position(28), as: last)
        #expect(try contents(opened(third, last)) == contents(clinic.replica))
    }

    @Test func `names every damage of the copy, and makes no shorter store`() throws {
        let whole = try restored()
        for path in whole.paths where path.hasPrefix(ReplicaPaths.log + "/") {
            let bytes = try #require(whole.contents(path))
            for at in stride(from: 0, to: bytes.count, by: 997) {
                let files = Self.flipped(whole, path, at)
                #expect(throws: ReplicaError.self, "\(path) at \(at)") {
                    try making(files, of: parent, keys: clinic.keys).verify { _, _ in }
                }
            }
            let lost = whole.copy()
            try lost.remove(path)
            #expect(throws: ReplicaError.self, "without \(path)") {
                try branch(lost, of: parent, keys: clinic.keys, to: .position(5))
            }
        }
    }

    /// Some operations of each kind; a release build tries each.
    @Test(arguments: [FailingFiles<MemoryFiles>.Failure.stop, .full, .sync])
    func `that failed at any operation is made by the next try`(_ failure: FailingFiles<MemoryFiles>.Failure) throws {
        let (clinic, whole) = try Self.restoredWithViews()
        let counting = FailingFiles(whole.copy(), failing: failure, at: 0)
        try branch(counting, of: parent, keys: clinic.keys, to: .position(11))
        let expected = try contents(clinic.replica, through: 11)
        var failed = 0
        for number in stride(from: 1, through: counting.counted, by: Self.step) {
            let files = whole.copy()
            do {
                try branch(
                    FailingFiles(files, failing: failure, at: number), of: parent, keys: clinic.keys, to: .position(11))
            } catch {
                failed += 1
                // The segments are copied again, as a restore does whose tail was written to; the rest is as it was left.
                for path in files.paths where path.hasPrefix(ReplicaPaths.log + "/") { try files.remove(path) }
                for path in whole.paths { files.put(path, try #require(whole.contents(path))) }
                try branch(files, of: parent, keys: clinic.keys, to: .position(11))
            }
            #expect(try contents(opened(files)) == expected, "operation \(number)")
        }
        #expect(failed > 0)
    }

    #if DEBUG
    private static let step = 151
    #else
    private static let step = 1
    #endif
}
