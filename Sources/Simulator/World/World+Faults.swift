internal import Records
internal import Replica

// What goes wrong: each kind strikes on its own, from its own dice, at times of its own.
extension World {
    func scheduleFaults() {
        for fault in plan.faults where !fault.kind.isOfMessages { scheduleNext(fault.kind) }
    }

    private func scheduleNext(_ kind: FaultKind) {
        guard let mean = plan.mean(kind) else { return }
        after(1 + faultChances[kind.rawValue].exponential(mean: mean), .fault(kind))
    }

    /// Whether a fault of single messages strikes this one.
    func faultHits(_ kind: FaultKind) -> Bool {
        guard !isHealing, let rate = plan.mean(kind), faultChances[kind.rawValue].perMillion(rate) else { return false }
        count(kind)
        return true
    }

    func strike(_ kind: FaultKind) throws(Violation) {
        guard !isHealing else { return }
        scheduleNext(kind)
        let at = kind.rawValue
        let process = processes[faultChances[at].below(processes.count)]
        if kind != .rollback, plan.mean(.rollback) != nil { takeImage(process) }
        let lasts = faultChances[at].exponential(mean: faultChances[at].pick([50_000, 400_000, 3_000_000]))
        switch kind {
        case .crash, .powerLoss:
            guard process.replica != nil else { return }
            tell("\(now) \(kind.name) of replica \(process.id)")
            try end(process, losesPower: kind == .powerLoss, restarts: true)
        case .pause:
            guard process.replica != nil, !process.isPaused else { return }
            process.isPaused = true
            tell("\(now) replica \(process.id) is paused for \(lasts) us")
            after(lasts, .resume(process.id, life: process.life))
        case .clockStep:
            let size = Int64(faultChances[at].pick([30_000, 900_000, 4_000_000, 9_000_000] as [UInt64]))
            process.wallOffset = faultChances[at].oneIn(2) ? size : -size
        case .clockDrift:
            process.setDrift(Int64(faultChances[at].below(400)) * 1000 - 200_000, at: now)
        case .oneWayCut, .isolation, .partialMesh, .clog, .reset: try strikeLinks(kind, process.id, lasts)
        case .handover, .replacement: try order(kind, process)
        case .rewind: return orderRewind()
        case .bitRot, .misdirectedWrite, .rollback, .totalLoss: return try strikeDamage(kind, process)
        default: return try strikeDisk(kind, process, lasts)
        }
        count(kind)
    }

    /// An operator tells whoever leads.
    private func order(_ kind: FaultKind, _ target: Process) throws(Violation) {
        guard let primary = processes.first(where: { $0.replica != nil && $0.standing.witness?.isPrimary == true })
        else { return }
        ordered += 1
        let order: OperatorOrder =
            kind == .handover
            ? .handover(to: faultChances[kind.rawValue].oneIn(3) ? nil : target.id) : .replace(target.id, with: nil)
        tell("\(now) an operator orders of replica \(primary.id): \(order)")
        let id = AskID(connection: Self.operatorConnection, number: ordered)
        try tell(primary, .operate(id, Self.administrator, order))
    }

    private func strikeLinks(_ kind: FaultKind, _ id: Int, _ lasts: UInt64) throws(Violation) {
        let others = processes.map(\.id).filter { $0 != id }
        let other = faultChances[kind.rawValue].pick(others)
        switch kind {
        case .oneWayCut: links[id, other].cutUntil = now + lasts
        case .isolation:
            for other in others {
                links[id, other].cutUntil = now + lasts
                links[other, id].cutUntil = now + lasts
            }
        case .partialMesh:
            links[id, other].cutUntil = now + lasts
            links[other, id].cutUntil = now + lasts
        case .clog: links[id, other].clogUntil = now + lasts
        default: try disconnect(id, other)
        }
        tell("\(now) \(kind.name) of replica \(id), with \(other), for \(lasts) us")
    }

    private func strikeDisk(_ kind: FaultKind, _ process: Process, _ lasts: UInt64) throws(Violation) {
        let at = kind.rawValue
        switch kind {
        case .readError: process.disk.armed.readsUntilError = faultChances[at].below(8)
        case .syncError: process.disk.armed.isSyncFailing = true
        case .diskFull:
            fillDisk(process, true)
            after(lasts, .fillDisk(process.id, isFull: false))
        case .slowDisk: process.slowDiskUntil = now + lasts
        case .hungDisk: process.hungDiskUntil = now + lasts
        default: return
        }
        count(kind)
        tell("\(now) \(kind.name) on replica \(process.id)")
    }

    func fillDisk(_ process: Process, _ isFull: Bool) {
        process.disk.capacity = plan.diskBytes
        guard isFull, !isHealing, let free = try? process.disk.freeSpace() else { return }
        let left = faultChances[FaultKind.diskFull.rawValue].pick([0, 20_000, 60_000, 120_000, 200_000])
        process.disk.capacity = plan.diskBytes - max(0, free - left)
    }

    /// Links are whole again. Those that lost something break once more, as they would have done by themselves.
    func healLinks(_ ids: [Int]) throws(Violation) {
        for a in ids {
            for b in ids where a != b {
                links[a, b].cutUntil = 0
                links[a, b].clogUntil = 0
                if a < b {
                    try disconnect(a, b)
                    after(1_000, .connect(a, b))
                }
            }
        }
    }

    /// Everything that a process can suffer and that passes, passes.
    func heal(_ process: Process) throws(Violation) {
        process.disk.armed.disarm()
        process.disk.capacity = plan.diskBytes
        process.slowDiskUntil = 0
        process.hungDiskUntil = 0
        // What a hung disk held up ends now.
        if !process.batches.isEmpty { after(1, .written(process.id, life: process.life)) }
        process.setDrift(0, at: now)
        process.wallOffset = 0
        // An operator sets the clock right and says so; a replica that believed it before takes no notice.
        try tell(process, .clockAccepted(Self.administrator))
        if process.isPaused {
            process.isPaused = false
            after(1, .resume(process.id, life: process.life))
            process.isPaused = true
        }
    }
}
