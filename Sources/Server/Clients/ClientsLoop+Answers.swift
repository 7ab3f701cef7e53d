internal import API
internal import Linux
internal import Records
internal import Replica
internal import Transport

/// From the replica's answers to bytes.
extension ClientsLoop {
    func answer(_ id: AskID, _ answer: Answer, isLast: Bool) {
        guard let session = sessions[id.connection], session.askID == id else { return }
        if case .problem(let problem) = answer, problem.kind == .noPrimary, session.held != nil {
            return askElsewhere(session)
        }
        session.held?.body = []
        if case .appended(let appended) = answer, !appended.isRepeat {
            counters.appendedEvents += UInt64(appended.events.count)
        }
        out.removeAll(keepingCapacity: true)
        session.answering?.renderer.render(answer, isLast: isLast, date: date, onto: &out)
        observe(session)
        send(out, session)
        guard !session.isGone, let answering = session.answering else { return }
        if answering.renderer.isDone {
            if !isLast { outgoing.append(.abandoned(id)) }
            finish(session)
        } else if session.channel.waitingBytes < Self.outputHighWater {
            outgoing.append(.drained(id))
        } else {
            session.answering?.wantsDrained = true
        }
        settle(session)
    }

    /// The replica did not lead when it was asked, so nothing was done: the request waits for whoever does.
    private func askElsewhere(_ session: ClientSession) {
        session.answering = nil
        if session.relay != nil { return decline(session) }
        session.held?.retryAt = now + Self.retryMilliseconds
        hold(session)
        settle(session)
    }

    /// Ends an answer that will not come, or not go on.
    func interrupt(_ session: ClientSession, _ problem: Problem) {
        guard let id = session.askID else { return }
        out.removeAll(keepingCapacity: true)
        session.answering?.renderer.interrupt(problem, date: date, onto: &out)
        observe(session)
        send(out, session)
        outgoing.append(.abandoned(id))
        guard !session.isGone else { return }
        finish(session)
        settle(session)
    }

    /// The first piece of an answer: its time and its status.
    private func observe(_ session: ClientSession) {
        guard let answering = session.answering, !answering.hasBegun else { return }
        session.answering?.hasBegun = true
        let seconds = Double(LinuxClock.monotonicNanoseconds() - answering.startedExactly) / 1e9
        counters.latency.observe(seconds: seconds)
        count(answering.template, answering.method, answering.renderer.status)
    }

    /// After the last byte of an answer: on to the next request, or farewell.
    private func finish(_ session: ClientSession) {
        let closes = session.answering?.renderer.mustClose ?? true
        session.answering = nil
        conclude(session, closes: closes)
    }

    /// Bytes for the client, also where another replica passes them on.
    func send(_ bytes: [UInt8], _ session: ClientSession) {
        guard session.relay != nil else { return sendRaw(bytes, session) }
        var wrapped: [UInt8] = []
        ForwardedAnswer.write(bytes, onto: &wrapped)
        sendRaw(wrapped, session)
    }

    /// Bytes as they go over the connection.
    func sendRaw(_ bytes: [UInt8], _ session: ClientSession) {
        guard !bytes.isEmpty, !session.isGone else { return }
        if session.channel.waitingBytes == 0 { session.lastTakenAt = now }
        if session.channel.send(bytes) != .open { drop(session) }
    }

    /// Says farewell, and throws away what still comes for a while.
    func close(_ session: ClientSession) {
        guard !session.isGone else { return }
        session.phase = .closing
        session.since = now
        session.channel.close()
        settle(session)
    }
}
