internal import Bytes
internal import Records
internal import Views

// Rewinds as readers of events and of streams meet them.
extension Replica {
    /// What a rewind's event says, as it was sealed.
    func openRewind(at position: UInt64) throws(Problem) -> [UInt8] {
        let (frame, place, transaction) = try event(at: position)
        guard place.rewind != nil else { throw Self.damaged(position) }
        return try open(place, in: frame, tenant: transaction.tenant, subjects: [])
    }

    /// A rewind in an answer of `/v1/events`: in the stream that was asked for it is one of its versions.
    func shown(
        rewind place: EventPlace, _ transaction: TransactionPlace, _ session: EventsSession
    ) throws(Problem) -> ShownEvent {
        var json = try openRewind(at: place.position)
        var version: UInt64?
        if case .stream(let name) = session.query.subject,
            let stream = book.stream(token: session.context.tenant.stream(name), tenant: session.context.tenant.id)
        {
            json = RewindText.event(json, in: name)
            version = book.standing(of: stream, through: place.position).map { UInt64($0.version) }
        }
        return ShownEvent(
            json: json, position: place.position, version: version, recorded: transaction.stamp,
            actor: try header(at: place.position).name)
    }
}
