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
/// goes to the log writer, so that a slow disk does not hold up the loop. With peers all go there: a disk that stands
/// still would else keep heartbeats back, and what the way costs is lost in the wait for the other disks. One poller waits for the other threads and for the peers.
final class ReplicaLoop {
    /// Largest batch that is written in the loop.
    static let inlineBytesMax = 1 << 16
    static let busyMilliseconds = 5
    static let idleMilliseconds = 50
    /// With peers: time is what elections and heartbeats live by.
    static let peersMilliseconds = 10
    static let figuresMilliseconds: UInt64 = 250
    /// Between two looks at the destinations of backups.
    static let lookMilliseconds: UInt64 = 60_000

    private enum Token {
        static let bell: UInt64 = 0
        static let firstPeer: UInt64 = 16
    }

    private let replica: Replica<LinuxFiles>
    private let mail: NodeMail
    private let poller: Poller
    /// nil where there are no peers.
    private var links: PeerLinks?
    /// Makes the links of a cluster of one that grows; nil when they cannot be made now.
    private let makeLinks: () -> PeerLinks?
    /// Replicas that joined since the store was made.
    private var joined: [Configuration.Peer] = []
    /// There are no links to some of them yet.
    private var isLinkingDue = false
    private var linksDue: UInt64 = 0
    private let hand: DiskHand<LinuxFiles>
    private let writer: Mailbox<LogWriter.Order>
    private let background: Mailbox<BackgroundThread.Order>
    private let finished: Guarded<UInt64>
    /// Batches of the log given to the disk.
    private let batches: Guarded<UInt64>
    private let keeper: Mailbox<BackupKeeper.Order>
    /// When the keeper looks at the destinations again; nil where config.json names none.
    private var lookDue: UInt64?
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
        _ replica: Replica<LinuxFiles>, _ mail: NodeMail, _ hand: DiskHand<LinuxFiles>, _ poller: Poller,
        _ links: PeerLinks?, makeLinks: @escaping () -> PeerLinks?, writer: Mailbox<LogWriter.Order>,
        background: Mailbox<BackgroundThread.Order>, keeper: Mailbox<BackupKeeper.Order>, looks: Bool,
        finished: Guarded<UInt64>, batches: Guarded<UInt64>
    ) {
        self.replica = replica
        self.mail = mail
        self.poller = poller
        self.links = links
        self.makeLinks = makeLinks
        self.hand = hand
        self.writer = writer
        self.background = background
        self.finished = finished
        self.batches = batches
        self.keeper = keeper
        lookDue = looks ? 0 : nil
    }

    /// The thread's whole life: opens the replica, says what it found, runs until it has stopped.
    /// - Parameter listener: Where peers dial; nil where there are none.
    static func run(
        _ configuration: Configuration, root: SecretKey, listener: Socket?, mail: NodeMail, journal: Journal
    ) {
        let before = LinuxClock.monotonicMilliseconds()
        do throws(ServerError) {
            let replica = try open(configuration, root)
            let poller = try poller(mail)
            let links = try links(configuration, listener, poller, mail, journal)
            let hand = DiskHand(try store(configuration))
            let finished = Guarded<UInt64>(0)
            let batches = Guarded<UInt64>(0)
            do throws(LinuxError) {
                let writer = Mailbox<LogWriter.Order>(limit: 1 << 10, bell: try Bell())
                let background = Mailbox<BackgroundThread.Order>(limit: 1 << 10, bell: try Bell())
                let keeper = Mailbox<BackupKeeper.Order>(limit: 1 << 10, bell: try Bell())
                let isEnding = Guarded(false)
                let data = configuration.data
                let settings = configuration.backups
                let threads = [
                    try Thread.start("log-writer") {
                        LogWriter.run(data, orders: writer, finished: finished, mail: mail)
                    },
                    try Thread.start("background") { BackgroundThread.run(data, orders: background, mail: mail) },
                    try Thread.start("backups") {
                        BackupKeeper.run(
                            data, settings, orders: keeper, isEnding: isEnding, batches: batches, mail: mail)
                    },
                ]
                let loop = ReplicaLoop(
                    replica, mail, hand, poller, links,
                    makeLinks: { Self.lateLinks(configuration, poller, mail, journal) }, writer: writer,
                    background: background, keeper: keeper,
                    looks: !settings.destinations.isEmpty || settings.escrow != nil, finished: finished,
                    batches: batches)
                let damage = replica.damage.map {
                    OpenedReplica.Damage(index: $0.index, segment: $0.segment, position: $0.position)
                }
                let took = LinuxClock.monotonicMilliseconds() - before
                mail.toMain.mustPost(.opened(.success(OpenedReplica(damage: damage, milliseconds: took))))
                try loop.turns()
                loop.links?.close()
                writer.mustPost(.end)
                background.mustPost(.end)
                isEnding.withLock { $0 = true }
                keeper.mustPost(.end)
                for thread in threads { thread.join() }
            } catch {
                throw ServerError("The threads of the replica cannot be started.")
            }
            mail.toMain.mustPost(.stopped)
        } catch {
            mail.toMain.mustPost(.opened(.failure(error)))
        }
    }

    private static func poller(_ mail: NodeMail) throws(ServerError) -> Poller {
        do throws(LinuxError) {
            let poller = try Poller()
            try poller.add(mail.toLoop.bell.descriptor, .reading, token: Token.bell)
            return poller
        } catch {
            throw ServerError("The system refuses what a server needs: descriptors, threads or memory.")
        }
    }

    private static func links(
        _ configuration: Configuration, _ listener: Socket?, _ poller: Poller, _ mail: NodeMail, _ journal: Journal
    ) throws(ServerError) -> PeerLinks? {
        guard let listener, let authority = configuration.authority else { return nil }
        do {
            let credentials = PeerCredentials(
                certificate: try SmallFile.read(configuration.certificate),
                key: try SmallFile.readSecret(configuration.certificateKey), authority: try SmallFile.read(authority))
            return try PeerLinks(
                own: configuration.replica.id, cluster: configuration.replica.clusterID, peers: configuration.others,
                credentials: credentials, listener: listener, poller: poller, firstToken: Token.firstPeer,
                journal: journal
            ) { mail.toClients.mustPost(.handed($0)) }
        } catch {
            throw ServerError("Peers cannot be spoken to: see the certificate, its key and its mode, and the ca.")
        }
    }

    /// The links of a cluster of one, once somebody joins it: it listens for others from then on.
    private static func lateLinks(
        _ configuration: Configuration, _ poller: Poller, _ mail: NodeMail, _ journal: Journal
    ) -> PeerLinks? {
        do {
            guard let own = configuration.own, configuration.authority != nil else {
                throw ServerError("The configuration lists no peer port.")
            }
            let listener = try Socket.listening(at: configuration.address, port: own.peerPort)
            let made = try links(configuration, listener, poller, mail, journal)
            journal.info("listens for replicas that join", .port(own.peerPort))
            return made
        } catch {
            journal.error("no replica can join: see the peer port, and peers and ca in config.json")
            return nil
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
            return try Replica.open(
                store, configuration: configuration.replica, root: root, dice: SystemDice(), beside: OnThread())
        } catch {
            switch error {
            case .file: throw ServerError("A file of the store cannot be read: see its owner and the disk.")
            case .key(.wrongKey): throw ServerError("The root key is not the one this store was sealed with.")
            case .key: throw ServerError("The key file cannot be used; restore the replica from a backup.")
            case .log(.otherCluster):
                throw ServerError("The log is another cluster's, or the file data/lineage is lost: see config.json.")
            case .log(.lineage(.damaged)):
                throw ServerError("The file data/lineage is damaged: take the one of another replica of this cluster.")
            case .log(.lineage(.other)): throw ServerError("The file data/lineage is another log's.")
            case .log(.lineage(.unreached)):
                throw ServerError("The branch has no entry of its own yet: make it anew, or start those it is to copy.")
            case .log: throw ServerError("The log cannot be opened: run chartlog verify.")
            case .views: throw ServerError("The views cannot be built: run chartlog verify.")
            case .entry: throw ServerError("An entry of the log cannot be read: run chartlog verify.")
            case .exists, .refused: throw ServerError("The store cannot be opened.")
            }
        }
    }

    private func turns() throws(LinuxError) {
        var events: [Poller.Event] = []
        var heard: [PeerEvent] = []
        var inputs: [ReplicaInput] = []
        var turn: [ReplicaInput] = []
        // A replica that was opened can begin.
        var milliseconds = 0
        while !isOver {
            try poller.wait(milliseconds: milliseconds, into: &events)
            let now = LinuxClock.monotonicMilliseconds()
            for event in events {
                if event.token == Token.bell { mail.toLoop.bell.clear() } else { links?.happened(event, now: now) }
            }
            linkJoined(now)
            links?.tick(now: now)
            mail.toLoop.takeAll(into: &inputs)
            turn.removeAll(keepingCapacity: true)
            turn.append(.ticked(wall: LinuxClock.wall(), monotonicMilliseconds: now))
            if let links {
                links.takeEvents(into: &heard)
                for event in heard { hear(event, links, &turn) }
            }
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
            milliseconds = patience
        }
    }

    /// Links to those that joined; tried again now and then.
    private func linkJoined(_ now: UInt64) {
        guard isLinkingDue, now >= linksDue else { return }
        linksDue = now + 1_000
        if links == nil, !joined.isEmpty { links = makeLinks() }
        guard let links else { return }
        links.add(joined)
        mail.toClients.mustPost(.places(joined))
        isLinkingDue = false
    }

    /// Milliseconds to wait for anything to happen.
    private var patience: Int {
        if replica.hasWork { return 0 }
        if given != finished.withLock({ $0 }) || asked > 0 { return Self.busyMilliseconds }
        return links == nil ? Self.idleMilliseconds : Self.peersMilliseconds
    }

    /// What the links found out, as facts for the replica.
    private func hear(_ event: PeerEvent, _ links: PeerLinks, _ turn: inout [ReplicaInput]) {
        switch event {
        case .connected(let peer): turn.append(.connected(peer))
        case .disconnected(let peer): turn.append(.disconnected(peer))
        case .received(let peer, let bytes):
            do throws(ByteError) {
                turn.append(.received(from: peer, try PeerCodec.decode(bytes)))
            } catch {
                links.distrust(peer)
            }
        }
    }

    /// Tells /metrics where the replica stands, a few times a second.
    private func tellFigures() {
        let now = LinuxClock.monotonicMilliseconds()
        guard now >= figuresDue else { return }
        figuresDue = now + Self.figuresMilliseconds
        if let due = lookDue, now >= due {
            lookDue = now + Self.lookMilliseconds
            keeper.mustPost(.look(replica.keys))
        }
        let figures = replica.figures
        mail.gauges.withLock { gauges in
            gauges.position = figures.position
            gauges.record = figures.record
            gauges.index = figures.index
            gauges.term = figures.term
            gauges.undurableEntries = figures.undurableEntries
            gauges.unfoldedEntries = figures.unfoldedEntries
            gauges.minDurableCopies = UInt64(figures.minDurableCopies)
            gauges.refusedFrames = figures.refusedFrames
            gauges.isPrimary = figures.isPrimary
            gauges.logBytes = figures.logBytes
            gauges.freeBytes = figures.freeBytes
            gauges.backupAgeSeconds = figures.backupAgeSeconds
            if let links { gauges.peers = links.figures }
        }
    }

    private func step(_ inputs: [ReplicaInput]) {
        effects.removeAll(keepingCapacity: true)
        replica.step(inputs, into: &effects)
        for effect in effects { carryOut(effect) }
        links?.flush()
        post()
    }

    private func post() {
        guard !answers.isEmpty else { return }
        mail.toClients.mustPost(answers)
        answers.removeAll(keepingCapacity: true)
    }

    private func carryOut(_ effect: ReplicaEffect) {
        switch effect {
        case .write(let batch):
            batches.withLock { $0 += 1 }
            write(batch)
        case .answer(let id, let answer, let isLast): answers.append(.answer(id, answer, isLast: isLast))
        case .background(let work): background.mustPost(.work(work))
        case .backUp(let job): keeper.mustPost(.make(job))
        case .credentials(let rows): answers.append(.credentials(rows))
        case .ready(let term):
            answers.append(.ready)
            mail.toMain.mustPost(.ready(term: term))
        case .send(let peer, let message):
            // Of a turn that ended in a failure nothing more is said: it may not be durable.
            guard !isOver else { return }
            links?.send(PeerCodec.encode(message), to: peer, message.isSmall ? .control : .data)
        case .primary(let primary):
            answers.append(.primary(primary))
            mail.toMain.mustPost(.primary(primary))
        case .places(let places):
            for peer in joined where !places.contains(where: { $0.id == peer.id }) { links?.drop(peer.id) }
            joined = places
            isLinkingDue = true
        case .retired(let problem):
            answers.append(.retired(problem))
            mail.toMain.mustPost(.retired(problem))
        case .stopped: isOver = true
        case .stop(let problem):
            post()
            mail.toMain.mustPost(.failed(problem))
            isOver = true
        }
    }

    private func write(_ batch: DiskBatch) {
        // First to the others, so that the disks work side by side.
        links?.flush()
        guard links == nil, asked <= 1,
            given == finished.withLock({ $0 }), batch.writtenBytes <= Self.inlineBytesMax
        else {
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
