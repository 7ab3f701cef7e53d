internal import Bytes
internal import Consensus
internal import Keys
internal import Records
internal import SegmentedLog
internal import Views

/// The backups that this replica makes and made since it started.
struct Backups {
    /// The newest last.
    var jobs: [BackupStatus.Job] = []
    /// Made here and not yet recorded by a primary.
    var notices: [BackupNotice] = []
    var noticesDue: UInt64 = 0
    /// Of notices that this replica proposed a record of since it leads.
    var noted: [UInt64] = []
    /// Those of them whose record is decided.
    var recorded: [UInt64] = []
    /// When the newest backup was made that is known of, and when one is tried next by the schedule.
    var newest: Instant?
    var isLookedUp = false
    /// Whether the destinations of config.json held backups when they were looked at, in this life.
    var wereSeen = false
    /// Whether the newest backup there is stamped later than it is now: who made it had a clock that was ahead.
    var isStampedAhead = false
    var nextDue: UInt64 = 0
    var isEscrowed: Bool?
    /// Who ordered the one that is being made; empty: the schedule.
    var credential = ""
    /// One that waits until this replica has all that was acknowledged before it was ordered.
    var ordered: BackupOrder?
    /// One that has its stand and waits for a snapshot to be written, which it takes along.
    var held: BackupJob?

    static let kept = 16

    var isRunning: Bool { ordered != nil || jobs.last?.state == .running }
}

// Backups. The replica that is asked makes one, of its own log and beside all else it does; who keeps destinations carries
// it out and says how far it is. What was made is recorded by the primary.
extension Replica {
    private static var noticeMilliseconds: UInt64 { 1_000 }
    static var backupRetryMilliseconds: UInt64 { 60_000 }

    /// Begins a backup of what is committed, folded and on this disk now.
    func startBackup(_ order: BackupOrder, into effects: inout [ReplicaEffect]) throws(Problem) {
        let stand: LogStand
        do throws(LogError) {
            stand = try logStand()
        } catch {
            throw Problem(
                .orderRefused, "The log cannot be read to its end now: see chartlog status, then try again.")
        }
        let job = BackupJob(
            id: dice.word() >> 1, destinations: order.destinations, stand: stand,
            goesOn: order.credential == nil && backups.wereSeen)
        backups.jobs.append(
            BackupStatus.Job(
                id: job.id, destinations: order.destinations, orderedBy: order.credential?.name, begun: clock.wall,
                index: foldedIndex, position: book.position))
        backups.credential = order.credential?.id ?? ""
        if backups.jobs.count > Backups.kept { backups.jobs.removeFirst() }
        backups.held = job
        // With a snapshot that stands where its log ends, whoever restores it has nothing to fold, and serves soon.
        takeSnapshot(
            after: max(configuration.snapshotEvery / 16, background.snapshotCount / 32), into: &effects)
        releaseBackup(into: &effects)
    }

    /// Begins the backup that waits for a snapshot, once none is being written: it is there, or could not be.
    func releaseBackup(into effects: inout [ReplicaEffect]) {
        guard let job = backups.held, !background.isSnapshotting else { return }
        backups.held = nil
        if case .stopping = life { return }
        effects.append(.backUp(job))
    }

    /// - Throws: when what is folded is not all on this disk, or cannot be read.
    private func logStand() throws(LogError) -> LogStand {
        guard foldedIndex <= log.durableIndex else { throw .absent }
        return LogStand(
            lineage: lineage, replica: configuration.id, at: clock.wall,
            slices: try log.slices(through: foldedIndex), digests: book.digests, record: book.record,
            keys: ring)
    }

    func backupProgressed(_ id: UInt64, _ progress: BackupStatus.Progress) {
        guard let at = backups.jobs.lastIndex(where: { $0.id == id }) else { return }
        backups.jobs[at].progress = progress
    }

    func backupEnded(_ id: UInt64, _ outcome: BackupOutcome, into effects: inout [ReplicaEffect]) {
        guard let at = backups.jobs.lastIndex(where: { $0.id == id }) else { return }
        backups.jobs[at].ended = clock.wall
        switch outcome {
        case .made(let manifest, let hash, let problem):
            backups.jobs[at].state = problem == nil ? .done : .failed
            backups.jobs[at].problem = problem
            backups.jobs[at].manifest = manifest
            backups.jobs[at].hash = hash
            backups.newest = max(backups.newest ?? backups.jobs[at].begun, backups.jobs[at].begun)
            let job = backups.jobs[at]
            backups.notices.append(
                BackupNotice(
                    id: id, credential: backups.credential, destination: job.destinations[0],
                    manifest: manifest, hash: hash, index: job.index, position: job.position))
            tellBackups(into: &effects)
        case .failed(let sentence):
            backups.jobs[at].state = .failed
            backups.jobs[at].problem = sentence
            backups.nextDue = clock.milliseconds + Self.backupRetryMilliseconds
        }
    }

    /// The newest backup at the destinations of config.json, and whether the keys are escrowed, as who keeps them found.
    func backupsFound(newest: Instant?, isEscrowed: Bool?) {
        backups.isLookedUp = true
        backups.isEscrowed = isEscrowed
        guard let newest else { return }
        backups.wereSeen = true
        backups.isStampedAhead = !isPast(newest)
        // By that stamp no backup would be due for as long as the clock was ahead.
        if isPast(newest) { backups.newest = max(backups.newest ?? newest, newest) }
    }

    /// Not later than now, but for what clocks of one store may differ by.
    private func isPast(_ instant: Instant) -> Bool {
        instant.microseconds <= clock.wall.microseconds + Self.aheadMicroseconds
    }

    private static var aheadMicroseconds: Int64 { 60_000_000 }

    /// Makes a backup when one is due by the schedule, and tells of those that nobody has recorded.
    func backupsTicked(into effects: inout [ReplicaEffect]) {
        if !backups.notices.isEmpty, clock.milliseconds >= backups.noticesDue { tellBackups(into: &effects) }
        if backups.ordered != nil { backupOrderTicked(into: &effects) }
        guard let every = configuration.backupMilliseconds, backups.isLookedUp, !backups.isRunning,
            clock.milliseconds >= backups.nextDue, !clock.isAhead, makesBackups
        else { return }
        guard backupAgeMicroseconds.map({ $0 >= Int64(every) * 1_000 }) ?? true else { return }
        backups.nextDue = clock.milliseconds + Self.backupRetryMilliseconds
        try? orderBackup(to: configuration.backupDestinations, by: nil, for: nil, into: &effects)
    }

    /// Whether the schedule is this replica's: the secondary with the lowest id that is well makes backups; a primary
    /// only where there is none.
    private var makesBackups: Bool {
        let others = membership.voters.filter { id in
            id != configuration.id && peers.view(id).map(isReachable) == true
        }
        if isPrimary { return others.isEmpty }
        guard let primary = knownPrimary, membership.isVoter(configuration.id) else { return false }
        return others.allSatisfy { $0 == primary || $0 > configuration.id }
    }

    private func tellBackups(into effects: inout [ReplicaEffect]) {
        backups.noticesDue = clock.milliseconds + Self.noticeMilliseconds
        if isPrimary {
            for notice in backups.notices where !backups.noted.contains(notice.id) { record(notice, from: nil) }
        } else if let primary = knownPrimary, let notice = backups.notices.first {
            effects.append(.send(to: primary, .saved(notice)))
        }
    }

    /// Another replica made a backup: it is recorded, and told so. Asked again it is not recorded twice by one primary.
    func noted(_ notice: BackupNotice, by peer: Int, into effects: inout [ReplicaEffect]) {
        guard isPrimary, unreadiness == nil, room >= .records else { return }
        // Once it is decided, and not before: who made it asks for as long as nobody says so.
        if backups.recorded.contains(notice.id) { return effects.append(.send(to: peer, .savedNoted(notice.id))) }
        if !backups.noted.contains(notice.id) { record(notice, from: peer) }
    }

    private func record(_ notice: BackupNotice, from peer: Int?) {
        backups.noted.append(notice.id)
        if backups.noted.count > 64 { backups.noted.removeFirst() }
        if backups.recorded.count > 64 { backups.recorded.removeFirst() }
        var value = AuditValue()
        let credential = credentials.first { $0.id == notice.credential }
        value.credential = credential?.id ?? ""
        value.name = credential?.name ?? "chartlog"
        value.replica = peer ?? configuration.id
        value.query = notice.text
        let record = RecordDraft(
            code: .backupMade, outcome: .success, tenant: tenants[0].id, actor: tenants[0].actor(value.name),
            behalf: 0, subjects: [], value: value)
        propose(record, for: nil) { replica, _, effects in
            replica.backups.recorded.append(notice.id)
            if let peer {
                effects.append(.send(to: peer, .savedNoted(notice.id)))
            } else {
                replica.backupRecorded(notice.id)
            }
        }
        backups.newest = max(backups.newest ?? clock.wall, clock.wall)
    }

    func backupRecorded(_ id: UInt64) { backups.notices.removeAll { $0.id == id } }

    var backupStatus: BackupStatus {
        var status = BackupStatus(replica: configuration.id, jobs: backups.jobs)
        status.ageSeconds = backupAgeSeconds
        status.everySeconds = configuration.backupMilliseconds.map { $0 / 1_000 }
        status.isEscrowed = backups.isEscrowed
        return status
    }

    var backupAgeSeconds: UInt64? { backupAgeMicroseconds.map { UInt64($0 / 1_000_000) } }

    /// nil when none is known, or the clock stood later when it was made.
    private var backupAgeMicroseconds: Int64? {
        guard let newest = backups.newest, isPast(newest) else { return nil }
        return max(0, clock.wall.microseconds - newest.microseconds)
    }

    /// What an operator should know of backups.
    var backupWarnings: [String] {
        var warnings: [String] = []
        if let every = configuration.backupMilliseconds, backups.isLookedUp {
            let age = backupAgeSeconds
            // A quarter more than the schedule is time enough to make one.
            if age.map({ $0 * 1_000 > every + every / 4 + 60_000 }) ?? (clock.milliseconds > startedAt + 60_000) {
                warnings.append("No backup was made for longer than the schedule says: see chartlog backup status.")
            }
        }
        if backups.isStampedAhead {
            warnings.append("The newest backup is stamped later than it is now: a clock was ahead when it was made.")
        }
        let trouble = backupTrouble
        if trouble.contains(.failed) { warnings.append("The last backup failed: see chartlog backup status.") }
        var isUnescrowed = trouble.contains(.unescrowed)
        // A secondary makes them, and any replica is asked for its status.
        for view in peers.views where isReachable(view) {
            guard let other = view.figures?.backupTrouble else { continue }
            if other.contains(.failed) {
                warnings.append(
                    "The last backup that replica \(view.id) was to make failed: see chartlog backup status.")
            }
            isUnescrowed = isUnescrowed || other.contains(.unescrowed)
        }
        if isUnescrowed {
            warnings.append(
                "Backups are made, but the keys are not escrowed: without them no backup opens. Name a place in config.json."
            )
        }
        return warnings
    }

    var backupTrouble: BackupTrouble {
        var trouble: BackupTrouble = []
        if backups.jobs.last?.state == .failed { trouble.insert(.failed) }
        let areMade = !backups.jobs.isEmpty || backups.newest != nil || configuration.backupMilliseconds != nil
        if backups.isEscrowed != true, areMade { trouble.insert(.unescrowed) }
        return trouble
    }
}
