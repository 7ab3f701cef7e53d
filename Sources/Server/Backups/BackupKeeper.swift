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
                DirectoryDestination(store), trust: .of(keys), allowsOlderRegisters: true, passesOver: true)
            if let made = found?.manifest.madeAt { newest = max(newest ?? made, made) }
        }
        return newest
    }

    private static func make(
        _ job: BackupJob, _ root: String, _ settings: BackupSettings, isEnding: Guarded<Bool>, batches: Guarded<UInt64>,
        tell: (BackupStatus.Progress) -> Void
    ) -> BackupOutcome {
        guard let first = job.destinations.first else { return .failed("No destination was named.") }
        let others = job.destinations.dropFirst()
        let trust = BackupTrust.of(job.stand.keys)
        let stand = BackupStand(job.stand)
        func going(_ work: () throws -> (isDone: Bool, bytes: Int)) throws -> Bool {
            var pace = BackupPace(bytesPerSecond: settings.bytesPerSecond, batches: batches)
            while !isEnding.withLock({ $0 }) {
                let (isDone, bytes) = try work()
                pace.moved(through: bytes) { isEnding.withLock { $0 } }
                if isDone { return true }
            }
            return false
        }
        func copy(from source: Place, to target: Place) throws -> Bool {
            // The locks are held for as long as somebody works there, not only for as long as they are named.
            defer { withExtendedLifetime((source, target)) {} }
            var copier = BackupCopier(from: source.destination, to: target.destination, trust: trust)
            return try going { (try copier.step().isFinished, copier.progress.bytesDone) }
        }
        func locked(_ path: String, mayBegin: Bool = true) throws -> Place {
            let destination = try destination(path, mayBegin: mayBegin)
            let lock = try DestinationLock(path, waiting: lockMilliseconds) { isEnding.withLock { $0 } }
            return Place(destination: destination, lock: lock)
        }
        var made: Manifest?
        var place = first
        do {
            let target = try locked(first, mayBegin: !job.goesOn)
            defer { withExtendedLifetime(target) {} }
            // A first place that was lost: the chain goes on from the others.
            if try BackupMarker.find(in: target.destination) == nil,
                let other = others.first(where: { holds($0, of: stand.cluster) })
            {
                place = other
                guard try copy(from: locked(other), to: target) else { return stopped }
                place = first
            }
            let store = try LinuxFiles(root: root)
            var run = BackupRun(
                stand, views: OpenSnapshot.views(of: store, keys: job.stand.keys, through: stand.head.index),
                from: store, to: target.destination, signer: try KeyRingSigner(job.stand.keys), trust: trust)
            var told: UInt64 = 0
            let isMade = try going {
                if case .finished(let manifest) = try run.step() { made = manifest }
                if LinuxClock.monotonicMilliseconds() >= told + tellMilliseconds || made != nil {
                    told = LinuxClock.monotonicMilliseconds()
                    tell(BackupStatus.Progress(run.progress))
                }
                return (made != nil, run.progress.bytesDone)
            }
            guard isMade, let made else { return stopped }
            for other in others {
                place = other
                guard try copy(from: target, to: locked(other)) else {
                    return .made(manifest: made.number, hash: made.head.hash, problem: stoppedText)
                }
            }
            return .made(manifest: made.number, hash: made.head.hash)
        } catch {
            let sentence = sentence(error, place)
            guard let made else { return .failed(place == first ? sentence : "\(place): \(sentence)") }
            return .made(
                manifest: made.number, hash: made.head.hash,
                problem: "It is at the first place and not at \(place). \(sentence)")
        }
    }

    /// A destination that nobody else works at meanwhile.
    private struct Place {
        let destination: DirectoryDestination<LinuxFiles>
        let lock: DestinationLock
    }

    /// Whether a directory holds backups of this store.
    private static func holds(_ path: String, of cluster: ClusterIdentity) -> Bool {
        guard SmallFile.exists(path), let store = try? LinuxFiles(root: path) else { return false }
        return (try? BackupMarker.find(in: DirectoryDestination(store)))??.cluster == cluster
    }

    private static func sentence(_ error: any Error, _ place: String) -> String {
        switch error {
        case let error as BackupError: error.sentence
        case let error as ServerError: error.sentence
        case is KeyError: "A key could not be used; see the replica's log."
        default: "\(place) cannot be used: see whether its parent is there, and who owns it."
        }
    }

    private static var stopped: BackupOutcome { .failed(stoppedText) }
    private static var stoppedText: String { "The replica stopped: run the backup again, it goes on." }

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
        // Backups do not settle among other things.
        let others = try files.list("").filter {
            $0 != "lost+found" && !DirectoryDestination<LinuxFiles>.isUnfinishedMarker($0)
        }
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
