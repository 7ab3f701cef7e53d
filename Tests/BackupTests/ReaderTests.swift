@testable import Backup
import Bytes
import Files
import Keys
import SegmentedLog
import Testing

@Suite struct `Choosing a backup` {
    private let house: House
    private let files = MemoryFiles()
    private let manifests: [Manifest]

    init() throws {
        house = try House(segments: 2)
        let first = try house.backUp(to: files)
        try house.fill(through: 3)
        house.erasures = 1
        manifests = [first, try house.backUp(to: files)]
    }

    @Test func `the newest is taken, or the one that is asked for`() throws {
        let newest = try BackupReader(files.destination, trust: TestSigner.trust)
        #expect(newest.manifest == manifests[1] && newest.passedOver.isEmpty && newest.olderRegisters.isEmpty)
        #expect(throws: BackupError.missing(object: BackupLayout.manifest(3))) {
            try BackupReader(files.destination, number: 3, trust: TestSigner.trust)
        }
        #expect(throws: BackupError.empty) { try BackupReader(MemoryFiles().destination, trust: TestSigner.trust) }
    }

    @Test func `an older one undoes what was registered since, so it is refused unless that is meant`() throws {
        #expect(throws: BackupError.olderRegisters([.erasures, .audit])) {
            try BackupReader(files.destination, number: 1, trust: TestSigner.trust)
        }
        let meant = try BackupReader(
            files.destination, number: 1, trust: TestSigner.trust, allowsOlderRegisters: true)
        #expect(meant.manifest == manifests[0] && meant.olderRegisters == [.erasures, .audit])
    }

    @Test func `heads put there between backups count`() throws {
        let note = [RegisterHead(kind: .erasures, count: 2, hash: SHA256.digest([2]))]
        try RegisterNote.post(
            note, index: house.log.lastIndex, madeAt: house.wall, cluster: house.cluster, to: files.destination,
            signer: TestSigner(), trust: TestSigner.trust)
        #expect(throws: BackupError.olderRegisters([.erasures])) {
            try BackupReader(files.destination, trust: TestSigner.trust)
        }
        let name = BackupLayout.registers(1)
        files.put(name, [1, 2, 3])
        #expect(throws: BackupError.flawed(object: name, .form)) {
            try BackupReader(files.destination, trust: TestSigner.trust)
        }
        let meant = try BackupReader(files.destination, trust: TestSigner.trust, allowsOlderRegisters: true)
        #expect(meant.manifest == manifests[1])
        #expect(
            try BackupVerifier.verify(files.destination, trust: TestSigner.trust).findings
                == [BackupFinding(object: name, kind: .signed(.form))])
    }

    @Test func `a newest that cannot be used is an error, never a shorter restore, unless an older one is meant`()
        throws
    {
        let house = try House(segments: 2)
        let files = MemoryFiles()
        let last = house.log.durableIndex
        for _ in 0..<3 { try house.backUp(to: files, through: last) }
        files.put(BackupLayout.manifest(3), [9])
        let flawed = BackupError.flawed(object: BackupLayout.manifest(3), .form)
        for number in [nil, 2, 3] as [UInt64?] {
            #expect(throws: flawed, "what it had seen of the registers is not known") {
                try BackupReader(files.destination, number: number, trust: TestSigner.trust)
            }
        }
        #expect(throws: flawed) {
            try BackupReader(files.destination, trust: TestSigner.trust, allowsOlderRegisters: true)
        }
        let passed = [BackupFinding(object: BackupLayout.manifest(3), kind: .signed(.form))]
        let meant = try BackupReader(
            files.destination, number: 2, trust: TestSigner.trust, allowsOlderRegisters: true)
        #expect(meant.manifest.number == 2 && meant.passedOver == passed)
        let looked = try BackupReader(files.destination, trust: TestSigner.trust, passesOver: true)
        #expect(looked.manifest.number == 2 && looked.passedOver == passed)
        try files.remove(meant.manifest.objects[0].name)
        #expect(throws: BackupError.self) {
            try BackupReader(files.destination, trust: TestSigner.trust, passesOver: true)
        }
    }

    @Test func `a newest that lacks a segment is an error that names it, not one of registers`() throws {
        let lost = try #require(manifests[1].segments.last)
        try files.remove(lost.name)
        #expect(throws: BackupError.damaged(ObjectCheck(manifest: manifests[1], object: lost).missing)) {
            try BackupReader(files.destination, trust: TestSigner.trust)
        }
    }

    @Test func `a directory that holds another log is left alone`() throws {
        let reader = try BackupReader(files.destination, trust: TestSigner.trust)
        for (name, bytes) in [("000000000001.segment", [1]), ("000000000009.segment", [1]), ("notes", [2])]
            as [(String, [UInt8])]
        {
            let target = MemoryFiles()
            target.put("log/" + name, bytes)
            var restore = LogRestore(reader.manifest, from: reader.destination, into: target, directory: "log")
            #expect(throws: BackupError.occupied(object: "log/" + name)) {
                while case .going = try restore.step() {}
            }
            #expect(target.contents("log/" + name) == bytes)
        }
    }

    @Test func `a restore tells how far it is, and what was there`() throws {
        let reader = try BackupReader(files.destination, trust: TestSigner.trust)
        let target = MemoryFiles()
        var restore = LogRestore(reader.manifest, from: reader.destination, into: target, directory: "log")
        while case .going = try restore.step() {}
        let bytes = manifests[1].segments.reduce(0) { $0 + $1.bytes }
        #expect(restore.progress.bytesDone == bytes && restore.progress.bytesOf == bytes)
        #expect(restore.progress.objectsDone == 3)
        var again = LogRestore(reader.manifest, from: reader.destination, into: target, directory: "log")
        while case .going = try again.step() {}
        #expect(again.progress.bytesKept == bytes && again.progress.objectsOf == 0)
    }

    @Test func `an ancestor's segments are known by the ancestor's name`() throws {
        let own = ClusterIdentity(low: 0x77, high: 0x88)
        var stand = try house.stand()
        stand.cluster = own
        stand.lineage = [
            LineagePart(cluster: house.cluster, firstSegment: 1), LineagePart(cluster: own, firstSegment: 4),
        ]
        let files = MemoryFiles()
        let manifest = try House.finish(house.run(stand, to: files))
        #expect(manifest.cluster(of: 3) == house.cluster && manifest.cluster(of: 4) == own)
        let sealed = SealedCheck(
            manifest: manifest, files: BackupFiles(manifest, in: files.destination), directory: "log",
            keys: House.keys(own), crypto: try Crypto(), leaves: PlainEntries())
        #expect(try sealed.findings { _, _ in }.isEmpty)
        let name = manifest.objects[1].name
        var bytes = try #require(files.contents(name))
        bytes[SegmentFormat.tableAt + 9] ^= 1
        files.put(name, bytes)
        let found = try BackupVerifier.verify(files.destination, trust: TestSigner.trust).findings
        #expect(found.map(\.kind) == [.segment(.frame(.header))] && found.first?.segment == 2)
    }
}
