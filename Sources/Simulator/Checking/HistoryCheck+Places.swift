/// A stream as an append finds it.
struct StreamStanding {
    var version: UInt64
    /// Neither nameless yet nor rewound away.
    var isThere: Bool

    /// One that was rewound away is new as well as at its version.
    func meets(_ expected: UInt64) -> Bool { expected == version || expected == 0 && !isThere }

    /// Why it does not take an event; nil when it does.
    func takes(_ beginning: SentEvent.Beginning) -> Refusal? {
        switch beginning {
        case .always: isThere ? .exists : nil
        case .whenMissing: nil
        case .never: isThere ? nil : version > 0 ? .gone : .missing
        case .inPart: isThere ? nil : .missing
        }
    }
}

// At which place of the log each answer is true.
extension HistoryCheck {
    /// The place at which an answer is true, and the last one it knows of.
    func place(of number: Int, floor: UInt64) throws(Flaw) -> (first: UInt64, last: UInt64) {
        let operation = history.operations[number]
        switch (operation.call, operation.outcome) {
        case (.append, .appended(let standings, let again)):
            let place = try appended(number, standings, again, floor: floor)
            return (place, place)
        case (.append(let events), .refused(let refusal)):
            let place = try refused(number, events, refusal, floor: floor)
            return (place, place)
        case (.look(let stream, let moment), .shown(let version, let stamp, let position, let words)):
            try stands(number, position, asOf: moment, floor: floor)
            try shows(number, stream, version, stamp, position, words)
            return (position, position)
        case (.look(let stream, let moment), .missing):
            let place = try firstPlace(number, stream, asOf: moment, floor: floor) {
                log.version(of: stream, at: $0) == 0
            }
            return (place, place)
        case (.look(let stream, let moment), .gone):
            let place = try firstPlace(number, stream, asOf: moment, floor: floor) {
                log.version(of: stream, at: $0) > 0 && !log.isThere(stream, at: $0)
            }
            return (place, place)
        case (.versions(let stream, let moment, let count), .listed(let versions, let position)):
            try stands(number, position, asOf: moment, floor: floor)
            try lists(number, stream, versions, count, position)
            return (position, position)
        case (.versions(let stream, let moment, _), .missing):
            let place = try firstPlace(number, stream, asOf: moment, floor: floor) {
                log.version(of: stream, at: $0) == 0
            }
            return (place, place)
        case (.search(let streams, let moment), .found(let found, let total, let position)):
            try stands(number, position, asOf: moment, floor: floor)
            try finds(number, streams, found, total, position)
            return (position, position)
        case (.look(_, let moment?), .noMoment(let reason)), (.versions(_, let moment, _), .noMoment(let reason)),
            (.search(_, let moment), .noMoment(let reason)),
            (.scan(_, _, let moment?), .noMoment(let reason)),
            (.rewind(_, let moment, _), .noMoment(let reason)):
            try refuses(number, moment, reason, floor: floor)
            return (floor, floor)
        case (.audit(let wanted), .shown(_, let stamp, let position, _)):
            guard position >= max(floor, wanted), wanted <= log.count, log.log[Int(wanted) - 1].stamp == stamp
            else { throw Flaw("operation \(number) shows a wrong audit item of position \(wanted)") }
            return (position, position)
        case (.audit(let wanted), .missing):
            guard floor < wanted else { throw Flaw("operation \(number) misses the audit item of \(wanted)") }
            return (floor, floor)
        case (.scan(let stream, let after, let moment), .scanned(let scan)):
            return try scanned(number, stream, after: after, asOf: moment, scan, floor: floor)
        case (.rewind(_, let moment, let applies), .restored(let told)):
            let place = try restored(number, moment, told, applies: applies, floor: floor)
            return (place, place)
        default: throw Flaw("operation \(number) got an answer of another kind")
        }
    }

    /// What was done now stands where it says; what had been done before is told of as it counts at some place.
    private func appended(
        _ number: Int, _ standings: [Standing], _ again: Bool, floor: UInt64
    ) throws(Flaw) -> UInt64 {
        let last = standings.last?.position ?? floor
        guard again else {
            guard standings.allSatisfy({ $0.rewoundBy == nil }) else {
                throw Flaw("operation \(number) was rewound before it was done")
            }
            return last
        }
        let start = max(floor, last)
        let place = ([start] + log.rewinds(after: start)).first { place in
            standings.allSatisfy { log.undoing($0.position, at: place) == $0.rewoundBy }
        }
        guard let place else {
            throw Flaw("operation \(number) was told of rewinds that did not undo it: \(standings.map(\.rewoundBy))")
        }
        return place
    }

    /// An answer stands at the cut of the moment that was asked for (I14), or where nothing that was known is missing.
    private func stands(_ number: Int, _ position: UInt64, asOf moment: Moment?, floor: UInt64) throws(Flaw) {
        guard let moment else {
            guard position >= floor else {
                throw Flaw("operation \(number) shows position \(position), and \(floor) was known before it was sent")
            }
            return
        }
        let cut = log.cut(moment, through: log.count)
        guard position == cut else {
            throw Flaw("operation \(number) stands at \(position) as of \(moment), which leaves \(cut)")
        }
    }

    private func shows(
        _ number: Int, _ stream: Int, _ version: UInt64, _ stamp: Int64, _ position: UInt64, _ words: [UInt64]?
    ) throws(Flaw) {
        guard position <= log.count, version > 0, version == log.version(of: stream, at: position),
            log.isThere(stream, at: position)
        else { throw Flaw("operation \(number) shows version \(version) of stream \(stream) at \(position)") }
        guard log.log[Int(log.links[stream][Int(version) - 1]) - 1].stamp == stamp,
            words == nil || words == self.words(of: stream, at: position)
        else { throw Flaw("operation \(number) shows version \(version) of stream \(stream) with other words") }
    }

    /// Each version says what counted when it was made.
    private func lists(
        _ number: Int, _ stream: Int, _ versions: [ShownVersion], _ count: Int, _ position: UInt64
    ) throws(Flaw) {
        let last = log.version(of: stream, at: position)
        guard versions.count == min(count, Int(last)) else {
            throw Flaw("operation \(number) lists \(versions.count) versions of stream \(stream), which has \(last)")
        }
        for (at, shown) in versions.enumerated() {
            let version = last - UInt64(at)
            let made = log.links[stream][Int(version) - 1]
            let words = log.isThere(stream, at: made) ? self.words(of: stream, at: made) : nil
            guard shown == ShownVersion(version: version, stamp: log.log[Int(made) - 1].stamp, words: words) else {
                throw Flaw("operation \(number) lists version \(version) of stream \(stream) as what it was not")
            }
        }
    }

    /// Whatever was there is found, in the order in which it was first made, as it stood.
    private func finds(
        _ number: Int, _ streams: Range<Int>, _ found: [FoundStream], _ total: Int?, _ position: UInt64
    ) throws(Flaw) {
        let there = streams.filter { log.isThere($0, at: position) }.sorted { log.links[$0][0] < log.links[$1][0] }
        guard found.map(\.stream) == there, total ?? there.count == there.count else {
            throw Flaw("operation \(number) found \(found.map(\.stream)) at \(position), and there were \(there)")
        }
        for one in found {
            let version = log.version(of: one.stream, at: position)
            let stamp = log.log[Int(log.links[one.stream][Int(version) - 1]) - 1].stamp
            let words = self.words(of: one.stream, at: position)
            guard one.shown == ShownVersion(version: version, stamp: stamp, words: words) else {
                throw Flaw("operation \(number) found stream \(one.stream) as what it was not at \(position)")
            }
        }
    }

    /// The events whose words a stream bears, ascending: of each member the newest that counts.
    private func words(of stream: Int, at position: UInt64) -> [UInt64] {
        var words: [UInt64] = []
        var members: [Int] = []
        for at in log.content(of: stream, at: position) {
            guard case .event(let event, _, _) = log.log[Int(at) - 1].what, let sent = sent[event] else { break }
            if !members.contains(sent.member) {
                members.append(sent.member)
                words.append(event)
            }
            if sent.isWhole { break }
        }
        return words.sorted()
    }

    /// No such moment: only what was not known when it was asked for may not be there yet.
    private func refuses(_ number: Int, _ moment: Moment, _ reason: NoMoment, floor: UInt64) throws(Flaw) {
        let isTrue =
            switch (moment, reason) {
            case (.stamp(let instant), .instant):
                floor == 0 || instant > log.log[Int(floor) - 1].stamp || instant < log.log[0].stamp
            case (.position(let position), .position): position > floor || position == 0
            case (.position(let position), .inside): position <= log.count && !isEnd(position)
            case (.stamp, .position), (.stamp, .inside), (.position, .instant): false
            }
        guard isTrue else { throw Flaw("operation \(number) was refused \(moment), which there is") }
    }

    private func restored(
        _ number: Int, _ moment: Moment, _ told: Restored, applies: Bool, floor: UInt64
    ) throws(Flaw) -> UInt64 {
        guard (told.appliedAt != nil) == applies, told.position <= log.count, isEnd(told.position), isEnd(told.target)
        else { throw Flaw("operation \(number) was told of another order than it was") }
        let streams = log.streams(changedAfter: told.target, at: told.position)
        let vanishing = streams.count {
            log.isThere($0, at: told.position) && !log.isThere($0, at: told.target)
        }
        guard told.target == log.cut(moment, through: told.position), told.streams == streams.count,
            told.vanishing == vanishing
        else { throw Flaw("operation \(number) was told \(told) of a rewind that does otherwise") }
        guard let position = told.appliedAt else {
            guard told.position >= floor else {
                throw Flaw("operation \(number) looked ahead from \(told.position), and \(floor) was known")
            }
            return told.position
        }
        guard position == told.position + 1 else { throw Flaw("operation \(number) was told of another place") }
        return position
    }

    private func scanned(
        _ number: Int, _ stream: Int?, after: UInt64, asOf moment: Moment?, _ scan: Scan, floor: UInt64
    ) throws(Flaw) -> (first: UInt64, last: UInt64) {
        guard scan.lastStand >= scan.firstStand, scan.lastStand <= log.count else {
            throw Flaw("operation \(number) stands at \(scan.lastStand), which there is not")
        }
        try stands(number, scan.firstStand, asOf: moment, floor: floor)
        if moment != nil { try stands(number, scan.lastStand, asOf: moment, floor: floor) }
        var at = after
        for shown in scan.shown {
            guard let next = next(stream, after: at), next == shown.position else {
                throw Flaw("operation \(number) shows \(shown.position) where something else comes after \(at)")
            }
            try matches(number, shown, of: stream, at: next)
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

    /// One thing that a reader was shown, an event or a rewind. In a stream a rewind is one of its versions.
    private func matches(_ number: Int, _ shown: Scan.Shown, of stream: Int?, at position: UInt64) throws(Flaw) {
        switch shown {
        case .event(let standing): try matches(number, standing, at: position)
        case .rewind(let made, let version, _, let stamp):
            let logged = log.log[Int(position) - 1]
            guard logged.what == .rewind(made), logged.stamp == stamp,
                version == stream.map({ log.version(of: $0, at: position) })
            else { throw Flaw("operation \(number) shows another rewind at \(position) than there is") }
        }
    }

    /// The position of what comes next, of a stream or of all; nil when nothing does.
    private func next(_ stream: Int?, after position: UInt64) -> UInt64? {
        guard let stream else { return position < log.count ? position + 1 : nil }
        guard stream < log.links.count else { return nil }
        let count = Int(log.version(of: stream, at: position))
        return count < log.links[stream].count ? log.links[stream][count] : nil
    }

    /// Where what a look says of a stream is true: at the cut, or at the first place that real time leaves.
    private func firstPlace(
        _ number: Int, _ stream: Int, asOf moment: Moment?, floor: UInt64, where isTrue: (UInt64) -> Bool
    ) throws(Flaw) -> UInt64 {
        guard let moment else {
            if let place = firstPlace([stream], floor: floor, where: isTrue) { return place }
            throw Flaw("operation \(number) misses stream \(stream), which was there")
        }
        let cut = log.cut(moment, through: log.count)
        guard isTrue(cut) else {
            throw Flaw("operation \(number) misses stream \(stream) as of \(moment), when it was there")
        }
        return cut
    }

    /// The first place from `floor` on at which something is true that only these streams decide.
    private func firstPlace(_ streams: [Int], floor: UInt64, where isTrue: (UInt64) -> Bool) -> UInt64? {
        if isTrue(floor) { return floor }
        var candidates: [UInt64] = []
        for stream in streams where stream < log.links.count {
            candidates += log.links[stream][Int(log.version(of: stream, at: floor))...].map { end(of: $0) }
        }
        return candidates.sorted().first(where: isTrue)
    }

    /// Where a refusal is true (6.9 e).
    private func refused(
        _ number: Int, _ events: [SentEvent], _ refusal: Refusal, floor: UInt64
    ) throws(Flaw) -> UInt64 {
        let streams = Array(Set(events.map(\.stream))).sorted()
        let place = firstPlace(streams, floor: floor) { position in
            Self.reason(events, streams) {
                StreamStanding(version: log.version(of: $0, at: position), isThere: log.isThere($0, at: position))
            } == refusal
        }
        guard let place else { throw Flaw("operation \(number) was refused for what was never so: \(refusal)") }
        return place
    }

    /// Why a store refuses events; nil when it takes them. A stream that is gone is told of before all else.
    private static func reason(
        _ events: [SentEvent], _ streams: [Int], _ standing: (Int) -> StreamStanding
    ) -> Refusal? {
        var now = streams.map(standing)
        var conflicts: [Refusal.Conflict] = []
        var reason: Refusal?
        for event in events {
            guard let at = streams.firstIndex(of: event.stream) else { continue }
            if let expected = event.expected, !now[at].meets(expected) {
                conflicts.append(
                    Refusal.Conflict(stream: event.stream, expected: expected, actual: now[at].version))
                continue
            }
            guard reason == nil else { continue }
            reason = now[at].takes(event.begins)
            if reason == .gone { return .gone }
            if reason == nil { now[at] = StreamStanding(version: now[at].version + 1, isThere: true) }
        }
        return conflicts.isEmpty ? reason : .conflicts(conflicts)
    }
}
