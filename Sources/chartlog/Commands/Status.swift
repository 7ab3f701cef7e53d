import Bytes
import JSON
import Linux

extension Command {
    static let status = Command(
        "status", "", summary: "who is primary, how far everybody is, and the digests of the views",
        story: "Needs any valid key; shows no patient's data.",
        options: Option.cluster
    ) { arguments throws(Failure) in
        let cluster = try Cluster(arguments)
        let response = try cluster.get("/v1/cluster")
        if arguments.has("json") { return try Replies.showRaw(response) }
        let view = try Replies.json(response).view
        var card = Card()
        card.add("cluster", (view["cluster"] ?? view["cluster_id"])?.string)
        card.add("primary", view["primary"]?.numberText.map { "replica \($0)" } ?? "none")
        card.add("term", view["term"]?.numberText)
        card.add("position", number(view["position"]).map(Screen.grouped))
        card.add("records", number(view["record"]).map(Screen.grouped))
        card.add("durable copies", view["min_durable_copies"]?.numberText)
        card.add("last failover", lastFailover(view["last_failover"]))
        card.add("change", change(view["change"]))
        card.show()
        Output.line("")
        var table = Table([
            .init(title: "replica", alignsRight: true), .init(title: "role"), .init(title: "state"),
            .init(title: "position", alignsRight: true), .init(title: "records", alignsRight: true),
            .init(title: "lag (events)", alignsRight: true), .init(title: "lag (s)", alignsRight: true),
            .init(title: "free", alignsRight: true),
            .init(title: "patient"), .init(title: "appointment"), .init(title: "audit"),
        ])
        for replica in view["replicas"]?.elements ?? [] {
            let digests = replica["digests"]
            table.add([
                replica["id"]?.numberText ?? "", replica["role"]?.string ?? "", replica["state"]?.string ?? "",
                number(replica["position"]).map(Screen.grouped) ?? "",
                // The audit digest is of the view at this record: those of equal records are equal.
                number(digests?["audit"]?["record"]).map(Screen.grouped) ?? "",
                replica["lag_events"]?.numberText ?? "", replica["lag_seconds"]?.numberText ?? "",
                free(replica["free_bytes"]), digest(digests?["patient"]),
                digest(digests?["appointment"]), digest(digests?["audit"]),
            ])
        }
        table.show()
        for warning in view["warnings"]?.elements ?? [] {
            if let text = warning.string { Output.complaint(Screen.complaintStyle("! \(Screen.safe(text))")) }
        }
    }

    /// When, whose place was taken, why, and how long nobody acknowledged anything.
    private static func lastFailover(_ view: JSONView?) -> String? {
        guard let view, view.kind == .object, let to = view["to"]?.numberText else { return nil }
        let from = view["from"]?.numberText.map { "replica \($0)" } ?? "nobody"
        let gap = view["milliseconds"]?.numberText.map { ", \($0) ms" } ?? ""
        let reason = view["reason"]?.string ?? ""
        return "\(Times.toTheSecond(view["at"]?.string)) from \(from) to replica \(to) (\(reason)\(gap))"
    }

    /// Who comes, who goes, how far that is and what holds it up.
    private static func change(_ view: JSONView?) -> String? {
        guard let view, view.kind == .object, let state = view["state"]?.string else { return nil }
        let joining = view["joining"]?.numberText.map { "replica \($0) joins" }
        let leaving = view["leaving"]?.numberText.map { "replica \($0) leaves" }
        let hold = view["hold"]?.string.map { "; \($0)" } ?? ""
        return "\([joining, leaving].compactMap(\.self).joined(separator: ", ")): \(state)\(hold)"
    }

    /// Bytes as a person reads them; nothing when the replica did not say.
    private static func free(_ view: JSONView?) -> String {
        guard let bytes = number(view), bytes > 0 else { return "" }
        return bytes >> 30 > 9 ? "\(bytes >> 30) GiB" : "\(bytes >> 20) MiB"
    }

    /// Positions travel as numbers or as decimal strings.
    private static func number(_ view: JSONView?) -> UInt64? {
        view?.unsigned ?? view?.string.flatMap { UInt64($0) }
    }

    /// The first digits are enough to compare by eye; --json has them all.
    private static func digest(_ view: JSONView?) -> String {
        let text = view?.string ?? view?["digest"]?.string ?? ""
        return String(text.prefix(12))
    }
}
