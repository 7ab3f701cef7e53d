internal import Bytes
internal import Records
internal import Views

// How streams stood at an earlier position, from the log's deciding parts: what a rewind writes down.
extension Replica {
    /// A stream, of which `row` is what the book says, as a rewind to `target` leaves it.
    func rewound(
        _ stream: StreamOrdinal, _ row: StreamRow, to target: UInt64, _ book: Book
    ) throws(Problem) -> RewoundStream {
        if remembered?.position == target {
            return RewoundStream(row, then: remembered?.stream(tag: row.tag).flatMap { remembered?.row($0) })
        }
        var rewound = RewoundStream(
            tag: row.tag, version: row.version + 1, state: .absent, subjects: [], appointment: nil)
        guard let standing = book.standing(of: stream, through: target) else { return rewound }
        let content = book.content(at: standing.position, of: stream)
        guard content > 0 else { return rewound }
        let (frame, place, _) = try event(at: content)
        rewound.state = place.shape.contains(.isGone) ? .gone : .live
        if row.category == .appointment {
            guard let facts = try standingFacts(of: stream, through: target) else { throw Self.damaged(content) }
            rewound.subjects = facts.subjects
            rewound.appointment = facts.appointment
        } else {
            rewound.subjects = try subjects(of: place, in: frame)
        }
        return rewound
    }
}

extension RewoundStream {
    /// A stream as a rewind leaves it, of the book as it stood at the target; `row` is the stream now.
    init(_ row: StreamRow, then earlier: StreamRow?) {
        self.init(
            tag: row.tag, version: row.version + 1, state: earlier?.state ?? .absent,
            subjects: earlier?.state == .absent ? [] : earlier?.subjects ?? [], appointment: earlier?.appointment)
    }
}
