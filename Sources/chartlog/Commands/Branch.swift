import Backup
import Bytes
import Client
import Files
import JSON
import Keys
import Linux
import Records
import Replica
import SegmentedLog
import Server

/// A new store of an earlier one's log.
extension Command {
    static let restoreBranch = Command(
        "restore branch", "--from SOURCE [--at INSTANT | --position N] --into DIR",
        summary: "make a new store of a backup, a running store or a dead replica, as it stood at an instant",
        story: """
            SOURCE is a directory of backups; a store that runs, which is backed up first; LIVE, the store of the context; or
            one DIR/replica-i that does not run, when a majority is lost: it then says what may be missing. Every frame is verified,
            then the new store goes back to the instant, or stands where the source ends. It is a cluster of its own, with
            its own root key, credentials and key epochs: no replica, client or backup of the old one mixes with it. Nothing
            of the old one is changed. DIR must not exist; what a kill leaves in DIR.partial the same command goes on with.
            --drop-after leaves out whole entries: what was appended at the same moment as the last transaction that counts may
            share an entry with it. That is undone, but stays readable in events, as of then and in the audit trail; how much of
            it there is, is told.
            """,
        options: [
            Option("from", .text, "SOURCE", "backups, a store, LIVE, or one replica's directory"),
            Option("into", .text, "DIR", "the new store"),
            Option("at", .instant, "INSTANT", "the last instant that counts, with its offset"),
            Option("position", .position, "N", "the last position that counts"),
            Option("backup", .position, "N", "of a directory of backups: this one (default the newest)"),
            Option(
                "drop-after", .flag, "", "leave out what came after, audit trail and all, but for what shares an entry"),
            Option("preview", .flag, "", "copy, verify and show what will be undone; the same without it then goes on"),
            Option("older-registers", .flag, "", "take a backup though the destination has seen registers go further"),
            Option("replicas", .number(1...64), "N", "copies of everything: 1, 3 or 5 (default 3)"),
            Option("spares", .number(0...64), "N", "replicas that wait, 0 to 3 (default 0)"),
            Option(
                "base-port", .number(1...65_000), "N",
                "replica i listens on this port + i, for its peers 100 above (default 7400)"),
            Option("context", .text, "FILE", "of the old store (default $CHARTLOG_CONTEXT)"),
            .json, .progress,
        ] + KeySource.options
    ) { arguments throws(Failure) in _ = try Branching(arguments).run(isTold: true) }
}

/// One run of `restore branch`.
struct Branching {
    let arguments: Arguments
    let source: String
    private let asked: AsOf?
    private let plan: StoreMaker.Plan
    /// What the new store is marked with.
    private let mark: String?

    init(_ arguments: Arguments) throws(Failure) {
        guard let source = arguments.text("from") else {
            throw Failure(.usage, "from what? Give --from: backups, a store, LIVE, or one replica's directory")
        }
        guard let target = arguments.text("into") else { throw Failure(.usage, "into what? Give --into DIR") }
        try self.init(arguments, from: source, into: target)
    }

    init(
        _ arguments: Arguments, from source: String, into target: String, basePort: Int = 7400, mark: String? = nil
    ) throws(Failure) {
        self.arguments = arguments
        self.source = source
        self.mark = mark
        switch (arguments.text("at"), arguments.text("position")) {
        case (let at?, nil):
            do { asked = .instant(try Instant(at)) } catch { throw Failure(.usage, "--at takes an instant") }
        case (nil, let position?): asked = .position(UInt64(position) ?? 0)
        case (nil, nil): asked = nil
        case (_?, _?): throw Failure(.usage, "give --at or --position, not both")
        }
        plan = StoreMaker.Plan(
            directory: target, replicas: arguments.number("replicas", or: 3),
            spares: arguments.number("spares", or: 0), basePort: arguments.number("base-port", or: basePort))
    }

    /// What came of a run.
    struct Outcome {
        /// Nil of a preview.
        var made: StoreMaker.Made?
        var branch: BranchMade
        /// Of the backup it was made from; nil: from a replica's files.
        var manifest: Manifest?
    }

    /// - Parameter isTold: Shows what is done and what to do next.
    func run(isTold: Bool) throws(Failure) -> Outcome {
        if case .instant(let instant) = asked, instant > LinuxClock.wall() {
            throw Failure(.failed, "that instant is in the future", "nothing was changed")
        }
        guard !Destinations.isAmongBackups(plan.directory) else {
            throw Failure(
                .failed, "DIR is among backups: its root key would be there too", "name a place apart from them")
        }
        let isReplica = SmallFile.exists("\(source)/config.json")
        do {
            var branch = BranchMaker.Plan(plan)
            branch.mayLack = isReplica
            branch.isCutShort = arguments.has("drop-after")
            branch.isPreview = arguments.has("preview")
            branch.mark = mark
            let maker = try BranchMaker(branch)
            let copied = isReplica ? try copyReplica(maker) : try copyBackup(maker)
            return try finish(maker, copied, isTold: isTold)
        } catch let failure as Failure {
            throw failure
        } catch let error as ServerError {
            throw Failure(ExitCode(rawValue: error.exitCode) ?? .failed, error.sentence)
        } catch BackupError.occupied {
            throw Failure(
                .failed, "\(Screen.safe(plan.directory)).partial was begun from another source",
                "remove it, or name another DIR; no store was made")
        } catch let error as BackupError {
            throw Failure(
                .failed, Screen.safe(error.headline), Screen.safe(error.advice + BranchWords.instead(error, arguments)))
        } catch let error as ReplicaError {
            let failure = BranchWords.failure(error)
            let left = "\(plan.directory).partial"
            guard SmallFile.exists(left), !SmallFile.exists(plan.directory) else { throw failure }
            throw Failure(
                failure.code, failure.message,
                (failure.hint ?? "") + "\n  what is copied stays in \(Screen.safe(left)): remove it if it is not wanted"
            )
        } catch {
            throw Failure(.failed, "the copy cannot be written", "see whether the disk has room; then run it again")
        }
    }

    struct Copied {
        var source: BranchMaker.Source
        /// What is not known of the source.
        var caution: String?
        var manifest: Manifest?
    }

    // MARK: From backups

    private func copyBackup(_ maker: BranchMaker) throws -> Copied {
        let isStore = !StoreLayout(source).replicas.isEmpty
        let keys = try KeySource.need(arguments, orOf: isStore ? source : nil)
        let place = try backups(maker)
        let destination: DirectoryDestination<LinuxFiles>
        do throws(FileError) { destination = DirectoryDestination(try LinuxFiles(root: place)) } catch {
            throw Failure(.failed, "there is no such directory: \(Screen.safe(place))")
        }
        try Destinations.check(keys, of: destination)
        let reader = try BackupReader(
            destination, number: arguments.text("backup").flatMap { UInt64($0) }, trust: .of(keys),
            allowsOlderRegisters: arguments.has("older-registers"))
        try check(reader.manifest.head)
        try maker.begin()
        for finding in reader.passedOver {
            Output.complaint(Screen.complaintStyle("! passed over: \(Screen.safe(finding.sentence))"))
        }
        let store = try LinuxFiles(root: maker.data)
        // What an earlier try wrote behind the copied segments, or settled in the last one, is made anew.
        try dropTail(store, keeping: reader.manifest.segments.filter { $0.kind == .closed }.map(\.segment))
        let total = reader.manifest.segments.reduce(0) { $0 + $1.bytes }
        let progress = Guarded(Progress("copying", unit: "bytes", total: total, wanted: arguments.has("progress")))
        let copy = try LogCopy(reader.manifest, from: place, to: maker.data, keys: keys) { done in
            progress.withLock { if done < total { $0.reached(done) } else { $0.ended(done) } }
        }
        let files = BackupFiles(reader.manifest, in: destination)
        return Copied(
            source: BranchMaker.Source(
                parent: try reader.manifest.lineage(in: files, directory: ReplicaPaths.log), keys: keys,
                digests: reader.manifest.digests, copy: copy
            ) { making in
                try Self.adoptViews(of: &making, from: files, ReplicaPaths.views) {
                    reader.viewFinding
                }
            }, manifest: reader.manifest)
    }

    /// What is damaged is told and passed over: the log is folded from its start then.
    static func adoptViews(
        of making: inout BranchMaking<LinuxFiles>, from files: some FileStore, _ directory: String,
        finding: () -> BackupFinding? = { nil }
    ) throws {
        do throws(ReplicaError) {
            try making.adoptViews(from: files, directory: directory)
        } catch {
            guard case .views = error else { throw error }
            if let finding = finding() {
                Output.complaint(Screen.complaintStyle("! passed over: \(Screen.safe(finding.sentence))"))
            }
        }
    }

    /// Refuses what the backup does not cover, before anything is copied.
    private func check(_ head: LogHead) throws(Failure) {
        switch asked {
        case .instant(let instant) where instant < head.firstStamp:
            throw Failure(
                .failed, "that instant is before the first one covered, \(head.firstStamp.text)", "nothing was changed")
        case .instant(let instant) where instant > head.stamp:
            throw Failure(
                .failed, "that instant is after the last one covered, \(head.stamp.text)",
                "ask for that one, or leave --at out to have all of it; nothing was changed")
        case .position(let position) where position == 0 || position > head.position:
            throw Failure(.failed, "positions covered are 1 to \(head.position)", "nothing was changed")
        case .instant, .position, nil: return
        }
    }

    /// The directory of backups; of a store that runs one is made beside the copy.
    private func backups(_ maker: BranchMaker) throws -> String {
        let layout = StoreLayout(source)
        let isStore = !layout.replicas.isEmpty
        guard source == "LIVE" || isStore else { return source }
        let place = maker.livePlace
        var context = arguments.text("context")
        if isStore {
            guard layout.replicas.contains(where: layout.isServed) else {
                throw Failure(
                    .failed, "this store is not running",
                    "start it, or name one of its replicas: --from \(Screen.safe(layout.replica(layout.replicas[0])))")
            }
            context = layout.adminContext
        }
        try maker.begin()
        let made = try BackupOrder.make(
            at: ThisProcess.absolute(place), context: context, arguments: arguments)
        Output.complaint("copied from replica \(made.replica), through position \(Screen.grouped(made.position))")
        return place
    }

    func dropTail(_ store: LinuxFiles, keeping segments: [UInt64]) throws {
        guard try store.exists(ReplicaPaths.log) else { return }
        for name in try store.list(ReplicaPaths.log) {
            if let segment = SegmentFormat.segment(named: name), segments.contains(segment) { continue }
            try store.remove(ReplicaPaths.log + "/" + name)
        }
        try store.syncDirectory(ReplicaPaths.log)
    }

    // MARK: The new store

    private func finish(_ maker: BranchMaker, _ copied: Copied, isTold: Bool) throws -> Outcome {
        var verifying = Progress("verifying", unit: "bytes", total: nil, wanted: arguments.has("progress"))
        var folding = Progress("folding", unit: "entries", total: nil, wanted: arguments.has("progress"))
        let words = BranchWords(
            parent: copied.source.parent.current, caution: copied.caution,
            leavesOut: arguments.has("drop-after") && asked != nil)
        let isQuiet = arguments.has("json") || !isTold
        let (made, branch) = try maker.make(
            of: copied.source, asked: asked, verifying: { done, _ in verifying.reached(done) },
            folding: { done, _ in folding.reached(Int(done)) }
        ) { target, plan in
            if !isQuiet { words.show(target, plan) }
        }
        let outcome = Outcome(made: made, branch: branch, manifest: copied.manifest)
        guard isTold else { return outcome }
        if isQuiet { Output.line(words.json(made, branch)) } else { words.show(made, branch, at: plan.directory) }
        return outcome
    }
}
