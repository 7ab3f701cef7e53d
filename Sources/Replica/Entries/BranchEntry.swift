internal import Bytes
internal import Consensus
internal import Keys
internal import SegmentedLog

/// The first entry of a branch: of what it was made, who belongs to it and who may come in. Everything before it was
/// written by clusters that the store's lineage lists; their memberships and credentials count no more from here on.
///
/// It stands at the first index of its generation and has neither events nor records. Entries.md has the bytes.
struct BranchEntry {
    /// Whose log was copied, and the branch itself; 16 bytes each.
    var parentID: [UInt8]
    var clusterID: [UInt8]
    var madeAt: Instant
    /// What came after the target is not in this log, rather than in it and taken back.
    var isCutShort = false
    /// Made of one replica's files alone: what the others had beyond them is not known.
    var mayLack = false
    /// Where the clinical views go back to: an event's position (0: before the first), and its stamp.
    var targetPosition: UInt64
    var targetStamp: Instant
    /// Where the copied log ends on all lines, and the hash of its last frame.
    var copied: Copied
    /// Of the keys that the branch uses from here on.
    var logEpoch: UInt32
    var registryEpoch: UInt32
    var auditEpoch: UInt32
    /// Ascending. Replica ids begin anew in a new cluster.
    var voters: [Int]
    /// The key of the credentials' MACs, wrapped under `registryEpoch` of the branch.
    var credentialKey: [UInt8]
    /// Everybody who may come in.
    var credentials: [Genesis.Credential]

    struct Copied: Equatable {
        var index: UInt64
        var position: UInt64
        var record: UInt64
        var hash: Digest
    }

    static let votersMax = 64
    static let credentialsMax = 1 << 20

    /// The membership that it states: these voters, and nobody who was anything before.
    var configuration: ConfigurationEntry { ConfigurationEntry(Membership(voters: voters)) }

    /// Whether it is the first entry of the newest generation, which the frame with this header bears.
    func fits(_ header: FrameHeader, _ lineage: Lineage) -> Bool {
        let generations = lineage.generations
        guard generations.count > 1, header.index == lineage.newest.firstIndex else { return false }
        return clusterID == lineage.current.bytes
            && parentID == generations[generations.count - 2].identity.bytes
            && copied.index == header.index - 1 && copied.position == header.firstPosition - 1
            && copied.record == header.firstRecord - 1 && copied.hash == header.previousHash
    }

    /// The entry as it is given to the log, right behind what was copied.
    func draft(after end: ChainEnd) -> FrameDraft {
        FrameDraft(
            term: end.term, firstStamp: end.stamp, lastStamp: end.stamp, firstPosition: end.nextPosition,
            eventCount: 0, firstRecord: end.nextRecord, recordCount: 0, body: body, leaves: .none)
    }
}

extension BranchEntry {
    var body: [UInt8] {
        var writer = ByteWriter(reserving: 1024)
        writer.u8(EntryFormat.version)
        writer.u8(EntryKind.branch.rawValue)
        writer.append(parentID)
        writer.append(clusterID)
        writer.u64(UInt64(bitPattern: madeAt.microseconds))
        writer.u8((isCutShort ? 1 : 0) | (mayLack ? 2 : 0))
        writer.varint(targetPosition)
        writer.u64(UInt64(bitPattern: targetStamp.microseconds))
        writer.varint(copied.index)
        writer.varint(copied.position)
        writer.varint(copied.record)
        writer.digest(copied.hash)
        writer.varint(UInt64(logEpoch))
        writer.varint(UInt64(registryEpoch))
        writer.varint(UInt64(auditEpoch))
        writer.varint(voters.count)
        for voter in voters { writer.varint(voter) }
        writer.append(credentialKey)
        writer.varint(credentials.count)
        for credential in credentials { credential.write(onto: &writer) }
        return writer.bytes
    }

    /// - Throws: when the bytes are not exactly such an entry, or nobody could work with what it says.
    init(body: [UInt8]) throws(ByteError) {
        var reader = ByteReader(body)
        guard try reader.u8() == EntryFormat.version, try reader.u8() == EntryKind.branch.rawValue else {
            throw .malformed
        }
        func word() throws(ByteError) -> UInt32 { UInt32(try reader.count(atMost: Int(UInt32.max))) }
        func instant() throws(ByteError) -> Instant { Instant(microseconds: Int64(bitPattern: try reader.u64())) }
        parentID = try reader.array(KeyRing.clusterIDBytes)
        clusterID = try reader.array(KeyRing.clusterIDBytes)
        madeAt = try instant()
        let flags = try reader.u8()
        isCutShort = flags & 1 != 0
        mayLack = flags & 2 != 0
        targetPosition = try reader.varint()
        targetStamp = try instant()
        copied = Copied(
            index: try reader.varint(), position: try reader.varint(), record: try reader.varint(),
            hash: try reader.digest())
        logEpoch = try word()
        registryEpoch = try word()
        auditEpoch = try word()
        voters = []
        for _ in 0..<(try reader.count(atMost: Self.votersMax)) {
            voters.append(try reader.count(atMost: Int(Int32.max)))
        }
        credentialKey = try reader.array(EntryFormat.wrappedBytes)
        credentials = []
        for _ in 0..<(try reader.count(atMost: Self.credentialsMax)) {
            credentials.append(try Genesis.Credential(&reader))
        }
        guard reader.isAtEnd, flags & ~3 == 0, parentID != clusterID, copied.index > 0,
            targetPosition <= copied.position, Membership(voters: voters).isSound
        else { throw .malformed }
    }
}

extension ConfigurationEntry {
    /// The membership that an entry states, whether it does nothing else or begins a branch.
    ///
    /// - Precondition: `frame.isConfiguration`.
    init(of frame: OpenedFrame) throws(ByteError) {
        if frame.body[1] == EntryKind.branch.rawValue {
            self = try BranchEntry(body: frame.body).configuration
        } else {
            try self.init(body: frame.body)
        }
    }

    /// Who belongs to a cluster by a log that its first entry has not reached yet: nobody that is. What the ancestors'
    /// entries say of members is about other clusters, whose ids may be the same; and whoever took itself for a voter by
    /// them could elect another that did.
    static let ofAncestors = ConfigurationEntry(Membership(voters: [Int(Int32.max)]))
}

extension OpenedFrame {
    /// Whether the entry states a membership.
    var isConfiguration: Bool {
        guard header.eventCount == 0, header.recordCount == 0, body.count >= 2 else { return false }
        return body[1] == EntryKind.configuration.rawValue || body[1] == EntryKind.branch.rawValue
    }
}
