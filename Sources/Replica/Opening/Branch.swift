package import Bytes
internal import Consensus
package import Files
package import Keys
package import Records
package import SegmentedLog

/// What a branch begins with, beside the log it descends from (design 9).
package struct BranchPlan: Sendable {
    /// 16 random bytes.
    package var clusterID: [UInt8]
    package var madeAt: Instant
    /// Everybody who may come in; nobody of the parent's may.
    package var credentials: [PlannedCredential]
    /// The last event that counts, and its stamp.
    package var target: BranchTarget
    /// What came after the target was left out of the copy.
    package var isCutShort: Bool
    /// Made of one replica's files: what others had beyond them is not known.
    package var mayLack: Bool

    package init(
        clusterID: [UInt8], madeAt: Instant, credentials: [PlannedCredential], target: BranchTarget,
        isCutShort: Bool = false, mayLack: Bool = false
    ) {
        self.clusterID = clusterID
        self.madeAt = madeAt
        self.credentials = credentials
        self.target = target
        self.isCutShort = isCutShort
        self.mayLack = mayLack
    }
}

/// The place in a log to which a branch goes back.
package struct BranchTarget: Equatable, Sendable {
    /// As it was asked for; of a position its transaction's stamp.
    package var instant: Instant
    /// The last event that counts, at the end of a transaction, and the entry it stands in.
    package var position: UInt64
    package var index: UInt64
    /// The last entry, event and stamp of the log it lies in.
    package var lastIndex: UInt64
    package var lastPosition: UInt64
    package var lastStamp: Instant
    /// Events and records that came after the target and share its entry, which stays whole: a copy that leaves out what came
    /// after has them nevertheless.
    package var eventsBeside: UInt64
    package var recordsBeside: UInt64

    /// Whether whole entries come after its own, though they be of records alone.
    package var hasLater: Bool { index < lastIndex }

    /// - Parameter frame: The entry it stands in.
    fileprivate init(
        instant: Instant, position: UInt64, in frame: FrameParts, of log: EntryLog<some FileStore, EntryLeaves>
    ) {
        self.instant = instant
        self.position = position
        index = frame.index
        lastIndex = log.lastIndex
        lastPosition = log.lastPosition
        lastStamp = log.lastStamp
        eventsBeside = frame.firstPosition + UInt64(frame.events.count) - 1 - position
        recordsBeside =
            frame.firstRecord + UInt64(frame.records.count) - 1 - frame.lastRecord(stampedAtOrBefore: instant)
    }
}

/// A copied log, opened under the keys of the store it was copied from.
package struct ParentLog<Store: FileStore> {
    let log: EntryLog<Store, EntryLeaves>
    /// Whose it is.
    package let lineage: Lineage

    /// Opens it, which touches the tail as any opening does.
    ///
    /// - Throws: `.log` when it is damaged.
    package init(_ store: Store, lineage: Lineage, keys: KeyRing) throws(ReplicaError) {
        log = try Replica.openLog(store, lineage, keys)
        self.lineage = lineage
    }

    /// Its last event; 0 when there is none.
    package var lastPosition: UInt64 { log.lastPosition }
    /// Its last entry.
    package var lastIndex: UInt64 { log.lastIndex }
    package var lastStamp: Instant { log.lastStamp }
}

extension Replica {
    /// The place that an instant or a position names in a log that nobody writes.
    ///
    /// - Throws: `.refused` with why there is no such place: before the first event, after the last stamp, inside a
    ///   transaction; `.log`, `.entry`.
    package static func target(_ asked: AsOf, in parent: ParentLog<Store>) throws(ReplicaError) -> BranchTarget {
        let log = parent.log
        let last = (position: log.lastPosition, stamp: log.lastStamp)
        guard last.position > 0 else { throw .refused(Problem(.badInstant, "The log has no event yet.")) }
        func parts(ofPosition position: UInt64) throws(ReplicaError) -> FrameParts {
            let index = try asLog { () throws(LogError) in try log.index(ofPosition: position) }
            return try Self.parts(at: index ?? 1, of: log)
        }
        switch asked {
        case .position(let position):
            guard (1...last.position).contains(position) else {
                throw .refused(
                    Problem(
                        .badPosition, "No event has this position: the last one is named here.",
                        [.position(last.position)]))
            }
            let frame = try parts(ofPosition: position)
            guard let transaction = frame.transactions.last(where: { $0.firstPosition <= position }) else {
                throw .entry(.malformed, index: frame.index)
            }
            let end = transaction.firstPosition + UInt64(transaction.eventCount) - 1
            guard end == position else {
                throw .refused(
                    Problem(
                        .insideTransaction, "This position lies inside a transaction: ask for the one before or after.",
                        [.neighbours(before: transaction.firstPosition - 1, after: end)]))
            }
            return BranchTarget(instant: transaction.stamp, position: position, in: frame, of: log)
        case .instant(let instant):
            let first = try parts(ofPosition: 1)
            guard let begin = first.transactions.first?.stamp, begin <= instant else {
                throw .refused(
                    Problem(
                        .badInstant, "This instant is before the first event of the store.", [.position(last.position)])
                )
            }
            guard instant <= last.stamp else {
                throw .refused(
                    Problem(
                        .badInstant,
                        "This instant is after the last one that is covered: ask for an earlier one, or for the last position.",
                        [.position(last.position)]))
            }
            return try target(at: instant, of: log)
        }
    }

    private static func target(
        at instant: Instant, of log: EntryLog<Store, EntryLeaves>
    ) throws(ReplicaError) -> BranchTarget {
        let index = try asLog { () throws(LogError) in try log.lastIndex(stampedAtOrBefore: instant) }
        let frame = try parts(at: max(1, index), of: log)
        var position = frame.firstPosition - 1
        for transaction in frame.transactions where transaction.stamp <= instant {
            position = transaction.firstPosition + UInt64(transaction.eventCount) - 1
        }
        return BranchTarget(instant: instant, position: position, in: frame, of: log)
    }

    private static func parts(
        at index: UInt64, of log: EntryLog<Store, EntryLeaves>
    ) throws(ReplicaError) -> FrameParts {
        let frame = try asLog { () throws(LogError) in try log.frame(at: index) }
        do throws(ByteError) {
            return try FrameParts(frame)
        } catch {
            throw .entry(error, index: index)
        }
    }

    /// Makes a branch's key file: the parent's keys and, of each kind, a new one, since the branch seals nothing with what its
    /// parent knows. What an earlier try made of a store beside its segments is removed.
    ///
    /// - Parameters:
    ///   - keys: The parent's.
    ///   - root: The branch's own root key.
    /// - Throws: `.key`, `.file`.
    package static func makeBranchKeys(
        _ store: Store, keys: KeyRing, clusterID: [UInt8], root: SecretKey, dice: inout some Dice
    ) throws(ReplicaError) {
        do throws(FileError) {
            for path in [ReplicaPaths.keys, ReplicaPaths.terms, ReplicaPaths.lineage, ReplicaPaths.first]
            where try store.exists(path) { try store.remove(path) }
        } catch {
            throw .file(error)
        }
        try clear(ReplicaPaths.views, of: store)
        var held = keys.held
        for (kind, epoch) in [
            (KeyKind.logEpoch, keys.logEpoch), (.registryEpoch, keys.registryEpoch), (.audit, keys.auditEpoch),
        ] {
            held.append(HeldKey(kind: kind, epoch: epoch + 1, key: .random(dice: &dice)))
        }
        do throws(KeyError) {
            _ = try KeyFile.create(
                store, path: ReplicaPaths.keys, root: root, clusterID: clusterID, held: held, dice: &dice)
        } catch {
            throw .key(error)
        }
    }

    /// Makes a copy of a log a store of its own, with one voter, replica 1: term file, lineage and its first entry, all
    /// durable on return.
    ///
    /// - Precondition: `makeBranchKeys` has made its keys.
    /// - Parameters:
    ///   - store: Holds the copied segments and the branch's keys.
    ///   - parent: The copied log, which is not to be used any more.
    ///   - root: The branch's own root key.
    /// - Throws: `.log` when the copy has ended before the newest of its lineage; `.key`, `.file`.
    package static func branch(
        _ store: Store, of parent: ParentLog<Store>, plan: BranchPlan, root: SecretKey, dice: inout some Dice
    ) throws(ReplicaError) {
        let end = parent.log.end
        let own = ClusterIdentity(plan.clusterID)
        guard let lineage = parent.lineage.branched(to: own, after: end, in: parent.log.lastSegment) else {
            throw .log(.lineage(.other))
        }
        let ring = try ownKeys(store, clusterID: plan.clusterID, root: root)
        try adopt(store, as: 1, clusterID: plan.clusterID, term: end.term)
        try asLog { () throws(LogError) in try lineage.write(store, path: ReplicaPaths.lineage) }
        let log = try openLog(store, lineage, ring)
        let entry: BranchEntry
        do throws(KeyError) {
            entry = try BranchEntry(
                plan, parent: parent.lineage, copied: end, ring: ring, crypto: try Crypto(), dice: &dice)
        } catch {
            throw .key(error)
        }
        try append(entry.draft(after: end), to: log, on: store, dice: &dice)
    }

    /// Says, as the last entry of a store that nobody serves, which replicas vote from now on. Each of them must be given
    /// a copy of this store, byte for byte, before any is started.
    package static func settle(
        _ store: Store, voters: [Int], clusterID: [UInt8], root: SecretKey, dice: inout some Dice
    ) throws(ReplicaError) {
        let lineage = try asLog { () throws(LogError) in
            try Lineage.read(store, path: ReplicaPaths.lineage, current: ClusterIdentity(clusterID))
        }
        let ring = try ownKeys(store, clusterID: clusterID, root: root)
        let log = try openLog(store, lineage, ring)
        let end = log.end
        try append(
            FrameDraft(
                term: end.term, firstStamp: end.stamp, lastStamp: end.stamp, firstPosition: end.nextPosition,
                eventCount: 0, firstRecord: end.nextRecord, recordCount: 0,
                body: ConfigurationEntry(Membership(voters: voters)).body, leaves: .none), to: log, on: store,
            dice: &dice)
    }

    /// The keys of a store that nobody serves.
    static func ownKeys(_ store: Store, clusterID: [UInt8], root: SecretKey) throws(ReplicaError) -> KeyRing {
        try asKeys { () throws(KeyError) in
            KeyRing(
                try KeyFile.open(store, path: ReplicaPaths.keys, root: root, clusterID: clusterID),
                clusterID: clusterID)
        }
    }

    static func openLog(
        _ store: Store, _ lineage: Lineage, _ keys: KeyRing
    ) throws(ReplicaError) -> EntryLog<Store, EntryLeaves> {
        let crypto = try asKeys { () throws(KeyError) in try Crypto() }
        let (log, _) = try asLog { () throws(LogError) in
            try EntryLog<Store, EntryLeaves>.open(
                store: store, directory: ReplicaPaths.log, lineage: lineage, keys: keys, crypto: crypto,
                leaves: EntryLeaves())
        }
        if let fault = log.fault { throw .log(.damaged(fault)) }
        return log
    }

    private static func append(
        _ draft: FrameDraft, to log: EntryLog<Store, EntryLeaves>, on store: Store, dice: inout some Dice
    ) throws(ReplicaError) {
        _ = try asLog { () throws(LogError) in try log.append(draft, dice: &dice) }
        while let batch = log.takeBatch() ?? log.settle() {
            do throws(FileError) { try batch.carryOut(on: store) } catch { throw .file(error) }
            log.persisted(batch: batch.number)
        }
    }
}

extension BranchEntry {
    fileprivate init(
        _ plan: BranchPlan, parent: Lineage, copied end: ChainEnd, ring: KeyRing, crypto: Crypto, dice: inout some Dice
    ) throws(KeyError) {
        let key = SecretKey.random(dice: &dice)
        let mac = MACKey(key)
        self.init(
            parentID: parent.current.bytes, clusterID: plan.clusterID, madeAt: plan.madeAt,
            isCutShort: plan.isCutShort, mayLack: plan.mayLack, targetPosition: plan.target.position,
            targetStamp: plan.target.instant,
            copied: Copied(
                index: end.nextIndex - 1, position: end.nextPosition - 1, record: end.nextRecord - 1, hash: end.hash),
            logEpoch: ring.logEpoch, registryEpoch: ring.registryEpoch, auditEpoch: ring.auditEpoch, voters: [1],
            credentialKey: try ring.wrap(key, as: 0, tenant: 0, purpose: .credential, crypto: crypto, dice: &dice),
            credentials: plan.credentials.map { planned in
                Genesis.Credential(
                    id: planned.id, name: planned.name, tenant: 1, scopes: planned.scopes.rawValue,
                    secretMAC: crypto.hmac(planned.secret, key: mac))
            })
    }
}
