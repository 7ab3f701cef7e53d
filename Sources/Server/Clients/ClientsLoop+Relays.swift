internal import API
internal import Linux
internal import Records
internal import Replica
internal import Transport

/// Requests that other replicas hand on to this one: read and asked like those of clients, and answered in pieces that
/// the other replica passes on as they are.
extension ClientsLoop {
    /// Connections of other replicas' fronts at once.
    static let relaysMax = 8_192

    /// A connection to the peer port that turned out to speak of requests.
    func take(_ handed: HandedConnection) {
        let socket = Socket(taking: handed.descriptor)
        guard let forwarding, stopAt == nil, relayCount < Self.relaysMax,
            let secure = try? TLSSession(serving: forwarding.serving)
        else { return }
        let channel = Channel(socket, secure)
        let accepted = (try? secure.received(handed.bytes, count: handed.bytes.count)) != nil
        guard channel.flush() == .open, accepted else { return }
        let id = nextID
        nextID += 1
        let session = ClientSession(
            id: id, channel: channel, address: handed.address, limits: limits.request, now: now)
        session.relay = ClientSession.Relay()
        guard (try? poller.add(socket.descriptor, .reading, token: id)) != nil else { return }
        sessions[id] = session
        relayCount += 1
        settle(session)
    }

    /// Reads requests as far as bytes have come, one at a time.
    func pumpRelay(_ session: ClientSession) {
        guard !session.isPumping else { return }
        session.isPumping = true
        defer { session.isPumping = false }
        let longest =
            limits.request.headBytesMax + limits.request.bodyBytesMax + ForwardedRequest.overheadBytesMax
        while !session.isGone, !session.isBusy {
            guard let step = session.relay?.frames.next(atMost: longest) else { return }
            switch step {
            case .needsMore: return
            case .tooLong: return drop(session)
            case .frame(let bytes):
                guard let request = try? ForwardedRequest(bytes), knows(request, session) else { return drop(session) }
                begin(request, session)
            }
        }
    }

    /// Whether the other side is the replica that it says received the request, by its certificate.
    private func knows(_ request: ForwardedRequest, _ session: ClientSession) -> Bool {
        if session.relay?.replica == request.replica { return true }
        guard let forwarding, forwarding.peers.contains(where: { $0.id == request.replica }),
            Place.isNumeric(request.address), session.channel.session.hasAgreedProtocol,
            session.channel.session.peerBears(
                uri: Configuration.peerURI(cluster: forwarding.cluster, replica: request.replica))
        else { return false }
        session.relay?.replica = request.replica
        return true
    }

    private func begin(_ request: ForwardedRequest, _ session: ClientSession) {
        session.address = Place.isNumeric(request.address) ? request.address : "unknown"
        session.requestCount += 1
        session.since = now
        var parser = RequestParser(limits: limits.request)
        parser.feed(request.head)
        guard case .head(let head) = parser.next(), parser.buffered == 0 else { return drop(session) }
        let route = Router.route(head, limits: limits.request)
        session.reservedBytes = request.body.count
        reservedBytes += request.body.count
        session.held = HeldRequest(
            head: head, route: route, credential: "", body: request.body,
            deadline: now + Self.relayWaitMilliseconds, startedExactly: LinuxClock.monotonicNanoseconds())
        guard lead == nil || answersItself else { return decline(session) }
        if let problem = parser.allowBody(atMost: route.bodyBytesMax) { return refuseHeld(session, problem) }
        guard request.body.count <= route.bodyBytesMax else {
            return refuseHeld(session, Problem(.tooLarge, "Send a smaller body.", [.limit(route.bodyBytesMax)]))
        }
        guard reservedBytes <= limits.bodyBytesMax else {
            return refuseHeld(
                session, Problem(.overloaded, "Too many large requests at once; try again.", [.retryAfterSeconds(1)]))
        }
        counters.servedForOthers += 1
        do throws(Problem) {
            session.held?.credential = try authenticate(head)
        } catch {
            if error.kind == .unauthenticated { strangers.count(error.kind, from: session.address, now: now) }
            return refuseHeld(session, error)
        }
        dispatch(session)
    }

    /// This replica does not lead, and has done nothing.
    func decline(_ session: ClientSession) {
        guard !session.isGone else { return }
        session.answering = nil
        release(session)
        session.phase = .reading
        session.since = now
        sendRaw(ForwardedAnswer.declined.bytes, session)
        goOn(session)
    }

    /// The answer is whole.
    func endRelay(_ session: ClientSession, closes: Bool) {
        sendRaw(ForwardedAnswer.end(closes: closes).bytes, session)
        goOn(session)
    }

    private func goOn(_ session: ClientSession) {
        guard !session.isGone else { return }
        guard stopAt == nil else { return close(session) }
        pumpRelay(session)
        settle(session)
    }
}
