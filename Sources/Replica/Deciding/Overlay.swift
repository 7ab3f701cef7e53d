internal import Bytes
internal import Keys
internal import Records
internal import Views

/// A stream as the last decided event leaves it.
struct StreamNow {
    var tag: UInt64
    var version: UInt32
    var state: StreamState
    var before: StreamBefore
    /// The position of that event.
    var last: UInt64

    /// Whether it is at an expected version. One that was rewound away is new as well as at its version.
    func meets(_ expected: UInt64) -> Bool { expected == UInt64(version) || state == .absent && expected == 0 }
}

/// A transaction decided and not yet committed.
final class PendingTransaction {
    let ask: AskID
    /// As they came, so that a retry can be compared before the log can be read.
    let events: [IncomingEvent]
    var facts: TransactionFacts
    let idempotency: Token128?
    let newKeys: [NewKey]

    init(ask: AskID, events: [IncomingEvent], facts: TransactionFacts, idempotency: Token128?, newKeys: [NewKey]) {
        self.ask = ask
        self.events = events
        self.facts = facts
        self.idempotency = idempotency
        self.newKeys = newKeys
    }
}

/// The primary's own tail: what it has decided and the book has not folded. It is apart from the views, and is
/// dropped whole when the tail is lost.
struct Overlay {
    private(set) var streams: [UInt64: StreamNow] = [:]
    /// Streams that the tail makes, by the token of their name.
    private(set) var tags: [Token128: UInt64] = [:]
    private(set) var identities: [Token128: PendingTransaction] = [:]
    private(set) var idempotency: [Token128: PendingTransaction] = [:]
    /// Subject keys that the tail makes, by the token of the patient's stream name.
    private(set) var keys: [Token128: (id: UInt64, key: SecretKey)] = [:]
    private var keysByID: [UInt64: SecretKey] = [:]
    /// Hints: times in which somebody was taken by the tail. Whoever reads one looks at the stream.
    private var busy: [UInt64: Hints] = [:]
    private var journal: [Change] = []

    private struct Hints {
        var times: [(tag: UInt64, start: Instant, end: Instant)] = []
        /// Swept once it has grown to this.
        var sweepAt = 32
    }

    private enum Change {
        case stream(UInt64, before: StreamNow?)
        case tag(Token128)
        case key(Token128)
    }

    var isEmpty: Bool { streams.isEmpty && identities.isEmpty }

    /// Everything set from here on can be taken back by `takeBack`.
    mutating func begin() { journal.removeAll(keepingCapacity: true) }

    mutating func takeBack() {
        for change in journal.reversed() {
            switch change {
            case .stream(let tag, let before): streams[tag] = before
            case .tag(let token): tags[token] = nil
            case .key(let token): drop(token)
            }
        }
        journal.removeAll(keepingCapacity: true)
    }

    mutating func set(_ stream: StreamNow) {
        let before = streams.updateValue(stream, forKey: stream.tag)
        journal.append(.stream(stream.tag, before: before))
        guard let appointment = stream.before.appointment, appointment.status.isBusy, let start = appointment.start,
            let end = appointment.end
        else { return }
        for actor in appointment.practitioners { remember(stream.tag, start, end, for: actor) }
        for actor in appointment.locations { remember(stream.tag, start, end, for: actor) }
    }

    mutating func name(_ token: Token128, tag: UInt64) {
        tags[token] = tag
        journal.append(.tag(token))
    }

    mutating func add(_ key: SecretKey, id: UInt64, for token: Token128) {
        keys[token] = (id, key)
        keysByID[id] = key
        journal.append(.key(token))
    }

    /// A transaction is decided and proposed.
    mutating func proposed(_ transaction: PendingTransaction) {
        let facts = transaction.facts
        let events = facts.events.span
        for at in events.indices { identities[events[at].identity] = transaction }
        if let token = transaction.idempotency { idempotency[token] = transaction }
    }

    /// A transaction is folded: what it said stands in the book.
    mutating func folded(_ transaction: PendingTransaction) {
        let facts = transaction.facts
        let events = facts.events.span
        for at in events.indices {
            identities[events[at].identity] = nil
            if let token = events[at].streamToken { tags[token] = nil }
            let tag = events[at].stream
            if streams[tag]?.last == events[at].position { streams[tag] = nil }
        }
        if let token = transaction.idempotency { idempotency[token] = nil }
        for key in transaction.newKeys { drop(key.token) }
        if streams.isEmpty { busy.removeAll(keepingCapacity: true) }
    }

    /// A key that the tail makes.
    func key(id: UInt64) -> SecretKey? { keysByID[id] }

    private mutating func drop(_ token: Token128) {
        guard let dropped = keys.removeValue(forKey: token) else { return }
        keysByID[dropped.id] = nil
    }

    /// A booking of the tail that takes `actor` within half-open [start, end): the earliest.
    func overlapping(
        actor: UInt64, from start: Instant, to end: Instant, excluding tag: UInt64
    ) -> (start: Instant, end: Instant)? {
        guard let hints = busy[actor] else { return nil }
        var found: (start: Instant, end: Instant)?
        for hint in hints.times where hint.start < end && start < hint.end && hint.tag != tag {
            guard let now = streams[hint.tag], now.state == .live, let facts = now.before.appointment,
                facts.status.isBusy, facts.start == hint.start, facts.end == hint.end,
                facts.practitioners.contains(actor) || facts.locations.contains(actor)
            else { continue }
            if let held = found, held.start <= hint.start { continue }
            found = (hint.start, hint.end)
        }
        return found
    }

    private mutating func remember(_ tag: UInt64, _ start: Instant, _ end: Instant, for actor: UInt64) {
        var hints = busy.removeValue(forKey: actor) ?? Hints()
        if hints.times.count >= hints.sweepAt {
            hints.times.removeAll { streams[$0.tag] == nil }
            hints.sweepAt = max(32, hints.times.count * 2)
        }
        hints.times.append((tag, start, end))
        busy[actor] = hints
    }
}
