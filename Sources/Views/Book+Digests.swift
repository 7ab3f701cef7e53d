internal import Bytes
internal import Records

// The digests: what a row and an audit item add to their set.
extension Book {
    /// Adds (+1) or takes away (-1) a stream's row.
    mutating func changeHash(of cell: StreamCell, by sign: Int) {
        let row = digest(of: cell)
        switch (cell.category == .appointment, sign > 0) {
        case (true, true): appointmentHash.add(row)
        case (true, false): appointmentHash.remove(row)
        case (false, true): patientHash.add(row)
        case (false, false): patientHash.remove(row)
        }
    }

    func digest(of cell: StreamCell) -> Digest {
        var hash = RowHash(kind: UInt64(cell.category.rawValue))
        hash.add(cell.tag)
        hash.add(cell.token.low)
        hash.add(cell.token.high)
        hash.add(cell.content)
        hash.add(UInt64(cell.first) << 32 | UInt64(cell.last))
        hash.add(UInt64(cell.version) << 32 | UInt64(tenants[Int(cell.tenant)]))
        hash.add(UInt64(cell.state.rawValue))
        add(cell.subjects, in: subjects, to: &hash)
        if cell.appointment != 0 {
            let booking = appointments[Int(cell.appointment) - 1]
            hash.add(UInt64(booking.status.rawValue) << 8 | UInt64(booking.flags))
            hash.add(UInt64(bitPattern: booking.start?.microseconds ?? 0))
            hash.add(UInt64(bitPattern: booking.end?.microseconds ?? 0))
            add(booking.practitioners, in: actors, to: &hash)
            add(booking.locations, in: actors, to: &hash)
        }
        return hash.digest
    }

    private func add(_ reference: ListReference, in table: WordTable, to hash: inout RowHash) {
        let count = overflow.count(of: reference)
        hash.add(UInt64(count))
        for index in 0..<count { hash.add(table.words[Int(overflow.ordinal(index, of: reference))]) }
    }

    static func auditDigest(of event: EventFacts, in transaction: TransactionFacts) -> Digest {
        var hash = RowHash(kind: 16)
        hash.add(event.position)
        hash.add(UInt64(bitPattern: transaction.stamp.microseconds))
        hash.add(UInt64(event.tenant))
        hash.add(transaction.actor)
        hash.add(transaction.behalf)
        for subject in event.subjects { hash.add(subject) }
        hash.add(event.leafPrefix)
        return hash.digest
    }

    static func auditDigest(of record: RecordFacts) -> Digest {
        var hash = RowHash(kind: 17)
        hash.add(record.number)
        hash.add(UInt64(bitPattern: record.stamp.microseconds))
        hash.add(UInt64(record.tenant) << 16 | UInt64(record.code.rawValue) << 8 | UInt64(record.outcome.rawValue))
        hash.add(record.actor)
        hash.add(record.behalf)
        for subject in record.subjects { hash.add(subject) }
        hash.add(record.leafPrefix)
        return hash.digest
    }
}
