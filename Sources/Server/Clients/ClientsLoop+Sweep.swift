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
        for count in strangers.takeDue(now: now) { outgoing.append(.strangers(count)) }
    }

    private func sweep(_ session: ClientSession) {
        if isStalled(session) { return drop(session) }
        let age = now - session.since
        switch session.phase {
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
            interrupt(
                session,
                answering.isAppend
                    ? Problem(.outcomeUnknown, "It may have been appended: retry with the same ids.")
                    : Problem(.unavailable, "The replica does not answer; try again.", [.retryAfterSeconds(5)]))
        case .closing:
            if session.hasEndedSending, age >= limits.lingerMilliseconds { drop(session) }
        }
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
