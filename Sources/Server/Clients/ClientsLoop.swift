internal import API
internal import Bytes
internal import Keys
package import Linux
internal import Records
internal import Replica
package import Transport

/// The thread that serves clients: TLS, HTTP, who may come in, CloudEvents in and answers out. It decides nothing about
/// the store: what it understood goes to the loop, whose answers it writes.
///
/// Everything here is bounded: connections, bytes received and not yet answered, bytes written and not yet taken, and
/// the time each step may last (`Configuration.Limits`).
package final class ClientsLoop {
    let limits: Configuration.Limits
    let mail: NodeMail
    let journal: Journal
    let tls: TLSContext
    let poller: Poller
    let crypto: Crypto
    /// How requests reach the primary; nil in a cluster of one.
    private(set) var forwarding: Forwarding?
    /// For when a cluster of one grows.
    private var later: Forwarding?
    var listener: Socket?
    /// Taking connections has failed; tried again at the next sweep.
    private var listenerRests = false

    var sessions: [UInt64: ClientSession] = [:]
    var nextID = Token.firstSession
    var credentials: [String: CredentialRow]?
    /// Set once this replica takes part no more.
    var retired: Problem?
    var unready: Problem? = Problem(.unavailable, "The replica is opening its log; try again.", [.retryAfterSeconds(1)])
    /// Who leads, as far as this replica knows; this replica itself only once it acknowledges appends.
    var lead: Int?
    /// When that was told.
    var leadSince: UInt64 = 0
    /// Connections to whoever leads, by their tokens, which no session shares.
    var forwardLinks: [UInt64: ForwardLink] = [:]
    /// Sessions whose requests wait for a primary, in the order in which they began to.
    var waiting: [UInt64] = []
    /// Sessions that are other replicas' fronts.
    var relayCount = 0
    var strangers = Strangers()
    var counters = Counters()
    let startedAt: UInt64
    /// Bytes of all bodies received and not yet answered.
    var reservedBytes = 0
    /// When to stop waiting for answers in flight; nil while serving.
    var stopAt: UInt64?

    // The turn's clock and the buffers that every connection shares.
    var now: UInt64
    var date: [UInt8] = []
    private var dateSecond: Int64 = 0
    var scratch = [UInt8](repeating: 0, count: 1 << 16)
    var plain: [UInt8] = []
    var out: [UInt8] = []
    /// What this turn has for the loop; posted once, at its end.
    var outgoing: [ReplicaInput] = []
    private let idPrefix: String
    private var idCount: UInt64 = 0

    enum Token {
        static let listener: UInt64 = 0
        static let bell: UInt64 = 1
        static let firstSession: UInt64 = 2
    }

    /// Waiting bytes beyond which the replica is not asked for the next piece of an answer.
    static let outputHighWater = 1 << 18

    package init(
        limits: Configuration.Limits, mail: NodeMail, journal: Journal, tls: TLSContext, listener: Socket,
        forwarding: Forwarding? = nil
    ) throws {
        self.limits = limits
        self.mail = mail
        self.journal = journal
        self.tls = tls
        self.listener = listener
        self.forwarding = forwarding?.peers.isEmpty == false ? forwarding : nil
        later = forwarding
        crypto = try Crypto()
        poller = try Poller()
        now = LinuxClock.monotonicMilliseconds()
        startedAt = now
        var dice = SystemDice()
        idPrefix = Hex.text(of: dice.bytes(6)) + "-"
        try poller.add(listener.descriptor, .reading, token: Token.listener)
        try poller.add(mail.toClients.bell.descriptor, .reading, token: Token.bell)
    }

    /// Serves until told to stop and all is answered, or five seconds after.
    package func run() throws {
        var events: [Poller.Event] = []
        var inputs: [ClientsInput] = []
        var sweptAt = now
        while true {
            let patience = waiting.isEmpty ? stopAt == nil ? 250 : 20 : Int(Self.retryMilliseconds)
            try poller.wait(milliseconds: patience, into: &events)
            tick()
            for event in events {
                switch event.token {
                case Token.listener: acceptAll()
                case Token.bell:
                    mail.toClients.bell.clear()
                    mail.toClients.takeAll(into: &inputs)
                    for input in inputs { take(input) }
                default:
                    if let session = sessions[event.token] {
                        happened(event, session)
                    } else if let link = forwardLinks[event.token] {
                        happened(event, link)
                    }
                }
            }
            retryWaiting()
            if now - sweptAt >= 100 {
                sweptAt = now
                sweep()
                try wakeListener()
            }
            post()
            if let stopAt, sessions.isEmpty || now >= stopAt { break }
        }
        for session in Array(sessions.values) { drop(session) }
        for count in strangers.takeAll() { outgoing.append(.strangers(count)) }
        post()
        mail.toMain.mustPost(.clientsGone)
    }

    private func tick() {
        now = LinuxClock.monotonicMilliseconds()
        let wall = LinuxClock.wall()
        let second = wall.microseconds / 1_000_000
        if second != dateSecond {
            dateSecond = second
            date = HTTPDate.bytes(of: wall)
        }
    }

    private func post() {
        guard !outgoing.isEmpty else { return }
        mail.toLoop.mustPost(outgoing)
        outgoing.removeAll(keepingCapacity: true)
    }

    private func take(_ input: ClientsInput) {
        switch input {
        case .answer(let id, let answer, let isLast): self.answer(id, answer, isLast: isLast)
        case .credentials(let rows): credentials = Dictionary(rows.map { ($0.id, $0) }) { first, _ in first }
        case .ready: unready = nil
        case .primary(let primary): led(by: primary)
        case .places(let places): add(places)
        case .handed(let handed): take(handed)
        case .unready(let problem): unready = problem
        case .retired(let problem):
            retired = problem
            unready = problem
            led(by: nil)
        case .stop: stop()
        }
    }

    /// From the first replica that joins on, requests may have to be handed on.
    private func add(_ places: [Configuration.Peer]) {
        guard var known = forwarding ?? later else { return }
        known.add(places)
        forwarding = known
    }

    /// Entries that a secondary may be behind and still call itself ready.
    static let readyLagMax: UInt64 = 1_000

    /// Requests are answered here, or handed on to whoever answers; then the views here must be nearly those there, so
    /// that this replica could lead soon.
    var isReady: Bool {
        guard retired == nil else { return false }
        guard forwarding != nil else { return unready == nil }
        guard credentials != nil, let lead else { return false }
        return lead == forwarding?.own || mail.gauges.withLock { $0.unfoldedEntries } <= Self.readyLagMax
    }

    /// An id for a request that brought none: unique to this process and this request.
    func drawID() -> String {
        idCount += 1
        return idPrefix + String(idCount, radix: 16)
    }

    // MARK: connections

    private func acceptAll() {
        guard let listener else { return }
        // A bounded number a turn, so that those already here are not starved.
        for _ in 0..<64 {
            let accepted: (Socket, address: String)?
            do throws(LinuxError) { accepted = try listener.accept() } catch {
                // Out of descriptors or memory: the listener rests until the next sweep.
                journal.warning("a connection could not be taken", .number(error.number))
                poller.remove(listener.descriptor)
                listenerRests = true
                return
            }
            guard let (socket, address) = accepted else { return }
            if sessions.count - relayCount >= limits.connectionsMax, !makeRoom() {
                counters.refused["overloaded", default: 0] += 1
                continue
            }
            guard let session = try? TLSSession(serving: tls) else { continue }
            let id = nextID
            nextID += 1
            let made = ClientSession(
                id: id, channel: Channel(socket, session), address: address, limits: limits.request, now: now)
            guard (try? poller.add(socket.descriptor, .reading, token: id)) != nil else { continue }
            sessions[id] = made
            counters.acceptedConnections += 1
        }
    }

    private func wakeListener() throws(LinuxError) {
        guard listenerRests, let listener else { return }
        listenerRests = false
        try poller.add(listener.descriptor, .reading, token: Token.listener)
    }

    /// Closes the connection that has been idle longest; false when none is.
    private func makeRoom() -> Bool {
        let idle = sessions.values.filter { $0.isIdle }.min { ($0.since, $0.id) < ($1.since, $1.id) }
        guard let idle else { return false }
        idle.channel.close()
        drop(idle)
        return true
    }

    private func happened(_ event: Poller.Event, _ session: ClientSession) {
        if event.isWritable || session.channel.waitingBytes > 0 {
            guard session.channel.flush() == .open else { return drop(session) }
        }
        if event.isReadable {
            if case .closing = session.phase {
                discard(session)
            } else if session.wantsReading {
                receive(session)
            } else if event.isBroken {
                return drop(session)
            }
        }
        guard !session.isGone else { return }
        settle(session)
    }

    private func receive(_ session: ClientSession) {
        let wasBetween = session.parser.isBetweenRequests
        plain.removeAll(keepingCapacity: true)
        let state = session.channel.receive(scratch: &scratch, onto: &plain)
        if session.relay != nil {
            if session.relay?.frames.waitingBytes == 0 { session.since = now }
            session.relay?.frames.buffer += plain
            guard state == .open else { return drop(session) }
            pumpRelay(session)
        } else if !plain.isEmpty {
            if wasBetween, case .reading = session.phase { session.since = now }
            session.parser.feed(plain)
            pump(session)
        }
        switch state {
        case .open: break
        case .closed:
            session.inputEnded = true
            // Whoever has asked may still hear the answer. A follower that ends has left.
            if session.answering?.hasBegun == true || session.forward != nil && session.hasBegun {
                return drop(session)
            }
            if !session.isBusy { close(session) }
        case .failed, .broken: drop(session)
        }
    }

    /// Throws away what a client still sends after the last word was said.
    private func discard(_ session: ClientSession) {
        switch session.channel.socket.receive(into: &scratch) {
        case .bytes(let count):
            session.discardedBytes += count
            // Whoever pours on and on does not listen for the answer.
            if session.discardedBytes > limits.lingerBytes { drop(session) }
        case .later: break
        case .ended, .broken: drop(session)
        }
    }

    /// After anything happened to a connection: sends what waits, asks for more of an answer when all is taken, and
    /// tells the poller what to wait for.
    func settle(_ session: ClientSession) {
        guard !session.isGone else { return }
        let waiting = session.channel.waitingBytes
        if waiting == 0, session.answering?.wantsDrained == true, let id = session.askID {
            session.answering?.wantsDrained = false
            outgoing.append(.drained(id))
        }
        if waiting == 0 { resume(session) }
        if case .closing = session.phase, waiting == 0 {
            if session.inputEnded || stopAt != nil { return drop(session) }
            if !session.hasEndedSending {
                session.hasEndedSending = true
                session.since = now
                session.channel.socket.endSending()
            }
        }
        var wanted: Poller.Interest = []
        if session.wantsReading { wanted.insert(.reading) }
        if waiting > 0 { wanted.insert(.writing) }
        guard wanted != session.interest else { return }
        session.interest = wanted
        if (try? poller.change(session.channel.socket.descriptor, wanted, token: session.id)) == nil { drop(session) }
    }

    /// Forgets a connection; its socket closes with it.
    func drop(_ session: ClientSession) {
        guard sessions.removeValue(forKey: session.id) != nil else { return }
        session.isGone = true
        poller.remove(session.channel.socket.descriptor)
        if let id = session.askID { outgoing.append(.abandoned(id)) }
        if session.relay != nil { relayCount -= 1 }
        abandonForward(session)
        release(session)
        counters.receivedBytes += session.channel.bytesReceived
        counters.sentBytes += session.channel.bytesSent
    }

    func release(_ session: ClientSession) {
        reservedBytes -= session.reservedBytes
        session.reservedBytes = 0
        session.body = []
        session.held = nil
    }

    private func stop() {
        guard stopAt == nil else { return }
        stopAt = now + 5_000
        if let listener { poller.remove(listener.descriptor) }
        listener = nil
        for session in Array(sessions.values) {
            if session.answering?.hasBegun == true {
                interrupt(session, Problem(.unavailable, "The server is stopping; go on later from here."))
            } else if case .holding = session.phase {
                refuseHeld(session, Self.noPrimary)
            } else if session.forward != nil {
                // What is under way ends; what never ends is ended.
                guard session.hasBegun, session.held?.isEvents == true else { continue }
                abandonForward(session)
                breakOff(session, Problem(.unavailable, "The server is stopping; go on later from here."))
            } else if session.answering == nil {
                session.channel.close()
                drop(session)
            }
        }
    }
}
