/// Whether what the clients were told is what one after another would have been told by a single store (strict
/// serializability), given the log that the cluster ended with. In time about linear in the history.
///
/// Events bear unique numbers and stand in one order, so that the log is the order of the writes: every answer stands
/// at a place of it, and only two things are left to find out. Does the answer say what is true at its place? And does
/// nobody who asked after another was answered stand at an earlier place? (Kingsbury and Alvaro, "Elle", VLDB 2020, for
/// lists; positions make them all one list here.)
///
/// A refusal names no place, so it takes the first at which it is true and which real time leaves it: an earlier place
/// constrains those who ask later less than any other.
///
/// A rewind is a write like others: its place is its position. What is asked as of a moment has no place of its own, for
/// the moment says all: whoever asks, whenever, is told what the final log says of it (I14), and then knows that it was
/// decided as far as that.
package struct HistoryCheck {
    /// What is wrong, in words; nil when nothing is.
    package private(set) var violation: String?

    let history: History
    let log: FoldedLog
    /// For each position, the last one of its transaction: nobody may stand before that and after its first.
    private var ends: [UInt64] = []
    /// For each position, the operation that sent it first.
    private var senders: [Int] = []
    /// For each position, the latest time at which anything up to there was first sent.
    private var sentBy: [UInt64] = []
    /// Every event as it was sent; looked up, never gone through.
    private(set) var sent: [UInt64: SentEvent] = [:]

    package init(_ history: History, log: [LoggedEvent]) {
        self.history = history
        self.log = FoldedLog(log)
        do throws(Flaw) {
            if let flaw = self.log.flaw { throw Flaw(flaw) }
            try matchWrites()
            try sweep()
        } catch {
            violation = error.text
        }
    }

    struct Flaw: Error {
        var text: String

        init(_ text: String) { self.text = text }
    }

    // MARK: Writes against the log

    /// Appends and rewinds: each once, or surely not, or perhaps; whole, in order, as it was told (6.9 a and b).
    private mutating func matchWrites() throws(Flaw) {
        senders = Array(repeating: -1, count: log.log.count)
        ends = log.log.indices.map { UInt64($0) + 1 }
        for (number, operation) in history.operations.enumerated() {
            switch operation.call {
            case .append(let events): try match(number, events, operation.outcome)
            case .rewind(let order, let moment, _): try match(number, order, moment, operation.outcome)
            case .look, .versions, .search, .scan, .audit: break
            }
        }
        var latest: UInt64 = 0
        sentBy.reserveCapacity(senders.count)
        for (at, sender) in senders.enumerated() {
            guard sender >= 0 else { throw Flaw("position \(at + 1) holds what nobody sent") }
            latest = max(latest, history.operations[sender].invoked)
            sentBy.append(latest)
        }
    }

    private mutating func match(
        _ number: Int, _ events: [SentEvent], _ outcome: HistoryOperation.Outcome
    ) throws(Flaw) {
        let found = events.compactMap { log.positions[$0.event] }
        // What an earlier operation has done is no doing of this one.
        let isAgain = found.contains { senders[Int($0) - 1] >= 0 }
        for position in found where senders[Int(position) - 1] < 0 { senders[Int(position) - 1] = number }
        for event in events where sent[event.event] == nil { sent[event.event] = event }
        switch outcome {
        case .appended(let standings, let again):
            guard !isAgain || again else { throw Flaw("operation \(number) was done again") }
            try matchTold(number, events, standings)
        case .unknown where isAgain: break
        case .nothing where isAgain: break
        case .unknown:
            guard found.isEmpty || found.count == events.count else {
                throw Flaw("operation \(number) was done in part")
            }
        default:
            guard found.isEmpty else {
                throw Flaw("operation \(number) was not done (\(outcome)), and is in the log at \(found)")
            }
        }
        guard !found.isEmpty, !isAgain else { return }
        try matchLogged(number, events, found)
        for position in found { ends[Int(position) - 1] = found[found.count - 1] }
    }

    private func matchTold(_ number: Int, _ events: [SentEvent], _ standings: [Standing]) throws(Flaw) {
        guard events.count == standings.count else { throw Flaw("operation \(number) was told of other events") }
        for (event, standing) in zip(events, standings) {
            guard event.event == standing.event, let position = log.positions[event.event] else {
                throw Flaw("operation \(number) was acknowledged, and event \(event.event) is lost")
            }
            try matches(number, standing, at: position)
        }
    }

    func matches(_ number: Int, _ standing: Standing, at position: UInt64) throws(Flaw) {
        let logged = log.log[Int(position) - 1]
        guard case .event(standing.event, _, standing.version) = logged.what, standing.position == position,
            standing.stamp == logged.stamp
        else { throw Flaw("operation \(number) was told another place of event \(standing.event) than it has") }
    }

    /// In the log: together, with one stamp, and as they expected to be.
    private func matchLogged(_ number: Int, _ events: [SentEvent], _ found: [UInt64]) throws(Flaw) {
        for (at, (event, position)) in zip(events, found).enumerated() {
            guard position == found[0] + UInt64(at),
                log.log[Int(position) - 1].stamp == log.log[Int(found[0]) - 1].stamp
            else { throw Flaw("the events of operation \(number) do not stand together") }
            let before = StreamStanding(
                version: log.version(of: event.stream, at: position - 1),
                isThere: log.isThere(event.stream, at: position - 1))
            guard event.expected.map(before.meets) ?? true, before.takes(event.begins) == nil else {
                throw Flaw("event \(event.event) was done against what it expected")
            }
        }
    }

    /// In the log: of the moment that was asked for, and as it was told.
    private mutating func match(
        _ number: Int, _ order: Int, _ moment: Moment, _ outcome: HistoryOperation.Outcome
    ) throws(Flaw) {
        guard let position = log.orders[order] else {
            if case .restored(let told) = outcome, let lost = told.appliedAt {
                throw Flaw("operation \(number) rewound the store at \(lost), and that is lost")
            }
            return
        }
        senders[Int(position) - 1] = number
        guard case .rewind(let made) = log.log[Int(position) - 1].what,
            made.target == log.cut(moment, through: position - 1)
        else { throw Flaw("operation \(number) went back to another place than \(moment)") }
        if case .stamp(let instant) = moment, instant >= log.log[Int(position) - 1].stamp {
            throw Flaw("operation \(number) went back to what was still to come")
        }
        switch outcome {
        case .unknown: break
        case .restored(let told) where told.appliedAt == position: break
        default: throw Flaw("operation \(number) was not done (\(outcome)), and is in the log at \(position)")
        }
    }

    // MARK: Answers in real time

    /// Goes through beginnings and ends by time; at one time those that begin come first, for they overlap.
    private mutating func sweep() throws(Flaw) {
        var moments: [(time: UInt64, isEnd: Bool, operation: Int)] = []
        for (number, operation) in history.operations.enumerated() {
            moments.append((operation.invoked, false, number))
            switch operation.outcome {
            case .unknown, .nothing: break
            case .appended, .refused, .noMoment, .shown, .missing, .gone, .scanned, .listed, .found, .restored:
                moments.append((operation.completed, true, number))
            }
        }
        moments.sort { a, b in
            if a.time != b.time { return a.time < b.time }
            return a.isEnd != b.isEnd ? b.isEnd : a.operation < b.operation
        }
        var seen: UInt64 = 0
        var floors = [UInt64](repeating: 0, count: history.operations.count)
        for moment in moments {
            let number = moment.operation
            guard moment.isEnd else {
                floors[number] = seen
                try checkUnanswered(number, floor: seen)
                continue
            }
            let (place, last) = try place(of: number, floor: floors[number])
            guard isEnd(place), isEnd(last) else {
                throw Flaw("operation \(number) stands inside a transaction")
            }
            guard place == 0 || sentBy[Int(place) - 1] <= moment.time else {
                throw Flaw("operation \(number) was told of an event that nobody had sent yet")
            }
            seen = max(seen, last)
        }
    }

    /// What nobody was told of may still not stand before what was known when it was sent.
    private func checkUnanswered(_ number: Int, floor: UInt64) throws(Flaw) {
        let found: UInt64? =
            switch history.operations[number].call {
            case .append(let events): events.first.flatMap { log.positions[$0.event] }
            case .rewind(let order, _, _): log.orders[order]
            case .look, .versions, .search, .scan, .audit: nil
            }
        guard let position = found, senders[Int(position) - 1] == number else { return }
        guard position > floor else {
            throw Flaw("operation \(number) stands at \(position), before what was known when it was sent: \(floor)")
        }
    }

    /// Whether a transaction ends at a position; 0 is before the first.
    func isEnd(_ position: UInt64) -> Bool {
        position == 0 || (position <= log.count && ends[Int(position) - 1] == position)
    }

    /// The last position of the transaction that a position is of.
    func end(of position: UInt64) -> UInt64 { ends[Int(position) - 1] }
}
