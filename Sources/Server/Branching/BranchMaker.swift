package import Backup
internal import Bytes
private import Files
package import Keys
package import Linux
package import Records
package import Replica
package import SegmentedLog
package import Views

/// `chartlog restore branch`: from segments that were copied to a new store's directory to a store that `start` runs.
///
/// All of it happens in `DIR.partial`, which gets its name at the end: a directory of that name is whole. What a kill leaves
/// is gone on with by the same command; its whole segments are not copied again, but for those that were cut.
package struct BranchMaker {
    package struct Plan: Sendable {
        package var store: StoreMaker.Plan
        package var isCutShort = false
        package var mayLack = false
        /// What will be undone is shown, and no store is made: what was copied stays, for a run that makes it.
        package var isPreview = false
        /// The name of an empty file by which whoever ordered it knows it again, whole or not. It is there before anything
        /// else, and goes along; a directory that holds something without it is refused.
        package var mark: String?

        package init(_ store: StoreMaker.Plan) { self.store = store }
    }

    private let plan: Plan
    private let target: StoreLayout
    /// Where it is made.
    package let layout: StoreLayout
    private let hold = Hold()

    /// Held by whoever restores into a directory.
    static let lock = "lock"

    /// The lock of the directory, held from the first `begin` on.
    private final class Hold {
        var descriptor: Descriptor?
    }

    /// - Throws: when the directory is there, or the plan is none.
    package init(_ plan: Plan) throws(ServerError) {
        try plan.store.check()
        self.plan = plan
        target = StoreLayout(plan.store.directory)
        layout = StoreLayout(target.directory + ".partial")
        guard !SmallFile.exists(target.directory) else {
            throw Self.exists
        }
    }

    private static var exists: ServerError { ServerError("The directory exists already; nothing was changed.") }

    /// Two that make it at once both find it made.
    private static func makeUnlessThere(_ path: String) throws(LinuxError) {
        do throws(LinuxError) { try SmallFile.makeDirectory(path) } catch {
            guard error.isExisting else { throw error }
        }
    }

    private static var live: String { "live" }

    /// Where a store that runs is backed up first; gone with the directory's other papers.
    package var livePlace: String { layout.directory + "/" + Self.live }

    /// The directory into whose `log` segments are to be copied: that of replica 1.
    package var data: String { layout.data(1) }

    /// Makes the directories, unless an earlier try did.
    ///
    /// - Throws: when that cannot be, or somebody else is at it.
    package func begin() throws(ServerError) {
        guard hold.descriptor == nil else { return }
        try takeDirectory()
        guard hold.descriptor != nil else { throw Self.exists }
        do throws(ServerError) { try makeRoom() } catch {
            hold.descriptor = nil
            throw error
        }
    }

    private func makeRoom() throws(ServerError) {
        let isOwn: Bool
        do {
            isOwn = try isMarked()
            if isOwn { for path in [layout.replica(1), layout.data(1)] { try Self.makeUnlessThere(path) } }
        } catch {
            throw Self.unmade
        }
        guard isOwn else { throw ServerError("What is unfinished there is somebody else's; nothing was changed.") }
        do {
            try Replica.dropCut(try LinuxFiles(root: data))
        } catch {
            throw ServerError("What an earlier try has cut cannot be removed: see who owns the directory.")
        }
    }

    private static var unmade: ServerError {
        ServerError("The directory cannot be made: see whether its parent is there and who owns it.")
    }

    /// Puts the mark in, if there is to be one, unless there is anything but the lock.
    private func isMarked() throws -> Bool {
        guard let mark = plan.mark else { return true }
        let path = "\(layout.directory)/\(mark)"
        guard !SmallFile.exists(path) else { return true }
        guard try LinuxFiles(root: layout.directory).list("") == [Self.lock] else { return false }
        try SmallFile.create(path, [])
        try SmallFile.syncDirectory(layout.directory)
        return true
    }

    /// Whether there is nothing yet, or what a restore began: that holds its lock from the beginning. What is removed of it
    /// in the end is nobody else's then.
    private var isFreeOrBegun: Bool {
        guard Trees.isThere(layout.directory) else { return true }
        guard Trees.isDirectory(layout.directory) else { return false }
        return SmallFile.exists("\(layout.directory)/\(Self.lock)")
            || (try? LinuxFiles(root: layout.directory).list("").isEmpty) == true
    }

    private func takeDirectory() throws(ServerError) {
        guard isFreeOrBegun else {
            throw ServerError("What is called DIR.partial is no unfinished restore; nothing was changed: move it away.")
        }
        do throws(LinuxError) {
            try Self.makeUnlessThere(layout.directory)
            hold.descriptor = try SmallFile.lock("\(layout.directory)/\(Self.lock)")
            // Another restore may have ended between the first look and the lock: this is a new directory then.
            guard !SmallFile.exists(target.directory) else {
                hold.descriptor = nil
                SmallFile.remove("\(layout.directory)/\(Self.lock)")
                return SmallFile.removeDirectory(layout.directory)
            }
        } catch {
            guard !error.isLocked else {
                throw ServerError("Another restore into this directory is under way; nothing was changed.")
            }
            throw Self.unmade
        }
    }

    /// What a store is made of.
    package struct Source {
        /// Whose the segments are.
        package var parent: Lineage
        /// The parent's.
        package var keys: KeyRing
        /// What the whole log has to fold to; nil: not known.
        package var digests: ViewDigests?
        /// Copies and verifies the log; nil: the segments are there, and are verified first.
        package var copy: LogCopy?
        /// Has the parent's views taken over, if there are any that are whole.
        package var adoptViews: (inout BranchMaking<LinuxFiles>) throws -> Void

        package init(
            parent: Lineage, keys: KeyRing, digests: ViewDigests? = nil, copy: LogCopy? = nil,
            adoptViews: @escaping (inout BranchMaking<LinuxFiles>) throws -> Void
        ) {
            self.parent = parent
            self.keys = keys
            self.digests = digests
            self.copy = copy
            self.adoptViews = adoptViews
        }
    }

    /// Makes the store.
    ///
    /// - Parameters:
    ///   - asked: The last instant or position that counts; nil: all of it.
    ///   - show: Told what will be undone, before it is; nil: nothing.
    /// - Returns: no store, of a preview.
    /// - Throws: a `ReplicaError`, `BackupError` or `ServerError`.
    package func make(
        of source: Source, asked: AsOf?, verifying: (_ done: Int, _ of: Int) -> Void,
        folding: (_ done: UInt64, _ of: UInt64) -> Void, show: (BranchTarget, RestorePlan?) -> Void
    ) throws -> (made: StoreMaker.Made?, branch: BranchMade) {
        do {
            return try make(source, asked, verifying: verifying, folding: folding, show: show)
        } catch {
            // What is damaged is the reason of whatever else went wrong.
            try source.copy?.wait()
            throw error
        }
    }

    private func make(
        _ source: Source, _ asked: AsOf?, verifying: (_ done: Int, _ of: Int) -> Void,
        folding: (_ done: UInt64, _ of: UInt64) -> Void, show: (BranchTarget, RestorePlan?) -> Void
    ) throws -> (made: StoreMaker.Made?, branch: BranchMade) {
        let store = try LinuxFiles(root: data)
        var dice = SystemDice()
        let clusterID = dice.bytes(16)
        let root = SecretKey.random(dice: &dice)
        var making = try BranchMaking(
            store, parent: source.parent, keys: source.keys, clusterID: clusterID, root: root, dice: dice)
        try making.begin()
        // While the copy comes, unless it ends where only it says.
        let adoptsMeanwhile = source.copy != nil && !plan.isCutShort
        if adoptsMeanwhile { try source.adoptViews(&making) }
        try source.copy?.waitUntilCopied()
        if source.copy == nil { try making.verify(progress: verifying) }
        var place = try making.target(asked ?? .position(try making.lastPosition()))
        var digests = source.digests
        var isCut = false
        if plan.isCutShort {
            try source.copy?.wait()
            // Where nothing is asked for, nothing comes after.
            isCut = asked != nil && place.hasLater
            if isCut {
                digests = nil
                place = try making.cutShort(after: place)
            }
        }
        if !adoptsMeanwhile { try source.adoptViews(&making) }
        let credentials = StoreMaker.credentials(&dice)
        let branch = try making.make(
            BranchPlan(
                clusterID: clusterID, madeAt: LinuxClock.wall(), credentials: [credentials.admin, credentials.service],
                target: place, isCutShort: isCut, mayLack: plan.mayLack),
            digests: digests, applies: !plan.isPreview, voters: Array(1...plan.store.replicas), now: LinuxClock.wall,
            configure: {
                // Nobody else writes: what matters is to be done soon.
                $0.log.headRooms.events = 0
                $0.log.headRooms.records = 0
                $0.log.headRooms.control = 0
            }, progress: folding
        ) { show(place, $0) }
        guard !plan.isPreview else {
            try source.copy?.wait()
            return (nil, branch)
        }
        try clearPapers()
        try StoreMaker.write(layout, plan.store, clusterID: clusterID, root: root, credentials, hasFirst: true)
        for id in plan.store.peers.map(\.id).dropFirst() {
            try StoreMaker.copyStore(from: layout.data(1), to: layout.data(id), as: id, clusterID, term: branch.term)
        }
        try source.copy?.wait()
        // Not before: it was copied from there.
        if Trees.isThere(livePlace) { try Trees.remove(livePlace) }
        try rename()
        return (
            StoreMaker.Made(
                layout: target, endpoints: plan.store.endpoints,
                spares: plan.store.peers.map(\.id).filter { $0 > plan.store.replicas },
                clusterID: Hex.text(of: clusterID)), branch
        )
    }

    /// What an earlier try made beside replica 1's data.
    private func clearPapers() throws {
        let files = try LinuxFiles(root: layout.directory)
        for name in try files.list("") where ![Self.live, "replica-1", Self.lock, plan.mark].contains(name) {
            try Trees.remove("\(layout.directory)/\(name)")
        }
        for name in try files.list("replica-1") where name != "data" {
            try Trees.remove("\(layout.replica(1))/\(name)")
        }
    }

    private func rename() throws {
        let parent = target.directory.lastIndex(of: "/").map { String(target.directory[..<$0]) } ?? "."
        let name = target.directory.split(separator: "/").last.map(String.init) ?? target.directory
        let files = try LinuxFiles(root: parent.isEmpty ? "/" : parent)
        try files.rename(name + ".partial", to: name)
        try files.syncDirectory("")
        // Not before: what was cut must not be taken for what was copied, however this ends.
        SmallFile.remove("\(target.data(1))/\(ReplicaPaths.cut)")
        // Not before: whoever takes the lock next must not find this store still being made.
        SmallFile.remove("\(target.directory)/\(Self.lock)")
    }
}
