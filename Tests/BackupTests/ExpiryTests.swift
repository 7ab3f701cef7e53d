@testable import Backup
import Bytes
import Files
import Keys
import SegmentedLog
import Testing

private let hour: Int64 = 3_600_000_000

@Suite struct `Expiring backups` {
    private let house: House
    private let files = MemoryFiles()

    /// Six backups, an hour apart, of a log that grows.
    init() throws {
        house = try House(segments: 2)
        for number in 0..<6 {
            if number == 3 { try house.fill(through: 3) } else { try house.append() }
            try house.backUp(to: files)
        }
    }

    private func expiry<Destination: BackupDestination>(
        _ destination: Destination, keep: Int, givingUp lost: [UInt64] = []
    ) throws(BackupError) -> BackupExpiry<Destination> {
        try BackupExpiry(
            destination, policy: BackupPolicy(keepLast: keep, keepAllDays: 0, keepDailyDays: 0), now: house.wall,
            givingUp: lost, signer: TestSigner(), trust: TestSigner.trust)
    }

    private func finish<Destination>(_ expiry: BackupExpiry<Destination>) throws(BackupError) {
        var expiry = expiry
        while case .going = try expiry.step() {}
    }

    private func findings(_ files: MemoryFiles) throws(BackupError) -> [BackupFinding] {
        try BackupVerifier.verify(files.destination, scope: .all, trust: TestSigner.trust).findings
    }

    @Test func `a policy keeps the newest, all of some days, and one a day of more`() {
        func kept(_ hours: [Int64], _ policy: BackupPolicy, now: Int64) -> [Int] {
            policy.kept(
                of: hours.map { Instant(microseconds: $0 * hour) }, now: Instant(microseconds: now * hour))
        }
        // Midnight is at multiples of 24.
        let hours: [Int64] = [1, 20, 30, 40, 49, 60, 71, 73, 90]
        func policy(_ last: Int, _ all: Int, _ daily: Int) -> BackupPolicy {
            BackupPolicy(keepLast: last, keepAllDays: all, keepDailyDays: daily)
        }
        #expect(kept(hours, policy(1, 0, 0), now: 95) == [8])
        #expect(kept(hours, policy(3, 0, 0), now: 95) == [6, 7, 8])
        #expect(kept(hours, policy(1, 1, 0), now: 95) == [7, 8])
        #expect(kept(hours, policy(1, 1, 0), now: 72 + 24) == [7, 8])
        #expect(kept(hours, policy(1, 2, 0), now: 95) == [4, 5, 6, 7, 8])
        #expect(kept(hours, policy(1, 0, 1), now: 95) == [8])
        #expect(kept(hours, policy(1, 0, 2), now: 95) == [6, 8])
        #expect(kept(hours, policy(1, 0, 9), now: 95) == [1, 3, 6, 8])
        #expect(kept(hours, policy(1, 0, 0), now: 10_000) == [8])
        // A clock that went back takes nothing away.
        #expect(kept(hours, policy(1, 1, 0), now: 1) == Array(hours.indices))
    }

    @Test func `only what no kept backup needs goes, and the plan says it before`() throws {
        let before = files.all
        let expiry = try expiry(files.destination, keep: 2)
        #expect(files.all == before)
        #expect(expiry.plan.expired == [1, 2, 3, 4] && expiry.plan.kept == [5, 6])
        #expect(expiry.plan.objects.count == 4 && expiry.plan.objects.allSatisfy { $0.name.hasPrefix("tails/") })
        try finish(expiry)
        for object in expiry.plan.objects { #expect(files.contents(object.name) == nil) }
        #expect(try findings(files).isEmpty)
        let list = try BackupList(files.destination, trust: TestSigner.trust)
        #expect(list.entries.map(\.number) == [5, 6] && list.expired == [1...4] && list.unnamed.isEmpty)
        #expect(list.entries.allSatisfy { $0.isUsable })
        // Everything goes on: the next backup, and the next expiry, which takes the older word in.
        try house.append()
        #expect(try house.backUp(to: files).number == 7)
        try finish(try self.expiry(files.destination, keep: 1))
        #expect(try findings(files).isEmpty)
        #expect(files.paths.filter { $0.hasPrefix("expired/") } == [BackupLayout.expired(1...6)])
        var nothing = try self.expiry(files.destination, keep: 1)
        #expect(nothing.progress.of == 0)
        guard case .finished = try nothing.step() else {
            Issue.record("there is something to do")
            return
        }
    }

    @Test func `what is on hold stays with all it needs, until it is released`() throws {
        try BackupHold.place("lawsuit", on: 2, at: house.wall, in: files.destination)
        try BackupHold.place("lawsuit", on: 2, at: house.wall, in: files.destination)
        #expect(throws: BackupError.occupied(object: BackupLayout.hold("lawsuit"))) {
            try BackupHold.place("lawsuit", on: 3, at: house.wall, in: files.destination)
        }
        #expect(throws: BackupError.missing(object: BackupLayout.manifest(9))) {
            try BackupHold.place("other", on: 9, at: house.wall, in: files.destination)
        }
        let expiry = try expiry(files.destination, keep: 1)
        #expect(expiry.plan.held == [2] && expiry.plan.kept == [2, 6])
        try finish(expiry)
        #expect(try findings(files).isEmpty)
        let list = try BackupList(files.destination, trust: TestSigner.trust)
        #expect(list.entries.map(\.holds) == [["lawsuit"], []] && list.expired == [1...1, 3...5])
        _ = try BackupReader(files.destination, number: 2, trust: TestSigner.trust, allowsOlderRegisters: true)
        try BackupHold.release("lawsuit", in: files.destination)
        try finish(try self.expiry(files.destination, keep: 1))
        #expect(try findings(files).isEmpty)
        #expect(files.paths.filter { $0.hasPrefix("expired/") } == [BackupLayout.expired(1...5)])
    }

    @Test func `a backup that is to stay and is not whole stops it`() throws {
        let damaged = files.copy()
        let newest = try SignedManifest.read(
            6, in: damaged.destination, cluster: house.cluster, trust: TestSigner.trust
        ).manifest
        let tail = try #require(newest.segments.last)
        for isShort in [true, false] {
            if isShort { damaged.put(tail.name, [1]) } else { try damaged.remove(tail.name) }
            let finding = ObjectCheck(manifest: newest, object: tail).missing
            #expect(throws: BackupError.damaged(finding), "the older ones are the last that can be restored") {
                try expiry(damaged.destination, keep: 1)
            }
        }
    }

    @Test func `a backup that is made or held since it was planned stops it`() throws {
        var expiry = try expiry(files.destination, keep: 2)
        _ = try expiry.step()
        _ = try expiry.step()
        let (held, made) = (files.copy(), files.copy())
        #expect(files.contents(BackupLayout.manifest(1)) == nil && files.contents(BackupLayout.manifest(2)) != nil)
        for (copy, change) in [
            (held, { try BackupHold.place("lawsuit", on: 2, at: house.wall, in: held.destination) }),
            (
                made,
                {
                    try house.append()
                    try house.backUp(to: made)
                }
            ),
        ] as [(MemoryFiles, () throws -> Void)] {
            var late = try self.expiry(copy.destination, keep: 2)
            try change()
            let before = copy.all
            #expect(throws: BackupError.busy) { while case .going = try late.step() {} }
            #expect(before.allSatisfy { copy.contents($0.key) == $0.value }, "nothing was removed")
            try finish(try self.expiry(copy.destination, keep: 2))
            #expect(try findings(copy).isEmpty)
        }
    }

    @Test func `what cannot be read stops it, or is given up by name`() throws {
        let hold = files.copy()
        hold.put(BackupLayout.hold("lawsuit"), [1])
        #expect(throws: BackupError.damaged(BackupFinding(object: "holds/lawsuit", kind: .hold))) {
            try expiry(hold.destination, keep: 1)
        }
        for lost in [[1], [3], [2, 3], [1, 2, 3, 4, 5]] as [[UInt64]] {
            let damaged = files.copy()
            for number in lost {
                let name = BackupLayout.manifest(number)
                if number == 2 { try damaged.remove(name) } else { damaged.put(name, [7]) }
            }
            #expect(throws: BackupError.self) { try expiry(damaged.destination, keep: 3) }
            #expect(throws: BackupError.self) {
                try expiry(damaged.destination, keep: 3, givingUp: Array(lost.dropFirst()))
            }
            let given = try expiry(damaged.destination, keep: 6, givingUp: lost)
            #expect(given.plan.givenUp == lost && given.plan.expired.isEmpty)
            try finish(given)
            #expect(try findings(damaged).isEmpty, "\(lost)")
        }
        for lost in [[0], [4], [6], [9], [.max]] as [[UInt64]] {
            #expect(throws: BackupError.self) { try expiry(files.destination, keep: 3, givingUp: lost) }
        }
    }

    @Test(arguments: Crashes.failures)
    func `cut off anywhere, every backup that is there is whole, and it goes on`(
        _ failure: FailingFiles<MemoryFiles>.Failure
    ) throws {
        try BackupHold.place("lawsuit", on: 2, at: house.wall, in: files.destination)
        try finish(try expiry(files.destination, keep: 5))
        try BackupHold.release("lawsuit", in: files.destination)
        let wanted = files.copy()
        try finish(try expiry(wanted.destination, keep: 2))
        var dice = SeededDice(seed: 6)
        var number = 1
        while true {
            let cut = files.copy()
            let failing = FailingFiles(cut, failing: failure, at: number)
            let isDone =
                (try? finish(try expiry(DirectoryDestination(failing), keep: 2))) != nil
            cut.crash(.mixed, dice: &dice)
            #expect(try findings(cut).isEmpty, "\(failure) at \(number)")
            if !isDone { try cut.destination.tidy() }
            try finish(try expiry(cut.destination, keep: 2))
            #expect(cut.all == wanted.all, "\(failure) at \(number)")
            guard failing.hasFailed else { break }
            number += 1
        }
        #expect(number > 1)
    }

    @Test func `what an interrupted run left goes with the next expiry, what is not ours stays`() throws {
        try house.append()
        var run = house.run(try house.stand(), to: files)
        _ = try run.step()
        for _ in 0..<run.progress.objectsOf { _ = try run.step() }
        files.put("segments/README", [1])
        let list = try BackupList(files.destination, trust: TestSigner.trust)
        #expect(list.unnamed.count == 1)
        let expiry = try expiry(files.destination, keep: 6)
        #expect(expiry.plan.objects == list.unnamed && expiry.plan.expired.isEmpty)
        try finish(expiry)
        #expect(files.contents("segments/README") == [1])
        #expect(try findings(files).isEmpty)
    }
}
