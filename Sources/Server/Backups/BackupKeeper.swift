internal import Backup
internal import Bytes
internal import Files
internal import Keys
internal import Linux
internal import Records
internal import Replica
internal import SegmentedLog
internal import Transport
internal import Views

/// The thread that keeps the destinations of backups and the escrow of keys, with a store of its own. A backup lasts; here
/// it holds up nobody, and it goes no faster than config.json says.
enum BackupKeeper {
    enum Order: Sendable {
        case make(BackupJob)
        /// See what the newest backup is, and that the keys are escrowed.
        case look(KeyRing)
        case end
    }

    /// How long another maker, or an expiry, at the destination is waited for.
    private static var lockMilliseconds: UInt64 { 60_000 }
    /// Between two words on how far it is.
    private static var tellMilliseconds: UInt64 { 200 }

    /// Runs until told to end; a backup that is being made is left as it is, and goes on with the next.
    /// - Parameters:
    ///   - isEnding: Set before `.end` is posted: a backup ends between two of its objects.
    ///   - batches: What was given to the disk for the log so far.
    static func run(
        _ root: String, _ settings: BackupSettings, orders: Mailbox<Order>, isEnding: Guarded<Bool>,
        batches: Guarded<UInt64>, mail: NodeMail
    ) {
        var waiting: [Order] = []
        var escrow = settings.escrow.map { KeyEscrow($0) }
        while true {
            orders.bell.wait()
            orders.takeAll(into: &waiting)
            for order in waiting {
                switch order {
                case .make(let job):
                    let outcome = make(job, root, settings, isEnding: isEnding, batches: batches) { progress in
                        mail.toLoop.mustPost(.backupProgressed(job.id, progress))
                    }
                    mail.toLoop.mustPost(.backupEnded(job.id, outcome))
                case .look(let keys):
                    mail.toLoop.mustPost(
                        .backupsFound(newest: newest(keys, settings), isEscrowed: escrow?.keep(keys)))
                case .end: return
                }
            }
        }
    }

    /// When the newest backup was made that can be restored from, at any of the places.
    private static func newest(_ keys: KeyRing, _ settings: BackupSettings) -> Instant? {
        var newest: Instant?
        for place in settings.destinations {
            guard SmallFile.exists(place), let store = try? LinuxFiles(root: place) else { continue }
            let found = try? BackupReader(
                DirectoryDestination(store), trust: .of(keys), allowsOlderRegisters: true)
            if let made = found?.manifest.madeAt { newest = max(newest ?? made, made) }
        }
        return newest
    }

    private static func make(
        _ job: BackupJob, _ root: String, _ settings: BackupSettings, isEnding: Guarded<Bool>, batches: Guarded<UInt64>,
        tell: (BackupStatus.Progress) -> Void
    ) -> BackupOutcome {
        do {
            guard let first = job.destinations.first else { return .failed("No destination was named.") }
            let ends = { isEnding.withLock { $0 } }
            let target = try destination(first, mayBegin: !job.goesOn)
            let lock = try DestinationLock(first, waiting: lockMilliseconds, isEnding: ends)
            defer { withExtendedLifetime(lock) {} }
            let store = try LinuxFiles(root: root)
            let keys = job.stand.keys
            let signer = try KeyRingSigner(keys)
            let stand = BackupStand(job.stand)
            var run = BackupRun(
                stand, views: OpenSnapshot.views(of: store, keys: keys, through: stand.head.index), from: store,
                to: target, signer: signer, trust: .of(keys))
            var pace = BackupPace(bytesPerSecond: settings.bytesPerSecond, batches: batches)
            var told: UInt64 = 0
            var manifest: Manifest?
            while manifest == nil {
                guard !isEnding.withLock({ $0 }) else { return stopped }
                if case .finished(let made) = try run.step() { manifest = made }
                pace.moved(through: run.progress.bytesDone, isEnding: ends)
                if LinuxClock.monotonicMilliseconds() >= told + tellMilliseconds || manifest != nil {
                    told = LinuxClock.monotonicMilliseconds()
                    tell(BackupStatus.Progress(run.progress))
                }
            }
            guard let manifest else { return .failed("Nothing was made.") }
            for place in job.destinations.dropFirst() {
                let copy = try destination(place, mayBegin: true)
                let lock = try DestinationLock(place, waiting: lockMilliseconds, isEnding: ends)
                defer { withExtendedLifetime(lock) {} }
                var copier = BackupCopier(from: target, to: copy, trust: .of(keys))
                var pace = BackupPace(bytesPerSecond: settings.bytesPerSecond, batches: batches)
                var isCopied = false
                while !isCopied {
                    guard !isEnding.withLock({ $0 }) else { return stopped }
                    if case .finished = try copier.step() { isCopied = true }
                    pace.moved(through: copier.progress.bytesDone, isEnding: ends)
                }
            }
            return .made(manifest: manifest.number, hash: manifest.head.hash)
        } catch let error as BackupError {
            return .failed(error.sentence)
        } catch let error as ServerError {
            return .failed(error.sentence)
        } catch is KeyError {
            return .failed("A key could not be used; see the replica's log.")
        } catch {
            return .failed("The destination cannot be used: see whether its parent is there, and who owns it.")
        }
    }

    private static var stopped: BackupOutcome { .failed("The replica stopped: run the backup again, it goes on.") }

    /// The directory as a destination, made when only its last part is missing.
    ///
    /// - Parameter mayBegin: Whether it may be one that holds no backup yet.
    private static func destination(_ path: String, mayBegin: Bool) throws -> DirectoryDestination<LinuxFiles> {
        guard mayBegin || SmallFile.exists(path + "/" + BackupLayout.marker) else {
            throw ServerError(
                "The destination held backups and holds none now: see whether it is mounted. chartlog backup create begins anew there."
            )
        }
        if !SmallFile.exists(path) { try SmallFile.makeDirectoryDurably(path) }
        let files = try LinuxFiles(root: path)
        // Backups do not settle among other things. What an interrupted beginning left ends in .new.
        let others = try files.list("").filter { $0 != "lost+found" && !$0.hasSuffix(".new") }
        guard try files.exists(BackupLayout.marker) || others.allSatisfy(BackupLayout.directories.contains) else {
            throw ServerError("The directory holds other things than backups: name an empty one, or a new one.")
        }
        return DirectoryDestination(files)
    }
}

extension BackupStand {
    init(_ stand: LogStand) {
        self.init(
            cluster: stand.lineage.current,
            lineage: stand.lineage.generations.map {
                LineagePart(cluster: $0.identity, firstSegment: $0.firstSegment)
            },
            replica: stand.replica, madeAt: stand.at, slices: stand.slices, digests: stand.digests,
            registers: RegisterKind.allCases.map { kind in
                // The registers are empty until there are erasures; the audit trail is the log's records.
                kind == .audit
                    ? RegisterHead(kind: kind, count: stand.record, hash: stand.digests.audit)
                    : RegisterHead(kind: kind, count: 0, hash: .zero)
            },
            epochs: stand.keys.epochs.map { EpochUse(kind: $0.kind, epoch: $0.epoch) })
    }
}

extension BackupStatus.Progress {
    init(_ progress: BackupProgress) {
        self.init()
        bytesDone = progress.bytesDone
        bytesOf = progress.bytesOf
        objectsDone = progress.objectsDone
        objectsOf = progress.objectsOf
    }
}
