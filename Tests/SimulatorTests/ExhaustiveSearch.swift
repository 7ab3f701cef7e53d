import Simulator

/// The dumb twin of `HistoryCheck`: looks for an order of the operations, one after another, that real time allows and
/// in which a single store would have given every answer (Wing and Gong 1993, with Lowe's memory of states tried). It
/// needs no log, and time without bound; for small histories.
struct ExhaustiveSearch {
    private let operations: [HistoryOperation]
    private var tried: Set<Tried> = []

    private struct Tried: Hashable {
        var done: [UInt64]
        var log: [UInt64]
    }

    /// A single store.
    private struct Store {
        /// Number and stream of each event, in order.
        var log: [(event: UInt64, stream: Int)] = []

        func version(of stream: Int) -> UInt64 { UInt64(log.count { $0.stream == stream }) }
    }

    /// Whether there is such an order.
    static func holds(_ history: History) -> Bool {
        var search = ExhaustiveSearch(history)
        return search.goOn(done: [], Store())
    }

    private init(_ history: History) {
        operations = history.operations.filter { $0.outcome != .nothing }
    }

    private mutating func goOn(done: Set<Int>, _ store: Store) -> Bool {
        let waiting = operations.indices.filter { !done.contains($0) }
        guard waiting.contains(where: { operations[$0].outcome != .unknown }) else { return true }
        var bits = [UInt64](repeating: 0, count: operations.count / 64 + 1)
        for place in done { bits[place / 64] |= 1 << UInt64(place % 64) }
        guard tried.insert(Tried(done: bits, log: store.log.map(\.event))).inserted else { return false }
        // Nothing goes before what ended before it began.
        let bound =
            waiting.map { operations[$0].outcome == .unknown ? UInt64.max : operations[$0].completed }.min() ?? 0
        for place in waiting where operations[place].invoked <= bound {
            guard let next = Self.apply(operations[place], to: store) else { continue }
            if goOn(done: done.union([place]), next) { return true }
        }
        return false
    }

    /// The store after the operation; nil when it would not have answered so.
    private static func apply(_ operation: HistoryOperation, to store: Store) -> Store? {
        switch (operation.call, operation.outcome) {
        case (.append(let events), .appended(let standings)):
            guard let (next, made) = append(events, to: store), made.count == standings.count else { return nil }
            let isSame = zip(made, standings).allSatisfy {
                $0.version == $1.version && $0.position == $1.position && $0.event == $1.event
            }
            return isSame ? next : nil
        case (.append(let events), .unknown): return append(events, to: store)?.store
        case (.append(let events), .refused(let refusal)): return reason(events, store) == refusal ? store : nil
        case (.look(let stream), .shown(let version, _, let position, let event)):
            let last = store.log.last { $0.stream == stream }
            let isSame =
                version == store.version(of: stream) && position == UInt64(store.log.count) && version > 0
                && (event == nil || event == last?.event)
            return isSame ? store : nil
        case (.look(let stream), .missing): return store.version(of: stream) == 0 ? store : nil
        case (.scan(let stream, let after), .scanned(let scan)):
            guard scan.firstStand == UInt64(store.log.count) else { return nil }
            let shown = store.log.indices.filter { at in
                UInt64(at) + 1 > after && (stream.map { store.log[at].stream == $0 } ?? true)
            }.map { store.log[$0].event }
            return shown == scan.shown.map(\.event) ? store : nil
        case (.look, .unknown), (.scan, .unknown): return store
        default: return nil
        }
    }

    private static func append(_ events: [SentEvent], to store: Store) -> (store: Store, made: [Standing])? {
        guard reason(events, store) == nil else { return nil }
        var next = store
        var made: [Standing] = []
        for event in events {
            guard !next.log.contains(where: { $0.event == event.event }) else { return nil }
            next.log.append((event.event, event.stream))
            made.append(
                Standing(
                    event: event.event, version: next.version(of: event.stream), position: UInt64(next.log.count),
                    stamp: 0))
        }
        return (next, made)
    }

    /// Why a store refuses events; nil when it takes them.
    static func reason(_ events: [SentEvent], version: (Int) -> UInt64) -> Refusal? {
        var conflicts: [Refusal.Conflict] = []
        var reason: Refusal?
        var added: [Int] = []
        for event in events {
            let now = version(event.stream) + UInt64(added.count { $0 == event.stream })
            if let expected = event.expected, expected != now {
                conflicts.append(Refusal.Conflict(stream: event.stream, expected: expected, actual: now))
            } else if reason == nil {
                if event.begins == .always, now > 0 {
                    reason = .exists
                } else if event.begins == .never, now == 0 {
                    reason = .missing
                } else {
                    added.append(event.stream)
                }
            }
        }
        return conflicts.isEmpty ? reason : .conflicts(conflicts)
    }

    private static func reason(_ events: [SentEvent], _ store: Store) -> Refusal? {
        reason(events) { store.version(of: $0) }
    }
}
