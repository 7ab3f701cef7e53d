internal import Bytes
internal import JSON
internal import Records
internal import Replica

// The operator who lets the store go back, what is told of it, and what clients are shown of events and rewinds.
extension World {
    /// One rewind in four only asks what it would do.
    private static let previewOneIn: UInt64 = 4

    /// The operator orders a rewind, unless an earlier order is still without an answer.
    func orderRewind() {
        guard let rewinder, clients[rewinder].current == nil else { return }
        let at = FaultKind.rewind.rawValue
        guard let (number, moment) = moments.order(&faultChances[at]) else { return }
        let applies = !faultChances[at].oneIn(Self.previewOneIn)
        count(.rewind)
        tell("\(now) an operator orders a rewind to \(moment)\(applies ? "" : ", to see what it would do")")
        begin(
            rewinder, .rewind(order: number, to: moment, applies: applies),
            .order(.rewind(to: moment.asOf, applies: applies)), patience: plan.patienceMicroseconds * 5)
        send(rewinder)
    }

    func took(_ number: Int, _ told: RestorePlan) throws(Violation) {
        finish(
            number,
            .restored(
                Restored(
                    target: told.target, position: told.position, streams: told.streams, vanishing: told.vanishing,
                    appliedAt: told.appliedAt)))
    }

    /// What a client asked about was rewound away.
    func found(_ number: Int, gone current: Client.CurrentOperation) throws(Violation) {
        switch history.operations[current.place].call {
        case .append(let sent):
            // Which stream it was is not told: whatever is new to it, it begins anew.
            for one in sent { clients[number].versions[one.stream] = 0 }
            finish(number, current.isUncertain ? .unknown : .refused(.gone))
        case .look(let stream, let moment):
            if moment == nil { clients[number].versions[stream] = 0 }
            finish(number, .gone)
        case .versions, .search, .scan, .audit, .rewind: throw Violation("L", "gone, of what cannot be")
        }
    }

    func took(_ number: Int, _ page: ResourcePage) throws(Violation) {
        guard let current = clients[number].current else { return }
        let versions = page.resources.map { one in
            var words: [UInt64]?
            if case .json(let json) = one.content { words = EventMaker.words(in: json) }
            return ShownVersion(version: one.version, stamp: one.lastUpdated.microseconds, words: words)
        }
        guard case .search = history.operations[current.place].call else {
            return finish(number, .listed(versions, position: page.position))
        }
        var found: [FoundStream] = []
        for (resource, shown) in zip(page.resources, versions) {
            guard let stream = maker.stream(of: "appointment/\(resource.id)") else {
                throw Violation("L", "a search found what nobody made")
            }
            found.append(FoundStream(stream: stream, shown: shown))
        }
        finish(number, .found(found, total: page.total, position: page.position))
    }

    /// What a reader was shown: an event, which must bear the words that were sent, or a rewind that was ordered (I15).
    func shown(_ shown: ShownEvent) throws(Violation) -> Scan.Shown {
        if let event = EventMaker.event(in: shown.json), event >= 1, event <= UInt64(maker.sent.count),
            let version = shown.version
        {
            let sent = maker.sent[Int(event) - 1]
            guard shown.json == sent || (try? JSONEquality.equal(shown.json, sent)) == true else {
                throw Violation(
                    "I15", "position \(shown.position) shows event \(event) with other words than were sent")
            }
            return .event(
                Standing(
                    event: event, version: version, position: shown.position, stamp: shown.recorded.microseconds))
        }
        guard let made = rewind(in: shown.json) else {
            throw Violation("I15", "position \(shown.position) shows an event that nobody sent")
        }
        return .rewind(
            made, version: shown.version, position: shown.position, stamp: shown.recorded.microseconds)
    }

    /// What a rewind's event says; nil when it is none, or none that was ordered.
    private func rewind(in json: [UInt8]) -> RewindMade? {
        guard let text = try? JSONText(parsing: json), let type = text["type"], text.equals(type, "chartlog.rewound"),
            let data = text["data"],
            let order = text.member("asof", of: data).flatMap({ text.string($0) }).flatMap({ moments.order(naming: $0) }
            ),
            let target = text.member("target", of: data).flatMap({ text.string($0) }).flatMap({ UInt64($0) }),
            let streams = text.member("streams", of: data).flatMap({ text.integer($0) })
        else { return nil }
        return RewindMade(order: order, target: target, streams: Int(streams))
    }
}

extension Answer {
    /// The position that this answer says is decided for ever; nil when it says so of none.
    var acknowledged: UInt64? {
        switch self {
        case .appended(let appended): appended.position > 0 ? appended.position : nil
        case .restore(let plan): plan.appliedAt
        case .problem, .events, .resource, .page, .cluster, .backups: nil
        }
    }
}

extension HistoryOperation {
    /// Somebody asked how things had been, and was told.
    var isOfThePast: Bool {
        switch (call, outcome) {
        case (.look(_, .some), .shown), (.look(_, .some), .missing), (.look(_, .some), .gone),
            (.scan(_, _, .some), .scanned), (.versions, .listed), (.versions, .missing),
            (.search, .found):
            true
        default: false
        }
    }
}
