internal import Bytes
internal import Consensus
internal import Replica
internal import SegmentedLog
internal import Views

/// What the cluster has said and may never take back: the entries decided, who led, what was sealed, what was
/// acknowledged. Told of everything a replica does; finds the first contradiction.
///
/// The decided entries are one list for the whole world. A header names the hash of the frame before it, so equal
/// headers at one index are equal logs up to there.
struct Ledger {
    /// Headers of the decided entries; index 1 first.
    private(set) var decided: [FrameHeader] = []
    /// Views' digests at the folded index, as the first replica there had them.
    private var digests: [ViewDigests?] = []
    /// Who takes part, as the primary of the highest term knew it last.
    private(set) var membership: Membership?
    private var membershipTerm: UInt64 = 0
    /// Term and voter to whom it voted for, as told to others.
    private var votes: [Vote: Int] = [:]
    /// Term to the replica that led it.
    private var primaries: [UInt64: Int] = [:]
    /// Index and term to what the header says, for all frames ever made.
    private var frames: [FramePlace: UInt64] = [:]
    /// Nonces of all frames ever sealed, to the checksum of what they sealed.
    private var nonces: [Nonce: UInt32] = [:]
    /// First index of each segment that decided entries stand in, by segment number less one.
    private var segmentStarts: [UInt64] = []
    private var lastStamp = Instant(microseconds: .min)
    /// When each decided entry was found durable on enough disks; index 1 first.
    private var proven: [UInt64] = []
    private var provenDurable: UInt64 { UInt64(proven.count) }

    private struct FramePlace: Hashable {
        var index: UInt64
        var term: UInt64
    }

    private struct Vote: Hashable {
        var term: UInt64
        var voter: Int
    }

    private struct Nonce: Hashable {
        var first: UInt64
        var last: UInt32
    }

    var lastDecided: UInt64 { UInt64(decided.count) }

    /// What one life of a replica was last seen at.
    struct Standing {
        var witness: ReplicaWitness?
        /// Everything through here was compared with the decided list.
        var compared: UInt64 = 0
    }

    // MARK: Told of a replica

    /// After a step: who leads (I1, I4), what is decided (I3, I5, I7, I11), what is folded (I13), how much waits (I12).
    mutating func saw(
        _ replica: Replica<SimulatedFiles>, id: Int, standing: inout Standing, waitingAppendsMax: Int
    ) throws(Violation) {
        let now = replica.witness
        if let before = standing.witness {
            guard now.committed >= before.committed, now.folded >= before.folded, now.term >= before.term else {
                throw Violation("I5", "replica \(id): term, commit or fold went back: \(before) to \(now)")
            }
            guard now.lastIndex >= before.committed else {
                throw Violation(
                    "I7", "replica \(id) cut its log to \(now.lastIndex), below \(before.committed) decided")
            }
        }
        if now.isPrimary, standing.witness?.isPrimary != true || standing.witness?.term != now.term {
            try leads(replica, id: id, term: now.term)
        }
        if now.isPrimary, now.term >= membershipTerm {
            try takesPart(now.membership, before: standing.witness, term: now.term)
        }
        try compare(replica, id: id, standing: &standing, through: min(now.committed, now.lastIndex))
        if now.folded != standing.witness?.folded { try folded(replica, id: id, at: now.folded) }
        guard now.waitingAppends <= waitingAppendsMax else {
            throw Violation(
                "I12", "replica \(id): \(now.waitingAppends) appends wait, the bound is \(waitingAppendsMax)")
        }
        standing.witness = now
    }

    /// Voters change through a joint membership only (I8), and whoever was retired stays so (I9).
    private mutating func takesPart(
        _ now: Membership, before: ReplicaWitness?, term: UInt64
    ) throws(Violation) {
        membershipTerm = term
        guard now != membership else { return }
        membership = now
        guard let before, before.term == term, before.isPrimary else { return }
        let old = before.membership
        if !old.isJoint, !now.isJoint, old.voters != now.voters {
            throw Violation("I8", "voters \(old.voters) became \(now.voters) in one step")
        }
        for id in old.retired where now.isMember(id) || !now.retired.contains(id) {
            throw Violation("I9", "replica \(id) was retired and takes part again")
        }
    }

    private mutating func leads(_ replica: Replica<SimulatedFiles>, id: Int, term: UInt64) throws(Violation) {
        if let other = primaries[term], other != id {
            throw Violation("I1", "replicas \(other) and \(id) both lead term \(term)")
        }
        primaries[term] = id
        guard let last = decided.last else { return }
        guard replica.header(ofEntry: last.index) == last else {
            let ends = replica.witness
            throw Violation(
                "I4",
                "replica \(id) leads term \(term) of voters \(ends.membership.voters) without the decided entry "
                    + "\(last.index) of term \(last.term): its log ends at \(ends.lastIndex), "
                    + "its entry there is \(replica.header(ofEntry: last.index).map { "of term \($0.term)" } ?? "unreadable")"
            )
        }
    }

    private mutating func compare(
        _ replica: Replica<SimulatedFiles>, id: Int, standing: inout Standing, through: UInt64
    ) throws(Violation) {
        // Equal headers at one index are equal logs up to there.
        let known = min(through, lastDecided)
        if known > standing.compared, let header = replica.header(ofEntry: known) {
            guard decided[Int(known) - 1] == header else {
                throw Violation("I5", "replica \(id) has another entry \(known) than was decided")
            }
            standing.compared = known
        }
        guard through > lastDecided, standing.compared >= lastDecided else { return }
        while standing.compared < through {
            let index = standing.compared + 1
            guard let header = replica.header(ofEntry: index) else {
                // Damaged here: a matter of repair, not of agreement.
                return
            }
            try decide(header, by: id)
            standing.compared = index
        }
    }

    private mutating func decide(_ header: FrameHeader, by id: Int) throws(Violation) {
        if let last = decided.last, last.term > header.term {
            throw Violation("I3", "entry \(header.index) of term \(header.term) follows one of term \(last.term)")
        }
        if header.eventCount + header.recordCount > 0 {
            guard header.firstStamp > lastStamp, header.lastStamp >= header.firstStamp else {
                throw Violation("I11", "entry \(header.index) is stamped \(header.firstStamp), no later than before")
            }
            lastStamp = header.lastStamp
        }
        if header.opensSegment || header.index == 1 {
            guard UInt64(segmentStarts.count) + 1 == header.segment else {
                throw Violation("I3", "entry \(header.index) opens segment \(header.segment) out of order")
            }
            segmentStarts.append(header.index)
        }
        decided.append(header)
        digests.append(nil)
    }

    private mutating func folded(
        _ replica: Replica<SimulatedFiles>, id: Int, at index: UInt64
    ) throws(Violation) {
        guard index >= 1, index <= UInt64(digests.count) else { return }
        let now = replica.digests
        guard let known = digests[Int(index) - 1] else {
            digests[Int(index) - 1] = now
            return
        }
        guard known == now else {
            throw Violation("I13", "replica \(id) shows other views at entry \(index) than was shown before")
        }
    }

    /// A replica tells another something: one vote a term, in all its lives (I2).
    mutating func sends(_ message: PeerMessage, id: Int) throws(Violation) {
        guard case .raft(let raft, _) = message else { return }
        let candidate: Int
        switch raft.kind {
        case .voteAnswer(granted: true): candidate = raft.to
        case .voteRequest: candidate = id
        default: return
        }
        let vote = Vote(term: raft.term, voter: id)
        if let other = votes.updateValue(candidate, forKey: vote), other != candidate {
            throw Violation("I2", "replica \(id) votes for \(other) and \(candidate) in term \(raft.term)")
        }
    }

    // MARK: Told of a disk

    /// Frames on their way to a disk: one entry a (index, term) (I3), a nonce for one ciphertext (I10).
    mutating func writes(_ batch: DiskBatch, id: Int) throws(Violation) {
        var bodies: (at: Int, bytes: [UInt8])?
        for order in batch.orders {
            guard case .write(_, let at, let bytes) = order else { continue }
            guard at >= SegmentFormat.tableAt, bytes.count % FrameHeader.count == 0, bytes.count > 0,
                let first = try? FrameHeader(bytes, at: 0)
            else {
                bodies = (at, bytes)
                continue
            }
            try sealed(first, bytes, 0, bodies, id: id)
            for offset in stride(from: FrameHeader.count, to: bytes.count, by: FrameHeader.count) {
                guard let header = try? FrameHeader(bytes, at: offset) else { break }
                try sealed(header, bytes, offset, bodies, id: id)
            }
        }
    }

    private mutating func sealed(
        _ header: FrameHeader, _ bytes: [UInt8], _ offset: Int, _ bodies: (at: Int, bytes: [UInt8])?, id: Int
    ) throws(Violation) {
        let place = FramePlace(index: header.index, term: header.term)
        let own = Checksum.crc32c(bytes, in: offset..<(offset + FrameHeader.count))
        let identity = UInt64(own) << 32 | UInt64(header.bodyChecksum)
        if let known = frames.updateValue(identity, forKey: place), known != identity {
            throw Violation("I3", "two entries \(header.index) of term \(header.term), the second on replica \(id)")
        }
        guard let bodies, header.bodyOffset >= bodies.at,
            header.bodyOffset + header.bodyLength <= bodies.at + bodies.bytes.count
        else { return }
        let start = header.bodyOffset - bodies.at + (header.opensSegment ? SegmentDescription.count : 0)
        var nonce = Nonce(first: 0, last: 0)
        for index in 0..<8 { nonce.first |= UInt64(bodies.bytes[start + index]) << UInt64(8 * index) }
        for index in 0..<4 { nonce.last |= UInt32(bodies.bytes[start + 8 + index]) << UInt32(8 * index) }
        if let known = nonces.updateValue(header.bodyChecksum, forKey: nonce), known != header.bodyChecksum {
            throw Violation("I10", "the nonce of entry \(header.index), term \(header.term), was used before")
        }
    }

    // MARK: Told of an acknowledgement

    /// An append was acknowledged: the entry must be whole on `quorum` disks, whatever the replicas say (I6).
    mutating func acknowledged(
        position: UInt64, disks: [SimulatedFiles], quorum: Int, at now: UInt64
    ) throws(Violation) {
        guard let index = entry(ofPosition: position) else {
            throw Violation("I6", "position \(position) is acknowledged, and no such entry was decided")
        }
        while provenDurable < index {
            let next = provenDurable + 1
            // A write that the disk put elsewhere and called done is the disk's lie, and no replica can know it.
            // Neither can one help that a disk is lost between its replica's promise and the answer that rests on it.
            let header = decided[Int(next) - 1]
            let holders = disks.indices.filter {
                holds(disks[$0], next) || disks[$0].lied(about: header.segment) || next <= disks[$0].lostThrough
            }
            guard holders.count >= quorum else {
                throw Violation(
                    "I6",
                    "entry \(next) of segment \(header.segment), term \(header.term), is acknowledged and durable on "
                        + "replicas \(holders.map { $0 + 1 }) alone")
            }
            proven.append(now)
        }
    }

    /// Whether a disk holds an entry so that a loss of power would not take it.
    func holds(_ disk: SimulatedFiles, _ index: UInt64) -> Bool {
        let header = decided[Int(index) - 1]
        let place = place(of: index)
        guard let stored = disk.durableBytes(place.path, at: place.headerAt, count: FrameHeader.count),
            stored.count == FrameHeader.count, let read = try? FrameHeader(stored, at: 0), read == header,
            let body = disk.durableBytes(place.path, at: header.bodyOffset, count: header.bodyLength)
        else { return false }
        return body.count == header.bodyLength && Checksum.crc32c(body) == header.bodyChecksum
    }

    /// Whether a disk says of itself that it holds an entry: a watermark covers it, or there is a later segment.
    func isMarked(_ disk: SimulatedFiles, _ index: UInt64) -> Bool {
        let segment = decided[Int(index) - 1].segment
        let path = ReplicaPaths.log + "/" + SegmentFormat.name(of: segment)
        if disk.paths.contains(ReplicaPaths.log + "/" + SegmentFormat.name(of: segment + 1)) { return true }
        guard let first = disk.durableBytes(path, at: 0, count: SegmentFormat.pageBytes),
            let header = SegmentHeader(first, at: 0),
            let second = disk.durableBytes(
                path, at: header.description.secondControlAt, count: SegmentFormat.pageBytes)
        else { return false }
        return [first, second].contains { page in
            (Watermark(page, at: SegmentFormat.watermarkInPage)?.through ?? 0) >= index
        }
    }

    /// Where an entry stands on every disk.
    struct Place {
        var path: String
        var headerAt: Int
        var bodyAt: Int
        var bodyBytes: Int
    }

    func place(of index: UInt64) -> Place {
        let header = decided[Int(index) - 1]
        return Place(
            path: ReplicaPaths.log + "/" + SegmentFormat.name(of: header.segment),
            headerAt: SegmentFormat.tableAt
                + Int(index - segmentStarts[Int(header.segment) - 1]) * FrameHeader.count,
            bodyAt: header.bodyOffset, bodyBytes: header.bodyLength)
    }

    /// The last entry that was found durable on enough disks by then; 0 when none was.
    func proven(before time: UInt64) -> UInt64 {
        var low = 0
        var high = proven.count
        while low < high {
            let middle = (low + high) / 2
            if proven[middle] > time { high = middle } else { low = middle + 1 }
        }
        return UInt64(low)
    }

    /// How many segments the decided entries stand in.
    var segmentCount: UInt64 { UInt64(segmentStarts.count) }

    /// The decided entries of a segment; nil when there are none.
    func entries(of segment: UInt64) -> ClosedRange<UInt64>? {
        guard segment >= 1, segment <= UInt64(segmentStarts.count) else { return nil }
        let first = segmentStarts[Int(segment) - 1]
        let next = segment < UInt64(segmentStarts.count) ? segmentStarts[Int(segment)] : lastDecided + 1
        return first...(next - 1)
    }

    /// The first stamp of each term in which anything was stamped: what failovers lie between.
    var termStamps: [Int64] {
        var found: [Int64] = []
        var term: UInt64 = 0
        for header in decided where header.term != term && header.eventCount + header.recordCount > 0 {
            term = header.term
            found.append(header.firstStamp.microseconds)
        }
        return found
    }

    /// Index of the decided entry that holds an event; nil when none does.
    private func entry(ofPosition position: UInt64) -> UInt64? {
        var low = 0
        var high = decided.count
        while low < high {
            let middle = (low + high) / 2
            if decided[middle].lastPosition >= position { high = middle } else { low = middle + 1 }
        }
        guard low < decided.count, decided[low].firstPosition <= position else { return nil }
        return UInt64(low) + 1
    }
}
