/// Equality of JSON texts whatever the order of members, the white space and the escapes; arrays keep their order and
/// numbers are compared by their text (`0.70` is not `0.7`).
package enum JSONEquality {
    package static func equal(_ a: [UInt8], _ b: [UInt8]) throws(JSONError) -> Bool {
        a == b ? true : try canonical(a) == canonical(b)
    }

    /// One text for all equal ones: members sorted by the bytes of their names, escapes only where they must be, no
    /// white space. What a fingerprint of content is taken of.
    package static func canonical(_ json: [UInt8]) throws(JSONError) -> [UInt8] {
        let text = try JSONText(parsing: json, limits: JSONLimits(depth: 1024))
        var writer = JSONWriter(reserving: json.count)
        write(text, text.root, to: &writer)
        return writer.bytes
    }

    private static func write(_ text: JSONText, _ node: JSONNode, to writer: inout JSONWriter) {
        switch text.kind(of: node) {
        case .object:
            var members: [(name: [UInt8], value: JSONNode)] = []
            for (name, value) in text.members(of: node) { members.append((text.stringBytes(name) ?? [], value)) }
            members.sort { $0.name.lexicographicallyPrecedes($1.name) }
            writer.beginObject()
            for member in members {
                writer.name(String(decoding: member.name, as: UTF8.self))
                write(text, member.value, to: &writer)
            }
            writer.endObject()
        case .array:
            writer.beginArray()
            for element in text.elements(of: node) { write(text, element, to: &writer) }
            writer.endArray()
        case .string: writer.string(text.string(node) ?? "")
        case .number, .true, .false, .null: writer.raw(text.bytes, in: text.range(of: node))
        }
    }
}
