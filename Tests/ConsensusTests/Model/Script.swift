import Consensus

/// A script: `>` lines tell a stage what to do, what comes of each stands below it, `#` lines are for the reader.
///
/// Nothing happens by itself: messages wait to be delivered, writes wait to reach the disk.
struct Script {
    private var stage: Stage?
    private var logs: [Int: [Entry]] = [:]
    private var printed: [String] = []

    /// The script with every command's outcome as it is.
    static func run(_ text: String) -> String {
        var script = Script()
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix(">") {
                script.printed.append(String(line))
                script.command(line.dropFirst().split(separator: " ").map(String.init))
            } else if line.hasPrefix("#") || line.isEmpty {
                script.printed.append(String(line))
            }
        }
        while script.printed.last == "" { script.printed.removeLast() }
        return script.printed.joined(separator: "\n") + "\n"
    }

    private mutating func say(_ line: String) { printed.append("    " + line) }

    private mutating func command(_ words: [String]) {
        guard let verb = words.first else { return say("says nothing") }
        let rest = Array(words.dropFirst())
        switch verb {
        case "log": log(rest)
        case "cluster": cluster(rest)
        default:
            guard let stage else { return say("there is no cluster yet") }
            guard act(verb, rest, on: stage) else { return say("not understood") }
            tell(stage)
        }
    }

    /// `log 2 1 1 3`: what node 2's disk holds, by term.
    private mutating func log(_ words: [String]) {
        let numbers = words.compactMap(Int.init)
        guard let id = numbers.first else { return say("not understood") }
        logs[id] = numbers.dropFirst().enumerated().map { Entry(term: UInt64($1), payload: $1 == 1 ? 0 : $0) }
    }

    /// `cluster 1 2 3 learners 4 others 5`.
    private mutating func cluster(_ words: [String]) {
        let lists = numbers(words)
        stage = Stage(
            voters: lists[""] ?? [], learners: lists["learners"] ?? [], others: lists["others"] ?? [], logs: logs,
            term: UInt64(lists["term"]?.first ?? 1))
        if let stage { tell(stage) }
    }

    /// Numbers by the word before them.
    private func numbers(_ words: [String]) -> [String: [Int]] {
        var lists: [String: [Int]] = [:]
        var name = ""
        for word in words {
            if let number = Int(word) { lists[name, default: []].append(number) } else { name = word }
        }
        return lists
    }

    private mutating func act(_ verb: String, _ words: [String], on stage: Stage) -> Bool {
        let lists = numbers(words)
        let first = lists[""]?.first ?? 0
        switch verb {
        case "pass": stage.pass(UInt64(first), only: lists["only"]?.first)
        case "persist": for id in lists[""] ?? [] { stage.persist(id) }
        case "deliver": stage.deliver(chosen(words, lists))
        case "drop": stage.drop(chosen(words, lists))
        case "settle": stage.settle(without: Set(lists["without"] ?? []))
        case "propose":
            for _ in 0..<(lists["times"]?.first ?? 1) where !stage.propose(first) { say("refused") }
        case "change": change(first, words, lists, on: stage)
        case "read": stage.tell(first, .readRequested(token: UInt64(lists["token"]?.first ?? 0)))
        case "transfer": stage.tell(first, .transfer(to: lists["to"]?.first ?? 0))
        case "close": stage.tell(first, .disconnected(peer: lists["to"]?.first ?? 0))
        case "connect": stage.tell(first, .connected(peer: lists["to"]?.first ?? 0))
        case "restart": stage.restart(first)
        case "stall": stage.tell(first, .diskStalled)
        case "recover": stage.tell(first, .diskRecovered)
        case "fail": stage.tell(first, .barred)
        case "damage":
            let log = stage[first].log
            stage.tell(first, .faulty(from: UInt64(lists["from"]?.first ?? 0), claimed: log.last))
        case "repair": stage.tell(first, .repaired)
        case "state": for host in stage.hosts { say(sentence(host)) }
        default: return false
        }
        return true
    }

    private mutating func change(_ id: Int, _ words: [String], _ lists: [String: [Int]], on stage: Stage) {
        var wanted = stage[id].node.membership
        if let voters = lists["voters"] { wanted = wanted.joint(with: voters) }
        for learner in lists["add"] ?? [] { wanted = wanted.adding(learner: learner) }
        for learner in lists["remove"] ?? [] { wanted = wanted.removing(learner: learner) }
        if let refusal = stage[id].node.refusal(of: wanted) { return say("refused: \(refusal)") }
        stage.propose(id, membership: wanted)
    }

    /// `from 1 to 2 3 heartbeats`: of those named, all that are said; everything if nothing is.
    private func chosen(_ words: [String], _ lists: [String: [Int]]) -> (RaftMessage) -> Bool {
        { message in
            lists["from"]?.contains(message.from) != false && lists["to"]?.contains(message.to) != false
                && (!words.contains("heartbeats") || message.kind.isHeartbeat)
                && (!words.contains("entries") || message.kind.isAboutEntries)
        }
    }

    // MARK: What is printed

    private mutating func tell(_ stage: Stage) {
        for line in stage.takeJournal() { say(line) }
        for complaint in stage.referee.complaints { say("WRONG: \(complaint)") }
    }

    private func sentence(_ host: Host) -> String {
        let node = host.node
        let role =
            switch node.role {
            case .secondary: node.primary.map { "follows \($0)" } ?? "follows nobody"
            case .preCandidate: "asks for support"
            case .candidate: "stands"
            case .primary: "leads"
            }
        let terms = host.log.entries.map { String($0.term) }.joined(separator: " ")
        return "\(node.id) \(role) in term \(node.term), log [\(terms)], durable \(node.durable), "
            + "committed \(node.committed)"
    }
}

extension RaftMessage.Kind {
    var isHeartbeat: Bool {
        switch self {
        case .heartbeat, .heartbeatAnswer: true
        default: false
        }
    }

    var isAboutEntries: Bool {
        switch self {
        case .append, .appendAnswer, .appendRefused: true
        default: false
        }
    }
}
