import Consensus

// What happens on a stage, in words.

extension EntryID {
    fileprivate var name: String { "\(index) of term \(term)" }
}

extension Membership {
    fileprivate var name: String {
        func list(_ ids: [Int]) -> String { ids.map(String.init).joined(separator: " ") }
        var text = "voters \(list(voters))"
        if let incoming { text += ", incoming \(list(incoming))" }
        if !learners.isEmpty { text += ", learners \(list(learners))" }
        if !retired.isEmpty { text += ", retired \(list(retired))" }
        return text
    }
}

extension RaftMessage {
    var sentence: String { "\(from) to \(to), term \(term): \(kind.sentence)" }
}

extension RaftMessage.Kind {
    fileprivate var sentence: String {
        switch self {
        case .preVoteRequest(let asked, let last, let isTransfer):
            "would you vote for me in term \(asked), my log ends with \(last.name)\(isTransfer ? ", as ordered" : "")"
        case .preVoteAnswer(let asked, let granted): "\(granted ? "yes" : "no"), as to term \(asked)"
        case .voteRequest(let last, let isTransfer):
            "vote for me, my log ends with \(last.name)\(isTransfer ? ", as ordered" : "")"
        case .voteAnswer(let granted): granted ? "you have my vote" : "you do not have my vote"
        case .append(let previous, let count, let entryTerm, let commit):
            count == 0
                ? "have you \(previous.name)? \(commit) committed"
                : "after \(previous.name): \(count) of term \(entryTerm), \(commit) committed"
        case .appendAnswer(let match): "durable through \(match)"
        case .appendRefused(let refused, let hint): "not after \(refused), perhaps after \(hint.name)"
        case .heartbeat(let commit, let round): "heartbeat \(round), \(commit) committed"
        case .heartbeatAnswer(let round, let match): "heartbeat \(round) heard, durable through \(match)"
        case .timeoutNow: "stand now"
        case .termPassed: "your term is over"
        }
    }
}

extension RaftNode.Effect {
    /// nil for what is told by the messages themselves.
    var sentence: String? {
        switch self {
        case .persistTerm(let term, let vote): "writes term \(term), \(vote.map { "vote for \($0)" } ?? "no vote")"
        case .becamePrimary(let term): "leads in term \(term)"
        case .becameSecondary(let term, let primary):
            "follows \(primary.map(String.init) ?? "nobody") in term \(term)"
        case .send: nil
        case .truncate(let after): "cuts its log after \(after)"
        case .append(let first, let count): "takes \(count) from \(first) on"
        case .membershipReverted(let membership): "goes back to \(membership.name)"
        case .committed(let through): "commits through \(through)"
        case .changeMembership(let membership): "goes on to \(membership.name)"
        case .readReady(let token, let index): "read \(token) is current through \(index)"
        case .readLost(let token): "read \(token) is lost"
        case .transferEnded(let succeeded): succeeded ? "has handed over" : "has not handed over"
        }
    }
}
