internal import API
internal import Linux
internal import Records
internal import Replica
internal import Transport

/// From bytes to a question for the replica.
extension ClientsLoop {
    /// Reads requests as far as bytes have come, one at a time.
    func pump(_ session: ClientSession) {
        if session.relay != nil { return pumpRelay(session) }
        guard !session.isPumping else { return }
        session.isPumping = true
        defer { session.isPumping = false }
        while !session.isGone, !session.isBusy {
            if case .closing = session.phase { return }
            switch session.parser.next() {
            case .needsMore: return
            case .head(let head): begin(head, session)
            case .body(let range): append(range, session)
            case .end: end(session)
            case .failed(let problem): fail(problem, session)
            }
        }
    }

    private func begin(_ head: RequestHead, _ session: ClientSession) {
        let route = Router.route(head, limits: limits.request)
        var credential = ""
        if route.needsCredential {
            do throws(Problem) {
                credential = try authenticate(head)
            } catch {
                if error.kind == .unauthenticated { strangers.count(error.kind, from: session.address, now: now) }
                return refuse(error, route, head, session, close: head.hasBody)
            }
        }
        if let problem = session.parser.allowBody(atMost: route.bodyBytesMax) {
            return refuse(problem, route, head, session, close: true)
        }
        if let length = head.contentLength, reservedBytes + length > limits.bodyBytesMax {
            let problem = Problem(.overloaded, "Too many large requests at once; try again.", [.retryAfterSeconds(1)])
            return refuse(problem, route, head, session, close: true)
        }
        if let length = head.contentLength, length > 0 { session.body.reserveCapacity(min(length, 1 << 16)) }
        session.phase = .receiving(head, route, credential: credential)
        session.since = now
        if head.expectsContinue, head.hasBody { send(ResponseWriter.goOn, session) }
    }

    private func append(_ range: Range<Int>, _ session: ClientSession) {
        guard reservedBytes + range.count <= limits.bodyBytesMax else {
            let problem = Problem(.overloaded, "Too many large requests at once; try again.", [.retryAfterSeconds(1)])
            return refuse(problem, session, close: true)
        }
        session.body.append(contentsOf: session.parser.buffer[range])
        session.reservedBytes += range.count
        reservedBytes += range.count
    }

    private func end(_ session: ClientSession) {
        guard case .receiving(let head, let route, let credential) = session.phase else { return }
        session.requestCount += 1
        if !route.needsCredential {
            answerLocally(head, route, session)
            return
        }
        session.held = HeldRequest(
            head: head, route: route, credential: credential, body: session.body,
            deadline: now + Self.waitMilliseconds, startedExactly: LinuxClock.monotonicNanoseconds())
        session.body = []
        dispatch(session)
    }

    /// Asks this replica.
    func ask(_ session: ClientSession) {
        guard let held = session.held else { return }
        let inquiry = Inquiry(
            HTTPRequest(head: held.head, body: held.body), route: held.route, credential: held.credential,
            address: session.address, drawnID: drawID(), receivedBy: session.relay?.replica)
        // Whoever does not lead cannot record that this was refused, and it is not for whoever does.
        if held.isForHere, !answersItself, case .refused(let problem) = inquiry.ask.request {
            return refuseHeld(session, problem)
        }
        if case .append(let append) = inquiry.ask.request, held.attempts == 0 {
            counters.appendedBytes += UInt64(append.events.reduce(0) { $0 + $1.bytes.count })
        }
        session.askCount += 1
        session.answering = ClientSession.Answering(
            number: session.askCount, renderer: inquiry.renderer, template: held.route.template,
            method: held.route.method, startedAt: now, startedExactly: held.startedExactly, isSafe: held.isSafe)
        session.phase = .answering
        session.since = now
        if forwarding == nil { session.held = nil } else { session.held?.attempts += 1 }
        let id = AskID(connection: session.id, number: session.askCount)
        if let order = inquiry.order {
            outgoing.append(.operate(id, inquiry.ask.caller, order))
        } else {
            outgoing.append(.asked(id, inquiry.ask))
        }
    }

    /// Who asks, by the key that the request presents. Before the replica has said who may come in, nobody can tell.
    func authenticate(_ head: RequestHead) throws(Problem) -> String {
        let presented = try PresentedKey(head)
        guard let credentials else {
            throw unready ?? Problem(.unavailable, "Try again in a second.", [.retryAfterSeconds(1)])
        }
        guard let row = credentials[presented.id], row.verifies(presented.secret, crypto: crypto) else {
            throw PresentedKey.refusal
        }
        return row.id
    }

    private func answerLocally(_ head: RequestHead, _ route: Route, _ session: ClientSession) {
        let facts = LocalAnswers.Facts(
            isReady: isReady && stopAt == nil, unready: unready ?? (isReady ? nil : Self.noPrimary),
            counters: currentCounters(route))
        out.removeAll(keepingCapacity: true)
        let status =
            LocalAnswers.write(route, head, facts: facts, requestID: drawID(), date: date, onto: &out)
            ?? LocalAnswers.write(
                Problem(.internalError, "Report this with the request's id."), route: route, head: head,
                requestID: drawID(), date: date, onto: &out)
        count(route.template, route.method, status)
        send(out, session)
        release(session)
        session.phase = .reading
        session.since = now
        if !head.keepsAlive { close(session) }
    }

    /// A request that is answered before it was read to its end, or before anybody is known.
    private func refuse(
        _ problem: Problem, _ route: Route, _ head: RequestHead, _ session: ClientSession, close closes: Bool
    ) {
        counters.refused[problem.kind.rawValue, default: 0] += 1
        out.removeAll(keepingCapacity: true)
        let status = LocalAnswers.write(
            problem, route: route, head: head, requestID: drawID(), date: date, close: closes, onto: &out)
        count(route.template, route.method, status)
        send(out, session)
        release(session)
        session.since = now
        if closes || !head.keepsAlive {
            close(session)
        } else {
            // There is no body: what follows is the end of this request, which is passed over.
            session.phase = .reading
            if case .end = session.parser.next() { return }
            close(session)
        }
    }

    /// As above, for a request whose head is known to the session.
    func refuse(_ problem: Problem, _ session: ClientSession, close closes: Bool) {
        if session.held != nil { return refuseHeld(session, problem) }
        guard case .receiving(let head, let route, _) = session.phase else { return fail(problem, session) }
        refuse(problem, route, head, session, close: closes)
    }

    /// The connection is beyond repair: says why, and closes.
    func fail(_ problem: Problem, _ session: ClientSession) {
        strangers.count(problem.kind, from: session.address, now: now)
        counters.refused[problem.kind.rawValue, default: 0] += 1
        var route: Route?
        if case .receiving(_, let known, _) = session.phase { route = known }
        out.removeAll(keepingCapacity: true)
        let status = LocalAnswers.write(
            problem, route: route, head: nil, requestID: drawID(), date: date, close: true, onto: &out)
        count(route?.template ?? "unknown", route?.method ?? .get, status)
        send(out, session)
        release(session)
        close(session)
    }

    private func currentCounters(_ route: Route) -> Counters {
        guard case .metrics = route.endpoint else { return Counters() }
        var all = mail.gauges.withLock { $0 }
        all.requests = counters.requests
        all.latency = counters.latency
        all.appendedEvents = counters.appendedEvents
        all.appendedBytes = counters.appendedBytes
        all.refused = counters.refused
        all.acceptedConnections = counters.acceptedConnections
        all.receivedBytes = counters.receivedBytes
        all.sentBytes = counters.sentBytes
        for session in sessions.values {
            all.receivedBytes += session.channel.bytesReceived
            all.sentBytes += session.channel.bytesSent
            if session.answering?.hasBegun == true { all.followers += 1 }
        }
        all.connections = UInt64(sessions.count - relayCount)
        all.forwardedRequests = counters.forwardedRequests
        all.servedForOthers = counters.servedForOthers
        all.heldRequests = UInt64(waiting.count)
        all.isReady = isReady
        all.residentBytes = UInt64(ThisProcess.residentBytes)
        all.uptimeSeconds = Double(now - startedAt) / 1000
        all.version = Version.text
        return all
    }

    func count(_ template: String, _ method: Method, _ status: Int) {
        let kind = Counters.RequestKind(route: template, method: method.rawValue, statusClass: status / 100)
        counters.requests[kind, default: 0] += 1
    }
}
