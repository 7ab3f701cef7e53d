package import Bytes
internal import Files
package import Keys
package import Records
internal import SegmentedLog

extension Replica {
    /// Makes a new store of one replica: key file, term file, and the first segment with the genesis entry, all
    /// durable on return. The genesis comes last: without it there is no store.
    ///
    /// - Throws: `.exists` when a log stands there; `.key`, `.log`, `.file`.
    package static func create(
        _ store: Store, plan: GenesisPlan, root: SecretKey, dice: inout some Dice
    ) throws(ReplicaError) {
        try clear(store)
        let (ring, crypto) = try keys(store, plan: plan, root: root, dice: &dice)
        try asLog { () throws(LogError) in
            _ = try TermStore.create(
                store: store, path: ReplicaPaths.terms, identity: ClusterIdentity(plan.clusterID))
        }
        let genesis: Genesis
        do throws(KeyError) {
            genesis = try Genesis(plan, ring: ring, crypto: crypto, dice: &dice)
        } catch {
            throw .key(error)
        }
        let draft = FrameDraft(
            term: 0, firstStamp: plan.createdAt, lastStamp: plan.createdAt, firstPosition: 1, eventCount: 0,
            firstRecord: 1, recordCount: 0, body: genesis.body, leaves: .none)
        try asLog { () throws(LogError) in
            try EntryLog<Store, EntryLeaves>.create(
                store: store, directory: ReplicaPaths.log, identity: ClusterIdentity(plan.clusterID), genesis: draft,
                keys: ring, crypto: crypto, dice: &dice)
        }
    }

    /// Makes a copy of the store of another replica, made by `create` and never started, a replica of its own: it gets a
    /// term file that bears its id.
    /// - Parameter term: Of the last entry that the copy has: whoever leads it must lead in a later one.
    package static func adopt(
        _ store: Store, as id: Int, clusterID: [UInt8], term: UInt64 = 0
    ) throws(ReplicaError) {
        do throws(FileError) {
            if try store.exists(ReplicaPaths.terms) { try store.remove(ReplicaPaths.terms) }
        } catch {
            throw .file(error)
        }
        try asLog { () throws(LogError) in
            _ = try TermStore.create(
                store: store, path: ReplicaPaths.terms, identity: ClusterIdentity(clusterID), replica: UInt64(id),
                term: term)
        }
    }

    /// Makes the store of a replica that joins, of what the cluster gives it: key file, term file with its id, the lineage
    /// if the cluster is a branch, and the first segment, all durable on return. The segment comes last: without it there
    /// is no store.
    ///
    /// - Throws: `.key(.wrongKey)` when the root key does not open what came; `.log(.lineage)` when the lineage is damaged,
    ///   `.log(.otherCluster)` when it is another cluster's; `.exists`, `.log`, `.file`.
    package static func plant(
        _ store: Store, seed: Seed, as id: Int, clusterID: [UInt8], root: SecretKey
    ) throws(ReplicaError) {
        try clear(store)
        let identity = ClusterIdentity(clusterID)
        let lineage = try lineage(of: seed, identity)
        do throws(FileError) {
            let file = try store.open(ReplicaPaths.keys, .create)
            defer { store.close(file) }
            try store.write(file, at: 0, seed.keys)
            try store.sync(file)
        } catch {
            throw .file(error)
        }
        _ = try asKeys { () throws(KeyError) in
            try KeyFile.open(store, path: ReplicaPaths.keys, root: root, clusterID: clusterID)
        }
        try adopt(store, as: id, clusterID: clusterID)
        try asLog { () throws(LogError) in
            if seed.lineage != nil { try lineage.write(store, path: ReplicaPaths.lineage) }
            try FirstFrame.plant(
                seed.first, in: ReplicaPaths.log, of: store, identity: lineage.oldest.identity)
        }
    }

    private static func lineage(of seed: Seed, _ identity: ClusterIdentity) throws(ReplicaError) -> Lineage {
        guard let bytes = seed.lineage else { return Lineage(identity) }
        do throws(LineageFlaw) {
            let lineage = try Lineage(bytes)
            guard lineage.current == identity else { throw .other }
            return lineage
        } catch {
            throw .log(error == .other ? .otherCluster : .lineage(error))
        }
    }

    /// Removes what a creation that a crash cut off has left: nothing that lasts was ever sealed under its keys.
    private static func clear(_ store: Store) throws(ReplicaError) {
        do throws(FileError) {
            let genesis = ReplicaPaths.log + "/" + SegmentFormat.name(of: 1)
            guard !(try store.exists(genesis)) else { throw .exists }
            for path in [ReplicaPaths.keys, ReplicaPaths.terms, ReplicaPaths.lineage] where try store.exists(path) {
                try store.remove(path)
            }
        } catch {
            throw error == .exists ? .exists : .file(error)
        }
    }

    private static func keys(
        _ store: Store, plan: GenesisPlan, root: SecretKey, dice: inout some Dice
    ) throws(ReplicaError) -> (KeyRing, Crypto) {
        do throws(KeyError) {
            let file = try KeyFile.create(
                store, path: ReplicaPaths.keys, root: root, clusterID: plan.clusterID, dice: &dice)
            return (KeyRing(file, clusterID: plan.clusterID), try Crypto())
        } catch {
            throw error == .file(.exists) ? .exists : .key(error)
        }
    }
}

extension Genesis {
    /// The first tenant's and the credentials' keys are drawn here.
    init(_ plan: GenesisPlan, ring: KeyRing, crypto: Crypto, dice: inout some Dice) throws(KeyError) {
        let tenant: UInt32 = 1
        let credentialKey = SecretKey.random(dice: &dice)
        let mac = MACKey(credentialKey)
        self.init(
            clusterID: plan.clusterID, members: plan.members, logEpoch: ring.logEpoch,
            registryEpoch: ring.registryEpoch, auditEpoch: ring.auditEpoch,
            credentialKey: try ring.wrap(
                credentialKey, as: 0, tenant: 0, purpose: .credential, crypto: crypto, dice: &dice),
            tenants: [
                Tenant(
                    id: tenant, name: plan.tenantName,
                    indexKey: try ring.wrap(
                        .random(dice: &dice), as: UInt64(tenant), tenant: tenant, purpose: .tenantIndex,
                        crypto: crypto, dice: &dice),
                    sealingKey: try ring.wrap(
                        .random(dice: &dice), as: UInt64(tenant), tenant: tenant, purpose: .tenantSealing,
                        crypto: crypto, dice: &dice))
            ],
            credentials: plan.credentials.map { planned in
                Credential(
                    id: planned.id, name: planned.name, tenant: tenant, scopes: planned.scopes.rawValue,
                    secretMAC: crypto.hmac(planned.secret, key: mac))
            })
    }
}

func asLog<Value>(_ work: () throws(LogError) -> Value) throws(ReplicaError) -> Value {
    do { return try work() } catch { throw error == .exists ? .exists : .log(error) }
}
