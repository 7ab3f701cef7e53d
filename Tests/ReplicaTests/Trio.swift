import Bytes
import Consensus
import Files
import Keys
import Records
@testable import Replica
import SegmentedLog
import Views

/// Some replicas in one thread, under one clock that the test moves. What they say to each other goes as bytes, over
/// links that the test may cut; what they write is on their disks in the next turn, unless the test holds a disk.
final class Trio {
    final class Member {
        let id: Int
        var files: MemoryFiles
        /// nil: the process is dead.
        var replica: Replica<MemoryFiles>?
        var inputs: [ReplicaInput] = []
        var batches: [DiskBatch] = []
        var holdsDisk = false
        /// Takes no turns, as under SIGSTOP.
        var isPaused = false
        var clockOffset: Int64 = 0
        var primary: Int?
        var term: UInt64?
        var stop: Problem?
        var hasStopped = false
        /// How often it said that its place was taken.
        var retirements = 0
        var written = 0
        /// Backups that it wants made.
        var jobs: [BackupJob] = []

        init(id: Int, files: MemoryFiles) {
            self.id = id
            self.files = files
        }

        var position: UInt64 { replica?.book.position ?? 0 }
    }

    let members: [Member]
    let voters: [Int]
    var milliseconds: UInt64 = 1_000
    var wall = Instant(microseconds: 1_790_000_000_000_000)
    var answers: [AskID: [Answer]] = [:]
    var ended: Set<AskID> = []
    /// Links that are cut, as pairs from, to.
    var cut: Set<[Int]> = []
    /// Bytes said so far.
    var bytesSaid = 0
    var messagesSaid = 0
    private var asked: UInt64 = 0
    private var boots: UInt64 = 0
    private let seed: UInt64
    private let configure: (inout ReplicaConfiguration) -> Void
    private let crypto: Crypto
    private var dice: SeededDice

    /// - Parameter spares: Replicas beside the voters that have a copy of the store and no part in it.
    init(
        voters count: Int = 3, spares: Int = 0, seed: UInt64,
        configure: @escaping (inout ReplicaConfiguration) -> Void = { _ in }
    ) throws {
        self.seed = seed
        self.configure = configure
        crypto = try Crypto()
        dice = SeededDice(seed: seed &* 77)
        voters = Array(1...count)
        let first = MemoryFiles()
        try ClinicStore.create(first, members: voters)
        members = (1...(count + spares)).map { Member(id: $0, files: $0 == 1 ? first : first.copy()) }
        for member in members.dropFirst() {
            try Replica.adopt(member.files, as: member.id, clusterID: ClinicStore.clusterID)
        }
        for member in members { try boot(member.id) }
    }

    subscript(_ id: Int) -> Member { members[id - 1] }

    /// Starts the process of a replica on what its disk holds.
    func boot(_ id: Int) throws {
        let member = self[id]
        var configuration = ReplicaConfiguration(id: id, clusterID: ClinicStore.clusterID)
        configuration.peers = members.map(\.id).filter { $0 != id }
        configuration.log.headRooms = HeadRooms.none
        configuration.log.bodyCapacity = 1 << 20
        configuration.log.fillStep = 4096
        configuration.log.slotsMin = 32
        configuration.log.slotsMax = 64
        configure(&configuration)
        boots += 1
        member.replica = try Replica.open(
            member.files, configuration: configuration, root: SecretKey(ClinicStore.root),
            dice: SeededDice(seed: seed &* 1000 &+ boots))
        member.inputs = []
        member.batches = []
        member.primary = nil
        member.term = nil
        member.hasStopped = false
        member.retirements = 0
        tick(member)
        for other in members where other.id != id && other.replica != nil {
            connect(id, other.id)
        }
    }

    private func connect(_ a: Int, _ b: Int) {
        guard !cut.contains([a, b]), !cut.contains([b, a]) else { return }
        self[a].inputs.append(.connected(b))
        self[b].inputs.append(.connected(a))
    }

    private func disconnect(_ a: Int, _ b: Int) {
        for (one, other) in [(a, b), (b, a)] where self[one].replica != nil {
            self[one].inputs.removeAll { if case .received(other, _) = $0 { true } else { false } }
            self[one].inputs.append(.disconnected(other))
        }
    }

    /// The process dies at once. What was not synced is lost, kept or torn.
    func kill(_ id: Int) {
        let member = self[id]
        member.replica = nil
        member.batches = []
        member.inputs = []
        member.isPaused = false
        member.holdsDisk = false
        member.files.crash(.mixed, dice: &dice)
        for other in members where other.id != id { disconnect(id, other.id) }
    }

    /// Cuts all links of a replica without a word: nothing is delivered any more, and no link breaks.
    func isolate(_ id: Int) {
        for other in members where other.id != id {
            cut.insert([id, other.id])
            cut.insert([other.id, id])
        }
    }

    func heal() throws {
        let pairs = cut
        cut = []
        for pair in pairs where pair[0] < pair[1] && self[pair[0]].replica != nil && self[pair[1]].replica != nil {
            disconnect(pair[0], pair[1])
            connect(pair[0], pair[1])
        }
    }

    /// Lets time pass, a millisecond a turn.
    func run(_ count: UInt64) {
        for _ in 0..<count {
            milliseconds += 1
            wall.microseconds += 1000
            for member in members where member.replica != nil && !member.isPaused { tick(member) }
        }
    }

    /// Lets time pass until something holds; false when it does not within so many milliseconds.
    @discardableResult
    func run(within limit: UInt64 = 10_000, until holds: () -> Bool) -> Bool {
        for _ in 0..<limit {
            if holds() { return true }
            run(1)
        }
        return holds()
    }

    /// One turn of a replica: the clock, what came, and what the disk has done.
    private func tick(_ member: Member) {
        var inputs: [ReplicaInput] = [
            .ticked(
                wall: Instant(microseconds: wall.microseconds + member.clockOffset),
                monotonicMilliseconds: milliseconds)
        ]
        if !member.holdsDisk {
            for batch in member.batches {
                do {
                    try batch.carryOut(on: member.files)
                    inputs.append(.persisted(batch: batch.number))
                } catch {
                    inputs.append(.diskFailed(error))
                }
                member.written += 1
            }
            member.batches = []
        }
        inputs += member.inputs
        member.inputs = []
        var effects: [ReplicaEffect] = []
        member.replica?.step(inputs, into: &effects)
        carryOut(effects, of: member)
    }

    private func carryOut(_ effects: [ReplicaEffect], of member: Member) {
        for effect in effects {
            switch effect {
            case .write(let batch): member.batches.append(batch)
            case .answer(let id, let answer, let isLast):
                answers[id, default: []].append(answer)
                precondition(!ended.contains(id), "something comes after the end of an answer")
                if isLast { ended.insert(id) }
            case .background(let work):
                member.inputs.append(
                    .backgroundFinished(work.carryOut(on: member.files, crypto: crypto, dice: &dice)))
            case .credentials: break
            case .send(let to, let message): say(message, from: member.id, to: to)
            case .primary(let id): member.primary = id
            case .places(let places):
                for other in members where other.replica != nil && places.contains(where: { $0.id == other.id }) {
                    connect(member.id, other.id)
                }
            case .ready(let term): member.term = term
            case .retired: member.retirements += 1
            case .backUp(let job): member.jobs.append(job)
            case .stopped: member.hasStopped = true
            case .stop(let problem):
                member.stop = problem
                member.replica = nil
                for other in members where other.id != member.id { disconnect(member.id, other.id) }
            }
        }
    }

    private func say(_ message: PeerMessage, from: Int, to: Int) {
        guard !cut.contains([from, to]), self[to].replica != nil else { return }
        let bytes = PeerCodec.encode(message)
        bytesSaid += bytes.count
        messagesSaid += 1
        guard let heard = try? PeerCodec.decode(bytes) else { preconditionFailure("a message does not come back") }
        self[to].inputs.append(.received(from: from, heard))
    }

    /// Whoever acknowledges appends; the one of the highest term when several think so.
    var primary: Member? {
        members.filter { $0.replica?.isPrimary == true }.max {
            ($0.replica?.raft.term ?? 0) < ($1.replica?.raft.term ?? 0)
        }
    }

    /// Waits for a primary.
    func lead(within limit: UInt64 = 10_000) -> Member? {
        run(within: limit) { primary != nil }
        return primary
    }

    /// Puts a question to a replica; the answer comes as time passes.
    func put(_ request: Request, to member: Member, as caller: Caller = ClinicStore.caller()) -> AskID {
        asked += 1
        let id = AskID(connection: 1, number: asked)
        member.inputs.append(.asked(id, Ask(caller: caller, request: request)))
        return id
    }

    func put(_ events: [IncomingEvent], to member: Member, key: String? = nil) -> AskID {
        put(.append(AppendRequest(events: events, idempotencyKey: key)), to: member)
    }

    func order(_ order: OperatorOrder, to member: Member, as credential: String = "admin") -> AskID {
        asked += 1
        let id = AskID(connection: 2, number: asked)
        member.inputs.append(.operate(id, ClinicStore.caller(credential), order))
        return id
    }

    /// The end of an answer, waited for.
    func answer(_ id: AskID, within limit: UInt64 = 10_000) -> Answer? {
        run(within: limit) { ended.contains(id) }
        return answers[id]?.last
    }

    /// Appends to the primary there is and waits for the answer.
    @discardableResult
    func append(_ events: [IncomingEvent], key: String? = nil) -> Answer? {
        guard let primary = lead() else { return nil }
        return answer(put(events, to: primary, key: key))
    }

    func status(of member: Member) -> ClusterStatus? {
        if case .cluster(let status)? = answer(put(.cluster, to: member)) { status } else { nil }
    }

    /// Whether every living replica has folded the same and is at the same end.
    var isConverged: Bool {
        let alive = members.compactMap(\.replica).filter { $0.membership.isMember($0.configuration.id) }
        guard let first = alive.first else { return false }
        return alive.allSatisfy {
            $0.foldedIndex == first.foldedIndex && $0.foldedIndex == $0.log.lastIndex && $0.log.end == first.log.end
                && $0.book.digests == first.book.digests && $0.log.durableIndex == $0.log.lastIndex
        }
    }
}
