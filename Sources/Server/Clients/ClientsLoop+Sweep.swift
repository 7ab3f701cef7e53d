internal import API
internal import Linux
internal import Records
internal import Replica
internal import Transport

/// What takes too long.
extension ClientsLoop {
    /// Looks at every connection, ten times a second.
    func sweep() {
        for session in Array(sessions.values) {
            sweep(session)
            settle(session)
        }
        sweepForwards()
        for count in strangers.takeDue(now: now) { outgoing.append(.strangers(count)) }
    }

    private func sweep(_ session: ClientSession) {
        if isStalled(session) { return drop(session) }
        let age = now - session.since
        switch session.phase {
        case .reading where session.relay != nil:
            // Whoever hands on closes idle connections; one that never said who it is, or half a request, is dropped.
            let isIdle = session.channel.session.isEstablished && session.relay?.frames.waitingBytes == 0
            if !isIdle, age >= limits.bodyMilliseconds { drop(session) }
        case .holding: break
        case .forwarding:
            guard !session.hasBegun, age >= limits.answerMilliseconds, let held = session.held else { return }
            abandonForward(session)
            refuseHeld(session, Self.unanswered(isSafe: held.isSafe))
        case .reading:
            if session.requestCount > 0, session.parser.isBetweenRequests {
                guard age >= limits.idleMilliseconds else { return }
                close(session)
            } else if age >= limits.headMilliseconds {
                // A head that has begun is answered; one that never began is not worth a word.
                guard session.channel.session.isEstablished, !session.parser.isBetweenRequests else {
                    return drop(session)
                }
                fail(Problem(.tooSlow, "Send the head of a request within the time allowed."), session)
            }
        case .receiving:
            guard age >= limits.bodyMilliseconds else { return }
            refuse(Problem(.tooSlow, "Send the body of a request within the time allowed."), session, close: true)
        case .answering:
            guard let answering = session.answering, !answering.hasBegun, age >= limits.answerMilliseconds else {
                return
            }
            interrupt(session, Self.unanswered(isSafe: answering.isSafe))
        case .closing:
            if session.hasEndedSending, age >= limits.lingerMilliseconds { drop(session) }
        }
    }

    private static func unanswered(isSafe: Bool) -> Problem {
        isSafe
            ? Problem(.unavailable, "The replica does not answer; try again.", [.retryAfterSeconds(5)])
            : mayBeDone
    }

    /// Of what changes something, and was not answered.
    static var mayBeDone: Problem {
        Problem(
            .outcomeUnknown,
            "It may have been done: retry an append with the same ids; of any other order, look first whether it was.")
    }

    /// Whether bytes wait that the client has not taken for too long.
    private func isStalled(_ session: ClientSession) -> Bool {
        let sent = session.channel.bytesSent
        if sent != session.sentBytesSeen || session.channel.waitingBytes == 0 {
            session.sentBytesSeen = sent
            session.lastTakenAt = now
            return false
        }
        return now - session.lastTakenAt >= limits.stallMilliseconds
    }
}
