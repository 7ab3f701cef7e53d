internal import Bytes
internal import Keys
internal import Records
internal import SegmentedLog

// Who may come in: genesis says it, and of a branch its first entry.
extension Replica {
    /// The credentials that count by this log; nil when they stand in an entry that it does not have yet, or that is
    /// damaged and waits for its repair. Those of ancestors are never let in meanwhile.
    static func credentials(
        of log: EntryLog<Store, EntryLeaves>, _ genesis: Genesis, _ ring: KeyRing, _ crypto: Crypto
    ) throws(ReplicaError) -> [CredentialRow]? {
        guard log.lineage.generations.count > 1 else {
            return try rows(
                genesis.credentials, macKey: genesis.credentialKey, epoch: genesis.registryEpoch,
                of: log.lineage.current, ring, crypto)
        }
        return try branchCredentials(of: log, ring, crypto)
    }

    private static func branchCredentials(
        of log: EntryLog<Store, EntryLeaves>, _ ring: KeyRing, _ crypto: Crypto
    ) throws(ReplicaError) -> [CredentialRow]? {
        guard let branch = try branch(of: log) else { return nil }
        return try rows(
            branch.credentials, macKey: branch.credentialKey, epoch: branch.registryEpoch, of: log.lineage.current,
            ring, crypto)
    }

    /// The first entry of the newest generation; nil as above.
    ///
    /// - Throws: `.entry` when another entry stands there.
    private static func branch(of log: EntryLog<Store, EntryLeaves>) throws(ReplicaError) -> BranchEntry? {
        let index = log.lineage.newest.firstIndex
        let frame: OpenedFrame
        do throws(LogError) {
            guard index <= log.lastIndex else { return nil }
            frame = try log.frame(at: index)
        } catch {
            if case .damaged = error { return nil }
            throw .log(error)
        }
        do throws(ByteError) {
            let entry = try BranchEntry(body: frame.body)
            guard entry.fits(frame.header, log.lineage) else { throw .malformed }
            return entry
        } catch {
            throw .entry(error, index: index)
        }
    }

    private static func rows(
        _ credentials: [Genesis.Credential], macKey wrapped: [UInt8], epoch: UInt32, of cluster: ClusterIdentity,
        _ ring: KeyRing, _ crypto: Crypto
    ) throws(ReplicaError) -> [CredentialRow] {
        let key = try asKeys { () throws(KeyError) in
            MACKey(
                try ring.unwrap(
                    wrapped, as: 0, tenant: 0, purpose: .credential, epoch: epoch, clusterID: cluster.bytes,
                    crypto: crypto))
        }
        return credentials.map { one in
            CredentialRow(
                id: one.id, name: one.name, tenant: one.tenant, scopes: Scopes(rawValue: one.scopes),
                secretMAC: one.secretMAC, key: key)
        }
    }

    /// Lets in whom the branch's first entry names, once it is folded and can be read.
    func learnCredentials(into effects: inout [ReplicaEffect]) {
        let first = lineage.newest.firstIndex
        guard !knowsCredentials, foldedIndex >= first, log.firstWound(after: first - 1) != first else { return }
        do throws(ReplicaError) {
            guard let found = try Self.branchCredentials(of: log, ring, crypto) else { return }
            letIn(found)
            effects.append(.credentials(found))
        } catch {
            fail(.damaged, into: &effects)
        }
    }
}
