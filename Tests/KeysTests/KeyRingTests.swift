import Bytes
import Keys
import Testing

@Suite struct KeyRingTests {
    private let crypto: Crypto
    private let cluster = [UInt8](0..<16)
    private let log = SecretKey([UInt8](0..<32))
    private let registry = SecretKey([UInt8](32..<64))
    private let audit = SecretKey([UInt8](64..<96))
    private let ring: KeyRing

    init() throws {
        crypto = try Crypto()
        ring = KeyRing(
            clusterID: cluster,
            held: [
                HeldKey(kind: .logEpoch, epoch: 1, key: log), HeldKey(kind: .registryEpoch, epoch: 1, key: registry),
                HeldKey(kind: .registryEpoch, epoch: 4, key: audit), HeldKey(kind: .audit, epoch: 1, key: audit),
            ])
    }

    @Test func `a ring begins at the newest epoch of each kind`() {
        #expect(ring.logEpoch == 1 && ring.registryEpoch == 4 && ring.auditEpoch == 1)
        #expect(throws: KeyError.missing) { try ring.key(.audit, epoch: 2) }
    }

    @Test func `derived keys differ by purpose, epoch, cluster, segment and salt, and are the same each time`() throws {
        func keys() throws -> [SecretKey] {
            let other = [UInt8](repeating: 7, count: 16)
            return [
                try ring.segmentKey(clusterID: cluster, segment: 1, salt: [1], epoch: 1),
                try ring.segmentKey(clusterID: cluster, segment: 2, salt: [1], epoch: 1),
                try ring.segmentKey(clusterID: cluster, segment: 1, salt: [2], epoch: 1),
                try ring.segmentKey(clusterID: other, segment: 1, salt: [1], epoch: 1),
                try ring.auditKey(clusterID: cluster, segmentSalt: [1], epoch: 1),
                try ring.auditKey(clusterID: cluster, segmentSalt: [2], epoch: 1),
                try ring.snapshotKey(epoch: 1), try ring.snapshotKey(epoch: 4), try ring.indexKey(epoch: 1),
                try ring.stagingKey(epoch: 1), try ring.cursorKey(epoch: 1),
            ]
        }
        let once = try keys()
        #expect(try keys() == once)
        for (index, key) in once.enumerated() { #expect(!once[..<index].contains(key)) }
        #expect(try ring.snapshotKey() == once[7])
        #expect(throws: KeyError.missing) { try ring.segmentKey(clusterID: cluster, segment: 1, salt: [], epoch: 2) }
    }

    /// The info's bytes are part of the format: another implementation must come to the same key.
    @Test func `a segment key is HKDF over the words that Keys.md states`() throws {
        var info = Array("chartlog segment 1".utf8) + [0] + cluster
        info += [0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01]
        let stated = HKDF.bytes(from: [UInt8](0..<32), salt: [9, 9], info: info, count: 32)
        let key = try ring.segmentKey(clusterID: cluster, segment: 0x0102_0304_0506_0708, salt: [9, 9], epoch: 1)
        #expect(key == SecretKey(stated))
    }

    @Test func `the key that signs backups is HKDF over the words that Keys.md states`() throws {
        let info = Array("chartlog backup signing 1".utf8) + [0] + cluster + [1, 0, 0, 0, 0, 0, 0, 0]
        let seed = HKDF.bytes(from: [UInt8](0..<32), salt: [], info: info, count: 32)
        let key = try ring.backupSigningKey(clusterID: cluster, epoch: 1)
        #expect(key.publicKey == (try SigningKey(seed: SecretKey(seed)).publicKey))
        let other = try ring.backupSigningKey(clusterID: [UInt8](repeating: 7, count: 16), epoch: 1)
        #expect(!SigningKey.verify(try key.sign([1]), of: [1], publicKey: other.publicKey))
        #expect(throws: KeyError.missing) { try ring.backupSigningKey(clusterID: cluster, epoch: 2) }
    }

    @Test func `a wrapped key opens only as itself`() throws {
        var dice = SeededDice(seed: 1)
        let subject = SecretKey.random(dice: &dice)
        let wrapped = try ring.wrap(subject, as: 11, tenant: 1, crypto: crypto, dice: &dice)
        #expect(wrapped.count == KeyRing.wrappedBytes)
        func unwrap(
            id: UInt64 = 11, tenant: UInt32 = 1, purpose: WrappedPurpose = .subject, epoch: UInt32 = 4
        ) throws(KeyError) -> SecretKey {
            try ring.unwrap(wrapped, as: id, tenant: tenant, purpose: purpose, epoch: epoch, crypto: crypto)
        }
        #expect(try unwrap() == subject)
        #expect(throws: KeyError.wrongKey) { try unwrap(id: 12) }
        #expect(throws: KeyError.wrongKey) { try unwrap(tenant: 2) }
        #expect(throws: KeyError.wrongKey) { try unwrap(purpose: .credential) }
        #expect(throws: KeyError.wrongKey) { try unwrap(epoch: 1) }
        #expect(throws: KeyError.missing) { try unwrap(epoch: 2) }
        let elsewhere = KeyRing(
            clusterID: [UInt8](1..<17), held: [HeldKey(kind: .registryEpoch, epoch: 4, key: audit)])
        #expect(throws: KeyError.wrongKey) {
            try elsewhere.unwrap(wrapped, as: 11, tenant: 1, epoch: 4, crypto: crypto)
        }
        // A branch opens what its ancestor wrapped, in the ancestor's name.
        #expect(
            try elsewhere.unwrap(wrapped, as: 11, tenant: 1, epoch: 4, clusterID: cluster, crypto: crypto) == subject)
        #expect(throws: KeyError.wrongKey) {
            try ring.unwrap(wrapped, as: 11, tenant: 1, epoch: 4, clusterID: elsewhere.clusterID, crypto: crypto)
        }
        #expect(throws: KeyError.malformed) {
            try ring.unwrap(wrapped, in: 0..<59, as: 11, tenant: 1, epoch: 4, crypto: crypto)
        }
        let midst = [1, 2] + wrapped + [3]
        #expect(try ring.unwrap(midst, in: 2..<62, as: 11, tenant: 1, epoch: 4, crypto: crypto) == subject)
    }

    @Test func `keys come into a ring and leave it`() throws {
        var ring = ring
        var dice = SeededDice(seed: 2)
        ring.hold(HeldKey(kind: .registryEpoch, epoch: 5, key: .random(dice: &dice)))
        #expect(ring.registryEpoch == 4, "the log says when an epoch is used")
        _ = try ring.key(.registryEpoch, epoch: 5)
        ring.drop(.registryEpoch, epoch: 4)
        #expect(throws: KeyError.missing) { try ring.snapshotKey() }
    }

    @Test func `a key's uses end at two to the twenty-fourth`() throws {
        var budget = KeyBudget(uses: KeyBudget.usesMax - 1)
        try budget.spend()
        #expect(budget.isSpent)
        #expect(throws: KeyError.exhausted) { try budget.spend() }
        #expect(budget.uses == 1 << 24)
    }
}

@Suite struct RootKeyTests {
    private let raw = (0..<32).map { UInt8($0) &* 37 &+ 3 }

    @Test func `a root key is read from raw bytes, hexadecimal digits or base64`() throws {
        let hex = Array(Hex.text(of: raw).utf8)
        let base64 = Array(Base64.text(of: raw).utf8)
        let line: [UInt8] = [0x0d, 0x0a]
        for bytes in [raw, hex, hex + line, Array(Hex.text(of: raw).uppercased().utf8), base64, base64 + line] {
            #expect(try RootKey.load(bytes) == SecretKey(raw))
        }
        #expect(try RootKey.load(RootKey.fileBytes(of: SecretKey(raw))) == SecretKey(raw))
    }

    @Test func `what is no root key is refused`() {
        let hex = Array(Hex.text(of: raw).utf8)
        let wrong: [[UInt8]] = [
            [], Array(raw.dropLast()), raw + raw, [0x20] + hex, Array(hex.dropLast()), hex + [0x30],
            Array(hex.dropLast()) + [0x67], [UInt8](repeating: 0, count: 32), Array(repeating: 0x30, count: 64),
            Array(Base64.text(of: raw).utf8.dropLast()), Array(Base64.text(of: Array(raw.dropLast())).utf8),
        ]
        for bytes in wrong { #expect(throws: KeyError.malformed) { try RootKey.load(bytes) } }
    }
}
