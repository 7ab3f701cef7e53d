package import Records
internal import Bytes

/// A rewind as a book keeps it.
struct RewindRow: Sendable {
    let position: UInt32
    let target: UInt32
    /// The streams it touched, ascending, and what stood before it in each: an event, or an earlier rewind.
    var streams: [(ordinal: UInt32, before: UInt32)] = []

    func before(_ ordinal: UInt32) -> UInt32 {
        var low = 0
        var high = streams.count
        while low < high {
            let middle = (low + high) / 2
            if streams[middle].ordinal < ordinal { low = middle + 1 } else { high = middle }
        }
        return low < streams.count && streams[low].ordinal == ordinal ? streams[low].before : 0
    }
}

/// A rewind that was folded: where it stands and what it went back to.
package struct FoldedRewind: Equatable, Sendable {
    package var position: UInt64
    package var target: UInt64
    package var streamCount: Int
}

/// How a stream stood at an earlier position.
package enum EarlierStanding: Sendable {
    /// It was not made yet.
    case absent
    /// Live, with the subjects that it has now, and it is no appointment.
    case asNow
    /// Its row does not tell.
    case inTheLog
}

// Rewinds. A stream's versions are a chain of positions, and a rewind is a link in the chain of each stream it touched.
// What the stream says at a link is found by walking the chain from there, and from a rewind straight on to what is not
// after its target: what lies between was undone, and what was undone before is undone with it.
extension Book {
    /// All rewinds folded, oldest first.
    package var foldedRewinds: [FoldedRewind] {
        rewinds.map {
            FoldedRewind(
                position: UInt64($0.position), target: UInt64($0.target), streamCount: $0.streams.count)
        }
    }

    /// What the rewind at a position went back to; nil when no rewind stands there.
    package func rewindTarget(_ position: UInt64) -> UInt64? {
        rewind(at: UInt32(truncatingIfNeeded: position)).map { UInt64(rewinds[$0].target) }
    }

    /// The streams that the rewind at a position touched, in the order of their creation.
    package func streams(rewoundAt position: UInt64) -> [StreamOrdinal] {
        rewind(at: UInt32(truncatingIfNeeded: position)).map { at in
            rewinds[at].streams.map { StreamOrdinal(raw: $0.ordinal) }
        } ?? []
    }

    /// Whether the rewind at a position touched a stream of a category.
    package func rewound(_ category: Category, at position: UInt64) -> Bool {
        guard let at = rewind(at: UInt32(truncatingIfNeeded: position)) else { return false }
        return rewinds[at].streams.contains { streams[Int($0.ordinal)].category == category }
    }

    private func rewind(at position: UInt32) -> Int? {
        if rewinds.isEmpty { return nil }
        var low = 0
        var high = rewinds.count
        while low < high {
            let middle = (low + high) / 2
            if rewinds[middle].position < position { low = middle + 1 } else { high = middle }
        }
        return low < rewinds.count && rewinds[low].position == position ? low : nil
    }

    /// The link before this one in a stream's chain; 0 when it is the first.
    func link(before position: UInt32, of ordinal: UInt32) -> UInt32 {
        if let at = rewind(at: position) { return rewinds[at].before(ordinal) }
        return previous[Int(position) - 1]
    }

    /// The newest event that makes up what a stream says at a link of its chain: the event itself, or, of a rewind, the
    /// newest one that counts by then; 0 when there is none, and the stream is absent.
    package func content(at position: UInt64, of stream: StreamOrdinal) -> UInt64 {
        var at = UInt32(truncatingIfNeeded: position)
        while at != 0, let found = rewind(at: at) {
            let target = rewinds[found].target
            at = rewinds[found].before(stream.raw)
            while at > target { at = link(before: at, of: stream.raw) }
        }
        return UInt64(at)
    }

    /// The event on which an event of a stream rested: the newest before it that counted then; 0 when there was none.
    package func content(before position: UInt64, of stream: StreamOrdinal) -> UInt64 {
        content(at: self.position(before: position, of: stream), of: stream)
    }

    /// The rewind by which an event does not count any more; nil when it does.
    package func rewound(event position: UInt64, of stream: StreamOrdinal) -> UInt64? {
        if rewinds.isEmpty { return nil }
        var at = UInt32(standing(of: stream).position)
        while UInt64(at) > position {
            guard let found = rewind(at: at) else {
                at = link(before: at, of: stream.raw)
                continue
            }
            let (by, target) = (rewinds[found].position, rewinds[found].target)
            if UInt64(target) < position { return UInt64(by) }
            at = rewinds[found].before(stream.raw)
            while at > target { at = link(before: at, of: stream.raw) }
        }
        return nil
    }

    /// How a stream stood when the event at a position was the last, as far as its row alone tells.
    package func standing(of stream: StreamOrdinal, after position: UInt64) -> EarlierStanding {
        let cell = streams[Int(stream.raw)]
        if UInt64(cell.first) > position { return .absent }
        return cell.isSteady && cell.category != .appointment ? .asNow : .inTheLog
    }

    /// The streams that a rewind to a position would touch, in the order of their creation: those that have a link after
    /// it.
    package func streams(changedAfter position: UInt64) -> [StreamOrdinal] {
        var found: [StreamOrdinal] = []
        for ordinal in 0..<streams.count where UInt64(streams[ordinal].last) > position {
            found.append(StreamOrdinal(raw: UInt32(ordinal)))
        }
        return found
    }

    /// Whether a rewind follows from what is folded: the streams are those that changed after its target, each a version
    /// up.
    package func follows(_ rewind: RewindFacts) -> Bool {
        guard rewind.position == position + 1, rewind.target >= 1, rewind.target < rewind.position,
            rewind.position < Self.capacity
        else { return false }
        let changed = streams(changedAfter: rewind.target)
        guard changed.count == rewind.streams.count else { return false }
        return zip(changed, rewind.streams).allSatisfy { ordinal, rewound in
            let cell = streams[Int(ordinal.raw)]
            return cell.tag == rewound.tag && cell.version + 1 == rewound.version && rewound.state != .erased
                && (rewound.state == .absent || (cell.category == .appointment) == (rewound.appointment != nil))
        }
    }

    /// Folds a rewind.
    ///
    /// - Precondition: `follows` said yes.
    package mutating func apply(_ rewind: RewindFacts, of transaction: TransactionFacts) {
        precondition(rewind.position == position + 1)
        let item = UInt32(order.count)
        position = rewind.position
        lastStamp = transaction.stamp
        order.append(isRecord: false)
        previous.append(0)
        var row = RewindRow(position: UInt32(rewind.position), target: UInt32(rewind.target))
        row.streams.reserveCapacity(rewind.streams.count)
        var concerned = SubjectMarks()
        var changed = streams(changedAfter: rewind.target)[...]
        for rewound in rewind.streams {
            // Both ascend.
            while let first = changed.first, streams[Int(first.raw)].tag != rewound.tag { changed.removeFirst() }
            guard let stream = changed.popFirst() else { preconditionFailure("a rewound stream has changed") }
            let ordinal = Int(stream.raw)
            var cell = streams[ordinal]
            changeHash(of: cell, by: -1)
            concerned.insert(subjectsOf: stream, self)
            for subject in rewound.subjects { concerned.insert(subject, self) }
            row.streams.append((stream.raw, cell.last))
            cell.version = rewound.version
            cell.last = UInt32(rewind.position)
            cell.content = Mix.pair(cell.content, rewind.leafPrefix)
            if rewound.state != .live || !isSame(cell.subjects, rewound.subjects, in: subjects) {
                cell.isSteady = false
            }
            fold(subjects: rewound.subjects, of: stream.raw, into: &cell)
            fold(rewound, of: stream.raw, into: &cell)
            streams[ordinal] = cell
            changeHash(of: cell, by: 1)
        }
        rewinds.append(row)
        for subject in concerned.keyIDs(self).sorted() { itemsOfSubject.append(item, to: subject) }
        appendItem(item, actor: transaction.actor, behalf: transaction.behalf)
        auditHash.add(Self.auditDigest(of: rewind, in: transaction))
    }

    /// State and appointment; an absent appointment is counted under no status.
    private mutating func fold(_ rewound: RewoundStream, of ordinal: UInt32, into cell: inout StreamCell) {
        if cell.appointment != 0, cell.state == .absent, rewound.state != .absent { count(cell, by: 1) }
        if let facts = rewound.appointment {
            fold(facts, of: ordinal, tenant: tenants[Int(cell.tenant)], into: &cell)
        }
        if cell.appointment != 0, cell.state != .absent, rewound.state == .absent { count(cell, by: -1) }
        cell.state = rewound.state
    }

    /// Changes the count of the status that an appointment has.
    mutating func count(_ cell: StreamCell, by step: Int) {
        let status = appointments[Int(cell.appointment) - 1].status
        statusCounts[Int(cell.tenant) * 16 + Int(status.rawValue)] += step
    }

    private static func auditDigest(of rewind: RewindFacts, in transaction: TransactionFacts) -> Digest {
        var hash = RowHash(kind: 18)
        hash.add(rewind.position)
        hash.add(UInt64(bitPattern: transaction.stamp.microseconds))
        hash.add(rewind.target)
        hash.add(transaction.actor)
        hash.add(transaction.behalf)
        hash.add(rewind.leafPrefix)
        return hash.digest
    }
}
