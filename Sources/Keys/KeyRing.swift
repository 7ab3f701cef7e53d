package import Bytes

/// The keys of one node in use, and every derivation from them. Nothing here touches a disk.
///
/// A value: a thread may keep its own copy. Which epoch is in use is the log's word: `logEpoch` and the others begin
/// at the newest epoch held and are set when a control record says so.
package struct KeyRing: Sendable {
    package static let clusterIDBytes = 16
    /// nonce ‖ key ‖ tag
    package static let wrappedBytes = SecretKey.count + Crypto.overheadBytes

    package let clusterID: [UInt8]
    /// Of the segments made from now on.
    package var logEpoch: UInt32
    /// Of the keys wrapped, and of the snapshots, indexes and cursors made, from now on.
    package var registryEpoch: UInt32
    package var auditEpoch: UInt32
    private var keys: [HeldKey]

    /// - Precondition: `clusterID` has 16 bytes.
    package init(clusterID: [UInt8], held: [HeldKey]) {
        precondition(clusterID.count == Self.clusterIDBytes)
        func newest(_ kind: KeyKind) -> UInt32 { held.filter { $0.kind == kind }.map(\.epoch).max() ?? 0 }
        self.clusterID = clusterID
        logEpoch = newest(.logEpoch)
        registryEpoch = newest(.registryEpoch)
        auditEpoch = newest(.audit)
        keys = held
    }

    package init<Store>(_ file: KeyFile<Store>, clusterID: [UInt8]) { self.init(clusterID: clusterID, held: file.held) }

    /// All keys held, in no order that counts: for an escrow alone.
    package var held: [HeldKey] { keys }

    /// Every epoch of which a key is held, by kind and epoch.
    package var epochs: [(kind: KeyKind, epoch: UInt32)] {
        keys.map { ($0.kind, $0.epoch) }.sorted { ($0.0.rawValue, $0.1) < ($1.0.rawValue, $1.1) }
    }

    package mutating func hold(_ key: HeldKey) { keys.append(key) }

    package mutating func drop(_ kind: KeyKind, epoch: UInt32) {
        keys.removeAll { $0.kind == kind && $0.epoch == epoch }
    }

    /// - Throws: `.missing` when no such key is held. That is never proof that it was destroyed.
    package func key(_ kind: KeyKind, epoch: UInt32) throws(KeyError) -> SecretKey {
        guard let found = keys.first(where: { $0.kind == kind && $0.epoch == epoch }) else { throw .missing }
        return found.key
    }
}

/// What derives. Every info begins with its own words and names its format, so that no two purposes share a key.
extension KeyRing {
    /// Seals the frames of one segment. `clusterID` is the one the segment was written under: a branch keeps its
    /// parent's.
    package func segmentKey(
        clusterID: [UInt8], segment: UInt64, salt: [UInt8], epoch: UInt32
    ) throws(KeyError) -> SecretKey {
        let log = try key(.logEpoch, epoch: epoch)
        return HKDF.key(from: log, salt: salt, info: Self.info("segment", clusterID, segment))
    }

    /// Seals the values of the access records of one segment. `clusterID` is the one that its entries were written under.
    package func auditKey(clusterID: [UInt8], segmentSalt: [UInt8], epoch: UInt32) throws(KeyError) -> SecretKey {
        let audit = try key(.audit, epoch: epoch)
        return HKDF.key(from: audit, salt: segmentSalt, info: Self.info("audit", clusterID, UInt64(epoch)))
    }

    /// Seals the pages of snapshots of the views.
    package func snapshotKey(epoch: UInt32) throws(KeyError) -> SecretKey { try derived("snapshot", epoch) }

    /// Seals the runs of the identity index.
    package func indexKey(epoch: UInt32) throws(KeyError) -> SecretKey { try derived("index", epoch) }

    /// Seals files on their way.
    package func stagingKey(epoch: UInt32) throws(KeyError) -> SecretKey { try derived("staging", epoch) }

    /// Seals the cursors in next links.
    package func cursorKey(epoch: UInt32) throws(KeyError) -> SecretKey { try derived("cursor", epoch) }

    package func snapshotKey() throws(KeyError) -> SecretKey { try snapshotKey(epoch: registryEpoch) }
    package func indexKey() throws(KeyError) -> SecretKey { try indexKey(epoch: registryEpoch) }
    package func cursorKey() throws(KeyError) -> SecretKey { try cursorKey(epoch: registryEpoch) }

    /// Signs the manifests of backups, so that whoever has its public key can tell them from anybody else's.
    /// `clusterID` is that of the store they are of.
    ///
    /// - Throws: `.missing` when the log epoch is not held.
    package func backupSigningKey(clusterID: [UInt8], epoch: UInt32) throws(KeyError) -> SigningKey {
        let log = try key(.logEpoch, epoch: epoch)
        return try SigningKey(
            seed: HKDF.key(from: log, salt: [], info: Self.info("backup signing", clusterID, UInt64(epoch))))
    }

    private func derived(_ purpose: String, _ epoch: UInt32) throws(KeyError) -> SecretKey {
        let registry = try key(.registryEpoch, epoch: epoch)
        return HKDF.key(from: registry, salt: [], info: Self.info(purpose, clusterID, UInt64(epoch)))
    }

    private static func info(_ purpose: String, _ clusterID: [UInt8], _ number: UInt64) -> [UInt8] {
        var writer = ByteWriter(reserving: 64)
        writer.append(Array("chartlog \(purpose) 1".utf8))
        writer.u8(0)
        writer.append(clusterID)
        writer.u64(number)
        return writer.bytes
    }
}

/// What a wrapped key is for; part of what its wrapping authenticates.
package enum WrappedPurpose: UInt8, Sendable {
    /// Seals the values of one subject.
    case subject = 1
    /// Makes a tenant's tokens.
    case tenantIndex = 2
    /// Seals a tenant's values that have no subject.
    case tenantSealing = 3
    /// The MAC of API secrets.
    case credential = 4
}

/// Wrapping under the registry epoch key E: AES-256-GCM, associated data = "chartlog wrap 1", 0, cluster id, purpose,
/// tenant, key id, epoch.
extension KeyRing {
    /// The 60 bytes that ride in the log: nonce ‖ ciphertext ‖ tag, under `registryEpoch`, of this ring's own cluster.
    package func wrap(
        _ key: SecretKey, as id: UInt64, tenant: UInt32, purpose: WrappedPurpose = .subject, crypto: Crypto,
        dice: inout some Dice
    ) throws(KeyError) -> [UInt8] {
        let registry = try self.key(.registryEpoch, epoch: registryEpoch)
        var plain = unsafe key.withBytes { unsafe Array($0) }
        defer { Wipe.bytes(&plain) }
        var wrapped: [UInt8] = []
        wrapped.reserveCapacity(Self.wrappedBytes)
        try crypto.seal(
            plain, in: 0..<plain.count, key: registry, nonce: dice.bytes(Crypto.nonceBytes),
            associated: Self.associated(clusterID, id, tenant, purpose, registryEpoch), onto: &wrapped)
        return wrapped
    }

    /// - Parameter clusterID: whose log the key was wrapped into, 16 bytes: a branch opens what its ancestors wrapped. By
    ///   default this ring's own cluster.
    /// - Throws: `.missing` when the epoch is not held, `.wrongKey` when anything about it was changed, `.malformed`
    ///   when it has not 60 bytes.
    package func unwrap(
        _ wrapped: [UInt8], in range: Range<Int>? = nil, as id: UInt64, tenant: UInt32,
        purpose: WrappedPurpose = .subject, epoch: UInt32, clusterID: [UInt8]? = nil, crypto: Crypto
    ) throws(KeyError) -> SecretKey {
        let registry = try key(.registryEpoch, epoch: epoch)
        let range = range ?? 0..<wrapped.count
        guard range.count == Self.wrappedBytes else { throw .malformed }
        var plain: [UInt8] = []
        try crypto.open(
            wrapped, in: range, key: registry,
            associated: Self.associated(clusterID ?? self.clusterID, id, tenant, purpose, epoch), onto: &plain)
        return SecretKey(plain)
    }

    private static func associated(
        _ clusterID: [UInt8], _ id: UInt64, _ tenant: UInt32, _ purpose: WrappedPurpose, _ epoch: UInt32
    ) -> [UInt8] {
        precondition(clusterID.count == clusterIDBytes)
        var writer = ByteWriter(reserving: 64)
        writer.append(Array("chartlog wrap 1".utf8))
        writer.u8(0)
        writer.append(clusterID)
        writer.u8(purpose.rawValue)
        writer.u32(tenant)
        writer.u64(id)
        writer.u32(epoch)
        return writer.bytes
    }
}

/// How often a key may still be used. Random 96-bit nonces collide with a chance of n²/2⁹⁷: at 2²⁴ uses that is 2⁻⁴⁹.
package struct KeyBudget: Sendable, Equatable {
    /// Frames under one segment key, and values under any other, before the key is replaced.
    package static let usesMax: UInt64 = 1 << 24

    package private(set) var uses: UInt64

    package init(uses: UInt64 = 0) { self.uses = uses }

    package var isSpent: Bool { uses >= Self.usesMax }

    /// - Throws: `.exhausted` once `usesMax` are spent.
    package mutating func spend() throws(KeyError) {
        guard !isSpent else { throw .exhausted }
        uses += 1
    }
}
