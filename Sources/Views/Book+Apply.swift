package import Records
internal import Bytes

// Folding: one transaction or record after the other, in log order, each once.
extension Book {
    /// Folds a transaction.
    ///
    /// - Precondition: its events' positions follow the book's; `hasRoom` said yes.
    package mutating func apply(_ transaction: TransactionFacts) { apply(transaction) { _ in nil } }

    /// Folds a transaction whose words are at hand, so that patients need not fall behind in their terms.
    ///
    /// - Precondition: its events' positions follow the book's; `hasRoom` said yes.
    /// - Parameter terms: asked for each event of a patient's stream, by its place in the transaction: every search
    ///   key that the resource has after the event and had not before; nil when that is not known.
    package mutating func apply(_ transaction: TransactionFacts, terms: (Int) -> [UInt64]?) {
        lastStamp = transaction.stamp
        // A span lends its events; a loop over the array would copy each.
        let events = transaction.events.span
        for at in events.indices {
            apply(
                events[at], of: transaction, on: stream(tag: events[at].stream),
                terms: events[at].category == .patient ? terms(at) : nil)
        }
    }

    /// Folds the next event of a transaction, for who reads them one by one and has looked up its stream: nil when the
    /// event makes it. Patients fall behind in their terms.
    ///
    /// - Precondition: its position follows the book's, and `stream` bears its tag; `hasRoom` said yes.
    package mutating func apply(_ event: EventFacts, of transaction: TransactionFacts, on stream: StreamOrdinal?) {
        lastStamp = transaction.stamp
        apply(event, of: transaction, on: stream, terms: nil)
    }

    /// Folds a record.
    ///
    /// - Precondition: its number follows the book's; `hasRoom` said yes.
    package mutating func apply(_ record: RecordFacts) {
        precondition(record.number == self.record + 1)
        let item = UInt32(order.count)
        self.record = record.number
        lastStamp = record.stamp
        order.append(isRecord: true)
        for subject in record.subjects { itemsOfSubject.append(item, to: subject) }
        appendItem(item, actor: record.actor, behalf: record.behalf)
        auditHash.add(Self.auditDigest(of: record))
    }

    private mutating func apply(
        _ event: EventFacts, of transaction: TransactionFacts, on known: StreamOrdinal?, terms: [UInt64]?
    ) {
        precondition(event.position == position + 1 && event.position < Self.capacity)
        let item = UInt32(order.count)
        position = event.position
        order.append(isRecord: false)

        let ordinal = known.map { Int($0.raw) } ?? begin(event)
        var cell = streams[ordinal]
        precondition(event.stream == cell.tag && event.version == cell.version + 1)
        let isNew = cell.version == 0
        if !isNew { changeHash(of: cell, by: -1) }
        previous.append(cell.last)
        cell.version = event.version
        cell.last = UInt32(event.position)
        if cell.state == .absent, cell.appointment != 0 { count(cell, by: 1) }
        cell.state = event.state
        if event.state != .live || !isNew && !isSame(cell.subjects, event.subjects, in: subjects) {
            cell.isSteady = false
        }
        cell.content = Mix.pair(cell.content, event.leafPrefix)
        fold(subjects: event.subjects, of: UInt32(ordinal), into: &cell)
        if let facts = event.appointment { fold(facts, of: UInt32(ordinal), tenant: event.tenant, into: &cell) }
        if cell.category == .patient {
            if let terms {
                index(patient: StreamOrdinal(raw: UInt32(ordinal)), keys: terms, isNew: isNew)
            } else if !cell.isStale {
                cell.isStale = true
                stale.append(UInt64(ordinal) << 32 | event.position)
            }
        }
        streams[ordinal] = cell
        changeHash(of: cell, by: 1)

        for subject in event.subjects { itemsOfSubject.append(item, to: subject) }
        appendItem(item, actor: transaction.actor, behalf: transaction.behalf)
        auditHash.add(Self.auditDigest(of: event, in: transaction))
    }

    mutating func appendItem(_ item: UInt32, actor: UInt64, behalf: UInt64) {
        if actor != 0 { itemsOfActor.append(item, to: actor) }
        if behalf != 0, behalf != actor { itemsOfActor.append(item, to: behalf) }
    }

    /// Makes the stream whose first event this is.
    private mutating func begin(_ event: EventFacts) -> Int {
        // The log never holds a first event without its stream's token: deciding put it there.
        precondition(event.streamToken != nil && event.version == 1)
        let ordinal = UInt32(streams.count)
        let cell = StreamCell(
            tag: event.stream, token: event.streamToken ?? .zero, first: UInt32(event.position),
            tenant: number(ofTenant: event.tenant), category: event.category)
        streams.append(cell)
        byTag.insert(ordinal, hash: Mix.word(cell.tag))
        byToken.insert(ordinal, hash: Self.hash(cell.token))
        streamsOfCategory.append(ordinal, to: Self.key(event.category, event.tenant))
        return Int(ordinal)
    }

    private mutating func number(ofTenant tenant: UInt32) -> UInt16 {
        if let known = tenants.firstIndex(of: tenant) { return UInt16(known) }
        tenants.append(tenant)
        statusCounts.append(contentsOf: repeatElement(0, count: 16))
        return UInt16(tenants.count - 1)
    }

    mutating func fold(subjects keyIDs: [UInt64], of stream: UInt32, into cell: inout StreamCell) {
        if isSame(cell.subjects, keyIDs, in: subjects) { return }
        guard !keyIDs.isEmpty else { return cell.subjects = .none }
        let before = words(cell.subjects, in: subjects)
        for keyID in keyIDs where !before.contains(keyID) {
            // One that left and came back stands in the list already.
            if cell.version > 1, streamsOfSubject.contains(stream, in: keyID) { continue }
            streamsOfSubject.append(stream, to: keyID)
        }
        let ordinals = keyIDs.map { subjects.number($0) }
        cell.subjects = overflow.reference(to: ordinals)
    }

    func isSame(_ reference: ListReference, _ words: [UInt64], in table: WordTable) -> Bool {
        guard overflow.count(of: reference) == words.count else { return false }
        for index in words.indices where table.words[Int(overflow.ordinal(index, of: reference))] != words[index] {
            return false
        }
        return true
    }
}
