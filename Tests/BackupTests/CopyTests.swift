@testable import Backup
import Bytes
import Files
import Keys
import SegmentedLog
import Testing

@Suite struct `A second destination` {
    private let house: House
    private let first = MemoryFiles()

    init() throws {
        house = try House(segments: 2)
        try house.backUp(to: first)
        try house.fill(through: 3)
        try house.backUp(to: first, views: [BackupView(file: "snapshot-0000000000000001", bytes: 3, read: { [1, 2] })])
        try BackupHold.place("lawsuit", on: 1, at: house.wall, in: first.destination)
        try RegisterNote.post(
            [RegisterHead(kind: .erasures, count: 4, hash: .zero)], index: 9, madeAt: house.wall,
            cluster: house.cluster, to: first.destination, signer: TestSigner(), trust: TestSigner.trust)
        house.erasures = 5
    }

    private func copy<Target: BackupDestination>(
        _ from: MemoryFiles, to target: Target
    ) throws(BackupError) -> BackupProgress {
        var copier = BackupCopier(from: from.destination, to: target, trust: TestSigner.trust)
        while true {
            if case .finished(let progress) = try copier.step() { return progress }
        }
    }

    private func expire(_ files: MemoryFiles, keep: Int) throws {
        var expiry = try BackupExpiry(
            files.destination, policy: BackupPolicy(keepLast: keep, keepAllDays: 0, keepDailyDays: 0),
            now: house.wall, signer: TestSigner(), trust: TestSigner.trust)
        while case .going = try expiry.step() {}
    }

    @Test func `has all that the first has, and later only what is new`() throws {
        let second = MemoryFiles()
        let progress = try copy(first, to: second.destination)
        #expect(second.all == first.all && progress.bytesDone == progress.bytesOf)
        #expect(try copy(first, to: second.destination).objectsOf == 0)
        try house.append()
        try house.backUp(to: first)
        #expect(try copy(first, to: second.destination).objectsDone == 2)
        #expect(second.all == first.all)
        #expect(try BackupVerifier.verify(second.destination, scope: .all, trust: TestSigner.trust).isOK)
    }

    @Test func `keeps what its own policy says`() throws {
        let second = MemoryFiles()
        for _ in 0..<3 {
            try house.append()
            try house.backUp(to: first)
        }
        _ = try copy(first, to: second.destination)
        try BackupHold.release("lawsuit", in: second.destination)
        try expire(second, keep: 1)
        #expect(try copy(first, to: second.destination).objectsOf == 0)
        try expire(first, keep: 2)
        try house.append()
        try house.backUp(to: first)
        _ = try copy(first, to: second.destination)
        for files in [first, second] {
            #expect(try BackupVerifier.verify(files.destination, scope: .all, trust: TestSigner.trust).isOK)
        }
        let list = try BackupList(second.destination, trust: TestSigner.trust)
        #expect(list.entries.map(\.number) == [5, 6])
    }

    @Test func `is not taken for one that holds what the first holds`() throws {
        let second = MemoryFiles()
        _ = try copy(first, to: second.destination)
        // Of the same backup, at another moment: it holds the same.
        try BackupHold.release("lawsuit", in: first.destination)
        try BackupHold.place("lawsuit", on: 1, at: .first, in: first.destination)
        #expect(try copy(first, to: second.destination).objectsOf == 0)
        try BackupHold.release("lawsuit", in: first.destination)
        try BackupHold.place("lawsuit", on: 2, at: house.wall, in: first.destination)
        try house.append()
        let newest = try house.backUp(to: first).number
        #expect(throws: BackupError.occupied(object: BackupLayout.hold("lawsuit"))) {
            try copy(first, to: second.destination)
        }
        #expect(second.contents(BackupLayout.manifest(newest)) != nil, "all else was brought")
        try BackupHold.release("lawsuit", in: second.destination)
        _ = try copy(first, to: second.destination)
        #expect(second.all == first.all)
    }

    @Test func `of another cluster, history or future is refused`() throws {
        let other = try House(segments: 2, cluster: 0x99)
        let foreign = MemoryFiles()
        try other.backUp(to: foreign)
        #expect(throws: BackupError.otherCluster(other.cluster, isAncestor: false)) {
            try copy(first, to: foreign.destination)
        }
        let twin = try House(segments: 2, seed: 7)
        let divided = MemoryFiles()
        try twin.backUp(to: divided)
        #expect(throws: BackupError.otherChain(number: 1)) { try copy(first, to: divided.destination) }
        let ahead = first.copy()
        let newest = try house.backUp(to: ahead).number
        #expect(throws: BackupError.otherChain(number: newest)) { try copy(first, to: ahead.destination) }
    }

    @Test func `takes nothing damaged`() throws {
        for path in first.paths where path != BackupLayout.marker {
            let damaged = first.copy()
            var bytes = try #require(first.contents(path))
            bytes[bytes.count / 2] ^= 1
            damaged.put(path, bytes)
            let second = MemoryFiles()
            do throws(BackupError) {
                _ = try copy(damaged, to: second.destination)
                Issue.record("\(path) was copied")
            } catch {
                #expect(error.object == path)
            }
            #expect(second.contents(path) == nil)
            // Once it is mended the copy goes on.
            damaged.put(path, try #require(first.contents(path)))
            _ = try copy(damaged, to: second.destination)
            #expect(second.all == first.all)
        }
        let (lost, second) = (first.copy(), MemoryFiles())
        let path = try #require(first.paths.first { $0.hasPrefix("segments/") })
        try lost.remove(path)
        #expect(throws: BackupError.self) { try copy(lost, to: second.destination) }
        #expect(!second.paths.contains { $0.hasPrefix("manifests/") })
    }

    @Test(arguments: Crashes.failures)
    func `cut off anywhere, has whole backups alone, and the copy goes on`(
        _ failure: FailingFiles<MemoryFiles>.Failure
    ) throws {
        var dice = SeededDice(seed: 12)
        var number = 1
        while true {
            let second = MemoryFiles()
            let failing = FailingFiles(second, failing: failure, at: number)
            _ = try? copy(first, to: DirectoryDestination(failing))
            second.crash(.mixed, dice: &dice)
            let numbers = try SignedManifest.numbers(in: second.destination)
            for found in numbers {
                #expect(
                    try BackupVerifier.verify(
                        second.destination, scope: .number(found), trust: TestSigner.trust
                    ).isOK, "\(failure) at \(number)")
            }
            _ = try copy(first, to: second.destination)
            #expect(second.all == first.all, "\(failure) at \(number)")
            guard failing.hasFailed else { break }
            number += 1
        }
        #expect(number > 3)
    }
}
