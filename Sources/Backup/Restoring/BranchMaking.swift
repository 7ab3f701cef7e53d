package import Bytes
package import Files
package import Keys
package import Records
package import Replica
package import SegmentedLog
package import Views

/// What a branch was made of, and what going back did to it.
package struct BranchMade: Sendable {
    package var lineage: Lineage
    package var target: BranchTarget
    /// What was undone; nil when there was nothing after the target.
    package var plan: RestorePlan?
    /// Entries of the parent that are in it, and its last stamp.
    package var copied: UInt64
    /// Of the last entry of the branch.
    package var term: UInt64
}

/// From a copied log to a store that can be started: verified, made a cluster of its own, gone back to the target, all in one
/// directory. What was begun and not finished is begun anew, but for the segments.
///
/// The log may still be on its way into the directory while `begin` and `adoptViews` run, which do not look at it.
package struct BranchMaking<Store: FileStore> {
    private let store: Store
    /// Whose the segments are.
    package private(set) var parent: Lineage
    private let keys: KeyRing
    private let crypto: Crypto
    /// The branch's own.
    private let clusterID: [UInt8]
    private let root: SecretKey
    private var dice: any Dice
    private var adopted: AdoptedViews?
    /// The copied log, once it was opened.
    private var opened: ParentLog<Store>?

    /// - Parameters:
    ///   - store: The replica's directory; its `log` holds the copied segments.
    ///   - parent: Whose they are.
    ///   - keys: The parent's.
    ///   - clusterID: Of the branch, and `root` its root key.
    package init(
        _ store: Store, parent: Lineage, keys: KeyRing, clusterID: [UInt8], root: SecretKey, dice: any Dice
    ) throws(ReplicaError) {
        self.store = store
        self.parent = parent
        self.keys = keys
        self.clusterID = clusterID
        self.root = root
        self.dice = dice
        do throws(KeyError) { crypto = try Crypto() } catch { throw .key(error) }
    }

    /// Removes what an earlier try has left beside the segments, and makes the branch's keys.
    package mutating func begin() throws(ReplicaError) {
        adopted = nil
        try Replica.makeBranchKeys(store, keys: keys, clusterID: clusterID, root: root, dice: &dice)
    }

    /// Takes over the parent's views, from which the log is then folded on; without them it is from its start. Once the copy was
    /// looked at, those that stand behind its end are passed over.
    ///
    /// - Precondition: `begin`.
    /// - Parameter source: Has them in its `directory`.
    /// - Returns: whether there are any.
    /// - Throws: `.views` when what lies there is no whole snapshot: go on without.
    @discardableResult
    package mutating func adoptViews<Source: FileStore>(
        from source: Source, directory: String
    ) throws(ReplicaError) -> Bool {
        adopted = try Replica.adoptViews(
            from: source, directory: directory, through: opened?.lastIndex ?? .max, keys: keys, into: store,
            clusterID: clusterID, root: root, dice: &dice)
        return adopted != nil
    }

    /// Every frame of the copy: checksum, seal, chain, footer leaves.
    ///
    /// - Throws: `.log(.damaged)` with the first thing that is not as it was written.
    package func verify(progress: (_ done: Int, _ of: Int) -> Void) throws(ReplicaError) {
        let report: VerifyReport
        do throws(LogError) {
            report = try LogVerifier.verify(
                store: store, directory: ReplicaPaths.log, lineage: parent, keys: keys, crypto: crypto,
                leaves: EntryLeaves(), progress: progress)
        } catch {
            throw .log(error)
        }
        if let fault = report.faults.first { throw .log(.damaged(fault)) }
    }

    /// Leaves out of the copy what came after the target's entry: events, records and all. What came after the target within
    /// that entry stays: it is sealed and chained as one.
    ///
    /// - Returns: the same place, in the log that is left.
    package mutating func cutShort(after target: BranchTarget) throws(ReplicaError) -> BranchTarget {
        opened = nil
        parent = try Replica.cutShort(store, after: target.index, lineage: parent, keys: keys)
        let left = try log()
        var target = target
        target.lastIndex = left.lastIndex
        target.lastPosition = left.lastPosition
        target.lastStamp = left.lastStamp
        return target
    }

    /// The last event of the copy; 0 when there is none.
    package mutating func lastPosition() throws(ReplicaError) -> UInt64 { try log().lastPosition }

    /// The place that was asked for.
    package mutating func target(_ asked: AsOf) throws(ReplicaError) -> BranchTarget {
        try Replica.target(asked, in: try log())
    }

    private mutating func log() throws(ReplicaError) -> ParentLog<Store> {
        if let opened { return opened }
        let log = try ParentLog(store, lineage: parent, keys: keys)
        opened = log
        return log
    }

    /// Makes the store.
    ///
    /// - Precondition: `begin`.
    /// - Parameters:
    ///   - digests: What the whole copy has to fold to; nil: not known.
    ///   - applies: Else what would be undone is told, and the store is not to be started.
    ///   - plan: Its first credential administers; its cluster is the one that the keys were made for.
    ///   - voters: The replicas that vote once it is started.
    ///   - show: Told what is undone, while nobody sees the store yet; nil: nothing.
    /// - Throws: `.refused`, `.log`, `.key`, `.file`.
    package mutating func make(
        _ plan: BranchPlan, digests: ViewDigests? = nil, applies: Bool = true, voters: [Int],
        now: @escaping () -> Instant, configure: (inout ReplicaConfiguration) -> Void = { _ in },
        progress: (_ done: UInt64, _ of: UInt64) -> Void = { _, _ in }, show: (RestorePlan?) -> Void
    ) throws(ReplicaError) -> BranchMade {
        precondition(plan.clusterID == clusterID)
        try Replica.branch(store, of: try log(), plan: plan, root: root, dice: &dice)
        opened = nil
        var configuration = ReplicaConfiguration(id: 1, clusterID: plan.clusterID)
        configuration.rememberedPosition = plan.target.position
        configuration.indexesTerms = false
        configuration.rewoundStreamsMax = RewindFacts.streamsMax
        configuration.rewoundSliceMax = 1 << 16
        // One snapshot is enough: the one of a store that stops.
        configuration.snapshotEvery = 1 << 60
        configure(&configuration)
        let alone = try LoneReplica(
            store, configuration: configuration, root: root, dice: dice, adopted: adopted, now: now, progress: progress)
        adopted = nil
        if let digests, alone.digests != digests { throw .views(.damaged(file: ReplicaPaths.views, page: 0)) }
        let lineage = alone.lineage
        var undone: RestorePlan?
        if plan.target.position < plan.target.lastPosition {
            let credential = plan.credentials[0].id
            let order = OperatorOrder.rewind(to: .position(plan.target.position), applies: applies)
            if case .restore(let made) = try alone.order(order, as: credential) {
                undone = RestorePlan(made, asked: plan.target.instant)
            }
        }
        show(undone)
        try alone.stop()
        let term = alone.lastTerm
        if voters != [1] {
            try Replica.settle(store, voters: voters, clusterID: plan.clusterID, root: root, dice: &dice)
        }
        return BranchMade(
            lineage: lineage, target: plan.target, plan: undone, copied: lineage.newest.firstIndex - 1, term: term)
    }
}

extension RestorePlan {
    /// The same, told by the instant that was asked for.
    fileprivate init(_ plan: RestorePlan, asked: Instant) {
        self = plan
        instant = asked
    }
}

extension Lineage {
    /// The lineage of a log of which it is known from which segment on whose id it bears: the rest stands in the segments.
    ///
    /// - Parameter header: Of a segment that begins a generation.
    /// - Returns: nil when the two do not go together.
    package init?(
        _ parts: [LineagePart], header: (UInt64) throws(FileError) -> SegmentHeader?
    ) throws(FileError) {
        var generations: [Generation] = []
        for part in parts {
            guard let found = try header(part.firstSegment), found.cluster == part.cluster else { return nil }
            generations.append(
                Generation(
                    identity: part.cluster, firstSegment: part.firstSegment,
                    firstIndex: found.description.firstIndex, firstPosition: found.firstPosition,
                    firstRecord: found.firstRecord))
        }
        self.init(generations)
    }
}
