import Bytes
import Simulator

/// Makes histories that a single store could have given: operations overlap, and each is done at a moment of its own
/// between its beginning and its end.
struct HistoryMaker {
    var history = History()
    private var store = SingleStore()
    private var orders = 0
    private var dice: SeededDice
    private let streams: Int

    var log: [LoggedEvent] { store.log }

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

    private mutating func operation(
        _ number: inout UInt64
    ) -> (HistoryOperation.Call, HistoryOperation.Outcome) {
        let stream = Int.random(in: 0..<streams, using: &dice)
        switch Int.random(in: 0..<12, using: &dice) {
        case 0..<5: return append(&number)
        case 5..<7: return (.look(stream: stream, asOf: nil), store.look(stream, at: store.position))
        case 7..<9:
            let position = UInt64.random(in: 0...store.position, using: &dice)
            guard position > 0, store.ends.contains(position) else {
                return (.look(stream: stream, asOf: nil), store.look(stream, at: store.position))
            }
            return (.look(stream: stream, asOf: .position(position)), store.look(stream, at: position))
        case 9: return rewind()
        default:
            let wanted = Bool.random(using: &dice) ? stream : nil
            let after = UInt64.random(in: 0...store.position, using: &dice)
            var scan = Scan()
            scan.firstStand = store.position
            scan.lastStand = scan.firstStand
            scan.through = scan.firstStand
            scan.shown = store.shown(wanted, after: after)
            return (.scan(stream: wanted, after: after, asOf: nil), .scanned(scan))
        }
    }

    private mutating func rewind() -> (HistoryOperation.Call, HistoryOperation.Outcome) {
        let target = UInt64.random(in: 0...store.position, using: &dice)
        orders += 1
        let applies = Int.random(in: 0..<4, using: &dice) > 0
        let call = HistoryOperation.Call.rewind(order: orders, to: .position(target), applies: applies)
        let isUnknown = Int.random(in: 0..<4, using: &dice) == 0
        guard applies else { return (call, store.preview(target).map { .restored($0) } ?? .nothing) }
        guard !isUnknown || Bool.random(using: &dice) else { return (call, .unknown) }
        guard let told = store.rewind(orders, to: target) else { return (call, .nothing) }
        return (call, isUnknown ? .unknown : .restored(told))
    }

    private mutating func append(_ number: inout UInt64) -> (HistoryOperation.Call, HistoryOperation.Outcome) {
        var events: [SentEvent] = []
        for _ in 0..<Int.random(in: 1...3, using: &dice) {
            number += 1
            let stream = Int.random(in: 0..<streams, using: &dice)
            let now = store.version(stream, at: store.position) + UInt64(events.count { $0.stream == stream })
            let isThere = !store.content(stream, at: store.position).isEmpty
            let wrong = Int.random(in: 0..<6, using: &dice) == 0
            let expected: UInt64? = Bool.random(using: &dice) ? nil : wrong ? now + 1 : now
            let begins: SentEvent.Beginning =
                Int.random(in: 0..<6, using: &dice) == 0
                ? [.whenMissing, .never, .inPart].randomElement(using: &dice) ?? .never : isThere ? .never : .always
            events.append(SentEvent(event: number, stream: stream, expected: expected, begins: begins))
        }
        if let refusal = store.reason(events) { return (.append(events), .refused(refusal)) }
        let fate = Int.random(in: 0..<8, using: &dice)
        if fate == 0 { return (.append(events), .unknown) }
        if fate == 1 { return (.append(events), .nothing) }
        let standings = store.append(events)
        return (.append(events), fate == 2 ? .unknown : .appended(standings, again: false))
    }
}
