internal import Bytes
internal import JSON
internal import Records
internal import Replica

// The clients: what they send, what they are told, when they lose patience.
extension World {
    static let caller = Caller(
        credential: "svc", address: "192.0.2.7", onBehalfOf: "Practitioner/pr-7", purpose: Purpose(code: "TREAT"),
        requestID: "r")

    static let administrator = Caller(
        credential: "adm", address: "192.0.2.8", onBehalfOf: nil, purpose: Purpose(code: "HSYSADMIN"),
        requestID: "r")
    /// Answers to operators go nowhere.
    static let operatorConnection: UInt64 = 1 << 32

    /// A client begins an operation, or sends the present one again.
    func takeTurn(_ number: Int) throws(Violation) {
        clients[number].isResting = false
        if clients[number].current == nil {
            if let question = clients[number].questions.popLast() {
                begin(number, question.call, question.sends, patience: Self.windDownMicroseconds)
            } else if isWindingDown || number == rewinder {
                return
            } else {
                let (call, request) = try clients[number].draw(plan, &maker, &moments, now: now)
                begin(number, call, .request(request), patience: plan.patienceMicroseconds * 5)
            }
        }
        send(number)
    }

    func begin(_ number: Int, _ call: HistoryOperation.Call, _ sends: Client.Sending, patience: UInt64) {
        history.operations.append(
            HistoryOperation(client: number, invoked: now, completed: 0, call: call, outcome: .unknown))
        var operation = Client.CurrentOperation(
            place: history.operations.count - 1, sends: sends, deadline: now + patience,
            patience: plan.patienceMicroseconds)
        // At the end nothing is in the way of an answer; what a rewind would do takes as long as there is to be read.
        if isWindingDown, case .order = sends { operation.patience = patience }
        if case .request(.events(let query)) = sends {
            operation.follows = query.follow
            operation.piecesLeft = 3
        }
        clients[number].current = operation
    }

    func send(_ number: Int) {
        guard let current = clients[number].current else { return }
        clients[number].attempt += 1
        clients[number].current?.scan = Scan()
        let id = AskID(connection: UInt64(number), number: clients[number].attempt)
        let target = chooseTarget(number)
        clients[number].target = target
        trace.add(7, UInt64(number), id.number, UInt64(target))
        switch current.sends {
        case .request(let request): after(delay(), .ask(target, id, Ask(caller: Self.caller, request: request)))
        case .order(let order): after(delay(), .order(target, id, order))
        }
        after(current.patience, .timeout(id))
    }

    /// Mostly where appends are acknowledged, as far as a client can know.
    private func chooseTarget(_ number: Int) -> Int {
        let front = processes[clients[number].chance.below(processes.count)]
        // A front passes a request on to whom its replica takes for the primary.
        guard front.replica != nil, !clients[number].chance.oneIn(10), let primary = front.primary,
            primary >= 1, primary <= processes.count
        else { return front.id }
        return primary
    }

    /// From a client to a replica or back.
    func delay() -> UInt64 { plan.linkMicroseconds + network.exponential(mean: plan.linkMicroseconds) }

    func asked(_ process: Process, _ id: AskID, _ input: ReplicaInput) throws(Violation) {
        guard process.replica != nil else { return after(delay(), .hangUp(id, isUncertain: false)) }
        try tell(process, input)
    }

    /// A replica answers: what it acknowledges must be durable now, not when the client hears of it.
    func answers(_ id: AskID, _ answer: Answer, isLast: Bool, from process: Process) throws(Violation) {
        if let position = answer.acknowledged {
            try ledger.acknowledged(
                position: position, disks: processes.map(\.disk), quorum: plan.replicas / 2 + 1, at: now)
        }
        trace.add(8, UInt64(process.id), id.connection, id.number)
        guard id.connection < Self.operatorConnection else { return }
        if faultHits(.drop) { return }
        after(delay(), .answer(id, answer, isLast: isLast))
    }

    /// The attempt is the one its client waits for.
    private func isCurrent(_ id: AskID) -> Bool {
        let client = clients[Int(id.connection)]
        return client.current != nil && client.attempt == id.number && client.target != 0
    }

    func timedOut(_ id: AskID) throws(Violation) {
        guard isCurrent(id) else { return }
        let number = Int(id.connection)
        clients[number].current?.isUncertain = true
        let target = clients[number].target
        if process(target).replica != nil { try tell(process(target), .abandoned(id)) }
        try again(number)
    }

    func hungUp(_ id: AskID, isUncertain: Bool) throws(Violation) {
        guard isCurrent(id) else { return }
        let number = Int(id.connection)
        if isUncertain { clients[number].current?.isUncertain = true }
        try again(number)
    }

    /// Once more after a pause, until patience is at its end.
    private func again(_ number: Int) throws(Violation) {
        guard let current = clients[number].current else { return }
        clients[number].target = 0
        // An order that may have been carried out is not given twice.
        if case .order(.rewind(_, applies: true)) = current.sends, current.isUncertain {
            return finish(number, .unknown)
        }
        guard now < current.deadline else {
            if case .scan = history.operations[current.place].call, !current.scan.shown.isEmpty {
                return finish(number, .scanned(current.scan))
            }
            return finish(number, current.isUncertain ? .unknown : .nothing)
        }
        after(1_000 + clients[number].chance.exponential(mean: 20_000), .turn(client: number))
    }

    func finish(_ number: Int, _ outcome: HistoryOperation.Outcome) {
        guard let current = clients[number].current else { return }
        clients[number].current = nil
        clients[number].target = 0
        if case .order = current.sends { tell("\(now) of the rewind came: \(outcome)") }
        history.operations[current.place].completed = now
        history.operations[current.place].outcome = outcome
        trace.add(9, UInt64(number), UInt64(current.place), now)
        // Nobody begins anything for the operator but the order itself.
        guard number != rewinder else { return }
        after(1 + clients[number].chance.exponential(mean: plan.thinkMicroseconds), .turn(client: number))
    }

    func answered(_ id: AskID, _ answer: Answer, isLast: Bool) throws(Violation) {
        guard isCurrent(id) else { return }
        let number = Int(id.connection)
        switch answer {
        case .appended(let appended): try took(number, appended)
        case .problem(let problem): try took(number, problem)
        case .resource(let resource, let position): try took(number, resource, at: position)
        case .events(let piece): try took(number, id, piece, isLast: isLast)
        case .restore(let plan): try took(number, plan)
        case .page(let page): try took(number, page)
        case .cluster, .backups: throw Violation("L", "an answer of a kind that nobody asked for")
        }
    }

    private func took(_ number: Int, _ appended: Appended) throws(Violation) {
        guard let current = clients[number].current else { return }
        guard case .append(let sent) = history.operations[current.place].call,
            appended.events.map(\.id) == sent.map({ "e\($0.event)" })
        else { throw Violation("L", "an acknowledgement does not name the events that were sent") }
        let standings = zip(sent, appended.events).map { one, made in
            var standing = Standing(
                event: one.event, version: made.version, position: made.position, stamp: made.recorded.microseconds)
            standing.rewoundBy = made.rewoundBy
            return standing
        }
        for (one, standing) in zip(sent, standings) {
            // What was done before tells nothing of what its stream is at now.
            clients[number].versions[one.stream] =
                appended.isRepeat ? max(clients[number].versions[one.stream], standing.version) : standing.version
        }
        clients[number].position = max(clients[number].position, appended.position)
        if let last = standings.last { moments.saw(last.position, last.stamp) }
        if case .request(let request) = current.sends {
            clients[number].done = (history.operations[current.place].call, request)
        }
        if sent[0].event >= progressSince { hasProgressed = true }
        finish(number, .appended(standings, again: appended.isRepeat))
    }

    private func took(_ number: Int, _ problem: Problem) throws(Violation) {
        guard let current = clients[number].current else { return }
        if case .order = current.sends { tell("\(now) the rewind is answered \(problem.kind.rawValue)") }
        switch problem.kind {
        case .versionConflict, .alreadyExists, .missingStream:
            // What an earlier attempt may still do, a refusal of this one does not tell.
            let refusal = try refusal(problem, number)
            finish(number, current.isUncertain ? .unknown : .refused(refusal))
        case .gone: try found(number, gone: current)
        case .notFound: finish(number, .missing)
        case .badInstant: finish(number, .noMoment(.instant))
        case .badPosition: finish(number, .noMoment(.position))
        case .insideTransaction: finish(number, .noMoment(.inside))
        case .orderRefused: finish(number, .nothing)
        case .unavailable, .noPrimary, .retired, .diskFull, .damaged, .clockAhead, .overloaded, .keyMissing, .tooMany:
            try again(number)
        case .outcomeUnknown, .internalError, .stillRunning:
            clients[number].current?.isUncertain = true
            try again(number)
        default: throw Violation("L", "an unexpected refusal: \(problem.kind.rawValue)")
        }
    }

    private func refusal(_ problem: Problem, _ number: Int) throws(Violation) -> Refusal {
        switch problem.kind {
        case .alreadyExists: return .exists
        case .missingStream: return .missing
        default:
            for field in problem.fields {
                guard case .conflicts(let conflicts) = field else { continue }
                var told: [Refusal.Conflict] = []
                for conflict in conflicts {
                    guard let stream = maker.stream(of: conflict.subject) else { continue }
                    clients[number].versions[stream] = conflict.actual
                    told.append(
                        Refusal.Conflict(stream: stream, expected: conflict.expected, actual: conflict.actual))
                }
                return .conflicts(told)
            }
            throw Violation("L", "a version conflict that names no stream")
        }
    }

    private func took(_ number: Int, _ resource: ShownResource, at position: UInt64) throws(Violation) {
        guard let current = clients[number].current else { return }
        var words: [UInt64]?
        if case .json(let json) = resource.content { words = EventMaker.words(in: json) }
        clients[number].position = max(clients[number].position, position)
        if case .look(let stream, nil) = history.operations[current.place].call {
            clients[number].versions[stream] = resource.version
        }
        finish(
            number,
            .shown(
                version: resource.version, stamp: resource.lastUpdated.microseconds, position: position, words: words))
    }

    private func took(_ number: Int, _ id: AskID, _ piece: EventsPiece, isLast: Bool) throws(Violation) {
        guard var current = clients[number].current else { return }
        if current.scan.firstStand == 0 { current.scan.firstStand = piece.position }
        current.scan.lastStand = piece.position
        for shown in piece.events { current.scan.shown.append(try self.shown(shown)) }
        if let last = piece.events.last { moments.saw(last.position, last.recorded.microseconds) }
        current.piecesLeft -= 1
        var isOver = isLast
        switch piece.mark {
        case .none: break
        case .end(let position, _):
            current.scan.through = position
            isOver = true
        case .caughtUp(let position), .alive(let position):
            current.scan.through = position
            if current.piecesLeft <= 0 { isOver = true }
        }
        clients[number].current = current
        clients[number].position = max(clients[number].position, piece.position)
        guard isOver else {
            return after(delay(), .drained(clients[number].target, id))
        }
        if !isLast { try tell(process(clients[number].target), .abandoned(id)) }
        finish(number, .scanned(current.scan))
    }
}
