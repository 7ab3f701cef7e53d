import Simulator

/// The dumb twin of `HistoryCheck`: looks for an order of the operations, one after another, that real time allows and
/// in which a single store would have given every answer (Wing and Gong 1993, with Lowe's memory of states tried). It
/// needs no log, and time without bound; for small histories. Moments are positions here.
struct ExhaustiveSearch {
    private let operations: [HistoryOperation]
    private var tried: Set<Tried> = []

    private struct Tried: Hashable {
        var done: [UInt64]
        var log: [UInt64]
    }

    /// Whether there is such an order.
    static func holds(_ history: History) -> Bool {
        var search = ExhaustiveSearch(history)
        return search.goOn(done: [], SingleStore())
    }

    private init(_ history: History) {
        operations = history.operations.filter { $0.outcome != .nothing }
    }

    private mutating func goOn(done: Set<Int>, _ store: SingleStore) -> Bool {
        let waiting = operations.indices.filter { !done.contains($0) }
        guard waiting.contains(where: { operations[$0].outcome != .unknown }) else { return true }
        var bits = [UInt64](repeating: 0, count: operations.count / 64 + 1)
        for place in done { bits[place / 64] |= 1 << UInt64(place % 64) }
        guard tried.insert(Tried(done: bits, log: store.numbers)).inserted else { return false }
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
    private static func apply(_ operation: HistoryOperation, to store: SingleStore) -> SingleStore? {
        var next = store
        switch (operation.call, operation.outcome) {
        case (.append(let events), .appended(let standings, again: false)):
            guard isNew(events, store) else { return nil }
            let isSame = next.append(events).elementsEqual(standings) {
                $0.version == $1.version && $0.position == $1.position && $0.event == $1.event
            }
            return isSame ? next : nil
        case (.append(let events), .unknown):
            guard isNew(events, store) else { return nil }
            _ = next.append(events)
            return next
        case (.append(let events), .refused(let refusal)): return store.reason(events) == refusal ? store : nil
        case (.look(let stream, let moment), .shown(let version, _, let position, let words)):
            guard let at = place(moment, store), at == position,
                case .shown(version, _, _, let own) = store.look(stream, at: at)
            else { return nil }
            return words == nil || words == own ? store : nil
        case (.look(let stream, let moment), .missing):
            return place(moment, store).map { store.look(stream, at: $0) == .missing } == true ? store : nil
        case (.look(let stream, let moment), .gone):
            return place(moment, store).map { store.look(stream, at: $0) == .gone } == true ? store : nil
        case (.scan(let stream, let after, nil), .scanned(let scan)):
            guard scan.firstStand == store.position else { return nil }
            return store.shown(stream, after: after).map(\.position) == scan.shown.map(\.position) ? store : nil
        case (.rewind(let order, .position(let target), let applies), .restored(let told)):
            let own = applies ? next.rewind(order, to: target) : store.preview(target)
            return own == told ? next : nil
        case (.rewind(let order, .position(let target), true), .unknown):
            return next.rewind(order, to: target) == nil ? nil : next
        case (.look, .unknown), (.scan, .unknown), (.rewind, .unknown): return store
        default: return nil
        }
    }

    /// The position that a moment is, if it is there.
    private static func place(_ moment: Moment?, _ store: SingleStore) -> UInt64? {
        switch moment {
        case nil: store.position
        case .position(let position): position <= store.position && store.ends.contains(position) ? position : nil
        case .stamp: nil
        }
    }

    private static func isNew(_ events: [SentEvent], _ store: SingleStore) -> Bool {
        store.reason(events) == nil && !events.contains { store.numbers.contains($0.event) }
    }
}
