internal import Bytes
internal import Consensus
internal import Records
internal import Views

/// How the streams stood that a rewind touches: first what their rows tell, then what the log tells of the others, read
/// from its start to its end, then what that comes to.
struct RewindLooks {
    /// In the order of their creation, and how each is to stand.
    var streams: [StreamOrdinal]
    fileprivate(set) var rewound: [RewoundStream] = []
    /// The events to be read, ascending by position.
    fileprivate var reads: [Read] = []
    /// How many rows were asked, reads done, and streams counted.
    fileprivate var asked = 0
    fileprivate var read = 0
    fileprivate var counted = 0
    fileprivate var patients = SubjectMarks()

    init(streams: [StreamOrdinal] = []) { self.streams = streams }

    /// An event that makes up how a stream stood, and the stream's place in `streams`.
    fileprivate struct Read {
        let event: UInt32
        let at: UInt32
    }

    mutating func reserve() { rewound.reserveCapacity(streams.count) }

    fileprivate mutating func ask(_ told: RewoundStream) {
        rewound.append(told)
        asked += 1
    }

    /// Once all rows were asked.
    fileprivate mutating func order() { reads.sort { ($0.event, $0.at) < ($1.event, $1.at) } }
}

extension Replica {
    /// As many rows are asked in the time of one read.
    private static var rowsOfRead: Int { 8 }

    /// Looks at some more.
    ///
    /// - Returns: whether nothing is left, and the plan says all.
    func goOn(looking looks: inout RewindLooks, _ plan: inout RestorePlan) throws(Problem) -> Bool {
        // One copy of the book's references, not one for each look at it.
        let book = book
        let target = plan.target + (mutated(.looksPastTarget) ? 1 : 0)
        var left = configuration.rewoundSliceMax * Self.rowsOfRead
        while looks.asked < looks.streams.count, left > 0 {
            looks.ask(told(looks.streams[looks.asked], at: target, book, &looks))
            left -= 1
            if looks.asked == looks.streams.count { looks.order() }
        }
        guard looks.asked == looks.streams.count else { return false }
        while looks.read < looks.reads.count, left > 0 {
            try look(at: looks.reads[looks.read], &looks, book)
            looks.read += 1
            left -= Self.rowsOfRead
        }
        guard looks.read == looks.reads.count else { return false }
        while looks.counted < looks.streams.count, left > 0 {
            try count(looks.streams[looks.counted], becomes: looks.rewound[looks.counted], &looks.patients, &plan, book)
            looks.counted += 1
            left -= 1
        }
        guard looks.counted == looks.streams.count else { return false }
        plan.patients = looks.patients.count
        return true
    }

    /// A stream as far as its row tells; else what is to be read is noted.
    private func told(
        _ stream: StreamOrdinal, at target: UInt64, _ book: Book, _ looks: inout RewindLooks
    ) -> RewoundStream {
        if let remembered, remembered.position == target {
            let row = book.row(stream)
            return RewoundStream(row, then: remembered.stream(tag: row.tag).map { remembered.row($0) })
        }
        var told = RewoundStream(
            tag: book.tag(of: stream), version: book.standing(of: stream).version + 1, state: .absent, subjects: [],
            appointment: nil)
        switch book.standing(of: stream, after: target) {
        case .absent: break
        case .asNow:
            told.state = .live
            told.subjects = book.subjects(of: stream)
        case .inTheLog:
            var event =
                book.standing(of: stream, through: target).map { book.content(at: $0.position, of: stream) } ?? 0
            // Of an appointment each event says what it changed.
            let isWhole = book.category(of: stream) != .appointment
            while event > 0 {
                looks.reads.append(RewindLooks.Read(event: UInt32(event), at: UInt32(looks.asked)))
                event = isWhole ? 0 : book.content(before: event, of: stream)
            }
        }
        return told
    }

    /// One stream by itself.
    private func stood(_ stream: StreamOrdinal, at position: UInt64, _ book: Book) throws(Problem) -> RewoundStream {
        var looks = RewindLooks(streams: [stream])
        looks.ask(told(stream, at: position, book, &looks))
        looks.order()
        for read in looks.reads { try look(at: read, &looks, book) }
        return looks.rewound[0]
    }

    private func look(at read: RewindLooks.Read, _ looks: inout RewindLooks, _ book: Book) throws(Problem) {
        let (frame, place, transaction) = try event(at: UInt64(read.event))
        let at = Int(read.at)
        looks.rewound[at].state = place.shape.contains(.isGone) ? .gone : .live
        guard book.category(of: looks.streams[at]) == .appointment else {
            looks.rewound[at].subjects = try subjects(of: place, in: frame)
            return
        }
        // What begins it may stand behind a rewind by which it was absent: that one does not say that it creates it.
        let before = before(looks.rewound[at].subjects, looks.rewound[at].appointment)
        do throws(ByteError) {
            let facts = try place.facts(in: frame.body, tenant: transaction.tenant, before: before, leafPrefix: 0)
            guard let appointment = facts.appointment else { throw .malformed }
            looks.rewound[at].subjects = facts.subjects
            looks.rewound[at].appointment = appointment
        } catch {
            throw Self.damaged(UInt64(read.event))
        }
    }

    private func count(
        _ stream: StreamOrdinal, becomes rewound: RewoundStream, _ patients: inout SubjectMarks,
        _ plan: inout RestorePlan, _ book: Book
    ) throws(Problem) {
        for subject in rewound.subjects { patients.insert(subject, book) }
        // A preview lets appends in: what they did since is none of what it tells.
        guard book.standing(of: stream).position <= plan.position else {
            let now = try stood(stream, at: plan.position, book)
            for subject in now.subjects { patients.insert(subject, book) }
            return plan.count((now.state, now.appointment?.status), becomes: rewound)
        }
        patients.insert(subjectsOf: stream, book)
        plan.count((book.state(of: stream), book.appointmentStatus(of: stream)), becomes: rewound)
    }
}

extension RewoundStream {
    /// A stream as a rewind leaves it, of the book as it stood at the target; `row` is the stream now.
    fileprivate init(_ row: StreamRow, then earlier: StreamRow?) {
        self.init(
            tag: row.tag, version: row.version + 1, state: earlier?.state ?? .absent,
            subjects: earlier?.state == .absent ? [] : earlier?.subjects ?? [], appointment: earlier?.appointment)
    }
}
