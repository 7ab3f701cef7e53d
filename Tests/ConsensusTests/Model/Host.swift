import Consensus

/// What a log of the model holds at an index.
struct Entry: Equatable, Sendable {
    var term: UInt64
    var payload: Int
    var membership: Membership?

    init(term: UInt64, payload: Int = 0, membership: Membership? = nil) {
        self.term = term
        self.payload = payload
        self.membership = membership
    }
}

struct ModelLog: LogView, Equatable {
    /// Index 1 is the first.
    var entries: [Entry]
    /// Entries from here on cannot be read.
    var unreadableFrom: UInt64?

    var lastIndex: UInt64 { UInt64(entries.count) }
    var last: EntryID { EntryID(index: lastIndex, term: entries.last?.term ?? 0) }

    func term(at index: UInt64) -> UInt64? {
        guard index >= 1, index <= lastIndex else { return nil }
        if let unreadableFrom, index >= unreadableFrom { return nil }
        return entries[Int(index) - 1].term
    }

    func bytes(at index: UInt64) -> Int { 100 }
}

struct Packet: Equatable, Sendable {
    var message: RaftMessage
    var entries: [Entry] = []
}

/// The plainest host there can be of one node: a log in memory, a disk that is as slow as its owner lets it be.
///
/// Terms and entries reach the disk in the order in which they were ordered, when the owner says so. A cut reaches it
/// at once, and takes back what was on its way there.
final class Host {
    enum Write: Equatable {
        case term(UInt64, vote: Int?)
        case entries(through: UInt64)
    }

    enum Outcome: Equatable {
        case sent(Packet)
        case order(RaftNode.Effect)
    }

    let id: Int
    private(set) var node: RaftNode
    private(set) var log: ModelLog
    private(set) var disk: [Entry]
    private(set) var diskTerm: UInt64 = 1
    private(set) var diskVote: Int?
    private(set) var writes: [Write] = []
    /// How many writes were ever ordered.
    private(set) var ordered = 0
    /// Everything that came of the last call, in order.
    var outcomes: [Outcome] = []
    let genesis: Membership
    /// What a message brings does not reach the log.
    var refusesFrames = false

    init(id: Int, seed: UInt64, genesis: Membership, timings: RaftTimings = RaftTimings()) {
        self.id = id
        self.genesis = genesis
        node = RaftNode(id: id, seed: seed, timings: timings)
        log = ModelLog(entries: [Entry(term: 1)])
        disk = log.entries
    }

    /// What the disk of an earlier life held.
    func load(_ entries: [Entry], term: UInt64, vote: Int?) {
        disk = entries
        diskTerm = term
        diskVote = vote
    }

    #if CHARTLOG_MUTANTS
    /// What hosts that are made from here on suffer from.
    @TaskLocal static var planted: Set<Mutant> = []
    private let mutants = Host.planted
    #endif

    /// A new life with what the disk holds; what was on its way there is lost.
    func start(seed: UInt64, committed: UInt64 = 1) {
        let timings = node.timings
        node = RaftNode(id: id, seed: seed, timings: timings)
        #if CHARTLOG_MUTANTS
        node.mutants = mutants
        #endif
        log = ModelLog(entries: disk)
        writes = []
        outcomes = []
        tell(
            .started(term: diskTerm, vote: diskVote, last: log.last, committed: committed, membership: genesis))
        for (at, entry) in log.entries.enumerated() {
            if let membership = entry.membership { tell(.membershipAppended(index: UInt64(at) + 1, membership)) }
        }
    }

    /// What was on its way to the disk is lost.
    func crash() { writes = [] }

    /// Everything there is to write, written.
    func persistAll() { while !writes.isEmpty { persistNext() } }

    /// The oldest write is on the disk.
    func persistNext() {
        guard !writes.isEmpty else { return }
        switch writes.removeFirst() {
        case .term(let term, let vote):
            diskTerm = term
            diskVote = vote
            tell(.termPersisted(term, vote: vote))
        case .entries(let through):
            guard through > UInt64(disk.count) else { return }
            disk = Array(log.entries[..<Int(through)])
            tell(.persisted(through: through))
        }
    }

    /// Appends an entry of the primary's own; false when it may not now.
    @discardableResult
    func propose(_ payload: Int, membership: Membership? = nil) -> Bool {
        guard node.mayPropose else { return false }
        if let membership, node.refusal(of: membership) != nil { return false }
        for fact in append(Entry(term: node.term, payload: payload, membership: membership)) { tell(fact) }
        return true
    }

    func receive(_ packet: Packet) { tell(.received(packet.message), entries: packet.entries) }

    /// Tells the node a fact and carries out what it orders; what comes of that is told afterwards.
    func tell(_ input: RaftNode.Input, entries: [Entry] = []) {
        var effects: [RaftNode.Effect] = []
        node.step(input, log: log, into: &effects)
        var facts: [RaftNode.Input] = []
        for effect in effects {
            switch effect {
            case .persistTerm(let term, let vote): order(.term(term, vote: vote))
            case .becamePrimary(let term): facts += append(Entry(term: term))
            case .send(let message):
                outcomes.append(.sent(Packet(message: message, entries: frames(of: message))))
                continue
            case .truncate(let after): truncate(after: after)
            case .append(let first, let count):
                guard case .append(let previous, let all, _, _) = input.message else { continue }
                guard !refusesFrames else { continue }
                let offset = Int(first - previous.index) - 1
                precondition(offset + count == all && first == log.lastIndex + 1)
                for entry in entries[offset...] { facts += append(entry) }
            case .changeMembership(let membership):
                facts += append(Entry(term: node.term, membership: membership))
            case .becameSecondary, .membershipReverted, .committed, .readReady, .readLost, .transferEnded: break
            }
            outcomes.append(.order(effect))
        }
        for fact in facts { tell(fact) }
    }

    /// Entries behind this one cannot be read any more, and the next life knows only those before.
    func hide(after index: UInt64) {
        disk.removeLast(disk.count - Int(index))
        let kept = diskTerm
        load(disk, term: kept, vote: nil)
        start(seed: 1)
        tell(.ticked(milliseconds: 10))
    }

    /// A repair adds entries that had been there all along.
    func bringToLight(_ entries: [Entry], _ memberships: [PlacedMembership]) {
        log.entries += entries
        disk = log.entries
        tell(.uncovered(through: log.lastIndex, memberships: memberships))
        tell(.repaired)
        tell(.persisted(through: log.lastIndex))
    }

    /// Makes it primary of the next term, by answers that nobody gave.
    func lead() {
        let others = node.membership.members.filter { $0 != id }
        let asked = node.term + 1
        tell(.ticked(milliseconds: 1_000_000))
        tell(.ticked(milliseconds: 1_002_000))
        for other in others { hear(.preVoteAnswer(asked: asked, granted: true), from: other, term: asked - 1) }
        persistNext()
        for other in others { hear(.voteAnswer(granted: true), from: other) }
        precondition(node.isPrimary)
        outcomes = []
    }

    /// A message of another, in this node's term unless told otherwise.
    func hear(_ kind: RaftMessage.Kind, from other: Int, term: UInt64? = nil, entries: [Entry] = []) {
        receive(
            Packet(
                message: RaftMessage(from: other, to: id, term: term ?? node.term, kind: kind), entries: entries))
    }

    /// What came of the calls since the last look.
    func takeOutcomes() -> [Outcome] {
        defer { outcomes = [] }
        return outcomes
    }

    func takeSent() -> [RaftMessage] {
        takeOutcomes().compactMap { if case .sent(let packet) = $0 { packet.message } else { nil } }
    }

    private func append(_ entry: Entry) -> [RaftNode.Input] {
        log.entries.append(entry)
        order(.entries(through: log.lastIndex))
        var facts: [RaftNode.Input] = [.appended(through: log.lastIndex)]
        if let membership = entry.membership { facts.append(.membershipAppended(index: log.lastIndex, membership)) }
        return facts
    }

    private func order(_ write: Write) {
        writes.append(write)
        ordered += 1
    }

    private func truncate(after index: UInt64) {
        log.entries.removeLast(log.entries.count - Int(index))
        disk.removeLast(max(0, disk.count - Int(index)))
        for at in writes.indices {
            if case .entries(let through) = writes[at] { writes[at] = .entries(through: min(through, index)) }
        }
    }

    private func frames(of message: RaftMessage) -> [Entry] {
        guard case .append(let previous, let count, _, _) = message.kind, count > 0 else { return [] }
        return Array(log.entries[Int(previous.index)..<Int(previous.index) + count])
    }
}

extension RaftNode.Input {
    fileprivate var message: RaftMessage.Kind? {
        if case .received(let message) = self { return message.kind }
        return nil
    }
}
