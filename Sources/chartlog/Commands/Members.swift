import Client
import JSON
import Linux

/// What an operator orders a cluster to do with its replicas.
extension Command {
    static let handover = Command(
        "handover", "[--to N] [--force]", summary: "let another replica lead, without losing a beat",
        story: """
            Waits until the other one has everything and leads; appends go on within milliseconds. Refused when that
            replica is not reachable or too far behind. Needs the context that administers.

            When the primary hangs: --force --to N asks replica N alone, which then stands for election at once. It leads
            only if a quorum votes for it, so nothing acknowledged is lost. N is found among
            the context's endpoints by its certificate.
            """,
        options: [
            Option("to", .number(1...1_048_576), "N", "this replica; else whoever is fit"),
            Option("force", .flag, "", "ask replica N itself, though the primary does not answer; with --to"),
        ] + Option.cluster
    ) { arguments throws(Failure) in
        let body = arguments.text("to").map { #"{"to":\#($0)}"# } ?? "{}"
        var only: Int?
        if arguments.has("force") {
            guard let to = arguments.text("to") else {
                throw Failure(
                    .usage, "--force needs --to N: the replica that is to lead",
                    "it is asked itself; chartlog status shows who is ready")
            }
            only = try Orders.id(to)
        }
        try Orders.give(only == nil ? "handover" : "takeover", body, arguments, only: only) { status in
            "replica \(status["primary"]?.numberText ?? "?") leads, in term \(status["term"]?.numberText ?? "?")"
        }
    }

    static let replace = Command(
        "replace", "OLD [NEW]", summary: "let a spare take a replica's place",
        story: """
            The spare copies the log, then takes the place in one step; OLD is retired for ever. Without NEW the first
            spare that is fit. Returns when it is done, unless --no-wait. Needs the context that administers.
            """,
        options: [Option("no-wait", .flag, "", "return once it has begun"), .progress] + Option.cluster, operands: 1...2
    ) { arguments throws(Failure) in
        let ids = try arguments.operands.map(Orders.id)
        let body = #"{"leaving":\#(ids[0])\#(ids.count > 1 ? #","joining":\#(ids[1])"# : "")}"#
        let wait = !arguments.has("no-wait") && !arguments.has("json")
        try Orders.give("replacements", body, arguments) { status in
            let joining = status["change"]?["joining"]?.numberText.map { "replica \($0)" } ?? "a spare"
            return
                "\(joining) is to take the place of replica \(ids[0])\(wait ? "" : "; chartlog status shows how far it is")"
        }
        if wait { try Orders.watch(arguments, until: ids[0]) }
    }

    static let clock = Command(
        "clock", "accept", summary: "accept a clock that jumped ahead as right",
        story: """
            A clock that jumps ahead by more than 5 s stops appends (503 clock-ahead): set it right, or, when it was wrong
            before and is right now, accept it; that is recorded. Needs the context that administers.
            """,
        options: Option.cluster, operands: 1...1
    ) { arguments throws(Failure) in
        guard arguments.operands[0] == "accept" else {
            throw Failure(.usage, "clock takes the word accept", "usage: chartlog clock accept")
        }
        try Orders.give("clock", "{}", arguments) { _ in "the clock is accepted as it stands" }
    }

    static let spares = Command(
        "spares", "", summary: "the replicas that wait to take a lost one's place",
        story: "Needs any valid key; shows no patient's data.",
        options: Option.cluster
    ) { arguments throws(Failure) in
        let response = try Cluster(arguments).get("/v1/cluster")
        let view = try Replies.json(response).view
        let spares = view["replicas"]?.elements.filter { $0["role"]?.string == "spare" } ?? []
        if arguments.has("json") {
            var writer = JSONWriter()
            writer.array { array in
                for spare in spares { array.raw(spare.raw) }
            }
            return Output.line(String(decoding: writer.bytes, as: UTF8.self))
        }
        guard !spares.isEmpty else {
            return Output.line("no spares: init makes them with --spares N")
        }
        var table = Table([.init(title: "spare", alignsRight: true), .init(title: "state")])
        for spare in spares { table.add([spare["id"]?.numberText ?? "", spare["state"]?.string ?? ""]) }
        table.show()
    }
}

/// Orders by POST, and what becomes of them.
enum Orders {
    static func id(_ text: String) throws(Failure) -> Int {
        guard let id = Int(text), (1...1_048_576).contains(id) else {
            throw Failure(
                .usage, "\(Screen.safe(text)) names no replica",
                "a replica is named by its number, as chartlog status shows")
        }
        return id
    }

    /// Posts the order, to one replica alone where it is named; with --json prints the answer as it came, else what
    /// `words` make of it.
    static func give(
        _ name: String, _ body: String, _ arguments: Arguments, only replica: Int? = nil, words: (JSONView) -> String
    ) throws(Failure) {
        let cluster = try Cluster(arguments, only: replica)
        let response = try cluster.send(
            ClientRequest(
                "POST", "/v1/cluster/\(name)", fields: cluster.callerFields + [("Content-Type", "application/json")],
                body: Array(body.utf8)))
        if arguments.has("json") { return try Replies.showRaw(response) }
        Output.line(words(try Replies.json(response).view))
    }

    /// Waits until no change is under way, and says what holds it up meanwhile.
    static func watch(_ arguments: Arguments, until leaving: Int) throws(Failure) {
        let cluster = try Cluster(arguments)
        var progress = Progress("copying", unit: "events", total: nil, wanted: arguments.has("progress"))
        var saidHold = ""
        while true {
            let view = try Replies.json(try cluster.get("/v1/cluster")).view
            guard let change = view["change"], change.kind == .object else {
                let stays = view["replicas"]?.elements.contains {
                    $0["id"]?.integer == Int64(leaving) && ["primary", "secondary"].contains($0["role"]?.string)
                }
                guard stays != true else {
                    throw Failure(
                        .failed, "the change ended without being made", "chartlog status says how things stand")
                }
                progress.ended(Int(view["position"]?.unsigned ?? 0))
                return Output.line("done: replica \(leaving) is retired")
            }
            if let hold = change["hold"]?.string, hold != saidHold {
                saidHold = hold
                Output.complaint(Screen.safe(hold))
            }
            let joining = change["joining"]?.integer
            let joiner = view["replicas"]?.elements.first { $0["id"]?.integer == joining }
            progress.reached(Int(joiner?["position"]?.unsigned ?? 0))
            LinuxClock.pause(milliseconds: 200)
        }
    }
}
