package import Bytes
internal import Consensus
internal import Files
package import Keys
internal import Records
internal import SegmentedLog
package import Views

/// What is folded of a log, and through which entry.
struct Folded {
    var book = Book()
    var index: UInt64 = 1
    var subjectKeys = SubjectKeys()
    var idempotency = IdempotencyTable()
    /// The last configuration entry folded, if it is not the genesis.
    var configuration: (index: UInt64, entry: ConfigurationEntry)?
    /// The book as it stood at the position that the configuration names.
    var remembered: Book?
    /// Events and records in the snapshot it began with.
    var snapshotCount: UInt64 = 0

    /// What stands in a snapshot beside the book: version 1 had no configuration.
    static let extraVersion: UInt8 = 2
}

/// Everything a replica is made of.
struct OpenedParts<Store: FileStore> {
    var store: Store
    var crypto: Crypto
    var dice: BatchedDice
    var keyFile: KeyFile<Store>
    var ring: KeyRing
    var log: EntryLog<Store, EntryLeaves>
    var leafMemo: LeafMemo
    var recovery: Recovery
    var terms: TermStore<Store>
    var raft: RaftNode
    var viewPlace: ViewPlace
    var identities: IdentityIndex<Store>
    var tenants: [Tenant]
    /// nil: the log does not say it yet.
    var credentials: [CredentialRow]?
    var configurations: [(index: UInt64, entry: ConfigurationEntry)]
    var folded: Folded
    var auditSeed: AuditSeed
    var auditKey: SecretKey
}

extension Replica {
    /// Opens what the last life left: keys, log, newest whole snapshot, and the facts of the tail after it. Nothing
    /// is decided or proposed before the first tick.
    ///
    /// A damaged log opens too (`damage`); a snapshot that does not open is passed over.
    /// - Parameters:
    ///   - adopted: Views to begin from in place of a snapshot in the store.
    ///   - beside: Does a part of it meanwhile.
    ///   - progress: Told the entries folded and those there are, now and then.
    package static func open(
        _ store: Store, configuration: ReplicaConfiguration, root: SecretKey, dice: any Dice,
        adopted: AdoptedViews? = nil, beside: any Beside = InTurn(),
        progress: (_ done: UInt64, _ of: UInt64) -> Void = { _, _ in }
    ) throws(ReplicaError) -> Replica {
        try open(store, configuration, root, dice, adopted, beside, votesAlone: false, progress)
    }

    private static func open(
        _ store: Store, _ configuration: ReplicaConfiguration, _ root: SecretKey, _ dice: any Dice,
        _ adopted: AdoptedViews?,
        _ beside: any Beside, votesAlone: Bool, _ progress: (_ done: UInt64, _ of: UInt64) -> Void
    ) throws(ReplicaError) -> Replica {
        var dice = BatchedDice(dice)
        let keys = try openKeys(store, configuration, root)
        let memo = LeafMemo()
        let lineage = try asLog { () throws(LogError) in
            try Lineage.read(
                store, path: ReplicaPaths.lineage, current: ClusterIdentity(configuration.clusterID))
        }
        let isCopied = try restoreFirst(store, lineage)
        let terms = try asLog { () throws(LogError) in
            try TermStore.open(
                store: store, path: ReplicaPaths.terms, identity: ClusterIdentity(configuration.clusterID),
                replica: UInt64(configuration.id))
        }
        let (log, recovery) = try asLog { () throws(LogError) in
            var sizes = configuration.log
            // Whoever joined later stands in the log, which cannot be read before that is known.
            sizes.hasPeers = !votesAlone && (!configuration.peers.isEmpty || !terms.state.known.isEmpty)
            return try EntryLog<Store, EntryLeaves>.open(
                store: store, directory: ReplicaPaths.log, lineage: lineage, keys: keys.ring, crypto: keys.crypto,
                leaves: EntryLeaves(remembering: memo), configuration: sizes)
        }
        if log.fault == nil, log.lastIndex < lineage.newest.firstIndex, configuration.peers.isEmpty,
            terms.state.known.isEmpty
        {
            throw .log(.lineage(.unreached))
        }
        let genesis = try genesis(log)
        if !isCopied { copyFirst(of: log, into: store) }
        let tenants = try tenants(of: genesis, lineage.oldest.identity, keys.ring, keys.crypto)
        let credentials = try credentials(of: log, genesis, keys.ring, keys.crypto)
        let place = ViewPlace(
            directory: ReplicaPaths.views, clusterID: configuration.clusterID,
            key: try asKeys { () throws(KeyError) in try keys.ring.snapshotKey() })
        var (folded, identities) = try load(store, place, keys.crypto, adopted, beside, log: log)
        var configurations = try configurations(log, genesis: genesis, folded: folded)
        let membership = configurations[configurations.count - 1].entry.membership
        if log.fault != nil, !votesAlone, membership.voters == [configuration.id], !membership.isJoint {
            // Nobody else's copy ever counted: what was not acknowledged here was not acknowledged, and is cut.
            return try open(store, configuration, root, dice, adopted, beside, votesAlone: true, progress)
        }
        if membership == Membership(voters: [configuration.id]) {
            // Alone, what is durable here is durable on the quorum: the tail is folded before the no-op commits it.
            try fold(log, into: &folded, identities, remembering: configuration.rememberedPosition, progress)
            configurations.removeFirst(configurations.count - 1)
        }
        let seed = AuditSeed(salt: dice.bytes(EntryFormat.saltBytes), epoch: keys.ring.auditEpoch)
        let seedWord = dice.word()
        let auditKey = try asKeys { () throws(KeyError) in
            try keys.ring.auditKey(clusterID: configuration.clusterID, segmentSalt: seed.salt, epoch: seed.epoch)
        }
        return Replica(
            parts: OpenedParts(
                store: store, crypto: keys.crypto, dice: dice, keyFile: keys.file, ring: keys.ring, log: log,
                leafMemo: memo, recovery: recovery, terms: terms,
                raft: RaftNode(id: configuration.id, seed: seedWord, timings: configuration.timings),
                viewPlace: place, identities: identities, tenants: tenants, credentials: credentials,
                configurations: configurations, folded: folded, auditSeed: seed, auditKey: auditKey),
            configuration: configuration)
    }

    private static func openKeys(
        _ store: Store, _ configuration: ReplicaConfiguration, _ root: SecretKey
    ) throws(ReplicaError) -> (file: KeyFile<Store>, ring: KeyRing, crypto: Crypto) {
        try asKeys { () throws(KeyError) in
            let file = try KeyFile.open(
                store, path: ReplicaPaths.keys, root: root, clusterID: configuration.clusterID)
            return (file, KeyRing(file, clusterID: configuration.clusterID), try Crypto())
        }
    }

    private static func genesis(_ log: EntryLog<Store, EntryLeaves>) throws(ReplicaError) -> Genesis {
        let frame = try asLog { () throws(LogError) in try log.frame(at: 1) }
        do throws(ByteError) { return try Genesis(body: frame.body) } catch { throw .entry(error, index: 1) }
    }

    /// Mends the first frame from its copy, before anybody reads it.
    ///
    /// - Returns: whether there is a copy that is whole.
    private static func restoreFirst(_ store: Store, _ lineage: Lineage) throws(ReplicaError) -> Bool {
        let copy: [UInt8]
        do throws(FileError) {
            guard try store.exists(ReplicaPaths.first) else { return false }
            let file = try store.open(ReplicaPaths.first, .read)
            defer { store.close(file) }
            copy = try store.read(file, at: 0, count: try store.size(file))
        } catch {
            throw .file(error)
        }
        do throws(LogError) {
            try FirstFrame.restore(copy, in: ReplicaPaths.log, of: store, identity: lineage.oldest.identity)
            return true
        } catch {
            // A copy that is damaged itself is made anew.
            guard case .refusedFrame = error else { throw .log(error) }
            return false
        }
    }

    /// Keeps the first frame a second time. An aid: where it cannot be written, the next start tries again.
    private static func copyFirst(of log: EntryLog<Store, EntryLeaves>, into store: Store) {
        let temporary = ReplicaPaths.first + ".new"
        do {
            guard let frame = try log.stored(from: 1, through: 1, bytesMax: .max).first else { return }
            if try store.exists(temporary) { try store.remove(temporary) }
            let file = try store.open(temporary, .create)
            defer { store.close(file) }
            try store.write(file, at: 0, FirstFrame.copy(of: frame))
            try store.sync(file)
            try store.rename(temporary, to: ReplicaPaths.first)
            try store.syncDirectory("")
        } catch {
            return
        }
    }

    /// The membership where the folded ends, and all after it in the log that can be read. Entries with neither events
    /// nor records are few, so that only they are opened.
    private static func configurations(
        _ log: EntryLog<Store, EntryLeaves>, genesis: Genesis, folded: Folded
    ) throws(ReplicaError) -> [(index: UInt64, entry: ConfigurationEntry)] {
        let first =
            log.lineage.generations.count == 1
            ? ConfigurationEntry(Membership(voters: genesis.members.sorted())) : .ofAncestors
        var found = [folded.configuration ?? (1, first)]
        guard folded.index < log.lastIndex else { return found }
        try asLog { () throws(LogError) in
            for index in (folded.index + 1)...log.lastIndex {
                if let entry = try log.configuration(at: index) { found.append((index, entry)) }
            }
        }
        return found
    }

    private static func tenants(
        of genesis: Genesis, _ cluster: ClusterIdentity, _ ring: KeyRing, _ crypto: Crypto
    ) throws(ReplicaError) -> [Tenant] {
        try asKeys { () throws(KeyError) in
            var tenants: [Tenant] = []
            for tenant in genesis.tenants {
                func open(_ wrapped: [UInt8], _ purpose: WrappedPurpose) throws(KeyError) -> SecretKey {
                    try ring.unwrap(
                        wrapped, as: UInt64(tenant.id), tenant: tenant.id, purpose: purpose,
                        epoch: genesis.registryEpoch, clusterID: cluster.bytes, crypto: crypto)
                }
                tenants.append(
                    Tenant(
                        id: tenant.id, name: tenant.name, indexKey: try open(tenant.indexKey, .tenantIndex),
                        sealingKey: try open(tenant.sealingKey, .tenantSealing)))
            }
            return tenants
        }
    }

    /// The newest snapshot that is whole, with its runs, and lies within the log; else nothing but the genesis.
    private static func load(
        _ store: Store, _ place: ViewPlace, _ crypto: Crypto, _ adopted: AdoptedViews?,
        _ beside: any Beside, log: EntryLog<Store, EntryLeaves>
    ) throws(ReplicaError) -> (Folded, IdentityIndex<Store>) {
        let snapshots = SnapshotStore(store: store, place: place, crypto: crypto)
        do throws(ViewError) {
            // What stands behind the copy folds entries that were left out, in whose place the branch's own stand.
            if let adopted, adopted.snapshot.stand.index < log.lineage.newest.firstIndex,
                let folded = try? Folded(adopted.snapshot),
                let identities = try? IdentityIndex(
                    store: store, place: place, runs: adopted.snapshot.runs, crypto: crypto)
            {
                return (folded, identities)
            }
            while let (snapshot, number) = try next(snapshots, beside) {
                do {
                    guard snapshot.stand.index <= log.lastIndex else { throw ByteError.malformed }
                    let identities = try IdentityIndex(store: store, place: place, runs: snapshot.runs, crypto: crypto)
                    return (try Folded(snapshot), identities)
                } catch {
                    try snapshots.discard(number)
                }
            }
            return (Folded(), try IdentityIndex(store: store, place: place, runs: [], crypto: crypto))
        } catch {
            throw .views(error)
        }
    }

    private static func next(
        _ snapshots: SnapshotStore<Store>, _ beside: any Beside
    ) throws(ViewError) -> (Snapshot, UInt64)? {
        let loaded = try snapshots.load(beside: beside)
        return loaded.snapshot.map { ($0, loaded.number) }
    }

    private static func fold(
        _ log: EntryLog<Store, EntryLeaves>, into folded: inout Folded, _ identities: IdentityIndex<Store>,
        remembering position: UInt64?, _ progress: (UInt64, UInt64) -> Void
    ) throws(ReplicaError) {
        let last = log.lastIndex
        while folded.index < last {
            let next = folded.index + 1
            let frame: OpenedFrame
            do throws(LogError) {
                frame = try log.frame(at: next)
            } catch {
                // Damage found while folding: what stands before it is folded, and the log knows it now.
                if case .damaged = error { return }
                throw .log(error)
            }
            let holds = position.map { frame.header.firstPosition <= $0 && $0 < frame.header.nextPosition } ?? false
            var remembered: Book?
            do throws(ByteError) {
                try Folding.fold(
                    frame, book: &folded.book, subjectKeys: &folded.subjectKeys, idempotency: &folded.idempotency,
                    identities: identities
                ) { book in
                    if holds, book.position == position { remembered = book }
                }
                if let remembered { folded.remembered = remembered }
            } catch {
                throw .entry(error, index: next)
            }
            folded.index = next
            if next % 256 == 0 || next == last { progress(next, last) }
        }
    }
}

extension Folded {
    init(_ snapshot: Snapshot) throws(ByteError) {
        book = snapshot.book
        index = snapshot.stand.index
        snapshotCount = snapshot.stand.position + snapshot.stand.record
        var reader = ByteReader(snapshot.extra)
        let version = try reader.u8()
        guard (1...Self.extraVersion).contains(version) else { throw .malformed }
        try subjectKeys.decode(&reader)
        try idempotency.decode(&reader)
        if version > 1 { configuration = (try reader.varint(), try ConfigurationEntry(&reader)) }
        guard reader.isAtEnd else { throw .malformed }
    }
}

func asKeys<Value>(_ work: () throws(KeyError) -> Value) throws(ReplicaError) -> Value {
    do { return try work() } catch { throw .key(error) }
}
