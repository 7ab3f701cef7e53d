internal import Bytes
internal import Consensus
internal import Records
internal import SegmentedLog
internal import Views

// From an instant or a position to the place in the log at which a view is cut: between transactions, never inside.
extension Replica {
    /// The cut that `asOf` names; the end of what is folded when it is nil.
    ///
    /// - Throws: `badInstant` before the first event or in the future, `badPosition` beyond the end,
    ///   `insideTransaction` with the positions before and after it that can be asked for.
    func cut(_ asOf: AsOf?) throws(Problem) -> Cut {
        switch asOf {
        case nil: return book.cut
        case .instant(let instant):
            guard instant <= max(clock.wall, lastStamp) else {
                throw Problem(
                    .badInstant, "This instant is in the future: ask for one that has passed.",
                    [.position(book.position)])
            }
            guard book.position > 0, try firstStamp <= instant else {
                throw Problem(
                    .badInstant, "This instant is before the first event of the store.", [.position(book.position)])
            }
            return try cut(through: instant)
        case .position(let position):
            guard position <= book.position else {
                throw Problem(
                    .badPosition, "No event has this position yet: the last one is named here.",
                    [.position(book.position)])
            }
            guard position > 0 else {
                throw Problem(.badPosition, "Positions begin at 1.", [.position(book.position)])
            }
            let (frame, _, transaction) = try event(at: position)
            let last = transaction.firstPosition + UInt64(transaction.eventCount) - 1
            guard position == last else {
                throw Problem(
                    .insideTransaction, "This position lies inside a transaction: ask for the one before or after.",
                    [.neighbours(before: transaction.firstPosition - 1, after: last)])
            }
            return Cut(position: last, record: frame.lastRecord(stampedAtOrBefore: transaction.stamp))
        }
    }

    /// Everything stamped at or before an instant, whether or not there is anything.
    func cut(through instant: Instant) throws(Problem) -> Cut {
        guard instant < book.lastStamp else { return book.cut }
        let index = try located { () throws(LogError) in try log.lastIndex(stampedAtOrBefore: instant) }
        guard index > 0 else { return Cut(position: 0, record: 0) }
        let header = try located { () throws(LogError) in try log.header(at: index) }
        if header.lastStamp <= instant {
            return Cut(
                position: header.firstPosition + UInt64(header.eventCount) - 1,
                record: header.firstRecord + UInt64(header.recordCount) - 1)
        }
        let frame = try parts(at: index)
        var position = frame.firstPosition - 1
        if mutated(.cutsAtFrames) { return Cut(position: position, record: frame.firstRecord - 1) }
        for transaction in frame.transactions where transaction.stamp <= instant {
            position = transaction.firstPosition + UInt64(transaction.eventCount) - 1
        }
        return Cut(position: position, record: frame.lastRecord(stampedAtOrBefore: instant))
    }

    /// The stamp of the first event.
    private var firstStamp: Instant {
        get throws(Problem) {
            if let known = reads.firstStamp { return known }
            let stamp = try transaction(at: 1).stamp
            reads.firstStamp = stamp
            return stamp
        }
    }

    private func located<Value>(_ work: () throws(LogError) -> Value) throws(Problem) -> Value {
        do { return try work() } catch { throw Self.damaged(book.position) }
    }
}

extension FrameParts {
    /// The last record of this frame, or of those before it, stamped at or before an instant.
    func lastRecord(stampedAtOrBefore instant: Instant) -> UInt64 {
        records.last { $0.stamp <= instant }?.number ?? firstRecord - 1
    }
}
