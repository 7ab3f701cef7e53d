internal import Bytes
internal import Consensus
internal import Files
internal import Records
internal import Replica

// The end of a world: the whole log is read as any client would read it, and then every voter in turn leads and is asked
// how things were at moments of the world's life (I14). The answers are judged with all others, against the log.
extension World {
    /// Questions that are asked at one time.
    private static let examiners = 6
    /// Streams that are looked at for each moment.
    private static let examinedStreams = 8

    /// All events and rewinds.
    func readAll() throws(Violation) -> [LoggedEvent] {
        var log: [LoggedEvent] = []
        let reader = clients.count
        clients.append(Client(number: reader, chance: Chance(seed: plan.seed, .heal), streams: maker.streams))
        while true {
            var query = EventsQuery()
            query.after = UInt64(log.count)
            query.limit = 10_000
            begin(
                reader, .scan(stream: nil, after: UInt64(log.count), asOf: nil), .request(.events(query)),
                patience: 20_000_000)
            after(1, .turn(client: reader))
            try run(until: now + Self.windDownMicroseconds) { self.clients[reader].current == nil }
            guard case .scanned(let scan)? = history.operations.last?.outcome, scan.through != nil else {
                throw Violation("I16", "the log cannot be read at the end", time: now)
            }
            for shown in scan.shown {
                guard shown.position == UInt64(log.count) + 1 else {
                    throw Violation("L", "position \(log.count + 1) is missing at the end", time: now)
                }
                switch shown {
                case .event(let one):
                    log.append(
                        LoggedEvent(
                            event: one.event, stream: maker.streamOf[Int(one.event) - 1], version: one.version,
                            stamp: one.stamp))
                case .rewind(let made, _, let position, let stamp):
                    tell("at \(position), stamped \(stamp), stands \(made)")
                    log.append(LoggedEvent(made, stamp: stamp))
                }
            }
            if scan.shown.count < 10_000 { return log }
        }
    }

    /// The primary is asked, and then every other voter: each in its turn is killed, opened again on its log (half of
    /// them without their snapshots), and made primary.
    func examine(_ log: [LoggedEvent]) throws(Violation) {
        guard plan.examinedMoments > 0, !log.isEmpty else { return }
        var chance = Chance(seed: plan.seed, .examination)
        let questions = questions(log, &chance)
        try ask(questions)
        for process in processes where mayBeExamined(process) {
            if process.standing.witness?.isPrimary == true, processes.count > 1 { continue }
            try openAgain(process, withoutSnapshots: chance.oneIn(2))
            guard mayBeExamined(process) else { continue }
            try makePrimary(process)
            try ask(questions)
        }
        examined = plan.examinedMoments
    }

    /// It votes, and nothing is wrong with it.
    private func mayBeExamined(_ process: Process) -> Bool {
        !process.isLost && process.replica != nil && process.replica?.damage == nil
            && ledger.membership?.isVoter(process.id) ?? true
    }

    private func openAgain(_ process: Process, withoutSnapshots: Bool) throws(Violation) {
        try end(process, losesPower: false, restarts: false)
        // At once: whoever is away for long may lose its place to a spare.
        after(1, .start(process.id))
        if withoutSnapshots {
            for path in process.disk.paths where path.hasPrefix(ReplicaPaths.views) {
                do throws(FileError) { try process.disk.remove(path) } catch {
                    throw Violation("process", "a snapshot cannot be taken away", time: now)
                }
            }
        }
        try run(until: now + Self.windDownMicroseconds) { process.replica != nil && self.areEqual }
        guard areEqual else {
            throw Violation("I16", "replica \(process.id), opened again, does not catch up: \(stands)", time: now)
        }
    }

    private func makePrimary(_ process: Process) throws(Violation) {
        let end = now + Self.progressMicroseconds
        while process.standing.witness?.isPrimary != true, now < end {
            if let primary = processes.first(where: { $0.replica != nil && $0.standing.witness?.isPrimary == true }) {
                ordered += 1
                let id = AskID(connection: Self.operatorConnection, number: ordered)
                try tell(primary, .operate(id, Self.administrator, .handover(to: process.id)))
            }
            try run(until: now + 1_000_000) { process.standing.witness?.isPrimary == true }
        }
        guard process.standing.witness?.isPrimary == true else {
            throw Violation("I16", "replica \(process.id) cannot be made primary: \(stands)", time: now)
        }
    }

    private typealias Question = (call: HistoryOperation.Call, sends: Client.Sending)

    /// Several ask at one time; each answer is part of the history.
    private func ask(_ asked: (questions: [Question], previews: [Question])) throws(Violation) {
        let questions = asked.questions
        let first = clients.count
        for number in first..<(first + Self.examiners) {
            let chance = Chance(seed: plan.seed, .examination, number)
            clients.append(Client(number: number, chance: chance, streams: maker.streams))
            clients[number].questions = stride(from: number - first, to: questions.count, by: Self.examiners).map {
                questions[$0]
            }
            // One at a time is looked ahead from.
            if number == first { clients[number].questions += asked.previews }
            after(1, .turn(client: number))
        }
        let count = questions.count + asked.previews.count
        let range = first..<clients.count
        let place = history.operations.count
        try run(until: now + Self.windDownMicroseconds) {
            self.history.operations.count == place + count
                && range.allSatisfy { self.clients[$0].current == nil }
        }
        let unanswered = history.operations[place...].first {
            $0.completed == 0 || $0.outcome == .unknown || $0.outcome == .nothing
        }
        guard history.operations.count == place + count, unanswered == nil else {
            throw Violation(
                "I16", "\(unanswered.map { "\($0.call)" } ?? "some") cannot be answered at the end: \(stands)",
                time: now)
        }
    }

    /// How streams stood, what searches and scans found; and what going back to then would do.
    private func questions(
        _ log: [LoggedEvent], _ chance: inout Chance
    ) -> (questions: [Question], previews: [Question]) {
        var questions: [Question] = []
        var previews: [Question] = []
        let folded = FoldedLog(log)
        func ask(_ one: (call: HistoryOperation.Call, request: Request)) {
            questions.append((one.call, .request(one.request)))
        }
        for number in 0..<plan.examinedMoments {
            let moment: Moment = number == 0 ? .position(UInt64(log.count)) : moment(of: log, &chance)
            var streams = Array(0..<maker.streams)
            while streams.count > Self.examinedStreams { streams.remove(at: chance.below(streams.count)) }
            for stream in streams {
                ask(
                    chance.oneIn(4)
                        ? Client.versions(stream, maker, asOf: moment) : Client.look(stream, maker, asOf: moment))
            }
            if maker.appointments > 0 { ask(Client.search(maker, asOf: moment)) }
            if folded.cut(moment, through: UInt64(log.count)) < UInt64(log.count) {
                previews.append(
                    (
                        .rewind(order: -1, to: moment, applies: false),
                        .order(.rewind(to: moment.asOf, applies: false))
                    ))
            }
            ask(
                Client.scan(
                    chance.oneIn(2) ? chance.below(maker.streams) : nil, after: chance.below(UInt64(log.count)), maker,
                    asOf: moment))
        }
        return (questions, previews)
    }

    /// Exactly a stamp, just before one, between two; around a rewind, and around a failover.
    private func moment(of log: [LoggedEvent], _ chance: inout Chance) -> Moment {
        let stamp = log[chance.below(log.count)].stamp
        let rewinds = log.indices.filter { if case .rewind = log[$0].what { true } else { false } }
        switch chance.below(6) {
        case 0: return .stamp(stamp)
        case 1: return .stamp(stamp - 1)
        case 2: return .stamp(stamp + Int64(chance.below(1_000_000)))
        case 3, 4:
            guard !rewinds.isEmpty else { return .position(1 + chance.below(UInt64(log.count))) }
            let at = chance.pick(rewinds)
            switch chance.below(4) {
            case 0: return .stamp(log[at].stamp - 1)
            case 1: return .stamp(log[at].stamp)
            case 2: return .position(UInt64(at))
            default: return .position(UInt64(at) + 1)
            }
        default:
            let terms = ledger.termStamps
            return .stamp((terms.isEmpty ? stamp : chance.pick(terms)) - Int64(chance.below(3)) + 1)
        }
    }
}
