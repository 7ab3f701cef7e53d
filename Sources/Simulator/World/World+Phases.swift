internal import Bytes
internal import Consensus
internal import Records
internal import Replica
internal import SegmentedLog

/// What a world came to.
package struct Outcome: Sendable {
    package var violation: Violation?
    /// Sums up everything that happened.
    package var trace: UInt64
    package var events: UInt64
    package var operations: Int
    package var acknowledged: Int
    /// Events in the log at the end.
    package var logged: Int
    package var microseconds: UInt64
    package var faults: [UInt64]
    /// Rewinds in the log at the end, answers of how things had been, and moments that every voter was asked about.
    package var rewinds = 0
    package var pastAnswers = 0
    package var examined = 0
}

// A world's life: faults, healing, progress, the end and what is looked at then.
extension World {
    /// How long a healed cluster may take to acknowledge something new.
    static let progressMicroseconds: UInt64 = 30_000_000
    static let windDownMicroseconds: UInt64 = 60_000_000

    /// Lives through the whole plan.
    package static func run(_ plan: Plan, narrator: ((String) -> Void)? = nil, tellsMessages: Bool = false) -> Outcome {
        var outcome = Outcome(
            violation: nil, trace: 0, events: 0, operations: 0, acknowledged: 0, logged: 0, microseconds: 0,
            faults: [])
        do throws(Violation) {
            let world = try World(plan, narrator: narrator)
            world.tellsMessages = tellsMessages
            do throws(Violation) {
                let log = try world.live()
                outcome.logged = log.count
                outcome.rewinds = log.count { if case .rewind = $0.what { true } else { false } }
            } catch {
                outcome.violation = error
            }
            outcome.trace = world.trace.value
            outcome.events = world.handled
            outcome.operations = world.history.operations.count
            outcome.acknowledged = world.history.operations.count {
                if case .appended = $0.outcome { true } else { false }
            }
            outcome.pastAnswers = world.history.operations.count(where: \.isOfThePast)
            outcome.examined = world.examined
            outcome.microseconds = world.now
            outcome.faults = world.faultCounts
        } catch {
            outcome.violation = error
        }
        return outcome
    }

    private func live() throws(Violation) -> [LoggedEvent] {
        for process in processes {
            process.disk.capacity = plan.diskBytes
            after(process.chance.below(50_000), .start(process.id))
        }
        for client in clients.indices where client != rewinder {
            after(100_000 + clients[client].chance.below(100_000), .turn(client: client))
        }
        scheduleFaults()
        try run(until: plan.safetyMicroseconds)
        try progress()
        let log = try end()
        if let found = HistoryCheck(history, log: log).violation {
            throw Violation("L", found, time: now)
        }
        return log
    }

    /// Faults cease; something new must be acknowledged soon (I16).
    private func progress() throws(Violation) {
        isHealing = true
        var chance = Chance(seed: plan.seed, .heal)
        // Only a quorum at first: the others stay as they are, down or cut off.
        var core = processes.filter { !$0.isLost }.map(\.id)
        // Who takes part may change under way: then all that are there must do it.
        while plan.spares == 0, core.count > plan.replicas / 2 + 1 { core.remove(at: chance.below(core.count)) }
        for id in core { try heal(process(id)) }
        try healLinks(core)
        for process in processes where !core.contains(process.id) && !process.isLost {
            try abandon(process, to: core, &chance)
        }
        tell("\(now) healed: \(core)")
        progressSince = UInt64(maker.sent.count) + 1
        try run(until: now + Self.progressMicroseconds) { self.hasProgressed }
        if !hasProgressed, needsTheOthers(core) {
            tell("\(now) all are healed: only the others can tell that a torn frame was never decided")
            try healAll()
            try run(until: now + Self.progressMicroseconds) { self.hasProgressed }
        }
        guard hasProgressed else {
            throw Violation(
                "I16", "nothing was acknowledged in 30 s after healing: \(stands)", time: now)
        }
    }

    /// Whether one of a quorum holds the damaged rest of a frame that the others of it never had: it was being written
    /// when the power went, but for all that they know, they who are down may have it and it may have been decided.
    private func needsTheOthers(_ core: [Int]) -> Bool {
        core.contains { id in
            guard let torn = process(id).replica?.damage?.index, torn > ledger.lastDecided else { return false }
            return core.allSatisfy { $0 == id || (process($0).standing.witness?.lastIndex ?? 0) < torn }
        }
    }

    private func healAll() throws(Violation) {
        for process in processes {
            try heal(process)
            guard process.isHeldDown else { continue }
            process.isHeldDown = false
            after(1, .start(process.id))
        }
        try healLinks(processes.map(\.id))
    }

    /// What the rest does while a quorum must do alone: it is down, or nobody hears it.
    private func abandon(_ process: Process, to core: [Int], _ chance: inout Chance) throws(Violation) {
        if chance.oneIn(2) {
            process.isHeldDown = true
            return try end(process, losesPower: false, restarts: false)
        }
        for id in core {
            links[process.id, id].cutUntil = .max
            if chance.oneIn(2) { links[id, process.id].cutUntil = .max }
        }
    }

    /// The clients finish, the replicas become equal, and the whole log is read.
    private func end() throws(Violation) -> [LoggedEvent] {
        isWindingDown = true
        try healAll()
        try run(until: now + Self.windDownMicroseconds) { !self.clients.contains { $0.current != nil } }
        guard !clients.contains(where: { $0.current != nil }) else {
            throw Violation("I16", "a client's operation never ends", time: now)
        }
        try run(until: now + Self.windDownMicroseconds) { self.areEqual }
        guard areEqual else { throw Violation("I16", "the replicas do not become equal: \(stands)", time: now) }
        let log = try readAll()
        try compareSegments()
        try examine(log)
        return log
    }

    /// Where each replica stands, for whoever reads of a failure.
    var stands: String {
        processes.map { process in
            guard process.replica != nil, let witness = process.standing.witness else {
                return "\(process.id) is \(process.isLost ? "lost" : "down")"
            }
            return "\(process.id) term \(witness.term)\(witness.isPrimary ? " primary" : "") decided "
                + "(\(process.saidOfItself)) \(witness.committed) folded \(witness.folded) durable \(witness.durableIndex) of \(witness.lastIndex)"
        }.joined(separator: "; ")
    }

    /// Closed segments are the same bytes wherever they are, but where a disk was damaged and not yet mended (I13).
    private func compareSegments() throws(Violation) {
        for segment in 1...max(1, ledger.segmentCount) {
            let path = ReplicaPaths.log + "/" + SegmentFormat.name(of: segment)
            var first: [UInt8]?
            for process in processes where !process.isLost && !process.disk.wasDamaged(path) {
                guard let bytes = process.disk.contents(path),
                    let mark = Watermark(bytes, at: SegmentFormat.pageBytes / 8), mark.sequence >= .max - 1
                else { continue }
                guard let known = first else {
                    first = bytes
                    continue
                }
                guard known == bytes else {
                    throw Violation(
                        "I13", "segment \(segment) is closed on replica \(process.id) with other bytes", time: now)
                }
            }
        }
    }

    /// Every replica runs and has folded the same.
    var areEqual: Bool {
        let membership = ledger.membership
        guard membership?.isJoint != true,
            let first = processes.first(where: { !$0.isLost && membership?.isVoter($0.id) ?? true })?.standing.witness
        else { return false }
        return processes.allSatisfy {
            $0.isLost || membership?.isMember($0.id) == false
                || $0.replica != nil && $0.standing.witness?.folded == first.folded
                    && $0.standing.witness?.durableIndex == first.lastIndex
                    && $0.standing.witness?.lastIndex == first.folded
        }
    }
}
