internal import Bytes
internal import Records
internal import Views

/// An answer of `/v1/events` under way: a window of positions, walked in pieces as the client takes them.
struct EventsSession {
    enum State {
        /// Looks for the next piece; a slice of the log at a time.
        case scanning
        /// A piece waits for its access record.
        case recording
        /// A piece left; the client has not asked for more.
        case sent
        /// Has shown all there is and waits for more.
        case following
    }

    let context: ReadContext
    let query: EventsQuery
    let types: TypeFilter
    let text: String
    var state = State.scanning
    /// The window still to be looked at, both inclusive; empty when `first > last`.
    var first: UInt64
    var last: UInt64
    /// Events still to be shown; of a follower that has caught up, all.
    var left: Int
    /// Of a single stream: its positions in the window, in the order of the answer, not looked at yet.
    var chain: [UInt64]?
    var chainNext = 0
    var hasCaughtUp = false
    /// A piece has left: what only marks the end needs no record any more.
    var hasBegun = false
    /// Where an answer as of an earlier cut stands; nil: at the end of what is folded.
    let stands: UInt64?
    /// The last position shown or looked at.
    var at: UInt64
    /// When the last piece left, by the forward clock.
    var lastPieceAt: UInt64
    var isWaitingForClient = false

    init(
        context: ReadContext, query: EventsQuery, types: TypeFilter, text: String, first: UInt64, last: UInt64,
        stands: UInt64?, milliseconds: UInt64
    ) {
        self.context = context
        self.query = query
        self.types = types
        self.text = text
        self.first = first
        self.last = last
        self.stands = stands
        left = query.limit
        at = query.isDescending ? last + 1 : first - 1
        lastPieceAt = milliseconds
    }
}

/// The types a reader wants, as the log names them.
struct TypeFilter {
    private var codes: [Bool]
    private var tokens: [UInt64]
    private let takesAll: Bool

    init(_ names: [String], tenant: Tenant) {
        takesAll = names.isEmpty
        codes = Array(repeating: false, count: 256)
        tokens = []
        for name in names {
            if name == EventVocabulary.rewound.name {
                codes[Int(EventVocabulary.rewound.code)] = true
            } else if let kind = EventVocabulary.kind(named: name) {
                codes[Int(kind.type.code)] = true
            } else {
                tokens.append(tenant.type(name))
            }
        }
    }

    func takes(_ place: EventPlace) -> Bool {
        takesAll || (place.typeCode == 0 ? tokens.contains(place.typeToken) : codes[Int(place.typeCode)])
    }
}

// Reading events: by window, stream, category and type, forwards or backwards, once or for ever. Every piece has its
// own access record, which names exactly what was shown, since the log does not change.
extension Replica {
    /// Most events of a piece, bytes of their JSON, and positions looked at in one slice.
    private static var pieceEventsMax: Int { 512 }
    private static var pieceBytesMax: Int { 256 << 10 }
    private static var sliceMax: Int { 4096 }
    /// Between two signs of life of a follower.
    private static var aliveMilliseconds: UInt64 { 15_000 }

    func beginEvents(
        _ context: ReadContext, _ query: EventsQuery, into effects: inout [ReplicaEffect]
    ) throws(Problem) {
        let end = try cut(query.asOf)
        var first = query.after.map { $0 == .max ? $0 : $0 + 1 } ?? 1
        var last = end.position
        if let since = query.since {
            first = max(first, try cut(through: Instant(microseconds: since.microseconds - 1)).position + 1)
        }
        if let until = query.until { last = min(last, try cut(through: until).position) }
        if let before = query.before { last = min(last, before == 0 ? 0 : before - 1) }
        if query.follow, first > last + 1 {
            throw Problem(
                .badPosition, "There is no such position yet to go on from.", [.position(book.position)])
        }
        // An empty window ends where it was asked to begin, so that whoever goes on from there sees nothing twice.
        first = min(first, max(last, book.position) + 1)
        var session = EventsSession(
            context: context, query: query, types: TypeFilter(query.types, tenant: context.tenant),
            text: query.auditText, first: first, last: last, stands: query.asOf == nil ? nil : end.position,
            milliseconds: clock.milliseconds)
        chain(&session)
        reads.events[context.id] = session
        reads.order.append(context.id)
        proceed(context.id, into: &effects)
    }

    /// Of a single stream: which positions there are to look at.
    private func chain(_ session: inout EventsSession) {
        switch session.query.subject {
        case .all, .category: session.chain = nil
        case .nothing: session.chain = []
        case .stream(let name):
            session.chainNext = 0
            guard session.first <= session.last,
                let stream = book.stream(token: session.context.tenant.stream(name), tenant: session.context.tenant.id)
            else {
                session.chain = []
                return
            }
            var positions: [UInt64] = []
            var at = book.standing(of: stream, through: session.last)?.position ?? 0
            while at >= session.first {
                positions.append(at)
                at = book.position(before: at, of: stream)
            }
            if !session.query.isDescending { positions.reverse() }
            session.chain = positions
        }
    }

    /// Looks at one slice of the log for the next piece of an answer, and proposes the record of what is found.
    private func proceed(_ id: AskID, into effects: inout [ReplicaEffect]) {
        guard var session = reads.events[id] else { return }
        guard case .scanning = session.state else { return }
        do throws(Problem) {
            let piece = try gather(&session)
            if let piece {
                session.state = .recording
                reads.events[id] = session
                send(piece, of: session, into: &effects)
            } else {
                reads.events[id] = session
            }
        } catch {
            endEvents(id)
            refuse(id, session.context.caller, session.context.credential, error)
        }
    }

    private struct Piece {
        var events: [ShownEvent] = []
        var subjects: Set<UInt64> = []
        var bytes = 0
        var mark = EventsPiece.Mark.none
    }

    /// The next piece; nil when the slice is spent and nothing was found yet.
    private func gather(_ session: inout EventsSession) throws(Problem) -> Piece? {
        var piece = Piece()
        var looked = 0
        let taken = opened.bytesTaken
        while true {
            guard let position = nextPosition(of: session) else {
                session.first = max(session.first, session.last + 1)
                piece.mark =
                    session.query.follow
                    ? .caughtUp(position: session.endPosition) : .end(position: session.endPosition, more: false)
                return session.hasCaughtUp && piece.events.isEmpty ? nil : piece
            }
            guard piece.events.count < Self.pieceEventsMax, piece.bytes < Self.pieceBytesMax else { return piece }
            // A rewind's frame may be of megabytes, and one may follow upon the other.
            guard looked < Self.sliceMax, opened.bytesTaken - taken < configuration.slicedBytesMax else {
                return piece.events.isEmpty ? nil : piece
            }
            looked += 1
            let (_, place, transaction) = try event(at: position)
            guard takes(place, transaction, session) else {
                session.passed(position)
                continue
            }
            guard session.left > 0 || session.hasCaughtUp else {
                piece.mark = .end(position: session.at, more: true)
                return piece
            }
            if place.rewind != nil {
                let shown = try shown(rewind: place, transaction, session)
                piece.events.append(shown)
                piece.bytes += shown.json.count
                session.passed(position)
                if !session.hasCaughtUp { session.left -= 1 }
                continue
            }
            let stored = try openEvent(at: position)
            let actor = try header(at: position).name
            piece.events.append(
                ShownEvent(
                    json: stored.json, position: position, version: UInt64(stored.version), recorded: stored.stamp,
                    actor: actor))
            piece.bytes += stored.json.count
            piece.subjects.formUnion(stored.subjects)
            session.passed(position)
            if !session.hasCaughtUp { session.left -= 1 }
        }
        return piece
    }

    private func nextPosition(of session: EventsSession) -> UInt64? {
        if let chain = session.chain {
            return session.chainNext < chain.count ? chain[session.chainNext] : nil
        }
        guard session.first <= session.last else { return nil }
        return session.query.isDescending ? session.last : session.first
    }

    private func takes(_ place: EventPlace, _ transaction: TransactionPlace, _ session: EventsSession) -> Bool {
        guard transaction.tenant == session.context.tenant.id, session.types.takes(place) else { return false }
        // Only a follower meets what is stamped before an instant that lay in the future when it came.
        if let since = session.query.since, transaction.stamp < since { return false }
        guard case .category(let category) = session.query.subject else { return true }
        if place.rewind != nil { return book.rewound(category, at: place.position) }
        return book.stream(tag: place.stream).map { book.category(of: $0) } == category
    }

    /// Proposes the access record of a piece, which leaves with the record's commit. A mark alone shows nothing of
    /// anybody and needs none once the answer has begun.
    private func send(_ piece: Piece, of session: EventsSession, into effects: inout [ReplicaEffect]) {
        let context = session.context
        let at = session.stands ?? book.position
        if piece.events.isEmpty, session.hasBegun {
            return sendRecorded(context.id, EventsPiece(events: [], position: at, mark: piece.mark), into: &effects)
        }
        var draft = context.record(.searched, replica: configuration.id)
        draft.subjects = piece.subjects.sorted()
        draft.value.query = session.text
        draft.value.count = piece.events.count
        let shown = piece.events.map(\.position)
        if let lowest = shown.min(), let highest = shown.max() { draft.value.range = lowest...highest }
        propose(draft, for: context.id) { replica, _, effects in
            replica.sendRecorded(
                context.id, EventsPiece(events: piece.events, position: at, mark: piece.mark), into: &effects)
        }
    }

    private func sendRecorded(_ id: AskID, _ piece: EventsPiece, into effects: inout [ReplicaEffect]) {
        guard var session = reads.events[id] else { return }
        session.lastPieceAt = clock.milliseconds
        session.isWaitingForClient = true
        session.hasBegun = true
        var isLast = false
        switch piece.mark {
        case .none, .alive: session.state = session.hasCaughtUp ? .following : .sent
        case .caughtUp:
            session.hasCaughtUp = true
            session.state = .following
        case .end: isLast = true
        }
        if isLast { endEvents(id) } else { reads.events[id] = session }
        answer(id, .events(piece), isLast: isLast, &effects)
    }

    func eventsDrained(_ id: AskID, into effects: inout [ReplicaEffect]) {
        guard var session = reads.events[id] else { return }
        session.isWaitingForClient = false
        if case .sent = session.state { session.state = .scanning }
        reads.events[id] = session
        if case .following = session.state { follow(id, into: &effects) } else { proceed(id, into: &effects) }
    }

    func eventsFollow(into effects: inout [ReplicaEffect]) {
        for id in reads.order { follow(id, into: &effects) }
    }

    /// Lets a follower whose client is ready look at what was folded since.
    private func follow(_ id: AskID, into effects: inout [ReplicaEffect]) {
        guard var session = reads.events[id], case .following = session.state, !session.isWaitingForClient,
            session.last < book.position || session.first <= session.last
        else { return }
        if session.last < book.position {
            session.last = book.position
            chain(&session)
        }
        session.state = .scanning
        do throws(Problem) {
            let piece = try gather(&session)
            if var piece, !piece.events.isEmpty {
                piece.mark = .none
                session.state = .recording
                reads.events[id] = session
                send(piece, of: session, into: &effects)
            } else {
                session.state = .following
                reads.events[id] = session
            }
        } catch {
            endEvents(id)
            refuse(id, session.context.caller, session.context.credential, error)
        }
    }

    func eventsTicked(into effects: inout [ReplicaEffect]) {
        for id in reads.order {
            guard let session = reads.events[id] else { continue }
            switch session.state {
            case .scanning: proceed(id, into: &effects)
            case .recording, .sent: break
            case .following:
                follow(id, into: &effects)
                guard let now = reads.events[id], case .following = now.state, !now.isWaitingForClient,
                    clock.milliseconds >= now.lastPieceAt + Self.aliveMilliseconds
                else { continue }
                reads.events[id]?.lastPieceAt = clock.milliseconds
                reads.events[id]?.isWaitingForClient = true
                let piece = EventsPiece(events: [], position: book.position, mark: .alive(position: now.seen))
                answer(id, .events(piece), isLast: false, &effects)
            }
        }
    }

    func endEvents(_ id: AskID) {
        guard reads.events.removeValue(forKey: id) != nil else { return }
        reads.order.removeAll { $0 == id }
    }
}

extension EventsSession {
    /// A position was looked at: the window begins behind it.
    mutating func passed(_ position: UInt64) {
        at = position
        if chain != nil { chainNext += 1 }
        if query.isDescending { last = position - 1 } else { first = position + 1 }
    }

    /// Where an answer that was not cut ends: forwards the end of the window, backwards the last one looked at.
    var endPosition: UInt64 { query.isDescending ? at : max(last, at) }

    /// Through where a follower has seen everything: it may not have looked at all that is folded yet.
    var seen: UInt64 { first > last ? last : at }
}

extension EventsQuery {
    /// The filter as the access record keeps it: sealed under the audit key, shown in the audit view only.
    var auditText: String {
        var words: [String] = []
        switch subject {
        case .all: break
        case .stream(let name): words.append("subject=\(name.text)")
        case .category(let category): words.append("subject=\(category.name)/")
        case .nothing: words.append("subject=?")
        }
        for type in types { words.append("type=\(type)") }
        if let after { words.append("after=\(after)") }
        if let before { words.append("before=\(before)") }
        if let since { words.append("since=\(since.text)") }
        if let until { words.append("until=\(until.text)") }
        if let asOf { words.append("asof=\(asOf.text)") }
        if isDescending { words.append("order=desc") }
        words.append("limit=\(limit)")
        if follow { words.append("follow=true") }
        return words.joined(separator: "&")
    }
}
