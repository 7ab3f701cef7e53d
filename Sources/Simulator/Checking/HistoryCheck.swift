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
package struct HistoryCheck {
    /// What is wrong, in words; nil when nothing is.
    package private(set) var violation: String?

    private let history: History
    private let log: [LoggedEvent]
    /// Position of each event that is in the log.
    private var positions: [UInt64: UInt64] = [:]
    /// Positions of each stream's events, ascending.
    private var places: [[UInt64]] = []
    /// For each position, the last one of its transaction: nobody may stand before that and after its first.
    private var ends: [UInt64] = []
    /// For each position, the latest time at which an event up to there was first sent.
    private var sentBy: [UInt64] = []

    package init(_ history: History, log: [LoggedEvent]) {
        self.history = history
        self.log = log
        do throws(Flaw) {
            try readLog()
            try matchAppends()
            try sweep()
        } catch {
            violation = error.text
        }
    }

    private struct Flaw: Error {
        var text: String

        init(_ text: String) { self.text = text }
    }

    // MARK: The log alone

    private mutating func readLog() throws(Flaw) {
        places = Array(repeating: [], count: (log.map(\.stream).max() ?? -1) + 1)
        for (at, logged) in log.enumerated() {
            let position = UInt64(at) + 1
            guard positions.updateValue(position, forKey: logged.event) == nil else {
                throw Flaw("event \(logged.event) stands in the log twice, again at position \(position)")
            }
            places[logged.stream].append(position)
            guard logged.version == UInt64(places[logged.stream].count) else {
                throw Flaw("position \(position) is version \(logged.version) of its stream, out of order")
            }
            guard at == 0 || logged.stamp >= log[at - 1].stamp else {
                throw Flaw("position \(position) is stamped earlier than the one before")
            }
        }
    }

    /// Appends against the log: each once, or surely not, or perhaps; whole, in order, as it was told (6.9 a and b).
    private mutating func matchAppends() throws(Flaw) {
        var sent = [UInt64](repeating: .max, count: log.count)
        ends = log.indices.map { UInt64($0) + 1 }
        for (number, operation) in history.operations.enumerated() {
            guard case .append(let events) = operation.call else { continue }
            let found = events.compactMap { positions[$0.event] }
            for position in found { sent[Int(position) - 1] = operation.invoked }
            switch operation.outcome {
            case .appended(let standings): try matchTold(number, events, standings)
            case .unknown:
                guard found.isEmpty || found.count == events.count else {
                    throw Flaw("operation \(number) was done in part")
                }
            default:
                guard found.isEmpty else { throw Flaw("operation \(number) was not done, and is in the log") }
            }
            guard !found.isEmpty else { continue }
            try matchLogged(number, events, found)
            for position in found { ends[Int(position) - 1] = found[found.count - 1] }
        }
        for position in sent.indices where sent[position] == .max {
            throw Flaw("position \(position + 1) holds an event that nobody sent")
        }
        var latest: UInt64 = 0
        sentBy = sent.map { time in
            latest = max(latest, time)
            return latest
        }
    }

    private func matchTold(_ number: Int, _ events: [SentEvent], _ standings: [Standing]) throws(Flaw) {
        guard events.count == standings.count else { throw Flaw("operation \(number) was told of other events") }
        for (event, standing) in zip(events, standings) {
            guard let position = positions[event.event] else {
                throw Flaw("operation \(number) was acknowledged, and event \(event.event) is lost")
            }
            try matches(number, standing, at: position)
        }
    }

    private func matches(_ number: Int, _ standing: Standing, at position: UInt64) throws(Flaw) {
        let logged = log[Int(position) - 1]
        guard standing.position == position, standing.version == logged.version, standing.stamp == logged.stamp,
            standing.event == logged.event
        else { throw Flaw("operation \(number) was told another place of event \(standing.event) than it has") }
    }

    /// In the log: together, with one stamp, and as they expected to be.
    private func matchLogged(_ number: Int, _ events: [SentEvent], _ found: [UInt64]) throws(Flaw) {
        for (at, (event, position)) in zip(events, found).enumerated() {
            let logged = log[Int(position) - 1]
            guard position == found[0] + UInt64(at), logged.stamp == log[Int(found[0]) - 1].stamp else {
                throw Flaw("the events of operation \(number) do not stand together")
            }
            guard event.expected.map({ $0 + 1 == logged.version }) ?? true,
                event.begins != .always || logged.version == 1, event.begins != .never || logged.version > 1
            else { throw Flaw("event \(event.event) was done against what it expected") }
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
            case .appended, .refused, .shown, .missing, .scanned: moments.append((operation.completed, true, number))
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
        guard case .append(let events) = history.operations[number].call, let first = events.first,
            let position = positions[first.event]
        else { return }
        guard position > floor else {
            throw Flaw("operation \(number) stands at \(position), before what was known when it was sent: \(floor)")
        }
    }

    /// The place at which an answer is true, and the last one it knows of.
    private func place(of number: Int, floor: UInt64) throws(Flaw) -> (first: UInt64, last: UInt64) {
        let operation = history.operations[number]
        switch (operation.call, operation.outcome) {
        case (.append, .appended(let standings)):
            let last = standings.last?.position ?? floor
            return (last, last)
        case (.append(let events), .refused(let refusal)):
            let place = try refused(number, events, refusal, floor: floor)
            return (place, place)
        case (.look(let stream), .shown(let version, let stamp, let position, let event)):
            guard position >= floor else {
                throw Flaw("operation \(number) shows position \(position), and \(floor) was known before it was sent")
            }
            try shows(number, stream, version, stamp, position, event)
            return (position, position)
        case (.look(let stream), .missing):
            guard let place = firstPlace([stream], floor: floor, where: { self.version(of: stream, at: $0) == 0 })
            else { throw Flaw("operation \(number) misses stream \(stream), which was there") }
            return (place, place)
        case (.audit(let wanted), .shown(_, let stamp, let position, _)):
            guard position >= max(floor, wanted), wanted <= UInt64(log.count), log[Int(wanted) - 1].stamp == stamp
            else { throw Flaw("operation \(number) shows a wrong audit item of position \(wanted)") }
            return (position, position)
        case (.audit(let wanted), .missing):
            guard floor < wanted else { throw Flaw("operation \(number) misses the audit item of \(wanted)") }
            return (floor, floor)
        case (.scan(let stream, let after), .scanned(let scan)):
            return try scanned(number, stream, after: after, scan, floor: floor)
        default: throw Flaw("operation \(number) got an answer of another kind")
        }
    }

    private func shows(
        _ number: Int, _ stream: Int, _ version: UInt64, _ stamp: Int64, _ position: UInt64, _ event: UInt64?
    ) throws(Flaw) {
        guard position <= UInt64(log.count), version > 0, version == self.version(of: stream, at: position) else {
            throw Flaw("operation \(number) shows version \(version) of stream \(stream) at \(position)")
        }
        let logged = log[Int(places[stream][Int(version) - 1]) - 1]
        guard logged.stamp == stamp, event == nil || event == logged.event else {
            throw Flaw("operation \(number) shows version \(version) of stream \(stream) with other words")
        }
    }

    private func scanned(
        _ number: Int, _ stream: Int?, after: UInt64, _ scan: Scan, floor: UInt64
    ) throws(Flaw) -> (first: UInt64, last: UInt64) {
        guard scan.firstStand >= floor, scan.lastStand >= scan.firstStand, scan.lastStand <= UInt64(log.count) else {
            throw Flaw("operation \(number) stands at \(scan.firstStand), and \(floor) was known before it was sent")
        }
        var at = after
        for shown in scan.shown {
            guard let next = next(stream, after: at), next == shown.position else {
                throw Flaw("operation \(number) shows \(shown.position) where something else comes after \(at)")
            }
            try matches(number, shown, at: next)
            at = next
        }
        guard at <= max(after, scan.lastStand) else {
            throw Flaw("operation \(number) shows more than the position it says it stands on")
        }
        if let through = scan.through, through > at, let next = next(stream, after: at), next <= through {
            throw Flaw("operation \(number) left out position \(next)")
        }
        return (scan.firstStand, scan.lastStand)
    }

    /// The position of the next event, of a stream or of all; nil when there is none.
    private func next(_ stream: Int?, after position: UInt64) -> UInt64? {
        guard let stream else { return position < UInt64(log.count) ? position + 1 : nil }
        guard stream < places.count else { return nil }
        let count = self.version(of: stream, at: position)
        return count < UInt64(places[stream].count) ? places[stream][Int(count)] : nil
    }

    /// Whether a transaction ends at a position; 0 is before the first.
    private func isEnd(_ position: UInt64) -> Bool {
        position == 0 || (position <= UInt64(log.count) && ends[Int(position) - 1] == position)
    }

    /// How many events a stream has up to a position.
    private func version(of stream: Int, at position: UInt64) -> UInt64 {
        guard stream < places.count else { return 0 }
        var low = 0
        var high = places[stream].count
        while low < high {
            let middle = (low + high) / 2
            if places[stream][middle] > position { high = middle } else { low = middle + 1 }
        }
        return UInt64(low)
    }

    /// The first place from `floor` on at which something is true that only these streams decide.
    private func firstPlace(_ streams: [Int], floor: UInt64, where isTrue: (UInt64) -> Bool) -> UInt64? {
        if isTrue(floor) { return floor }
        var candidates: [UInt64] = []
        for stream in streams where stream < places.count {
            candidates += places[stream][Int(version(of: stream, at: floor))...].map { ends[Int($0) - 1] }
        }
        return candidates.sorted().first(where: isTrue)
    }

    /// Where a refusal is true (6.9 e).
    private func refused(
        _ number: Int, _ events: [SentEvent], _ refusal: Refusal, floor: UInt64
    ) throws(Flaw) -> UInt64 {
        let streams = Array(Set(events.map(\.stream))).sorted()
        let place = firstPlace(streams, floor: floor) { position in
            var now = streams.map { self.version(of: $0, at: position) }
            var conflicts: [Refusal.Conflict] = []
            var reason: Refusal?
            for event in events {
                guard let at = streams.firstIndex(of: event.stream) else { continue }
                if let expected = event.expected, expected != now[at] {
                    conflicts.append(Refusal.Conflict(stream: event.stream, expected: expected, actual: now[at]))
                    continue
                }
                guard reason == nil else { continue }
                switch event.begins {
                case .always where now[at] > 0: reason = .exists
                case .never where now[at] == 0: reason = .missing
                case .always, .never, .whenMissing: now[at] += 1
                }
            }
            return conflicts.isEmpty ? reason == refusal : .conflicts(conflicts) == refusal
        }
        guard let place else { throw Flaw("operation \(number) was refused for what was never so: \(refusal)") }
        return place
    }
}
