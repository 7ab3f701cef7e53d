internal import Bytes
internal import Consensus
internal import Files
internal import Keys
internal import Records
internal import Replica
internal import SegmentedLog

/// A whole cluster, its disks, its links and its clients, in one thread and virtual time, from one plan.
///
/// Nothing in it asks a clock or another thread: the same plan brings the same events in the same order, down to the
/// bytes on every disk, which `trace` sums up.
package final class World {
    /// What is to happen.
    enum Event {
        case tick(Int, life: Int)
        case wake(Int, life: Int)
        case written(Int, life: Int)
        case worked(Int, life: Int)
        case start(Int)
        case resume(Int, life: Int)
        case fault(FaultKind)
        indirect case ask(Int, AskID, Ask)
        case order(Int, AskID, OperatorOrder)
        indirect case answer(AskID, Answer, isLast: Bool)
        /// The process that had the attempt is gone, or was not there.
        case hangUp(AskID, isUncertain: Bool)
        case drained(Int, AskID)
        case turn(client: Int)
        case timeout(AskID)
        case fillDisk(Int, isFull: Bool)
        case connect(Int, Int)
        case notice(Int, lost: Int, epoch: Int)
        case breakLink(Int, Int, epoch: Int)
        case arrive(Parcel)
    }

    package let plan: Plan
    var now: UInt64 = 0
    var queue = EventQueue<Event>()
    var processes: [Process] = []
    var links: Links
    var clients: [Client] = []
    var maker: EventMaker
    /// What clients were told of and asked about.
    var moments = Moments()
    /// The client that orders rewinds; nil: nobody does.
    let rewinder: Int?
    /// Moments that were gone through at the end, on every voter.
    var examined = 0
    var ledger = Ledger()
    var trace = Trace()
    /// What the clients asked and got.
    package internal(set) var history = History()
    /// Events handled so far.
    package internal(set) var handled: UInt64 = 0
    /// How often each kind of fault struck.
    package internal(set) var faultCounts = [UInt64](repeating: 0, count: FaultKind.allCases.count)
    /// Orders given.
    var ordered: UInt64 = 0
    /// No client begins anything new.
    var isWindingDown = false
    /// No fault strikes any more.
    var isHealing = false
    /// Acknowledged appends that were sent for the first time after this count.
    var progressSince: UInt64 = .max
    var hasProgressed = false
    var faultChances: [Chance]
    var network: Chance
    var effects: [ReplicaEffect] = []
    let clusterID: [UInt8] = Array(1...16)
    let root = SecretKey([UInt8](repeating: 7, count: 32))
    let crypto: Crypto
    /// For looking at what a run does; nil: it is not wanted.
    package var narrator: ((String) -> Void)?
    /// Tell of every message of agreement too, and of what each replica then stands at.
    package var tellsMessages = false

    /// - Throws: when the stores of the replicas cannot be made.
    package init(_ plan: Plan, narrator: ((String) -> Void)? = nil) throws(Violation) {
        self.plan = plan
        self.narrator = narrator
        maker = EventMaker(
            patients: plan.patients, appointments: plan.appointments, members: plan.asOfPerMillion > 0 ? 3 : 1)
        rewinder = plan.mean(.rewind) == nil ? nil : plan.clients
        faultChances = FaultKind.allCases.map { Chance(seed: plan.seed, .fault, $0.rawValue) }
        network = Chance(seed: plan.seed, .network)
        links = Links(replicas: plan.replicas + plan.spares)
        do {
            crypto = try Crypto()
        } catch {
            throw Violation("process", "libcrypto does not start")
        }
        for id in 1...(plan.replicas + plan.spares) {
            let disk = SimulatedFiles(chance: Chance(seed: plan.seed, .disk, id))
            processes.append(Process(id: id, disk: disk, chance: Chance(seed: plan.seed, .process, id)))
        }
        try makeStores()
        for number in 0..<(plan.clients + (rewinder == nil ? 0 : 1)) {
            clients.append(
                Client(number: number, chance: Chance(seed: plan.seed, .client, number), streams: maker.streams))
        }
    }

    private func makeStores() throws(Violation) {
        let files = processes[0].disk
        var dice = SeededDice(seed: plan.seed ^ 0x6b65_7973)
        do throws(ReplicaError) {
            try Replica.create(
                files,
                plan: GenesisPlan(
                    clusterID: clusterID, members: Array(1...plan.replicas),
                    createdAt: Instant(microseconds: Process.epoch - 1_000_000),
                    credentials: [
                        PlannedCredential(
                            id: "svc", name: "service", scopes: [.append, .read, .audit],
                            secret: Array("c2VydmljZS1zZWNyZXQtb2YtdGhlLXNpbXVsYXRpb24".utf8)),
                        PlannedCredential(
                            id: "adm", name: "administrator", scopes: .administer,
                            secret: Array("YWRtaW5pc3RyYXRvci1zZWNyZXQtb2Ytc2ltdWxhdGlu".utf8)),
                    ]),
                root: root, dice: &dice)
        } catch {
            throw Violation("process", "the store cannot be made: \(error)")
        }
        let image = files.image
        for process in processes.dropFirst() {
            process.disk.become(image)
            do throws(ReplicaError) {
                try Replica.adopt(process.disk, as: process.id, clusterID: clusterID)
            } catch {
                throw Violation("process", "the store cannot be copied: \(error)")
            }
        }
    }

    func process(_ id: Int) -> Process { processes[id - 1] }

    func after(_ microseconds: UInt64, _ event: Event) { queue.add(event, at: now + microseconds) }

    func tell(_ text: @autoclosure () -> String) { narrator?(text()) }

    /// A message of agreement leaves or arrives.
    func tell(_ verb: String, _ message: PeerMessage, at id: Int) {
        guard tellsMessages, case .raft(let raft, _) = message else { return }
        tell("\(now) \(id) \(verb) \(raft.from)>\(raft.to) term \(raft.term) \(raft.kind)")
    }

    func count(_ kind: FaultKind) { faultCounts[kind.rawValue] += 1 }

    /// Handles events until the time has come.
    func run(until end: UInt64, or isOver: () -> Bool = { false }) throws(Violation) {
        while true {
            guard !isOver() else { return }
            guard let (time, event) = queue.next() else { break }
            guard time <= end else {
                queue.add(event, at: time)
                break
            }
            now = time
            handled += 1
            do throws(Violation) {
                try handle(event)
            } catch {
                var found = error
                found.time = now
                throw found
            }
        }
        now = max(now, end)
    }

    private func handle(_ event: Event) throws(Violation) {
        switch event {
        case .tick(let id, let life):
            let process = process(id)
            guard process.life == life else { return }
            after(plan.tickMicroseconds, .tick(id, life: life))
            trace.add(1, UInt64(id), now)
            if !process.isPaused { try turn(process) }
        case .wake(let id, let life):
            let process = process(id)
            guard process.life == life else { return }
            process.isWoken = false
            if !process.isPaused { try turn(process) }
        case .written(let id, let life): try written(process(id), life)
        case .worked(let id, let life): try worked(process(id), life)
        case .start(let id): try start(process(id))
        case .resume(let id, let life):
            let process = process(id)
            guard process.life == life, process.isPaused else { return }
            process.isPaused = false
            try turn(process)
        case .fault(let kind): try strike(kind)
        case .ask(let id, let ask, let what): try asked(process(id), ask, .asked(ask, what))
        case .order(let id, let ask, let what): try asked(process(id), ask, .operate(ask, Self.administrator, what))
        case .answer(let id, let answer, let isLast): try answered(id, answer, isLast: isLast)
        case .hangUp(let id, let isUncertain): try hungUp(id, isUncertain: isUncertain)
        case .drained(let id, let ask): try tell(process(id), .drained(ask))
        case .turn(let client): try takeTurn(client)
        case .timeout(let id): try timedOut(id)
        case .fillDisk(let id, let isFull): fillDisk(process(id), isFull)
        case .connect(let a, let b): try connect(a, b)
        case .notice(let id, let lost, let epoch): try notice(id, lost: lost, epoch: epoch)
        case .breakLink(let a, let b, let epoch): try breakLink(a, b, epoch: epoch)
        case .arrive(let parcel): try arrive(parcel)
        }
    }
}
