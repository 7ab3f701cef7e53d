@testable import Backup
import Bytes
import Files
import Keys
import SegmentedLog
import Testing

#if DEBUG
/// Debug builds sample; release builds are exhaustive.
private let step = 89
#else
private let step = 1
#endif

/// Every byte of a small destination changed, every object lost, cut, exchanged: found, named, and refused by whoever
/// restores.
@Suite struct `Damage` {
    private let house: House
    private let files = MemoryFiles()
    private let manifests: [Manifest]

    init() throws {
        house = try House(segments: 2)
        let first = try house.backUp(to: files)
        try house.fill(through: 3)
        manifests = [first, try house.backUp(to: files)]
    }

    private func report(_ files: MemoryFiles, _ scope: BackupScope = .all) throws(BackupError) -> BackupReport {
        try BackupVerifier.verify(files.destination, scope: scope, trust: TestSigner.trust)
    }

    private func object(_ name: String) -> ManifestObject? {
        manifests.flatMap(\.objects).first { $0.name == name }
    }

    /// A restore of the newest backup, or why there is none.
    private func restored(_ files: MemoryFiles, number: UInt64? = nil) throws(BackupError) -> MemoryFiles {
        let reader = try BackupReader(
            files.destination, number: number, trust: TestSigner.trust, allowsOlderRegisters: true)
        let target = MemoryFiles()
        var restore = LogRestore(reader.manifest, from: reader.destination, into: target, directory: "log")
        while case .going = try restore.step() {}
        return target
    }

    @Test func `undamaged, nothing is found, and the log comes back`() throws {
        let report = try report(files)
        #expect(report.isOK && report.manifests == 2 && report.verified == [1, 2])
        #expect(report.objects == 4)
        for (number, manifest) in zip([1, 2] as [UInt64], manifests) {
            let target = try restored(files, number: number)
            let (log, recovery) = try House.Log.open(
                store: target, directory: "log", identity: house.cluster, keys: House.keys(house.cluster),
                crypto: try Crypto(), leaves: PlainEntries())
            #expect(recovery == .whole && log.lastIndex == manifest.head.index)
            for index in 1...log.lastIndex {
                #expect(try log.frame(at: index).body == house.log.frame(at: index).body)
            }
        }
    }

    @Test func `any changed byte is found, in its object, at its place, and is not restored`() throws {
        for path in files.paths {
            let bytes = try #require(files.contents(path))
            for at in stride(from: 0, to: bytes.count, by: bytes.count < 2_000 ? 1 : step) {
                var changed = bytes
                changed[at] ^= 1 << UInt8(at % 8)
                let damaged = files.copy()
                damaged.put(path, changed)
                try judge(damaged, path, at)
            }
        }
    }

    private func judge(_ damaged: MemoryFiles, _ path: String, _ at: Int) throws {
        do throws(BackupError) {
            let found = try report(damaged).findings
            guard found.count == 1, let first = found.first, first.object == path else {
                Issue.record("\(path) byte \(at): \(found)")
                return
            }
            guard let object = object(path) else { return }
            #expect(first.offset <= at && at - first.offset < 400, "\(path) byte \(at): \(first)")
            #expect(first.segment == object.segment)
            #expect((object.firstIndex...object.lastIndex + 1).contains(first.index ?? 0))
            #expect((first.position ?? 0) >= object.firstPosition)
            if manifests[1].objects.contains(object) {
                do throws(BackupError) {
                    _ = try restored(damaged)
                    Issue.record("restored with \(path) byte \(at)")
                } catch {
                    #expect(error == .damaged(first))
                }
            }
        } catch {
            #expect(path == BackupLayout.marker && error == .marker)
        }
    }

    @Test func `any lost object is found, and nothing shorter is restored`() throws {
        for path in files.paths {
            let damaged = files.copy()
            try damaged.remove(path)
            guard path != BackupLayout.marker else {
                #expect(throws: BackupError.unmarked) { try report(damaged) }
                #expect(throws: BackupError.unmarked) { try restored(damaged) }
                continue
            }
            // The loss of the very last word leaves the word before: only the log itself knows of more.
            if path == BackupLayout.manifest(2) {
                #expect(try report(damaged).verified == [1])
                continue
            }
            let found = try report(damaged).findings.filter { $0.object == path }
            let isManifest = path == BackupLayout.manifest(1)
            #expect(found.map(\.kind) == [isManifest ? .signed(.missing) : .missing])
            guard let object = object(path) else { continue }
            #expect(found.first?.segment == object.segment && found.first?.index == object.firstIndex)
            #expect(found.first?.position == object.firstPosition)
            #expect(throws: BackupError.damaged(found[0])) { try restored(damaged, number: object.isIn(manifests)) }
        }
    }

    @Test func `any object in another's place is found`() throws {
        let paths = files.paths.filter { $0 != BackupLayout.marker }
        for path in paths {
            for other in paths where other != path {
                let damaged = files.copy()
                damaged.put(path, try #require(files.contents(other)))
                let found = try report(damaged).findings
                #expect(found.contains { $0.object == path }, "\(other) as \(path)")
            }
        }
    }

    @Test func `any object cut at any length is found`() throws {
        for path in files.paths where path != BackupLayout.marker {
            let bytes = try #require(files.contents(path))
            for count in stride(from: 0, to: bytes.count, by: bytes.count < 2_000 ? 7 : step * 7) {
                let damaged = files.copy()
                damaged.put(path, Array(bytes[..<count]))
                let found = try report(damaged).findings
                #expect(found.count == 1 && found.first?.object == path && (found.first?.offset ?? .max) <= count)
            }
            let damaged = files.copy()
            damaged.put(path, bytes + [0])
            #expect(try report(damaged).findings.map(\.object) == [path])
        }
    }

    @Test func `another cluster's objects are found, under whatever names`() throws {
        let other = try House(segments: 2, cluster: 0x4444, seed: 9)
        let others = MemoryFiles()
        let foreign = try other.backUp(to: others)
        try other.fill(through: 3)
        try other.backUp(to: others)
        for (own, theirs) in zip(manifests[0].objects, foreign.objects) {
            let damaged = files.copy()
            damaged.put(own.name, try #require(others.contents(theirs.name)))
            let found = try report(damaged).findings
            #expect(found.map(\.kind) == [.segment(.segmentHeader)] && found.first?.object == own.name)
        }
        let damaged = files.copy()
        damaged.put(BackupLayout.manifest(1), try #require(others.contents(BackupLayout.manifest(1))))
        #expect(
            try report(damaged).findings.first
                == BackupFinding(object: BackupLayout.manifest(1), kind: .signed(.otherCluster)))
        let marked = files.copy()
        marked.put(BackupLayout.marker, try #require(others.contents(BackupLayout.marker)))
        #expect(try report(others).isOK)
        #expect(
            try report(marked).findings
                == [1, 2].map {
                    BackupFinding(object: BackupLayout.manifest($0), kind: .signed(.otherCluster))
                })
        #expect(
            throws: BackupError.flawed(object: BackupLayout.manifest(2), .otherCluster)
        ) { try restored(marked) }
    }

    @Test func `a manifest of the same number from another history breaks the chain`() throws {
        let twin = try House(segments: 2, seed: 5)
        let others = MemoryFiles()
        try twin.backUp(to: others)
        let damaged = files.copy()
        damaged.put(BackupLayout.manifest(1), try #require(others.contents(BackupLayout.manifest(1))))
        let found = try report(damaged, .newest).findings
        #expect(found.contains(BackupFinding(object: BackupLayout.manifest(2), kind: .signed(.chain))))
    }

    @Test func `an epoch has one key`() throws {
        try house.append()
        var run = BackupRun(
            try house.stand(), from: house.files, to: files.destination, signer: TestSigner(seed: 9),
            trust: TestSigner.trust)
        while case .going = try run.step() {}
        #expect(
            try report(files, .newest).findings
                == [BackupFinding(object: BackupLayout.manifest(3), kind: .signed(.key))])
    }
}

extension ManifestObject {
    /// The number of the first backup that has it.
    fileprivate func isIn(_ manifests: [Manifest]) -> UInt64? {
        manifests.first { $0.objects.contains(self) }?.number
    }
}
