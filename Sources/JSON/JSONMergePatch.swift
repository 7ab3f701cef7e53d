/// RFC 7396 over bytes: numbers and strings keep their text, members their order, new ones come last.
package enum JSONMergePatch {
    /// `target` with `patch` applied; `target` is nil when there is nothing yet.
    ///
    /// - Throws: what is wrong with either text.
    package static func merged(target: [UInt8]?, patch: [UInt8]) throws(JSONError) -> [UInt8] {
        let patch = try JSONText(parsing: patch, limits: limits)
        guard let target else { return merged(target: nil, patch: patch) }
        return merged(target: try JSONText(parsing: target, limits: limits), patch: patch)
    }

    /// Stored texts have been held to the limits of their time; here only the stack is bounded.
    private static let limits = JSONLimits(depth: 1024)

    private static func merged(target: JSONText?, patch: JSONText) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity((target?.bytes.count ?? 0) + patch.bytes.count)
        write(target.map { Place(text: $0, node: $0.root) }, Place(text: patch, node: patch.root), onto: &result)
        return result
    }

    private struct Place {
        let text: JSONText
        let node: JSONNode
    }

    private static func write(_ target: Place?, _ patch: Place, onto result: inout [UInt8]) {
        guard patch.text.kind(of: patch.node) == .object else {
            patch.text.appendCompact(patch.node, onto: &result)
            return
        }
        let old = target.flatMap { $0.text.kind(of: $0.node) == .object ? $0 : nil }
        let changes = JSONNameTable(patch.text, patch.node)
        let present = old.map { JSONNameTable($0.text, $0.node) }
        let start = result.count
        result.append(0x7b)
        if let old {
            for (name, value) in old.text.members(of: old.node) {
                let change = changes.value(named: name, of: old.text)
                if let change, patch.text.isNull(change) { continue }
                if result.count > start + 1 { result.append(0x2c) }
                guard let change else {
                    old.text.appendCompactMember(name, onto: &result)
                    continue
                }
                old.text.appendCompact(name, onto: &result)
                result.append(0x3a)
                write(Place(text: old.text, node: value), Place(text: patch.text, node: change), onto: &result)
            }
        }
        for (name, value) in patch.text.members(of: patch.node) where !patch.text.isNull(value) {
            if present?.value(named: name, of: patch.text) != nil { continue }
            if result.count > start + 1 { result.append(0x2c) }
            patch.text.appendCompact(name, onto: &result)
            result.append(0x3a)
            write(nil, Place(text: patch.text, node: value), onto: &result)
        }
        result.append(0x7d)
    }
}

/// Members of one object by name: scanned while few, sorted when many.
struct JSONNameTable {
    private let text: JSONText
    private let names: [JSONNode]
    private let sorted: [(fingerprint: UInt32, name: JSONNode)]

    init(_ text: JSONText, _ object: JSONNode) {
        self.text = text
        names = text.members(of: object).map(\.name)
        sorted =
            names.count <= 16
            ? [] : names.map { (text.cells[$0.index].next, $0) }.sorted { $0.fingerprint < $1.fingerprint }
    }

    /// The value of the member called as `name` of another text is.
    func value(named name: JSONNode, of other: JSONText) -> JSONNode? {
        let fingerprint = other.cells[name.index].next
        if sorted.isEmpty {
            for candidate in names where text.cells[candidate.index].next == fingerprint {
                if isSame(candidate, name, other) { return JSONNode(candidate.index + 1) }
            }
            return nil
        }
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle].fingerprint < fingerprint { low = middle + 1 } else { high = middle }
        }
        while low < sorted.count, sorted[low].fingerprint == fingerprint {
            if isSame(sorted[low].name, name, other) { return JSONNode(sorted[low].name.index + 1) }
            low += 1
        }
        return nil
    }

    private func isSame(_ own: JSONNode, _ name: JSONNode, _ other: JSONText) -> Bool {
        text.stringBytes(own) == other.stringBytes(name)
    }
}
