import Bytes
import Simulator

/// Makes histories that a single store could have given: operations overlap, and each is done at a moment of its own
/// between its beginning and its end.
struct HistoryMaker {
    var history = History()
    var log: [LoggedEvent] = []
    private var dice: SeededDice
    private let streams: Int

    init(seed: UInt64, operations: Int, clients: Int, streams: Int) {
        dice = SeededDice(seed: seed)
        self.streams = streams
        // Each client's operations follow one another; the moments at which they are done make one order of all.
        var plans: [(client: Int, invoked: UInt64, done: UInt64, completed: UInt64)] = []
        for client in 0..<clients {
            var time = UInt64.random(in: 0..<20, using: &dice)
            for _ in 0..<(operations / clients) {
                let invoked = time
                let done = invoked + UInt64.random(in: 1..<60, using: &dice)
                let completed = done + UInt64.random(in: 1..<60, using: &dice)
                plans.append((client, invoked, done, completed))
                time = completed + UInt64.random(in: 1..<15, using: &dice)
            }
        }
        plans.sort { ($0.done, $0.client) < ($1.done, $1.client) }
        var number: UInt64 = 0
        for plan in plans {
            let (call, outcome) = operation(&number)
            history.operations.append(
                HistoryOperation(
                    client: plan.client, invoked: plan.invoked, completed: plan.completed, call: call, outcome: outcome)
            )
        }
    }

    private func version(_ stream: Int) -> UInt64 { UInt64(log.count { $0.stream == stream }) }

    private mutating func operation(
        _ number: inout UInt64
    ) -> (HistoryOperation.Call, HistoryOperation.Outcome) {
        let stream = Int.random(in: 0..<streams, using: &dice)
        switch Int.random(in: 0..<10, using: &dice) {
        case 0..<5: return append(&number)
        case 5..<8:
            guard let last = log.last(where: { $0.stream == stream }) else { return (.look(stream: stream), .missing) }
            return (
                .look(stream: stream),
                .shown(
                    version: last.version, stamp: last.stamp, position: UInt64(log.count), event: last.event)
            )
        default:
            let wanted = Bool.random(using: &dice) ? stream : nil
            let after = UInt64.random(in: 0...UInt64(log.count), using: &dice)
            var scan = Scan()
            scan.firstStand = UInt64(log.count)
            scan.lastStand = scan.firstStand
            scan.through = scan.firstStand
            for (at, event) in log.enumerated() where UInt64(at) + 1 > after && (wanted ?? event.stream) == event.stream
            {
                scan.shown.append(
                    Standing(event: event.event, version: event.version, position: UInt64(at) + 1, stamp: event.stamp))
            }
            return (.scan(stream: wanted, after: after), .scanned(scan))
        }
    }

    private mutating func append(_ number: inout UInt64) -> (HistoryOperation.Call, HistoryOperation.Outcome) {
        var events: [SentEvent] = []
        for _ in 0..<Int.random(in: 1...3, using: &dice) {
            number += 1
            let stream = Int.random(in: 0..<streams, using: &dice)
            let now = version(stream) + UInt64(events.count { $0.stream == stream })
            let wrong = Int.random(in: 0..<6, using: &dice) == 0
            let expected: UInt64? = Bool.random(using: &dice) ? nil : wrong ? now + 1 : now
            let begins: SentEvent.Beginning =
                Int.random(in: 0..<6, using: &dice) == 0 ? .whenMissing : now == 0 ? .always : .never
            events.append(SentEvent(event: number, stream: stream, expected: expected, begins: begins))
        }
        if let refusal = ExhaustiveSearch.reason(events, version: version) {
            return (.append(events), .refused(refusal))
        }
        let fate = Int.random(in: 0..<8, using: &dice)
        if fate == 0 { return (.append(events), .unknown) }
        if fate == 1 { return (.append(events), .nothing) }
        var standings: [Standing] = []
        for event in events {
            let made = LoggedEvent(
                event: event.event, stream: event.stream, version: version(event.stream) + 1, stamp: 0)
            log.append(made)
            standings.append(
                Standing(event: made.event, version: made.version, position: UInt64(log.count), stamp: 0))
        }
        return (.append(events), fate == 2 ? .unknown : .appended(standings))
    }
}
