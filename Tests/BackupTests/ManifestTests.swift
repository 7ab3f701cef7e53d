@testable import Backup
import Bytes
import Files
import Keys
import SegmentedLog
import TestSupport
import Testing
import Views

@Suite struct `Manifests` {
    /// Everything that a manifest may have, from constants.
    private static func full() -> Manifest {
        func digest(_ byte: UInt8) -> Digest { SHA256.digest([byte]) }
        let parent = ClusterIdentity(low: 7, high: 8)
        let own = ClusterIdentity(low: 9, high: 10)
        let view = digest(40)
        return Manifest(
            cluster: own, number: 3, previous: digest(1), madeAt: Instant(microseconds: 1_790_000_000_000_000),
            replica: 2,
            head: LogHead(
                index: 30, term: 4, position: 77, record: 5, firstStamp: Instant(microseconds: 1_780_000_000_000_000),
                stamp: Instant(microseconds: 1_789_999_999_000_001), hash: digest(2)),
            digests: ViewDigests(patient: digest(3), appointment: digest(4), audit: digest(5)),
            registers: RegisterKind.allCases.map {
                RegisterHead(kind: $0, count: UInt64($0.rawValue), hash: digest($0.rawValue))
            },
            epochs: [
                EpochUse(kind: .logEpoch, epoch: 1), EpochUse(kind: .logEpoch, epoch: 2),
                EpochUse(kind: .registryEpoch, epoch: 3), EpochUse(kind: .audit, epoch: 1),
            ],
            lineage: [
                LineagePart(cluster: parent, firstSegment: 1), LineagePart(cluster: own, firstSegment: 2),
            ],
            objects: [
                ManifestObject(
                    kind: .closed, name: BackupLayout.segment(1, footer: digest(20)), bytes: 40_000, hash: digest(21),
                    segment: 1, firstIndex: 1, lastIndex: 20, firstPosition: 1),
                ManifestObject(
                    kind: .tail, name: BackupLayout.tail(2, through: 30, hash: digest(2)), bytes: 13_000,
                    hash: digest(22), segment: 2, firstIndex: 21, lastIndex: 30, firstPosition: 50),
                ManifestObject(
                    kind: .view, name: BackupLayout.view("snapshot-0000000000000004", hash: view), bytes: 9_000,
                    hash: view),
            ])
    }

    private static func expired() -> ExpiredRun {
        ExpiredRun(numbers: 1...2, previous: .zero, hash: SHA256.digest([1]))
    }

    @Test func `those of version 1 are read, and written to the same bytes`() throws {
        let manifest = Self.full()
        #expect(manifest.isInOrder)
        let signed = try SignedManifest(manifest, signer: TestSigner())
        let golden = try Fixture.bytes("backup/v1/000000000003.manifest", orWrite: signed.bytes)
        #expect(golden == signed.bytes)
        let read = try SignedManifest(golden, number: 3, cluster: manifest.cluster, trust: TestSigner.trust)
        #expect(read.manifest == manifest && read.hash == SHA256.digest(golden))
        let marker = BackupMarker(cluster: manifest.cluster)
        let stored = try Fixture.bytes("backup/v1/chartlog-backup", orWrite: marker.bytes)
        #expect(stored == marker.bytes)
        #expect(try BackupMarker(stored) == marker)
        let run = Self.expired()
        let written = try run.bytes(cluster: manifest.cluster.bytes, signer: TestSigner())
        let kept = try Fixture.bytes("backup/v1/000000000001-000000000002.expired", orWrite: written)
        #expect(kept == written)
        #expect(
            try ExpiredRun(kept, numbers: 1...2, cluster: manifest.cluster.bytes, trust: TestSigner.trust) == run)
    }

    @Test func `register heads and holds of version 1 are read, and written to the same bytes`() throws {
        let manifest = Self.full()
        let files = MemoryFiles()
        try RegisterNote.post(
            manifest.registers, index: 30, madeAt: manifest.madeAt, cluster: manifest.cluster, to: files.destination,
            signer: TestSigner(), trust: TestSigner.trust)
        files.put(BackupLayout.manifest(3), [1])
        try BackupHold.place("lawsuit-7", on: 3, at: manifest.madeAt, in: files.destination)
        for (name, fixture) in [
            (BackupLayout.registers(1), "000000000001.heads"), (BackupLayout.hold("lawsuit-7"), "lawsuit-7.hold"),
        ] {
            let made = try #require(files.contents(name))
            #expect(try Fixture.bytes("backup/v1/" + fixture, orWrite: made) == made)
        }
        let note = try RegisterNote.newest(
            in: files.destination, cluster: manifest.cluster, trust: TestSigner.trust)
        #expect(note?.registers == manifest.registers && note?.index == 30)
        let hold = try BackupHold(
            BackupLayout.hold("lawsuit-7"), try #require(files.contents(BackupLayout.hold("lawsuit-7"))),
            cluster: manifest.cluster)
        #expect(hold.number == 3 && hold.name == "lawsuit-7" && hold.placedAt == manifest.madeAt)
    }

    @Test func `cut at any byte, or with any bit flipped, none is believed`() throws {
        let bytes = try SignedManifest(Self.full(), signer: TestSigner()).bytes
        for count in bytes.indices {
            #expect(throws: ManifestFlaw.self) { try SignedManifest(Array(bytes[..<count]), trust: TestSigner.trust) }
        }
        #expect(throws: ManifestFlaw.form) { try SignedManifest(bytes + [0], trust: TestSigner.trust) }
        for at in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[at] ^= 1 << UInt8(bit)
                #expect(throws: ManifestFlaw.self) { try SignedManifest(changed, trust: TestSigner.trust) }
            }
        }
    }

    @Test func `signed nonsense is refused, or says exactly what its bytes say`() throws {
        let manifest = Self.full()
        let body = manifest.body
        var dice = SeededDice(seed: 8)
        var refused = 0
        func judge(_ body: [UInt8]) throws {
            let bytes = try SignedForm.seal(
                magic: SignedManifest.magic, cluster: manifest.cluster.bytes, body: body, signer: TestSigner())
            do throws(ManifestFlaw) {
                let read = try SignedManifest(bytes, trust: TestSigner.trust)
                #expect(read.manifest.body == body)
            } catch {
                #expect(error == .form)
                refused += 1
            }
        }
        for count in body.indices { try judge(Array(body[..<count])) }
        #expect(refused == body.count)
        for at in body.indices {
            var changed = body
            changed[at] ^= 1 << UInt8(at % 8)
            try judge(changed)
        }
        for _ in 0..<2_000 {
            var changed = body
            for _ in 0..<(1 + dice.word() % 4) {
                let at = Int(dice.word() % UInt64(changed.count))
                changed[at] = [0, 1, 0x7f, 0x80, 0xff, UInt8(truncatingIfNeeded: dice.word())][Int(dice.word() % 6)]
            }
            try judge(changed)
        }
        for count in 0..<300 { try judge(dice.bytes(count)) }
        #expect(refused > body.count + 1_000)
    }

    @Test func `one that contradicts itself is none`() throws {
        let good = Self.full()
        let changes: [(inout Manifest) -> Void] = [
            { $0.number = 0 }, { $0.number = 1 }, { $0.previous = .zero }, { $0.head.index = 31 },
            { $0.head.stamp = Instant(microseconds: 0) }, { $0.objects.remove(at: 0) }, { $0.objects.remove(at: 1) },
            { $0.objects.swapAt(0, 1) }, { $0.objects[1].firstIndex = 22 }, { $0.objects[1].lastIndex = 29 },
            { $0.objects[0].segment = 2 }, { $0.objects[2].name = "views/../../etc" },
            { $0.objects[0].name = $0.objects[1].name }, { $0.objects.append($0.objects[2]) }, { $0.lineage = [] },
            { $0.lineage.swapAt(0, 1) }, { $0.lineage.removeLast() }, { $0.registers.swapAt(0, 1) },
            { $0.registers.append($0.registers[0]) }, { $0.epochs.swapAt(0, 1) }, { $0.head.position = .max },
        ]
        for (number, change) in changes.enumerated() {
            var manifest = good
            change(&manifest)
            let bytes = try SignedManifest(manifest, signer: TestSigner()).bytes
            #expect(throws: ManifestFlaw.form, "\(number)") { try SignedManifest(bytes, trust: TestSigner.trust) }
        }
    }

    @Test func `the right bytes of another number, cluster or signer are refused`() throws {
        let manifest = Self.full()
        let bytes = try SignedManifest(manifest, signer: TestSigner()).bytes
        let trust = TestSigner.trust
        #expect(throws: ManifestFlaw.misplaced) {
            try SignedManifest(bytes, number: 4, cluster: manifest.cluster, trust: trust)
        }
        #expect(throws: ManifestFlaw.otherCluster) {
            try SignedManifest(bytes, number: 3, cluster: ClusterIdentity(low: 1, high: 1), trust: trust)
        }
        let known = BackupTrust(isSigned: trust.isSigned, signer: .known { _ in TestSigner(seed: 2).publicKey })
        #expect(throws: ManifestFlaw.key) { try SignedManifest(bytes, trust: known) }
        var later = bytes
        later[8] = 2
        later.removeLast(64)
        later += TestSigner.signature(later, TestSigner().publicKey)
        #expect(throws: ManifestFlaw.version) { try SignedManifest(later, trust: trust) }
    }

    @Test func `a marker with any bit flipped is none`() throws {
        let bytes = BackupMarker(cluster: ClusterIdentity(low: 7, high: 8)).bytes
        for at in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[at] ^= 1 << UInt8(bit)
                #expect(throws: BackupError.marker) { try BackupMarker(changed) }
            }
        }
    }

    @Test func `names stand for one number each, and no path leaves the destination`() {
        for number in [1, 12, 999_999_999_999, 1_000_000_000_000] as [UInt64] {
            #expect(BackupLayout.manifestNumber(BackupLayout.manifest(number)) == number)
            #expect(BackupLayout.registersNumber(BackupLayout.registers(number)) == number)
            #expect(BackupLayout.expiredNumbers(BackupLayout.expired(1...number)) == 1...number)
        }
        for name in [
            "manifests/1.manifest", "manifests/+00000000001.manifest", "manifests/000000000001.manifest.new",
            "manifests/.manifest", "segments/000000000001.manifest",
        ] { #expect(BackupLayout.manifestNumber(name) == nil) }
        #expect(BackupLayout.expiredNumbers("expired/000000000002-000000000001.expired") == nil)
        for name in ["", ".", "..", "a/b", ".hidden", "a b", String(repeating: "a", count: 129)] {
            #expect(!BackupLayout.isPlain(name))
        }
        #expect(BackupLayout.viewFile("views/0123456789abcdef-../x") == nil)
    }
}
