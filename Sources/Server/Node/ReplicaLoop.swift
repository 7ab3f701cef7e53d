internal import API
internal import Bytes
internal import Files
internal import Keys
internal import Linux
internal import Records
internal import Replica
internal import SegmentedLog
internal import Transport

/// The thread that owns the replica: facts in, orders out, in their order.
///
/// All that waits is taken in one turn, so that while one batch is on its way to the disk the next gathers. A small batch
/// of a lone client is written here, since the way to another thread and back would cost more than it gives; every other
/// goes to the log writer, so that a slow disk does not hold up the loop.
final class ReplicaLoop {
    /// Largest batch that is written in the loop.
    static let inlineBytesMax = 1 << 16
    static let busyMilliseconds = 5
    static let idleMilliseconds = 50
    static let figuresMilliseconds: UInt64 = 250

    private let replica: Replica<LinuxFiles>
    private let mail: NodeMail
    private let hand: DiskHand<LinuxFiles>
    private let writer: Mailbox<LogWriter.Order>
    private let background: Mailbox<BackgroundThread.Order>
    private let finished: Guarded<UInt64>
    /// Orders given to the log writer.
    private var given: UInt64 = 0
    private var effects: [ReplicaEffect] = []
    private var answers: [ClientsInput] = []
    /// Facts that carrying out brought, for the next step of the same turn.
    private var facts: [ReplicaInput] = []
    private var isOver = false
    /// Questions taken in this turn.
    private var asked = 0
    /// When the figures are told again.
    private var figuresDue: UInt64 = 0

    private init(
        _ replica: Replica<LinuxFiles>, _ mail: NodeMail, _ hand: DiskHand<LinuxFiles>,
        writer: Mailbox<LogWriter.Order>, background: Mailbox<BackgroundThread.Order>, finished: Guarded<UInt64>
    ) {
        self.replica = replica
        self.mail = mail
        self.hand = hand
        self.writer = writer
        self.background = background
        self.finished = finished
    }

    /// The thread's whole life: opens the replica, says what it found, runs until it has stopped.
    static func run(_ configuration: Configuration, root: SecretKey, mail: NodeMail) {
        let before = LinuxClock.monotonicMilliseconds()
        do throws(ServerError) {
            let replica = try open(configuration, root)
            let hand = DiskHand(try store(configuration))
            let finished = Guarded<UInt64>(0)
            do throws(LinuxError) {
                let writer = Mailbox<LogWriter.Order>(limit: 1 << 10, bell: try Bell())
                let background = Mailbox<BackgroundThread.Order>(limit: 1 << 10, bell: try Bell())
                let data = configuration.data
                let threads = [
                    try Thread.start("log-writer") {
                        LogWriter.run(data, orders: writer, finished: finished, mail: mail)
                    },
                    try Thread.start("background") { BackgroundThread.run(data, orders: background, mail: mail) },
                ]
                let loop = ReplicaLoop(
                    replica, mail, hand, writer: writer, background: background, finished: finished)
                let damage = replica.damage.map {
                    OpenedReplica.Damage(index: $0.index, segment: $0.segment, position: $0.position)
                }
                let took = LinuxClock.monotonicMilliseconds() - before
                mail.toMain.mustPost(.opened(.success(OpenedReplica(damage: damage, milliseconds: took))))
                loop.turns()
                writer.mustPost(.end)
                background.mustPost(.end)
                for thread in threads { thread.join() }
            } catch {
                throw ServerError("The threads of the replica cannot be started.")
            }
            mail.toMain.mustPost(.stopped)
        } catch {
            mail.toMain.mustPost(.opened(.failure(error)))
        }
    }

    private static func store(_ configuration: Configuration) throws(ServerError) -> LinuxFiles {
        do throws(FileError) { return try LinuxFiles(root: configuration.data) } catch {
            throw ServerError("The replica's data directory cannot be opened.")
        }
    }

    private static func open(_ configuration: Configuration, _ root: SecretKey) throws(ServerError) -> Replica<
        LinuxFiles
    > {
        let store = try store(configuration)
        do throws(ReplicaError) {
            return try Replica.open(store, configuration: configuration.replica, root: root, dice: SystemDice())
        } catch {
            switch error {
            case .file: throw ServerError("A file of the store cannot be read: see its owner and the disk.")
            case .key(.wrongKey): throw ServerError("The root key is not the one this store was sealed with.")
            case .key: throw ServerError("The key file cannot be used; restore the replica from a backup.")
            case .log: throw ServerError("The log cannot be opened: run chartlog verify.")
            case .views: throw ServerError("The views cannot be built: run chartlog verify.")
            case .entry: throw ServerError("An entry of the log cannot be read: run chartlog verify.")
            case .exists: throw ServerError("The store cannot be opened.")
            }
        }
    }

    private func turns() {
        var inputs: [ReplicaInput] = []
        var turn: [ReplicaInput] = []
        while !isOver {
            let isBusy = given != finished.withLock { $0 } || asked > 0
            mail.toLoop.bell.wait(
                milliseconds: replica.hasWork ? 0 : isBusy ? Self.busyMilliseconds : Self.idleMilliseconds)
            mail.toLoop.takeAll(into: &inputs)
            turn.removeAll(keepingCapacity: true)
            turn.append(
                .ticked(
                    wall: LinuxClock.wall(), monotonicMilliseconds: LinuxClock.monotonicMilliseconds()))
            turn.append(contentsOf: inputs)
            asked = 0
            for input in inputs {
                if case .asked = input { asked += 1 }
            }
            inputs.removeAll(keepingCapacity: true)
            step(turn)
            while !facts.isEmpty {
                let next = facts
                facts = []
                step(next)
            }
            tellFigures()
        }
    }

    /// Tells /metrics where the replica stands, a few times a second.
    private func tellFigures() {
        let now = LinuxClock.monotonicMilliseconds()
        guard now >= figuresDue else { return }
        figuresDue = now + Self.figuresMilliseconds
        let figures = replica.figures
        mail.gauges.withLock { gauges in
            gauges.position = figures.position
            gauges.record = figures.record
            gauges.index = figures.index
            gauges.term = figures.term
            gauges.undurableEntries = figures.undurableEntries
            gauges.isPrimary = figures.isPrimary
            gauges.logBytes = figures.logBytes
            gauges.freeBytes = figures.freeBytes
        }
    }

    private func step(_ inputs: [ReplicaInput]) {
        effects.removeAll(keepingCapacity: true)
        replica.step(inputs, into: &effects)
        for effect in effects { carryOut(effect) }
        post()
    }

    private func post() {
        guard !answers.isEmpty else { return }
        mail.toClients.mustPost(answers)
        answers.removeAll(keepingCapacity: true)
    }

    private func carryOut(_ effect: ReplicaEffect) {
        switch effect {
        case .write(let batch): write(batch)
        case .answer(let id, let answer, let isLast): answers.append(.answer(id, answer, isLast: isLast))
        case .background(let work): background.mustPost(.work(work))
        case .credentials(let rows): answers.append(.credentials(rows))
        case .ready(let term):
            answers.append(.ready)
            mail.toMain.mustPost(.ready(term: term))
        case .send, .primary: break
        case .stopped: isOver = true
        case .stop(let problem):
            post()
            mail.toMain.mustPost(.failed(problem))
            isOver = true
        }
    }

    private func write(_ batch: DiskBatch) {
        guard asked <= 1, given == finished.withLock({ $0 }), batch.writtenBytes <= Self.inlineBytesMax else {
            given += 1
            return writer.mustPost(.write(batch))
        }
        post()
        let before = LinuxClock.monotonicNanoseconds()
        do throws(FileError) {
            try hand.carryOut(batch)
            facts.append(.persisted(batch: batch.number))
        } catch {
            facts.append(.diskFailed(error))
        }
        LogWriter.observe(since: before, mail)
        guard !batch.afterwards.isEmpty else { return }
        given += 1
        writer.mustPost(.prepare(batch))
    }
}

extension DiskBatch {
    /// Bytes that its orders write.
    fileprivate var writtenBytes: Int {
        orders.reduce(0) { sum, order in
            switch order {
            case .write(_, at: _, let bytes): sum + bytes.count
            case .fill, .zero: sum + ReplicaLoop.inlineBytesMax
            case .make, .sync, .rename, .remove, .syncDirectory: sum
            }
        }
    }
}
