internal import Bytes
internal import Compression
internal import Consensus
package import Files
package import Keys
internal import Records
package import SegmentedLog
internal import Views

/// One replica: the hall, where an entry meets a record. It owns the log's order, the book folded from it, the keys,
/// and decides; facts go in, orders come out, in the order to carry them out (design 4 and 5).
///
/// Owned by one thread. It reads and stages through its own store; what is to be written goes out as disk batches, and
/// what lasts goes to the background.
package final class Replica<Store: FileStore> {
    let store: Store
    let configuration: ReplicaConfiguration
    let crypto: Crypto
    let compressor = ValueCompressor()
    var dice: BatchedDice
    let keyFile: KeyFile<Store>
    let ring: KeyRing
    let log: EntryLog<Store, EntryLeaves>
    /// What the log computed of the frames that it took last.
    let leafMemo: LeafMemo
    let terms: TermStore<Store>
    var raft: RaftNode
    let viewPlace: ViewPlace
    let identities: IdentityIndex<Store>

    /// Which clusters wrote the log: this one, and those that it descends from.
    package let lineage: Lineage

    /// Genesis, as folded; the credentials those of the branch, if the store is one.
    let tenants: [Tenant]
    private(set) var credentials: [CredentialRow] = []
    /// Whether the log has said who may come in. Until then nobody may.
    private(set) var knowsCredentials = false
    /// The memberships of the log: the last that is folded, and those after it. The newest counts.
    var configurations: [(index: UInt64, entry: ConfigurationEntry)]

    /// What is folded: through `foldedIndex`.
    var book: Book
    var foldedIndex: UInt64
    var subjectKeys: SubjectKeys
    var idempotency: IdempotencyTable

    var life = ReplicaLife.opened
    var hasStarted = false
    /// Entries through here are decided for ever; they are folded once they are on this disk.
    var committedIndex: UInt64
    /// Turns in which folding gave way to what others wait for.
    var turnsNotFolded = 0

    // Agreement: facts that it has still to be told, and what it orders.
    var facts: [RaftNode.Input] = []
    var factsFirst = 0
    var isAgreeing = false
    var orders: [RaftNode.Effect] = []
    /// The frames of the message that is being received, from index `first` on.
    var incoming: (first: UInt64, frames: [StoredFrame]) = (0, [])
    /// What was read last to be sent, for the next secondary.
    var lastSent: (first: UInt64, frames: [StoredFrame]) = (0, [])
    /// Frames from a primary that this log did not take.
    var refusedFrames: UInt64 = 0

    // The others.
    var peers: PeerTable
    /// Where those are that joined, as the shell was told.
    var toldPlaces: [Place] = []
    /// Who ordered a change and waits for its first step.
    var changeAsks: [ChangeAsk] = []
    /// Who leads, as the shell was told.
    var knownPrimary: Int?
    var figuresDue: UInt64 = 0
    var isStalled = false
    var writingSince: UInt64 = 0
    var isRolledBack = false
    /// Its place was taken: it takes no part any more.
    var isRetired = false
    var startedAt: UInt64 = 0
    var handover: Handover?
    /// When handing over was last tried without an order.
    var handoverTried: UInt64 = 0
    var takingOver: TakeOver?
    var failover: Failover?
    /// The primary before, when it was last heard of, and what was heard instead.
    var primaryHeard: (id: Int, at: UInt64)?
    var electionHint: Failover.Reason?
    var stopDue: UInt64 = 0
    var proofs: [Proof] = []
    var nextProof: UInt64 = 0
    var copies = CopyLog()
    var repairing = Repairing()
    /// The first damage that agreement was told of; 0: none.
    var faultTold: UInt64 = 0
    var clock = ReplicaClock()
    var limits: [RateLimit] = []

    // The primary's own tail.
    var overlay = Overlay()
    var gathering: Gathering?
    var pending: [PendingEntry] = []
    /// How many at the front of `pending` are folded and gone.
    var pendingFirst = 0
    var waitingBytes = 0
    var waitingAppends = 0
    /// The last stamp, position and record decided.
    var lastStamp: Instant
    var nextPosition: UInt64
    var nextRecord: UInt64
    var isWriting = false
    /// Answers that need no record, for the end of the turn.
    var unrecorded: [(AskID, Problem)] = []
    /// Items of an entry that the log did not take.
    var lost: [PendingItem] = []
    var failure: ProblemKind?
    /// The entry that must be folded before anything is decided in this term; 0 before there is one.
    var noOpIndex: UInt64 = 0
    /// What may still be written, and when that was asked for.
    var room = HeadRoom.nothing
    var roomTold: UInt64 = 0
    /// The shell has been told that appends are acknowledged.
    var isAnnounced = false
    var auditSeed: AuditSeed
    var auditKey: SecretKey
    var auditUses = KeyBudget()
    var auditKeys: [AuditSeed: SecretKey] = [:]

    /// A rewind that is being planned or made; one at a time.
    var rewinding: RewindJob?
    /// The book as it stood at the position that the configuration names, if opening folded it.
    var remembered: Book?
    var background = BackgroundState()
    var backups = Backups()
    var opened = FrameIndexes()
    var reads = ReadSessions()

    init(parts: OpenedParts<Store>, configuration: ReplicaConfiguration) {
        store = parts.store
        self.configuration = configuration
        crypto = parts.crypto
        dice = parts.dice
        keyFile = parts.keyFile
        ring = parts.ring
        log = parts.log
        leafMemo = parts.leafMemo
        terms = parts.terms
        raft = parts.raft
        viewPlace = parts.viewPlace
        identities = parts.identities
        tenants = parts.tenants
        lineage = parts.log.lineage
        configurations = parts.configurations
        let joined = parts.configurations.last.map(\.entry.places)?.map(\.id) ?? []
        let others = joined.filter { $0 != configuration.id && !configuration.peers.contains($0) }
        peers = PeerTable(configuration.peers + others, known: parts.terms.state.known)
        book = parts.folded.book
        remembered = parts.folded.remembered
        foldedIndex = parts.folded.index
        committedIndex = parts.folded.index
        subjectKeys = parts.folded.subjectKeys
        idempotency = parts.folded.idempotency
        lastStamp = parts.log.lastStamp
        nextPosition = parts.log.end.nextPosition
        nextRecord = parts.log.end.nextRecord
        auditSeed = parts.auditSeed
        auditKey = parts.auditKey
        background.snapshotCount = parts.folded.snapshotCount
        if let fault = parts.log.fault, peers.views.isEmpty { life = .damaged(fault) }
        if let rows = parts.credentials { letIn(rows) }
    }

    /// Who may come in from now on.
    func letIn(_ rows: [CredentialRow]) {
        credentials = rows
        knowsCredentials = true
        limits = rows.map { _ in RateLimit(perSecond: configuration.requestsPerSecond, milliseconds: 0) }
    }

    /// The keys in use, for who keeps backups and the escrow.
    package var keys: KeyRing { ring }

    /// What was found wrong in the log and is not repaired.
    package var damage: Fault? { log.fault }

    /// The membership that counts now.
    var membership: Membership { configurations[configurations.count - 1].entry.membership }

    /// Takes in one fact; see the other `step`.
    package func step(_ input: ReplicaInput, into effects: inout [ReplicaEffect]) { step([input], into: &effects) }

    /// Takes in the facts of one turn of the loop, in order, and then proposes as one entry what they asked for.
    package func step(_ inputs: [ReplicaInput], into effects: inout [ReplicaEffect]) {
        for input in inputs { take(input, into: &effects) }
        propose(into: &effects)
        foldLater(after: inputs, into: &effects)
    }

    private func take(_ input: ReplicaInput, into effects: inout [ReplicaEffect]) {
        switch input {
        case .ticked(let wall, let milliseconds):
            clock.ticked(wall: wall, milliseconds: milliseconds)
            start(into: &effects)
            ticked(into: &effects)
        case .asked(let id, let ask): asked(id, ask, into: &effects)
        case .drained(let id): drained(id, into: &effects)
        case .abandoned(let id): abandoned(id)
        case .persisted(let batch): persisted(batch, into: &effects)
        case .diskFailed(let error): diskFailed(error, into: &effects)
        case .backgroundFinished(let result): finished(result, into: &effects)
        case .strangers(let count): record(count, into: &effects)
        case .clockAccepted(let caller): acceptClock(caller, into: &effects)
        case .stopRequested: stopRequested(into: &effects)
        case .received(let peer, let message): receive(message, from: peer, into: &effects)
        case .connected(let peer): connected(peer, into: &effects)
        case .disconnected(let peer): disconnected(peer, into: &effects)
        case .operate(let id, let caller, let order): operate(id, caller, order, into: &effects)
        case .backupProgressed(let id, let progress): backupProgressed(id, progress)
        case .backupEnded(let id, let outcome): backupEnded(id, outcome, into: &effects)
        case .backupsFound(let newest, let isEscrowed): backupsFound(newest: newest, isEscrowed: isEscrowed)
        }
    }

    /// Who asks, and whether now; then the request itself.
    private func asked(_ id: AskID, _ ask: Ask, into effects: inout [ReplicaEffect]) {
        guard let at = credentials.firstIndex(where: { $0.id == ask.caller.credential }) else {
            return answer(id, Problem(.unauthenticated, "Send a valid key: Authorization: Bearer ID.SECRET."), &effects)
        }
        let credential = credentials[at]
        guard limits[at].take(milliseconds: clock.milliseconds) else {
            return answer(
                id, Problem(.tooMany, "Wait, then send fewer requests at once.", [.retryAfterSeconds(1)]), &effects)
        }
        if case .cluster = ask.request { return answer(id, .cluster(status), isLast: true, &effects) }
        if case .backups = ask.request { return answer(id, .backups(backupStatus), isLast: true, &effects) }
        if let problem = unreadiness { return answer(id, problem, &effects) }
        guard room >= .records else { return answer(id, Self.diskFull, &effects) }
        switch ask.request {
        case .append(let request): append(id, ask.caller, request, credential: credential, into: &effects)
        case .refused(let problem): refuse(id, ask.caller, credential, earlier(problem, ask, credential))
        case .events, .read, .readVersion, .history, .search:
            begin(id, ask, credential: credential, into: &effects)
        case .cluster, .backups: break
        }
    }

    /// What a request refused while it was read is answered: what comes after 403 in the order of refusals gives way
    /// to a missing scope or purpose (design 11).
    private func earlier(_ problem: Problem, _ ask: Ask, _ credential: CredentialRow) -> Problem {
        guard let right = ask.needed, [404, 409, 410, 422].contains(problem.kind.status) else { return problem }
        guard credential.scopes.isSuperset(of: right.scope) else { return Self.forbidden }
        return ask.caller.purpose == nil ? Self.purposeRequired : problem
    }

    func answer(_ id: AskID, _ problem: Problem, _ effects: inout [ReplicaEffect]) {
        answer(id, .problem(problem), isLast: true, &effects)
    }

    func answer(_ id: AskID, _ answer: Answer, isLast: Bool, _ effects: inout [ReplicaEffect]) {
        effects.append(.answer(id, answer, isLast: isLast))
    }

    /// The tenant of a credential.
    func tenant(_ id: UInt32) -> Tenant? { tenants.first { $0.id == id } }
}

/// Where a replica stands in its life.
enum ReplicaLife {
    /// Open; not a word was said.
    case opened
    /// Another leads, or nobody: it takes frames, votes, may stand for election, decides nothing.
    case following
    /// Has the votes, waits for its no-op to commit and for everything before it to be folded: it decides nothing.
    case electing
    case primary(term: UInt64)
    /// A frame is damaged, and there is nobody to fetch it from: nothing can be appended.
    case damaged(Fault)
    /// A clean stop: what is staged is written, a snapshot made.
    case stopping
    case stopped
    case failed

    var canBeginStopping: Bool {
        switch self {
        case .following, .electing, .primary: true
        case .opened, .damaged, .stopping, .stopped, .failed: false
        }
    }

    /// Takes part in agreement.
    var hasFailed: Bool { if case .failed = self { true } else { false } }

    var isAlive: Bool {
        switch self {
        case .following, .electing, .primary, .stopping: true
        case .opened, .damaged, .stopped, .failed: false
        }
    }
}

extension Replica {
    /// Why nothing can be decided now; nil when it can. Surely nothing happened (503).
    var unreadiness: Problem? {
        switch life {
        case .primary: handover == nil ? nil : Self.noPrimary
        case .opened, .electing:
            Problem(.noPrimary, "The replica is starting; try again.", [.retryAfterSeconds(1)])
        case .following: isRetired ? Self.retired : Self.noPrimary
        case .damaged(let fault):
            Problem(
                .damaged, "A part of the log is damaged: run chartlog verify, then restore from a backup.",
                [.index(fault.index), .segment(fault.segment), .position(fault.position)])
        case .stopping, .stopped, .failed:
            Problem(.unavailable, "The replica is stopping; try again.", [.retryAfterSeconds(1)])
        }
    }

    static var diskFull: Problem { Problem(.diskFull, "The disk is nearly full: make room.", [.retryAfterSeconds(30)]) }
}
