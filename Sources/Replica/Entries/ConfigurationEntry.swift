internal import Bytes
internal import Consensus
internal import Records

/// A membership as it stands in the log, and the change that it is a step of. The newest in a log counts from when it is
/// there, committed or not (thesis 4.1).
struct ConfigurationEntry: Equatable, Sendable {
    var membership: Membership
    /// Goes on until it is done, whoever leads; nil: nothing is under way.
    var change: MemberChange?
    /// When the last replacement that nobody ordered began.
    var replacedAt: Instant?
    /// Where those are that joined since the store was made, in the order in which they did; config.json says it of the
    /// others.
    var places: [Place] = []

    static let idsMax = 1024
    static let placesMax = 48
    private static let addressBytesMax = 45

    /// The next after `before`: what stays as it was is taken over, but for the places of those that were retired by
    /// then. Who is retired by this very entry is still found, and told.
    init(_ membership: Membership, change: MemberChange? = nil, after before: ConfigurationEntry) {
        self.init(membership, change: change, replacedAt: before.replacedAt)
        places = before.places.filter { !before.membership.retired.contains($0.id) }
    }

    init(_ membership: Membership, change: MemberChange? = nil, replacedAt: Instant? = nil) {
        self.membership = membership
        self.change = change
        self.replacedAt = replacedAt
    }

    var body: [UInt8] {
        var writer = ByteWriter(reserving: 64)
        writer.u8(EntryFormat.version)
        writer.u8(EntryKind.configuration.rawValue)
        write(onto: &writer)
        return writer.bytes
    }

    /// What follows the kind.
    func write(onto writer: inout ByteWriter) {
        writer.u8(
            (membership.incoming == nil ? 0 : 1) | (change == nil ? 0 : 2) | (replacedAt == nil ? 0 : 4)
                | (places.isEmpty ? 0 : 8))
        Self.write(membership.voters, onto: &writer)
        if let incoming = membership.incoming { Self.write(incoming, onto: &writer) }
        Self.write(membership.learners, onto: &writer)
        Self.write(membership.retired, onto: &writer)
        if let replacedAt { writer.u64(UInt64(bitPattern: replacedAt.microseconds)) }
        if !places.isEmpty { Self.write(places, onto: &writer) }
        guard let change else { return }
        writer.varint(change.joining ?? 0)
        writer.varint(change.leaving ?? 0)
        writer.u8(change.isAutomatic ? 1 : 0)
        writer.u64(UInt64(bitPattern: change.begun.microseconds))
    }

    init(body: [UInt8]) throws(ByteError) {
        var reader = ByteReader(body)
        guard try reader.u8() == EntryFormat.version, try reader.u8() == EntryKind.configuration.rawValue else {
            throw .malformed
        }
        try self.init(&reader)
        guard reader.isAtEnd else { throw .malformed }
    }

    init(_ reader: inout ByteReader) throws(ByteError) {
        let flags = try reader.u8()
        guard flags & ~15 == 0 else { throw .malformed }
        let voters = try Self.ids(&reader)
        let incoming = flags & 1 == 0 ? nil : try Self.ids(&reader)
        let learners = try Self.ids(&reader)
        membership = Membership(
            voters: voters, incoming: incoming, learners: learners, retired: try Self.ids(&reader))
        if flags & 4 != 0 { replacedAt = Instant(microseconds: Int64(bitPattern: try reader.u64())) }
        if flags & 8 != 0 { places = try Self.places(&reader) }
        if flags & 2 != 0 {
            let joining = try Self.id(&reader)
            let leaving = try Self.id(&reader)
            let isAutomatic = try reader.u8()
            guard isAutomatic <= 1 else { throw .malformed }
            change = MemberChange(
                joining: joining == 0 ? nil : joining, leaving: leaving == 0 ? nil : leaving,
                isAutomatic: isAutomatic == 1, begun: Instant(microseconds: Int64(bitPattern: try reader.u64())))
        }
        guard membership.isSound else { throw .malformed }
    }

    private static func write(_ ids: [Int], onto writer: inout ByteWriter) {
        writer.varint(ids.count)
        for id in ids { writer.varint(id) }
    }

    private static func write(_ places: [Place], onto writer: inout ByteWriter) {
        writer.varint(places.count)
        for place in places {
            writer.varint(place.id)
            writer.counted(Array(place.address.utf8))
            writer.varint(place.peerPort)
            writer.varint(place.clientPort)
        }
    }

    private static func places(_ reader: inout ByteReader) throws(ByteError) -> [Place] {
        var places: [Place] = []
        let count = try reader.count(atMost: placesMax)
        guard count > 0 else { throw .malformed }
        for _ in 0..<count {
            let id = try id(&reader)
            let address = try reader.array(try reader.count(atMost: addressBytesMax))
            let place = Place(
                id: id, address: String(decoding: address, as: UTF8.self),
                peerPort: try reader.count(atMost: 65_535), clientPort: try reader.count(atMost: 65_535))
            guard !places.contains(where: { $0.id == id }), Array(place.address.utf8) == address else {
                throw .malformed
            }
            places.append(place)
        }
        return places
    }

    private static func ids(_ reader: inout ByteReader) throws(ByteError) -> [Int] {
        var ids: [Int] = []
        for _ in 0..<(try reader.count(atMost: idsMax)) { ids.append(try id(&reader)) }
        return ids
    }

    private static func id(_ reader: inout ByteReader) throws(ByteError) -> Int {
        try reader.count(atMost: Int(Int32.max))
    }
}

/// A change of members that has begun: one joins as a learner and copies the log; then, in one joint step, it votes and
/// the other is retired (design 8).
struct MemberChange: Equatable, Sendable {
    var joining: Int?
    var leaving: Int?
    /// Begun because a replica was lost, not because somebody said so.
    var isAutomatic: Bool
    var begun: Instant
}
