import Client
import JSON
import Linux

/// Going back to an instant: in place, keeping history.
extension Command {
    static let restoreRewind = Command(
        "restore rewind", "--at INSTANT | --position N [--yes]",
        summary: "take the whole store back to an instant, keeping history",
        story: """
            Shows what going back would do; with --yes it is done, by one event that is appended: every stream that changed
            since takes the content it had, one version up. Streams made since are gone (410) until they are begun anew.
            What is undone stays readable in events and by --asof, and a rewind can be rewound. The audit trail and the
            registers of erasures, withdrawals and revocations never go back (they are empty: nothing writes to them yet, and
            a consent goes back like any stream). Appends wait while it is made. Needs the context that administers.
            """,
        options: [
            Option("at", .instant, "INSTANT", "the last instant that counts again, with its offset"),
            Option("position", .position, "N", "the last position that counts again"),
            Option("yes", .flag, "", "do it"),
        ] + Option.cluster
    ) { arguments throws(Failure) in try Rewind.run(arguments, applies: arguments.has("yes")) }

    static let restorePreview = Command(
        "restore preview", "--at INSTANT | --position N", summary: "show what a rewind to an instant would do",
        story: "Changes nothing, but that it was asked is recorded. Needs the context that administers.",
        options: [
            Option("at", .instant, "INSTANT", "the last instant that would count again, with its offset"),
            Option("position", .position, "N", "the last position that would count again"),
        ] + Option.cluster
    ) { arguments throws(Failure) in try Rewind.run(arguments, applies: false) }
}

/// The order of a rewind, and its plan as a person reads it.
enum Rewind {
    static func run(_ arguments: Arguments, applies: Bool) throws(Failure) {
        let target = try target(arguments)
        let cluster = try Cluster(arguments)
        var writer = JSONWriter()
        writer.object { object in
            object.member("asof", target)
            object.member("apply", applies)
        }
        let response = try told { () throws(Failure) in
            try cluster.send(
                ClientRequest(
                    "POST", "/v1/restores", fields: cluster.callerFields + [("Content-Type", "application/json")],
                    body: writer.bytes, changes: applies, isLong: true))
        }
        if arguments.has("json") { return try Replies.showRaw(response) }
        let view = try Replies.json(response).view
        show(view)
        Output.line("")
        guard applies else {
            return Output.line("nothing was changed; to go back, run: chartlog restore rewind … --yes")
        }
        Output.line("done, at position \(view["rewoundby"]?.numberText ?? "?")")
    }

    /// A rewind has no id by which it is done once: ordered again it takes back what was written in between.
    private static func told(_ order: () throws(Failure) -> ClientResponse) throws(Failure) -> ClientResponse {
        do throws(Failure) {
            let response = try order()
            guard response.status != 504 else { throw Replies.refusal(response) }
            return response
        } catch {
            guard error.code == .unknown else { throw error }
            throw Failure(
                .unknown, "whether the store went back is unknown",
                "look first: chartlog events --type chartlog.rewound shows it if it was done; the same command also takes "
                    + "back what was written since")
        }
    }

    /// What was asked for, as the server takes it.
    static func target(_ arguments: Arguments) throws(Failure) -> String {
        switch (arguments.text("at"), arguments.text("position")) {
        case (let at?, nil): return at
        case (nil, let position?): return position
        case (nil, nil):
            throw Failure(
                .usage, "back to when? Give --at INSTANT, with its offset, or --position N",
                "chartlog events shows instants and positions")
        case (_?, _?): throw Failure(.usage, "give --at or --position, not both")
        }
    }

    static func show(_ plan: JSONView) {
        func count(_ view: JSONView?) -> String { view?.unsigned.map(Screen.grouped) ?? "?" }
        var card = Card()
        card.add("back to", plan["instant"]?.string)
        card.add("position", "\(count(plan["target"])) of \(count(plan["position"]))")
        card.add("streams that change", count(plan["streams"]))
        card.add("of them made since", count(plan["vanishing"]))
        card.add("patients concerned", count(plan["patients"]))
        card.add("bookings that return", count(plan["appointments"]?["returning"]))
        card.add("bookings that vanish", count(plan["appointments"]?["vanishing"]))
        let never = plan["never_rewound"]
        card.add("stay erased", count(never?["erasures"]))
        card.add("stay withdrawn", count(never?["withdrawals"]))
        card.add("stay revoked", count(never?["revocations"]))
        card.show()
    }
}
