@testable import Backup
import Bytes
import Files
import SegmentedLog
import Testing

/// Somebody who can write to a destination and has no key.
@Suite struct `Who has no key` {
    private let house: House
    private let files = MemoryFiles()
    /// Whoever holds the keys: of epoch 1 alone.
    private let trust = BackupTrust(
        isSigned: TestSigner.trust.isSigned, signer: .known { $0 == 1 ? TestSigner().publicKey : nil })
    private let stranger = TestSigner(epoch: 7, seed: 9)

    init() throws {
        house = try House(segments: 2)
        for _ in 0..<2 {
            try house.append()
            try house.backUp(to: files)
        }
    }

    @Test func `makes up no epoch to sign under`() throws {
        let newest = try SignedManifest.read(2, in: files.destination, cluster: house.cluster, trust: trust)
        var manifest = newest.manifest
        manifest.number = 3
        manifest.previous = newest.hash
        manifest.madeAt = .last
        let forged = files.copy()
        forged.put(BackupLayout.manifest(3), try SignedManifest(manifest, signer: stranger).bytes)
        let finding = BackupFinding(object: BackupLayout.manifest(3), kind: .signed(.epoch))
        #expect(try BackupVerifier.verify(forged.destination, scope: .all, trust: trust).findings == [finding])
        let reader = try BackupReader(forged.destination, trust: trust, passesOver: true)
        #expect(reader.manifest.number == 2 && reader.passedOver == [finding])
        try house.append()
        var run = BackupRun(
            try house.stand(), from: house.files, to: forged.destination, signer: TestSigner(), trust: trust)
        #expect(throws: BackupError.flawed(object: BackupLayout.manifest(3), .epoch)) { try run.step() }

        let lost = files.copy()
        try lost.remove(BackupLayout.manifest(1))
        let expired = ExpiredRun(numbers: 1...1, previous: .zero, hash: newest.manifest.previous)
        lost.put(expired.name, try expired.bytes(cluster: house.cluster.bytes, signer: stranger))
        let found = try BackupVerifier.verify(lost.destination, scope: .all, trust: trust).findings
        #expect(found.contains(BackupFinding(object: expired.name, kind: .signed(.epoch))))
        #expect(found.contains(BackupFinding(object: BackupLayout.manifest(1), kind: .signed(.missing))))

        let noted = files.copy()
        try RegisterNote.post(
            [RegisterHead(kind: .erasures, count: 9, hash: .zero)], index: 9, madeAt: house.wall,
            cluster: house.cluster,
            to: noted.destination, signer: stranger, trust: TestSigner.trust)
        #expect(throws: BackupError.flawed(object: BackupLayout.registers(1), .epoch)) {
            try BackupReader(noted.destination, trust: trust)
        }
    }

    @Test func `stops nobody by a name, however large its number`() throws {
        for name in [
            "manifests/18446744073709551615.manifest", "manifests/999999999999.manifest",
            "manifests/4611686018427387904.manifest", "expired/000000000001-18446744073709551615.expired",
            "expired/000000000000-000000000001.expired", "registers/18446744073709551615.heads",
        ] {
            let hostile = files.copy()
            hostile.put(name, [1])
            let list = try BackupList(hostile.destination, trust: trust)
            #expect(list.entries.filter(\.isUsable).map(\.number) == [1, 2], "\(name)")
            #expect(list.findings.count <= 1_010, "\(name)")
            let report = try BackupVerifier.verify(hostile.destination, scope: .all, trust: trust)
            #expect(report.findings == list.findings, "\(name)")
            _ = try? BackupExpiry(
                hostile.destination, policy: BackupPolicy(keepLast: 1, keepAllDays: 0, keepDailyDays: 0),
                now: house.wall, signer: TestSigner(), trust: trust)
            let reader = try BackupReader(
                hostile.destination, trust: trust, allowsOlderRegisters: true, passesOver: true)
            #expect(reader.manifest.number == 2)
        }
    }
}
