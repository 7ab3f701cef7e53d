import JSON
import Linux

extension Command {
    static let audit = Command(
        "audit", "[--patient ID] [--actor A] [--from I] [--to I] [--asof INSTANT]",
        summary: "who saw or changed what, when, from where and why",
        story: "The newest first. Looking here leaves a record as well.",
        options: [
            Option("patient", .text, "ID", "what concerns this patient"),
            Option("actor", .text, "A", "by this credential, or on behalf of this reference"),
            Option("from", .instant, "I", "from this instant on"),
            Option("to", .instant, "I", "up to this instant"),
            Option("limit", .number(1...100_000), "N", "at most so many (default 100)"), .asOf,
        ] + Option.cluster
    ) { arguments throws(Failure) in
        let cluster = try Cluster(arguments)
        let limit = arguments.number("limit", or: 100)
        var parameters: [(String, String)] = [("_count", "\(min(limit, 500))")]
        if let id = arguments.text("patient") {
            parameters.append(("patient", try Identifiers.bare(id, category: "patient", type: "Patient")))
        }
        if let actor = arguments.text("actor") { parameters.append(("agent", actor)) }
        if let from = arguments.text("from") { parameters.append(("date", "ge\(from)")) }
        if let to = arguments.text("to") { parameters.append(("date", "le\(to)")) }
        if let asOf = arguments.text("asof") { parameters.append(("asof", asOf)) }
        try Pages.show(
            "AuditEvent", parameters, cluster, arguments, limit: limit, table: AuditTable.empty,
            none: "nothing recorded", AuditTable.row)
    }
}

/// AuditEvents (after IHE BALP) as rows.
enum AuditTable {
    static let empty = Table([
        .init(title: "when (UTC)"), .init(title: "who", widthMax: 30), .init(title: "did"),
        .init(title: "why"), .init(title: "from"), .init(title: "outcome"), .init(title: "what", widthMax: 60),
        .init(title: "id"),
    ])

    static func row(_ event: JSONView) -> [String] {
        let agents = event["agent"]?.elements ?? []
        let address = agents.compactMap { $0["network"]?["address"]?.string }.first
        return [
            Times.toTheSecond(event["recorded"]?.string), who(agents),
            did(event), why(event), address ?? "", outcome(event["outcome"]?.string), what(event),
            event["id"]?.string ?? "",
        ]
    }

    /// The credential, and for whom it asked; the replica that answered is an agent too and goes without saying.
    private static func who(_ agents: [JSONView]) -> String {
        let asked = agents.filter { $0["who"]?["identifier"]?["system"]?.string != "urn:chartlog:replica" }
        return asked.compactMap(name).joined(separator: " for ")
    }

    private static func name(_ agent: JSONView) -> String? {
        let who = agent["who"]
        return agent["name"]?.string ?? who?["display"]?.string ?? who?["reference"]?.string
            ?? who?["identifier"]?["value"]?.string
    }

    private static func did(_ event: JSONView) -> String {
        let subtypes = event["subtype"]?.elements ?? []
        let own = subtypes.first { $0["system"]?.string?.contains("chartlog") == true } ?? subtypes.last
        let action = event["action"]?.string ?? ""
        return own?["code"]?.string ?? own?["display"]?.string ?? action
    }

    private static func why(_ event: JSONView) -> String {
        let reasons =
            (event["purposeOfEvent"]?.elements ?? [])
            + (event["agent"]?.elements ?? []).flatMap { $0["purposeOfUse"]?.elements ?? [] }
        return reasons.compactMap { $0["coding"]?[0]?["code"]?.string }.first ?? ""
    }

    private static func outcome(_ code: String?) -> String {
        switch code {
        case "0": "ok"
        case "4": "refused"
        case "8": "failed"
        case "12": "broken"
        default: code ?? ""
        }
    }

    private static func what(_ event: JSONView) -> String {
        (event["entity"]?.elements ?? []).compactMap { $0["what"]?["reference"]?.string }.joined(separator: " ")
    }
}
