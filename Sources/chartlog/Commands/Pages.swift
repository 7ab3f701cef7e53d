import Client
import JSON
import Linux

/// Searches that come in pages, read to their end or to a limit.
enum Pages {
    /// With --json each page is printed as it came; else all rows as one table.
    static func show(
        _ kind: String, _ parameters: [(String, String)], _ cluster: Cluster, _ arguments: Arguments, limit: Int,
        table empty: Table, none: String, _ row: (JSONView) -> [String]
    ) throws(Failure) {
        var table = empty
        var shown = 0
        var progress = Progress("reading", unit: "rows", total: nil, wanted: arguments.has("progress"))
        var response = try cluster.search(kind, parameters)
        let position = response.field("chartlog-position")
        while true {
            let isRaw = arguments.has("json")
            if isRaw { try Replies.showRaw(response) }
            let bundle = try Replies.json(response).view
            for entry in bundle["entry"]?.elements ?? [] where shown < limit {
                guard let resource = entry["resource"] else { continue }
                shown += 1
                if !isRaw { table.add(row(resource)) }
            }
            guard shown < limit, let next = next(bundle) else { break }
            progress.reached(shown)
            response = try cluster.get(next)
        }
        guard !arguments.has("json") else { return }
        if table.isEmpty {
            Output.line(none)
        } else {
            table.show()
        }
        let more = shown == limit ? "; there may be more: raise --limit" : ""
        let stand = position.map { ", as of position \($0)" } ?? ""
        Output.complaint(Screen.faint("\(Screen.grouped(shown)) \(shown == 1 ? "row" : "rows")\(stand)\(more)"))
    }

    /// Path and query of the next page.
    private static func next(_ bundle: JSONView) -> String? {
        for link in bundle["link"]?.elements ?? [] where link["relation"]?.string == "next" {
            guard let url = link["url"]?.string else { return nil }
            guard let scheme = url.firstRange(of: "://") else { return url.hasPrefix("/") ? url : "/fhir/\(url)" }
            let rest = url[scheme.upperBound...]
            return rest.firstIndex(of: "/").map { String(rest[$0...]) }
        }
        return nil
    }
}
