internal import Bytes
internal import Consensus
internal import Files
internal import Keys
internal import Records
internal import Replica
internal import SegmentedLog
internal import Views

// The machines: turns of their loops, disks that finish, lives that end and begin.
extension World {
    /// A fact reaches a process: in this turn when its loop is free, else in the next.
    func tell(_ process: Process, _ input: ReplicaInput) throws(Violation) {
        guard process.replica != nil else { return }
        process.inbox.append(input)
        guard !process.isPaused, !process.isWoken else { return }
        guard process.busyUntil > now else { return try turn(process) }
        process.isWoken = true
        queue.add(.wake(process.id, life: process.life), at: process.busyUntil)
    }

    /// One turn of a loop: a tick, then all that waits.
    func turn(_ process: Process) throws(Violation) {
        guard let replica = process.replica else { return }
        guard process.busyUntil <= now else {
            guard !process.isWoken else { return }
            process.isWoken = true
            return queue.add(.wake(process.id, life: process.life), at: process.busyUntil)
        }
        var inputs = [process.tick(at: now)]
        inputs.append(contentsOf: process.inbox)
        process.inbox.removeAll(keepingCapacity: true)
        var effects = self.effects
        effects.removeAll(keepingCapacity: true)
        replica.step(inputs, into: &effects)
        if tellsMessages, replica.witness != process.standing.witness {
            tell("\(now) \(process.id) stands at \(replica.witness)")
        }
        if plan.turnMicroseconds > 0 {
            process.busyUntil = now + process.chance.exponential(mean: plan.turnMicroseconds)
        }
        process.disk.isWatching = true
        try ledger.saw(
            replica, id: process.id, standing: &process.standing, waitingAppendsMax: plan.waitingAppendsMax)
        process.disk.isWatching = false
        trace.add(2, UInt64(process.id), process.standing.witness?.lastIndex ?? 0, replica.digests.audit.words.0)
        for effect in effects { try carryOut(effect, of: process) }
        self.effects = effects
        if process.replica === replica, replica.hasWork, !process.isWoken {
            process.isWoken = true
            queue.add(.wake(process.id, life: process.life), at: max(process.busyUntil, now + 20))
        }
    }

    private func carryOut(_ effect: ReplicaEffect, of process: Process) throws(Violation) {
        // An order after the one to stop is never carried out.
        guard process.replica != nil else { return }
        switch effect {
        case .write(let batch):
            try ledger.writes(batch, id: process.id)
            guard process.batches.isEmpty else {
                throw Violation("I12", "replica \(process.id) ordered a batch while one was under way")
            }
            process.batches.append(batch)
            trace.add(3, UInt64(process.id), batch.lastIndex, batch.number)
            after(process.diskMicroseconds(plan, at: now), .written(process.id, life: process.life))
        case .answer(let id, let answer, let isLast): try answers(id, answer, isLast: isLast, from: process)
        case .background(let work):
            process.works.append(work)
            after(
                process.diskMicroseconds(plan, at: now) * 4 + process.chance.exponential(mean: 5_000),
                .worked(process.id, life: process.life))
        case .credentials: break
        case .send(let target, let message):
            try ledger.sends(message, id: process.id)
            try send(message, from: process.id, to: target)
        // In these worlds everybody is listed from the start.
        case .places: break
        case .primary(let primary): process.primary = primary
        case .ready(let term):
            process.primary = process.id
            tell("\(now) replica \(process.id) is ready in term \(term)")
        case .backUp: break
        case .retired: tell("\(now) replica \(process.id) knows that it was retired")
        case .stopped: break
        case .stop(let problem):
            tell("\(now) replica \(process.id) stops: \(problem.kind.rawValue)")
            try end(process, losesPower: false, restarts: true)
        }
    }

    func written(_ process: Process, _ life: Int) throws(Violation) {
        guard process.life == life, !process.batches.isEmpty else { return }
        if process.hungDiskUntil > now {
            return queue.add(.written(process.id, life: life), at: process.hungDiskUntil)
        }
        let batch = process.batches.removeFirst()
        do throws(FileError) {
            try process.hand.carryOut(batch)
            try process.hand.carryOutAfterwards(batch)
        } catch {
            tell("\(now) the disk of replica \(process.id) fails: \(error)")
            return try tell(process, .diskFailed(error))
        }
        trace.add(4, UInt64(process.id), batch.number)
        try tell(process, .persisted(batch: batch.number))
    }

    func worked(_ process: Process, _ life: Int) throws(Violation) {
        guard process.life == life, !process.works.isEmpty else { return }
        let work = process.works.removeFirst()
        var dice = SeededDice(seed: process.chance.word())
        let result = work.carryOut(on: process.disk, crypto: crypto, dice: &dice)
        try tell(process, .backgroundFinished(result))
    }

    /// A process is started on what its disk holds.
    func start(_ process: Process) throws(Violation) {
        guard process.replica == nil, !process.isHeldDown else { return }
        if let error = process.open(plan, clusterID: clusterID, root: root) {
            tell("\(now) replica \(process.id) does not open: \(error)")
            try failedToOpen(process, error)
            return after(plan.restartMicroseconds + 1, .start(process.id))
        }
        #if CHARTLOG_MUTANTS
        if let name = plan.mutant, let mutant = Mutant(rawValue: name) { process.replica?.mutants = [mutant] }
        #endif
        let damage = process.replica?.damage.map { ", damaged: \($0)" } ?? ""
        tell("\(now) replica \(process.id) opens, life \(process.life)\(damage)")
        trace.add(5, UInt64(process.id), UInt64(process.life))
        connectAll(process)
        after(process.chance.below(plan.tickMicroseconds), .tick(process.id, life: process.life))
    }

    /// A process ends, and unless it shall stay down begins anew later.
    func end(_ process: Process, losesPower: Bool, restarts: Bool) throws(Violation) {
        let tears = !processes.contains { $0.isLost && $0.id != process.id }
        guard process.replica != nil else {
            if losesPower { process.losePower(tears: tears) }
            return
        }
        process.die(losesPower: losesPower, tears: tears)
        loseLinks(of: process.id, isSilent: losesPower)
        trace.add(6, UInt64(process.id), UInt64(process.life))
        for client in clients.indices where clients[client].target == process.id {
            let id = AskID(connection: UInt64(client), number: clients[client].attempt)
            after(plan.linkMicroseconds, .hangUp(id, isUncertain: true))
        }
        guard restarts else { return }
        after(1 + process.chance.exponential(mean: plan.restartMicroseconds), .start(process.id))
    }

    /// An error while opening must have a cause in what was done to the disk.
    private func failedToOpen(_ process: Process, _ error: ReplicaError) throws(Violation) {
        let cause: FileError? =
            switch error {
            case .file(let cause), .log(.file(let cause)), .key(.file(let cause)), .views(.file(let cause)): cause
            default: nil
            }
        switch cause {
        case .full, .io: return
        default:
            guard process.isLost || isDamageable else {
                throw Violation("I16", "replica \(process.id) does not open: \(error)")
            }
        }
    }

    /// Faults that may take away what was durable are on in this world.
    var isDamageable: Bool { plan.faults.contains { $0.kind.damages } }
}
