package import Bytes
package import Records

// Streams: by name and tag, their rows, their versions at any cut, their order of creation.
extension Book {
    package var streamCount: Int { streams.count }

    /// The stream whose name hashes to `token` under the tenant's index key.
    package func stream(token: Token128, tenant: UInt32) -> StreamOrdinal? {
        guard
            let found = byToken.find(Self.hash(token), matches: { streams[Int($0)].token == token }),
            tenants[Int(streams[Int(found)].tenant)] == tenant
        else { return nil }
        return StreamOrdinal(raw: found)
    }

    package func stream(tag: UInt64) -> StreamOrdinal? {
        byTag.find(Mix.word(tag)) { streams[Int($0)].tag == tag }.map { StreamOrdinal(raw: $0) }
    }

    package func row(_ stream: StreamOrdinal) -> StreamRow {
        let cell = streams[Int(stream.raw)]
        return StreamRow(
            tag: cell.tag, token: cell.token, tenant: tenants[Int(cell.tenant)], category: cell.category,
            state: cell.state, version: cell.version, first: UInt64(cell.first), last: UInt64(cell.last),
            subjects: words(cell.subjects, in: subjects), appointment: appointment(of: cell), content: cell.content,
            isSteady: cell.isSteady)
    }

    package func tag(of stream: StreamOrdinal) -> UInt64 { streams[Int(stream.raw)].tag }
    package func tenant(of stream: StreamOrdinal) -> UInt32 { tenants[Int(streams[Int(stream.raw)].tenant)] }
    package func category(of stream: StreamOrdinal) -> Category { streams[Int(stream.raw)].category }
    package func state(of stream: StreamOrdinal) -> StreamState { streams[Int(stream.raw)].state }
    /// Key ids of the patients whose data its last event holds, ascending.
    package func subjects(of stream: StreamOrdinal) -> [UInt64] {
        words(streams[Int(stream.raw)].subjects, in: subjects)
    }

    /// Whether these are they.
    package func areSubjects(_ keyIDs: [UInt64], of stream: StreamOrdinal) -> Bool {
        isSame(streams[Int(stream.raw)].subjects, keyIDs, in: subjects)
    }

    /// Its version and last position at the end of the book.
    package func standing(of stream: StreamOrdinal) -> StreamStanding {
        let cell = streams[Int(stream.raw)]
        return StreamStanding(version: cell.version, position: UInt64(cell.last))
    }

    /// Its version and the position that made it when event `through` was the last; nil when it was not made yet.
    package func standing(of stream: StreamOrdinal, through: UInt64) -> StreamStanding? {
        var standing = standing(of: stream)
        while standing.position > through {
            standing.position = position(before: standing.position, of: stream)
            standing.version -= 1
        }
        return standing.position == 0 ? nil : standing
    }

    /// The position of the event that made `version`; nil when there is none such.
    package func position(of stream: StreamOrdinal, version: UInt32) -> UInt64? {
        var standing = standing(of: stream)
        guard version >= 1, version <= standing.version else { return nil }
        while standing.version > version {
            standing.position = position(before: standing.position, of: stream)
            standing.version -= 1
        }
        return standing.position
    }

    /// Positions of its events and of the rewinds that touched it at or before `through`, newest first, `limit` at most.
    package func positions(of stream: StreamOrdinal, through: UInt64, limit: Int = .max) -> [UInt64] {
        var positions: [UInt64] = []
        var at = standing(of: stream, through: through)?.position ?? 0
        while at != 0, positions.count < limit {
            positions.append(at)
            at = position(before: at, of: stream)
        }
        return positions
    }

    /// The position of what made the version before this one of a stream, an event or a rewind; 0 when it is the first.
    ///
    /// - Precondition: `position` is 1 to the book's, and made a version of the stream.
    package func position(before position: UInt64, of stream: StreamOrdinal) -> UInt64 {
        UInt64(link(before: UInt32(position), of: stream.raw))
    }

    /// How many streams of a category a tenant has, and those numbered `range` in the order of their creation.
    package func streamCount(of category: Category, tenant: UInt32) -> Int {
        streamsOfCategory.count(of: Self.key(category, tenant))
    }

    package func streams(of category: Category, tenant: UInt32, in range: Range<Int>) -> [StreamOrdinal] {
        streamsOfCategory.values(of: Self.key(category, tenant), in: range).map { StreamOrdinal(raw: $0) }
    }

    /// Every stream that ever held data of the subject, in the order in which they first did.
    package func streams(ofSubject keyID: UInt64) -> [StreamOrdinal] {
        streamsOfSubject.values(of: keyID).map { StreamOrdinal(raw: $0) }
    }

    static func hash(_ token: Token128) -> UInt64 { Mix.word(token.low ^ token.high) }

    static func key(_ category: Category, _ tenant: UInt32) -> UInt64 {
        UInt64(category.rawValue) << 32 | UInt64(tenant)
    }

    func words(_ reference: ListReference, in table: WordTable) -> [UInt64] {
        (0..<overflow.count(of: reference)).map { table.words[Int(overflow.ordinal($0, of: reference))] }
    }
}
