internal import Records
internal import Replica

/// One client: does one operation after the other, sends it again with the same ids until it knows what came of it or
/// has lost patience, and writes down what it was told.
struct Client {
    let number: Int
    var chance: Chance
    var current: CurrentOperation?
    /// Counts what was sent, so that a late answer to an earlier attempt is known as such.
    var attempt: UInt64 = 0
    /// Where the present attempt went; 0 when none is under way.
    var target = 0
    /// The version of each stream as far as this client has seen.
    var versions: [UInt64]
    /// The highest position it was told of.
    var position: UInt64 = 0
    var isResting = false
    /// What it is to ask next, the last one first, whatever else it would do.
    var questions: [(call: HistoryOperation.Call, sends: Sending)] = []

    /// The last append it was told of, to be sent once more.
    var done: (call: HistoryOperation.Call, request: Request)?

    /// What goes out to a replica.
    enum Sending {
        case request(Request)
        case order(OperatorOrder)
    }

    /// What a client is about to learn.
    struct CurrentOperation {
        /// Place in the history.
        var place: Int
        var sends: Sending
        var deadline: UInt64
        /// Microseconds that one attempt is waited for.
        var patience: UInt64
        /// An attempt may have done it, or may yet.
        var isUncertain = false
        /// Events shown so far.
        var scan = Scan()
        /// Pieces of a follow still wanted.
        var piecesLeft = 0
        var follows = false
    }

    init(number: Int, chance: Chance, streams: Int) {
        self.number = number
        self.chance = chance
        versions = Array(repeating: 0, count: streams)
    }

    /// What it does next.
    mutating func draw(
        _ plan: Plan, _ maker: inout EventMaker, _ moments: inout Moments, now: UInt64
    ) throws(Violation) -> (HistoryOperation.Call, Request) {
        guard !chance.perMillion(plan.readsPerMillion) else {
            let arrival = now + 2 * plan.linkMicroseconds
            guard chance.perMillion(plan.asOfPerMillion), let moment = moments.draw(&chance, arrival: arrival) else {
                return drawRead(maker)
            }
            return drawRead(maker, asOf: moment)
        }
        // What was done is asked for once more: since then a rewind may have undone it.
        if plan.asOfPerMillion > 0, let done, chance.oneIn(30) { return done }
        var sent: [SentEvent] = []
        var events: [IncomingEvent] = []
        for _ in 0..<chance.within(1...plan.batchMax) {
            let (one, event) = try drawEvent(&maker, earlier: sent)
            sent.append(one)
            events.append(event)
        }
        let key = chance.oneIn(4) ? "k\(sent[0].event)" : nil
        return (.append(sent), .append(AppendRequest(events: events, idempotencyKey: key)))
    }

    private mutating func drawEvent(
        _ maker: inout EventMaker, earlier: [SentEvent]
    ) throws(Violation) -> (SentEvent, IncomingEvent) {
        let stream = chance.below(maker.streams)
        let known = versions[stream] + UInt64(earlier.count { $0.stream == stream })
        let isNew = known == 0
        if maker.isAppointment(stream) { return try maker.make(stream, expected: known, creates: isNew) }
        // Now and then it is wrong about whether the stream is there, or about its version, on purpose.
        let creates = chance.oneIn(20) ? !isNew : isNew
        let expected: UInt64? =
            switch chance.below(4) {
            case 0: nil
            case 1: known
            case 2: isNew ? 0 : nil
            default: chance.oneIn(8) ? known + 1 : known
            }
        return try maker.make(stream, expected: expected, creates: creates)
    }

    private mutating func drawRead(_ maker: EventMaker) -> (HistoryOperation.Call, Request) {
        let stream = chance.below(maker.streams)
        switch chance.below(8) {
        case 0...3 where versions[stream] < 100:
            // Folding a long stream costs in proportion to it, and shows no more.
            return (
                .look(stream: stream, asOf: nil), .read(maker.kind(of: stream), id: maker.name(of: stream), asOf: nil)
            )
        case 4 where position > 0:
            let wanted = 1 + chance.below(position)
            return (.audit(position: wanted), .read(.auditEvent, id: "e-\(wanted)", asOf: nil))
        default:
            var query = EventsQuery()
            let fromStart = chance.oneIn(16)
            let after = fromStart ? 0 : position - min(position, UInt64(chance.below(40)))
            let isOfStream = chance.oneIn(3)
            query.after = after
            query.limit = chance.pick(fromStart ? [3, 50] : [3, 50, 1000])
            query.follow = chance.oneIn(5)
            if isOfStream,
                let name = StreamName(maker.isAppointment(stream) ? .appointment : .patient, id: maker.name(of: stream))
            {
                query.subject = .stream(name)
            }
            return (.scan(stream: isOfStream ? stream : nil, after: after, asOf: nil), .events(query))
        }
    }

    /// A look at what was: one stream, or the last events there were.
    private mutating func drawRead(_ maker: EventMaker, asOf moment: Moment) -> (HistoryOperation.Call, Request) {
        let stream = chance.below(maker.streams)
        guard chance.oneIn(3) else { return Self.look(stream, maker, asOf: moment) }
        if chance.oneIn(3) { return Self.versions(stream, maker, asOf: moment) }
        if maker.appointments > 0, chance.oneIn(3) { return Self.search(maker, asOf: moment) }
        let after = position - min(position, UInt64(chance.below(40)))
        return Self.scan(chance.oneIn(2) ? stream : nil, after: after, maker, asOf: moment)
    }

    static func look(_ stream: Int, _ maker: EventMaker, asOf moment: Moment) -> (HistoryOperation.Call, Request) {
        (
            .look(stream: stream, asOf: moment),
            .read(maker.kind(of: stream), id: maker.name(of: stream), asOf: moment.asOf)
        )
    }

    static func versions(_ stream: Int, _ maker: EventMaker, asOf moment: Moment) -> (HistoryOperation.Call, Request) {
        let count = 100
        return (
            .versions(stream: stream, asOf: moment, count: count),
            .history(
                maker.kind(of: stream), id: maker.name(of: stream), asOf: moment.asOf, page: PageRequest(count: count))
        )
    }

    /// Every appointment is one of the first patient's.
    static func search(_ maker: EventMaker, asOf moment: Moment) -> (HistoryOperation.Call, Request) {
        (
            .search(of: maker.patients..<maker.streams, asOf: moment),
            .search(SearchQuery(kind: .appointment, parameters: [.patient(["p-0"])], asOf: moment.asOf))
        )
    }

    static func scan(
        _ stream: Int?, after: UInt64, _ maker: EventMaker, asOf moment: Moment
    ) -> (HistoryOperation.Call, Request) {
        var query = EventsQuery()
        query.after = after
        query.limit = 1000
        query.asOf = moment.asOf
        if let stream,
            let name = StreamName(maker.isAppointment(stream) ? .appointment : .patient, id: maker.name(of: stream))
        {
            query.subject = .stream(name)
        }
        return (.scan(stream: stream, after: after, asOf: moment), .events(query))
    }
}
