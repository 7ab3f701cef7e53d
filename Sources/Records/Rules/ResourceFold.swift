package import JSON

/// The current resource of a stream, folded from its events in order.
///
/// A resource replaces what was there, a merge patch changes it (RFC 7396), and then the type sets what it implies where
/// the data was silent. Opaque data changes nothing. What a fold yields depends on the events alone.
package struct ResourceFold: Sendable {
    package let category: Category
    /// Compact JSON; nil before the first event that says something.
    package private(set) var resource: [UInt8]?
    /// The last word was entered-in-error: reads answer 410.
    package private(set) var isDeleted = false

    package init(_ category: Category) { self.category = category }

    /// Goes on from a resource that was folded before.
    package init(_ category: Category, resource: [UInt8]?, isDeleted: Bool) {
        self.category = category
        self.resource = resource
        self.isDeleted = isDeleted
    }

    /// Folds one event in, given as it is stored.
    ///
    /// - Throws: what is wrong with the text, which a stored event never is.
    package mutating func apply(event json: [UInt8], form: DataForm, type: EventType) throws(JSONError) {
        let text = try JSONText(parsing: json, limits: JSONLimits(depth: 1024))
        try apply(data: text["data"].map { text.compact($0) }, form: form, type: type)
    }

    /// The same, given the value of `data` alone.
    package mutating func apply(data: [UInt8]?, form: DataForm, type: EventType) throws(JSONError) {
        switch (form, data) {
        case (.resource, let data?):
            let text = try JSONText(parsing: data, limits: JSONLimits(depth: 1024))
            resource = text.compact(text.root)
        case (.mergePatch, let data?): resource = try JSONMergePatch.merged(target: resource, patch: data)
        case (.opaque, _), (.none, _), (.resource, nil), (.mergePatch, nil): break
        }
        try imply(type, said: form == .resource || form == .mergePatch ? data : nil)
        isDeleted = StreamRules.state(after: type) == .gone
    }

    private mutating func imply(_ type: EventType, said data: [UInt8]?) throws(JSONError) {
        guard resource != nil else { return }
        let said = try data.map { (bytes) throws(JSONError) in
            try JSONText(parsing: bytes, limits: JSONLimits(depth: 1024))
        }
        var writer = JSONWriter(reserving: 64)
        writer.beginObject()
        if let status = ImpliedState.status(of: type), said?["status"] == nil { writer.member("status", status) }
        if let active = ImpliedState.active(of: type) ?? mergedAway(type, said), said?["active"] == nil {
            writer.member("active", active)
        }
        writer.endObject()
        guard writer.bytes.count > 2 else { return }
        resource = try JSONMergePatch.merged(target: resource, patch: writer.bytes)
    }

    /// A patient that was replaced by another is no longer active.
    private func mergedAway(_ type: EventType, _ said: JSONText?) -> Bool? {
        guard type.name == "patient.merged", let said, let links = said["link"] else { return nil }
        let isReplaced = said.elements(of: links).contains { link in
            said.member("type", of: link).map { said.equals($0, "replaced-by") } ?? false
        }
        return isReplaced ? false : nil
    }
}
