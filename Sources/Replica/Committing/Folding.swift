internal import Bytes
internal import Files
internal import Records
internal import SegmentedLog
internal import Views

/// Folding an entry that was read back: facts alone, no subject's key.
enum Folding {
    /// - Parameters:
    ///   - leaves: Those of the frame, when somebody has computed them.
    ///   - folded: Told the book after each event.
    /// - Throws: when the body is no entry, or does not follow from what is folded.
    static func fold<Store: FileStore>(
        _ frame: OpenedFrame, book: inout Book, subjectKeys: inout SubjectKeys, idempotency: inout IdempotencyTable,
        identities: IdentityIndex<Store>, leaves: FrameLeaves? = nil, folded: (Book) -> Void = { _ in }
    ) throws(ByteError) {
        let body = frame.body
        let first = (event: frame.header.firstPosition, record: frame.header.firstRecord)
        var reader = try EntryReader(body, start: EntryStart(frame))
        var transaction = TransactionFacts(
            stamp: frame.header.firstStamp, tenant: 0, actor: 0, behalf: 0, events: [])
        var head = Digest.zero
        while let step = try reader.next() {
            switch step {
            case .transaction(let place):
                transaction = TransactionFacts(
                    stamp: place.stamp, tenant: place.tenant, actor: place.actor, behalf: place.behalf, events: [])
                if leaves == nil { head = MerkleLeaf.transactionHead(place, in: body) }
                try fold(place, of: frame, epoch: reader.registryEpoch, &subjectKeys)
                if let token = place.idempotency {
                    idempotency.add(token, position: place.firstPosition, stamp: place.stamp)
                }
            case .event(let place):
                let leaf: Digest
                if let leaves {
                    leaf = leaves.events[Int(place.position - first.event)]
                } else {
                    leaf = try MerkleLeaf.event(place, in: body, transactionHead: head, stamp: transaction.stamp)
                }
                if place.rewind != nil {
                    book.apply(try RewindCodec.read(place, in: body, book, leafPrefix: leaf.words.0), of: transaction)
                    identities.add(place.identity, position: place.position)
                    folded(book)
                    continue
                }
                // One look for the stream's tag serves both what stood before and what is folded.
                let stream = book.stream(tag: place.stream)
                let stood = place.creation == nil ? stream.map { before($0, book) } : nil
                let facts = try place.facts(
                    in: body, tenant: transaction.tenant, before: stood,
                    leafPrefix: leaf.words.0)
                guard facts.position == book.position + 1 else { throw .malformed }
                book.apply(facts, of: transaction, on: stream)
                identities.add(facts.identity, position: facts.position)
                folded(book)
            case .record(let place):
                let leaf = leaves?.records[Int(place.number - first.record)] ?? MerkleLeaf.record(place, in: body)
                guard place.number == book.record + 1 else { throw .malformed }
                book.apply(try place.facts(in: body, leafPrefix: leaf.words.0))
            }
        }
    }

    private static func before(_ ordinal: StreamOrdinal, _ book: Book) -> StreamBefore {
        let row = book.row(ordinal)
        return StreamBefore(category: row.category, subjects: row.subjects, appointment: row.appointment)
    }

    private static func fold(
        _ place: TransactionPlace, of frame: OpenedFrame, epoch: UInt32, _ subjectKeys: inout SubjectKeys
    ) throws(ByteError) {
        var reader = ByteReader(frame.body, in: place.keys)
        while !reader.isAtEnd {
            let key = try NewKeyPlace(&reader)
            subjectKeys.add(
                SubjectKeys.Row(id: key.id, token: key.token, tenant: place.tenant, index: frame.header.index),
                wrapped: Array(frame.body[key.wrapped]), epoch: epoch)
        }
    }
}
