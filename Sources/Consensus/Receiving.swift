/// What every message goes through before its own rules: whose it is, and which term it is of.
extension RaftNode {
    mutating func received(_ message: RaftMessage, _ log: some LogView, into effects: inout Effects) {
        guard message.to == id, message.from != id, !isRetired(message) else { return }
        if message.kind.isAnswer, slot(of: message.from) == nil { return }
        switch message.kind {
        case .preVoteRequest(let asked, let last, let isTransfer):
            preVoteRequested(asked, last, isTransfer: isTransfer, by: message.from, into: &effects)
        case .preVoteAnswer(let asked, let granted):
            if !granted, message.term > term { return follow(nil, in: message.term, into: &effects) }
            preVoteAnswered(asked, granted, by: message.from, into: &effects)
        case .voteRequest(let last, let isTransfer):
            if message.term < term { return sendTermPassed(to: message.from, into: &effects) }
            guard message.term == term || !isLoyal || isTransfer else { return }
            voteRequested(message, last, into: &effects)
        case .append, .heartbeat, .timeoutNow:
            if message.term < term { return sendTermPassed(to: message.from, into: &effects) }
            receivedFromPrimary(message, log, into: &effects)
        case .voteAnswer, .appendAnswer, .appendRefused, .heartbeatAnswer, .termPassed:
            if message.term > term { return follow(nil, in: message.term, into: &effects) }
            guard message.term == term else { return }
            receivedAnswer(message, log, into: &effects)
        }
    }

    /// Only a committed retirement bars: one that may still be cut away may name the next primary. A primary that
    /// retires says its last words in its own term.
    private func isRetired(_ message: RaftMessage) -> Bool {
        guard memberships.first?.membership.retired.contains(message.from) == true else { return false }
        return message.term != term || message.from != primary
    }

    private mutating func receivedFromPrimary(
        _ message: RaftMessage, _ log: some LogView, into effects: inout Effects
    ) {
        precondition(message.term > term || !isPrimary, "two primaries in one term")
        if message.term > term || role != .secondary || primary != message.from {
            follow(message.from, in: message.term, into: &effects)
        }
        heard = now
        hurry = 0
        timerStart = now
        if timeout < timings.election.lowerBound { wait() }
        switch message.kind {
        case .append(let previous, let count, let entryTerm, let commit):
            appendReceived(previous, count: count, entryTerm: entryTerm, commit: commit, log, into: &effects)
        case .heartbeat(let commit, let round):
            learn(commit: commit, log, into: &effects)
            answer(.heartbeatAnswer(round: round, match: matchHere), to: message.from, into: &effects)
        case .timeoutNow:
            if mayStand { stand(isTransfer: true, into: &effects) }
        default: break
        }
    }

    private mutating func receivedAnswer(_ message: RaftMessage, _ log: some LogView, into effects: inout Effects) {
        switch message.kind {
        case .voteAnswer(let granted): voteAnswered(granted, by: message.from, into: &effects)
        case .appendAnswer(let match): appendAnswered(match, by: message.from, log, into: &effects)
        case .appendRefused(let refused, let hint):
            appendRefused(refused, hint, by: message.from, log, into: &effects)
        case .heartbeatAnswer(let round, let match):
            heartbeatAnswered(round, match, by: message.from, log, into: &effects)
        default: break
        }
    }

    func send(_ kind: RaftMessage.Kind, to peer: Int, into effects: inout Effects) {
        effects.append(.send(RaftMessage(from: id, to: peer, term: term, kind: kind)))
    }

    /// Whoever speaks in a term that is over learns the newer one; silence could wedge the cluster, for a node with
    /// a newer term may have a log too short to win an election in it.
    private mutating func sendTermPassed(to peer: Int, into effects: inout Effects) {
        if !mutated(.ignoresOldTerms) { answer(.termPassed, to: peer, into: &effects) }
    }

    /// Answers are promises: they go out once term and vote are durable. Few wait, and those lost come again.
    mutating func answer(_ kind: RaftMessage.Kind, to peer: Int, into effects: inout Effects) {
        if isTermDurable || mutated(.answersBeforeDurableTerm) {
            return send(kind, to: peer, into: &effects)
        }
        if heldAnswers.count == 16 { heldAnswers.removeFirst() }
        heldAnswers.append(RaftMessage(from: id, to: peer, term: term, kind: kind))
    }
}

extension RaftMessage.Kind {
    /// Says what a member said or has; of anybody else it means nothing.
    fileprivate var isAnswer: Bool {
        switch self {
        case .preVoteAnswer, .voteAnswer, .appendAnswer, .appendRefused, .heartbeatAnswer: true
        case .preVoteRequest, .voteRequest, .append, .heartbeat, .timeoutNow, .termPassed: false
        }
    }
}
