internal import Bytes
package import Files

/// Term, vote and boot number of this node, and what it knows of the others: what it may never forget, and what must
/// be durable before it speaks.
package struct TermState: Equatable, Sendable {
    package var term: UInt64
    /// Whom this node voted for in `term`; nil for nobody.
    package var vote: UInt64?
    /// How often this node was started on this disk.
    package var boot: UInt64
    /// The highest that other replicas reported, as of the last save; by id.
    package private(set) var known: [KnownReplica] = []

    /// More are not kept: retired ids never come back, so theirs may be dropped.
    package static let knownMax = 12

    package init(term: UInt64, vote: UInt64?, boot: UInt64, known: [KnownReplica] = []) {
        self.term = term
        self.vote = vote
        self.boot = boot
        for one in known { _ = note(one) }
    }

    /// Remembers what a replica reports.
    ///
    /// - Returns: false when it reports less than it did before, so its disk was rolled back or emptied: refuse it.
    ///   Nothing is remembered then, nor when the table is full.
    package mutating func note(_ reported: KnownReplica) -> Bool {
        let place = known.partitioningIndex { $0.replica >= reported.replica }
        guard place < known.count, known[place].replica == reported.replica else {
            if known.count < Self.knownMax { known.insert(reported, at: place) }
            return true
        }
        guard reported.isNotBehind(known[place]) else { return false }
        known[place] = reported
        return true
    }

    /// There are these others, of whom nothing is known yet.
    package mutating func met(_ others: [UInt64]) {
        for other in others where !known.contains(where: { $0.replica == other }) {
            _ = note(KnownReplica(replica: other, boot: 0, term: 0, durableIndex: 0))
        }
    }

    /// As this state, knowing at least what `other` knew but for replicas whose ids are retired.
    func keeping(_ other: [KnownReplica], but retired: [UInt64]) -> TermState {
        var kept = self
        kept.known = other.filter { !retired.contains($0.replica) }
        for one in known where !retired.contains(one.replica) { _ = kept.note(one) }
        return kept
    }
}

/// The highest boot, term and durable index that a replica ever reported.
package struct KnownReplica: Equatable, Sendable {
    package var replica: UInt64
    package var boot: UInt64
    package var term: UInt64
    package var durableIndex: UInt64

    package init(replica: UInt64, boot: UInt64, term: UInt64, durableIndex: UInt64) {
        self.replica = replica
        self.boot = boot
        self.term = term
        self.durableIndex = durableIndex
    }

    /// Boots and terms never fall. A durable index may, when a later term takes frames back, but not in one term.
    func isNotBehind(_ before: KnownReplica) -> Bool {
        boot >= before.boot && term >= before.term && (term > before.term || durableIndex >= before.durableIndex)
    }
}

/// The file of a `TermState`: four slots in separate sectors, update n written to slots 0 and 1 or 2 and 3 in turn, so
/// that neither a torn write nor one rotten copy takes a promise back. Format.md has the table.
package final class TermStore<Store: FileStore> {
    package private(set) var state: TermState
    private let store: Store
    private let path: String
    private let identity: ClusterIdentity
    /// Whose file it is: ids are used once, and a directory of another id is none of ours.
    package let replica: UInt64
    private var sequence: UInt64

    private init(
        _ store: Store, path: String, identity: ClusterIdentity, replica: UInt64, state: TermState, sequence: UInt64
    ) {
        self.store = store
        self.path = path
        self.identity = identity
        self.replica = replica
        self.state = state
        self.sequence = sequence
    }

    /// Makes the file with term 0, durable with its name.
    package static func create(
        store: Store, path: String, identity: ClusterIdentity, replica: UInt64 = 1, term: UInt64 = 0
    ) throws(LogError) -> TermStore {
        let made = TermStore(
            store, path: path, identity: identity, replica: replica,
            state: TermState(term: term, vote: nil, boot: 0), sequence: 0)
        let temporary = path + SegmentFormat.temporarySuffix
        let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        do throws(FileError) {
            if try store.exists(path) { throw .exists }
            if try store.exists(temporary) { try store.remove(temporary) }
            let first = TermSlot(identity: identity, replica: replica, state: made.state, sequence: 0)
            var orders: [DiskOrder] = [.make(temporary), .fill(temporary, through: TermSlot.fileBytes)]
            orders += (0..<4).map { first.order(slot: $0, path: temporary) }
            orders += [.sync(temporary), .rename(temporary, to: path), .syncDirectory(directory)]
            try Self.carryOut(orders, on: store)
        } catch {
            throw error == .exists ? .exists : .file(error)
        }
        return made
    }

    /// Reads the newest state of which a whole copy is left.
    ///
    /// - Parameter replica: whose it must be.
    /// - Throws: `.missing`; `.damaged` (with all numbers 0) when no slot is whole; `.otherCluster`, `.otherReplica`.
    package static func open(
        store: Store, path: String, identity: ClusterIdentity, replica: UInt64? = nil
    ) throws(LogError) -> TermStore {
        let bytes: [UInt8]
        do throws(FileError) {
            let file = try store.open(path, .readWrite)
            defer { store.close(file) }
            try store.sync(file)
            bytes = try store.readThrough(file, at: 0, count: TermSlot.fileBytes)
        } catch {
            throw error == .missing ? .missing : .file(error)
        }
        let slots = (0..<4).compactMap { TermSlot(bytes, slot: $0) }
        guard let newest = slots.max(by: { $0.sequence < $1.sequence }) else {
            throw .damaged(Fault(index: 0, segment: 0, position: 0, kind: .spare))
        }
        guard newest.identity == identity else { throw .otherCluster }
        guard newest.replica == replica ?? newest.replica else { throw .otherReplica }
        return TermStore(
            store, path: path, identity: identity, replica: newest.replica, state: newest.state,
            sequence: newest.sequence)
    }

    /// What makes the next state durable; from now on `state` is that state, so carry the orders out before acting on
    /// it. Each update goes to the pair of slots that does not hold the present one.
    ///
    /// What is known of others is kept also where `next` does not say it.
    ///
    /// - Parameter retired: replicas to forget, their ids being retired.
    /// - Precondition: the term does not fall, the boot number does not fall, and within a term a vote once given stays.
    package func update(to next: TermState, forgetting retired: [UInt64] = []) -> [DiskOrder] {
        precondition(next.term >= state.term && next.boot >= state.boot)
        precondition(next.term > state.term || state.vote == nil || next.vote == state.vote)
        sequence += 1
        state = next.keeping(state.known, but: retired)
        let slot = TermSlot(identity: identity, replica: replica, state: state, sequence: sequence)
        let first = Int(sequence % 2) * 2
        return [slot.order(slot: first, path: path), slot.order(slot: first + 1, path: path), .sync(path)]
    }

    /// As `update`, and carries it out with this store. A failure is final, and leaves `state` what was durable before.
    package func save(_ next: TermState, forgetting retired: [UInt64] = []) throws(LogError) {
        let before = state
        do throws(FileError) {
            try Self.carryOut(update(to: next, forgetting: retired), on: store)
        } catch {
            state = before
            throw .file(error)
        }
    }

    private static func carryOut(_ orders: [DiskOrder], on store: Store) throws(FileError) {
        let hand = DiskHand(store)
        defer { hand.release() }
        try hand.carryOut(orders)
    }
}

/// One slot of the term file: 460 bytes at the beginning of a sector.
private struct TermSlot {
    static let count = 72 + TermState.knownMax * 32 + 4
    static let fileBytes = 4 * 512
    /// "CLTM".
    static let magic: UInt32 = 0x4d54_4c43
    static let version: UInt16 = 1

    let identity: ClusterIdentity
    let replica: UInt64
    let state: TermState
    let sequence: UInt64

    init(identity: ClusterIdentity, replica: UInt64, state: TermState, sequence: UInt64) {
        self.identity = identity
        self.replica = replica
        self.state = state
        self.sequence = sequence
    }

    func order(slot: Int, path: String) -> DiskOrder {
        var writer = ByteWriter(reserving: Self.count)
        writer.u32(Self.magic)
        writer.u16(Self.version)
        writer.u16(UInt16(slot))
        writer.u64(sequence)
        writer.u64(identity.low)
        writer.u64(identity.high)
        writer.u64(state.term)
        writer.u64(state.vote ?? 0)
        writer.u64(state.boot)
        writer.u32(state.vote == nil ? 0 : 1)
        writer.u64(replica)
        writer.u32(UInt32(state.known.count))
        for one in state.known {
            writer.u64(one.replica)
            writer.u64(one.boot)
            writer.u64(one.term)
            writer.u64(one.durableIndex)
        }
        writer.zeros(Self.count - 4 - writer.count)
        writer.u32(Checksum.crc32c(writer.bytes))
        return .write(path, at: slot * 512, bytes: writer.bytes)
    }

    init?(_ bytes: [UInt8], slot: Int) {
        let start = slot * 512
        guard bytes.count >= start + Self.count else { return nil }
        var reader = ByteReader(bytes, in: start..<(start + Self.count))
        do {
            guard try reader.u32() == Self.magic, try reader.u16() == Self.version, try reader.u16() == slot else {
                return nil
            }
            sequence = try reader.u64()
            identity = ClusterIdentity(low: try reader.u64(), high: try reader.u64())
            let term = try reader.u64()
            let vote = try reader.u64()
            let boot = try reader.u64()
            let hasVote = try reader.u32()
            replica = try reader.u64()
            let knownCount = Int(try reader.u32())
            guard hasVote <= 1, knownCount <= TermState.knownMax else { return nil }
            var known: [KnownReplica] = []
            for _ in 0..<knownCount {
                known.append(
                    KnownReplica(
                        replica: try reader.u64(), boot: try reader.u64(), term: try reader.u64(),
                        durableIndex: try reader.u64()))
            }
            let unused = try reader.array((TermState.knownMax - knownCount) * 32)
            guard unused.allSatisfy({ $0 == 0 }),
                try reader.u32() == Checksum.crc32c(bytes, in: start..<(start + Self.count - 4))
            else { return nil }
            state = TermState(term: term, vote: hasVote == 1 ? vote : nil, boot: boot, known: known)
        } catch {
            return nil
        }
    }
}
