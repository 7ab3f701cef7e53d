internal import API
internal import Linux
internal import Records
internal import Replica
internal import Transport

/// Who answers a request: this replica, the one that leads, or nobody yet.
///
/// A request that nobody has begun to answer waits a while for a primary to be known, and goes to another replica when
/// the one that it was handed to is gone, unless it may have been acted on: so most clients see of a failover only that
/// an answer takes longer.
extension ClientsLoop {
    /// How long a request waits for a primary, and one handed on by another replica, which then looks elsewhere.
    static let waitMilliseconds: UInt64 = 2_000
    static let relayWaitMilliseconds: UInt64 = 500
    static let retryMilliseconds: UInt64 = 10
    /// How long whoever led before may go on answering once another leads: it can commit nothing more, and may be
    /// hanging.
    static let graceMilliseconds: UInt64 = 300
    /// Requests that wait at once.
    static let waitingMax = 1_024

    static let noPrimary = Problem(.noPrimary, "No replica leads now; try again.", [.retryAfterSeconds(1)])

    /// Whether this replica answers requests itself.
    var answersItself: Bool { forwarding.map { $0.own == lead } ?? true }

    func dispatch(_ session: ClientSession) {
        guard let held = session.held else { return }
        if let retired, !held.isCluster {
            return session.relay != nil ? decline(session) : refuseHeld(session, retired)
        }
        if answersItself || held.isForHere || held.isCluster && lead == nil { return ask(session) }
        guard let lead else { return hold(session) }
        // One hop: what another replica handed on is not handed on again.
        if session.relay != nil { return decline(session) }
        forward(session, to: lead)
    }

    /// Lets a request wait until it is known who leads.
    func hold(_ session: ClientSession) {
        guard let held = session.held else { return }
        session.phase = .holding
        guard now < held.deadline, waiting.count < Self.waitingMax else { return giveUp(session) }
        waiting.append(session.id)
    }

    /// Tries again what waits, and tells whoever has waited too long.
    func retryWaiting() {
        guard !waiting.isEmpty else { return }
        let due = waiting
        waiting.removeAll(keepingCapacity: true)
        for id in due {
            guard let session = sessions[id], case .holding = session.phase, let held = session.held else { continue }
            if now >= held.deadline {
                giveUp(session)
            } else if now >= held.retryAt, lead != nil || held.isCluster || retired != nil {
                dispatch(session)
            } else {
                waiting.append(id)
            }
            settle(session)
        }
    }

    private func giveUp(_ session: ClientSession) {
        if session.relay != nil { return decline(session) }
        refuseHeld(session, Self.noPrimary)
    }

    /// Somebody else leads, or nobody.
    func led(by primary: Int?) {
        lead = primary
        leadSince = now
        for link in Array(forwardLinks.values) where link.session == nil && link.replica != primary { close(link) }
        for session in waiting.compactMap({ sessions[$0] }) { session.held?.retryAt = 0 }
        retryWaiting()
    }

    /// Answers a request that nobody has begun to answer.
    func refuseHeld(_ session: ClientSession, _ problem: Problem) {
        guard let held = session.held else { return }
        out.removeAll(keepingCapacity: true)
        let status = LocalAnswers.write(
            problem, route: held.route, head: held.head, requestID: drawID(), date: date, onto: &out)
        count(held.route.template, held.route.method, status)
        send(out, session)
        conclude(session, closes: !held.head.keepsAlive)
    }

    /// After the last byte of an answer that this front did not render: on to the next request, or farewell.
    func conclude(_ session: ClientSession, closes: Bool) {
        guard !session.isGone else { return }
        release(session)
        session.phase = .reading
        session.since = now
        if session.relay != nil { return endRelay(session, closes: closes) }
        guard !closes, stopAt == nil else { return close(session) }
        guard !session.isPumping else { return }
        pump(session)
        if session.inputEnded, !session.isBusy { close(session) }
    }

    // MARK: connections to the primary

    private func forward(_ session: ClientSession, to replica: Int) {
        guard let forwarding, let held = session.held else { return }
        session.held?.attempts += 1
        guard let link = idleLink(to: replica) ?? dial(replica, forwarding) else { return retryLater(session) }
        if held.attempts == 0 { counters.forwardedRequests += 1 }
        link.session = session.id
        session.forward = link
        session.phase = .forwarding
        session.hasBegun = false
        session.since = now
        var request: [UInt8] = []
        ForwardedRequest(
            address: session.address, replica: forwarding.own, head: held.head.bytes, body: held.body
        ).write(onto: &request)
        guard link.isOpen else {
            link.held = request
            return
        }
        give(request, to: link)
    }

    private func idleLink(to replica: Int) -> ForwardLink? {
        // The one used last: the others grow old and are closed.
        forwardLinks.values.filter { $0.session == nil && $0.isOpen && $0.replica == replica }
            .max { ($0.since, $0.token) < ($1.since, $1.token) }
    }

    private func dial(_ replica: Int, _ forwarding: Forwarding) -> ForwardLink? {
        guard let peer = forwarding.peers.first(where: { $0.id == replica }),
            let secure = try? TLSSession(connecting: forwarding.dialling),
            let socket = try? Socket.connecting(to: peer.address, port: peer.peerPort)
        else { return nil }
        try? socket.giveUp(afterMilliseconds: PeerLinks.unacknowledgedMilliseconds)
        let link = ForwardLink(token: nextID, replica: replica, channel: Channel(socket, secure), now: now)
        nextID += 1
        guard (try? poller.add(socket.descriptor, link.interest, token: link.token)) != nil else { return nil }
        forwardLinks[link.token] = link
        return link
    }

    private func give(_ request: [UInt8], to link: ForwardLink) {
        link.hasSent = true
        guard link.channel.send(request) == .open else { return lose(link) }
        settle(link)
    }

    func happened(_ event: Poller.Event, _ link: ForwardLink) {
        if !link.isConnected {
            guard event.isWritable || event.isBroken else { return }
            guard (try? link.channel.socket.connected()) != nil else { return lose(link) }
            link.isConnected = true
        }
        if event.isWritable, link.channel.flush() != .open { return lose(link) }
        if event.isReadable, !link.isPaused || event.isBroken {
            let state = link.channel.receive(scratch: &scratch, onto: &link.received.buffer)
            hear(link)
            guard forwardLinks[link.token] != nil else { return }
            guard state == .open else { return lose(link) }
        }
        if !link.isOpen, link.channel.session.isEstablished { open(link) }
        settle(link)
    }

    /// Both sides have shown their certificates: the request goes out, if the other side is whom it is for.
    private func open(_ link: ForwardLink) {
        guard let forwarding, link.channel.session.hasAgreedProtocol,
            link.channel.session.peerBears(
                uri: Configuration.peerURI(cluster: forwarding.cluster, replica: link.replica))
        else { return lose(link) }
        link.isOpen = true
        link.since = now
        guard !link.held.isEmpty else { return }
        let request = link.held
        link.held = []
        give(request, to: link)
    }

    private func hear(_ link: ForwardLink) {
        while forwardLinks[link.token] != nil {
            switch link.received.next(atMost: ForwardedAnswer.pieceBytesMax + 16) {
            case .needsMore: return
            case .tooLong: return lose(link)
            case .frame(let bytes):
                guard let id = link.session, let session = sessions[id], session.forward === link,
                    let answer = try? ForwardedAnswer(bytes)
                else { return lose(link) }
                hear(answer, link, session)
            }
        }
    }

    private func hear(_ answer: ForwardedAnswer, _ link: ForwardLink, _ session: ClientSession) {
        switch answer {
        case .piece(let bytes):
            begin(session, bytes)
            session.tail?.passed(bytes)
            send(bytes, session)
            guard !session.isGone else { return }
            if session.channel.waitingBytes >= Self.outputHighWater { link.isPaused = true }
            settle(session)
        case .end(let closes):
            rest(link, session)
            conclude(session, closes: closes)
            settle(session)
        case .declined:
            rest(link, session)
            guard !session.hasBegun else { return breakOff(session, Self.brokenOff) }
            retryLater(session)
            settle(session)
        }
    }

    /// The first bytes of an answer: its time and its status, and the request is not needed any more.
    private func begin(_ session: ClientSession, _ bytes: [UInt8]) {
        guard !session.hasBegun, let held = session.held else { return }
        session.hasBegun = true
        session.held?.body = []
        session.tail = held.isEvents ? AnswerTail() : nil
        let status = bytes.count >= 12 ? Int(String(decoding: bytes[9..<12], as: UTF8.self)) ?? 0 : 0
        counters.latency.observe(seconds: Double(LinuxClock.monotonicNanoseconds() - held.startedExactly) / 1e9)
        count(held.route.template, held.route.method, status)
    }

    /// The link has answered, and waits for the next request.
    private func rest(_ link: ForwardLink, _ session: ClientSession) {
        session.forward = nil
        link.session = nil
        link.hasSent = false
        link.isPaused = false
        link.since = now
        if link.replica != lead || stopAt != nil { close(link) } else { settle(link) }
    }

    private func retryLater(_ session: ClientSession) {
        session.held?.retryAt = now + Self.retryMilliseconds
        hold(session)
    }

    /// The connection is gone: what becomes of the request that was on it depends on whether it may have arrived.
    func lose(_ link: ForwardLink) {
        forget(link)
        guard let id = link.session, let session = sessions[id], session.forward === link else { return }
        session.forward = nil
        guard !session.hasBegun, let held = session.held else { return breakOff(session, Self.brokenOff) }
        session.held?.losses += 1
        if held.losses == 0 { session.held?.deadline = now + Self.waitMilliseconds }
        if link.mayHaveArrived {
            if !held.isSafe {
                refuseHeld(session, Self.mayBeDone)
            } else if held.losses > 0 {
                refuseHeld(
                    session, Problem(.unavailable, "The primary does not answer; try again.", [.retryAfterSeconds(1)]))
            } else {
                retryLater(session)
            }
        } else {
            retryLater(session)
        }
        settle(session)
    }

    private static let brokenOff = Problem(
        .unavailable, "The replica that answered is gone: go on from the last position that came.",
        [.retryAfterSeconds(1)])

    /// Ends an answer that another replica began and will not end: a list says so in its last line, any other is cut. It
    /// must not look whole.
    func breakOff(_ session: ClientSession, _ problem: Problem) {
        guard let end = session.tail?.ending(with: problem) else { return drop(session) }
        send(end, session)
        conclude(session, closes: true)
        guard sessions[session.id] != nil else { return }
        settle(session)
    }

    private func forget(_ link: ForwardLink) {
        guard forwardLinks.removeValue(forKey: link.token) != nil else { return }
        poller.remove(link.channel.socket.descriptor)
    }

    func close(_ link: ForwardLink) {
        link.channel.close()
        forget(link)
    }

    /// The client has left, or is told something else: the answer is not wanted any more.
    func abandonForward(_ session: ClientSession) {
        guard let link = session.forward else { return }
        session.forward = nil
        link.session = nil
        close(link)
    }

    func sweepForwards() {
        for link in Array(forwardLinks.values) {
            if !link.isOpen, now - link.since >= ForwardLink.openingMilliseconds {
                lose(link)
            } else if link.session != nil, let lead, link.replica != lead, now - leadSince >= Self.graceMilliseconds {
                lose(link)
            } else if link.session == nil, now - link.since >= ForwardLink.idleMilliseconds {
                close(link)
            }
        }
    }

    /// The client has taken what waited.
    func resume(_ session: ClientSession) {
        guard let link = session.forward, link.isPaused else { return }
        link.isPaused = false
        settle(link)
    }

    private func settle(_ link: ForwardLink) {
        guard forwardLinks[link.token] != nil, link.isConnected else { return }
        var wanted: Poller.Interest = link.isPaused ? [] : .reading
        if link.channel.waitingBytes > 0 { wanted.insert(.writing) }
        guard wanted != link.interest else { return }
        link.interest = wanted
        if (try? poller.change(link.channel.socket.descriptor, wanted, token: link.token)) == nil { lose(link) }
    }
}
