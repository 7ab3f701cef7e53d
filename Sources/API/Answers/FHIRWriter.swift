import Bytes
import JSON
import Records

/// Views as FHIR R4 JSON.
enum FHIRWriter {
    /// The resource with what the server knows of it in `meta`; nil when it is deleted.
    static func resource(_ shown: ShownResource) -> [UInt8]? {
        switch shown.content {
        case .deleted: nil
        case .audit(let detail): AuditEventWriter.json(detail, id: shown.id)
        case .json(let json): withMeta(json, version: shown.version, lastUpdated: shown.lastUpdated)
        }
    }

    /// Sets `meta.versionId` and `meta.lastUpdated`, whatever the client sent there, and keeps its other members of
    /// `meta`. All other bytes stay as they are.
    static func withMeta(_ json: [UInt8], version: UInt64, lastUpdated: Instant) -> [UInt8]? {
        let text: JSONText
        do throws(JSONError) { text = try JSONText(parsing: json) } catch { return nil }
        guard text.kind(of: text.root) == .object else { return nil }
        let old = text["meta"]
        var writer = JSONWriter(reserving: json.count + 96)
        writer.object { writer in
            var isWritten = false
            for (name, value) in text.members(of: text.root) {
                let name = text.string(name) ?? ""
                if name == "meta" {
                    meta(text, old, version, lastUpdated, &writer)
                    isWritten = true
                } else {
                    writer.member(name, raw: json, in: text.range(of: value))
                    if name == "id", old == nil {
                        meta(text, nil, version, lastUpdated, &writer)
                        isWritten = true
                    }
                }
            }
            if !isWritten { meta(text, old, version, lastUpdated, &writer) }
        }
        return writer.bytes
    }

    private static func meta(
        _ text: JSONText, _ old: JSONNode?, _ version: UInt64, _ lastUpdated: Instant, _ writer: inout JSONWriter
    ) {
        writer.object("meta") { writer in
            writer.member("versionId", String(version))
            writer.member("lastUpdated", lastUpdated.text)
            guard let old, text.kind(of: old) == .object else { return }
            for (name, value) in text.members(of: old) {
                let name = text.string(name) ?? ""
                guard name != "versionId", name != "lastUpdated" else { continue }
                writer.member(name, raw: text.bytes, in: text.range(of: value))
            }
        }
    }

    /// A searchset or a history. Links name no parameters but the opaque cursor: what was searched for is PHI and
    /// stays out of URLs, so `self` is the path alone, and `next` holds the search sealed.
    static func bundle(_ page: ResourcePage, base: String, path: String) -> [UInt8] {
        var writer = JSONWriter(reserving: 4096)
        let root = base.hasSuffix("/fhir") ? String(base.dropLast(5)) : base
        writer.object { writer in
            writer.member("resourceType", "Bundle")
            writer.member("type", page.isHistory ? "history" : "searchset")
            if let total = page.total { writer.member("total", total) }
            writer.array("link") { writer in
                link("self", root + path, &writer)
                if let next = page.next { link("next", root + path + "?_cursor=" + next, &writer) }
            }
            let entries = page.isHistory ? page.resources : page.resources.filter { !isDeleted($0) }
            guard !entries.isEmpty else { return }
            writer.array("entry") { writer in
                for resource in entries {
                    writer.object { writer in
                        writer.member("fullUrl", "\(base)/\(resource.kind.rawValue)/\(resource.id)")
                        if let json = self.resource(resource) { writer.member("resource", raw: json) }
                        if page.isHistory {
                            history(resource, &writer)
                        } else {
                            writer.object("search") { writer in writer.member("mode", "match") }
                        }
                    }
                }
            }
        }
        return writer.bytes
    }

    private static func isDeleted(_ resource: ShownResource) -> Bool {
        if case .deleted = resource.content { true } else { false }
    }

    private static func link(_ relation: String, _ url: String, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("relation", relation)
            writer.member("url", url)
        }
    }

    private static func history(_ resource: ShownResource, _ writer: inout JSONWriter) {
        let reference = "\(resource.kind.rawValue)/\(resource.id)"
        let method = isDeleted(resource) ? "DELETE" : resource.method
        writer.object("request") { writer in
            writer.member("method", method)
            writer.member("url", method == "POST" ? resource.kind.rawValue : reference)
        }
        writer.object("response") { writer in
            writer.member("status", method == "POST" ? "201" : method == "DELETE" ? "204" : "200")
            writer.member("etag", "W/\"\(resource.version)\"")
            writer.member("lastModified", resource.lastUpdated.text)
        }
    }
}
