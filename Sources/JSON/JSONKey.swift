/// The name of a member to look for, made once and compared by its fingerprint first: `static let status: JSONKey =
/// "status"`. Names are compared byte by byte, without Unicode normalisation.
package struct JSONKey: ExpressibleByStringLiteral, Sendable {
    let utf8: [UInt8]
    let fingerprint: UInt32

    package init(stringLiteral name: String) { self.init(name) }

    package init(_ name: String) {
        let utf8 = Array(name.utf8)
        self.utf8 = utf8
        fingerprint = JSONName.fingerprint(utf8.span, 0, utf8.count, escaped: false)
    }

    package var name: String { String(decoding: utf8, as: UTF8.self) }
}

extension JSONText {
    /// The value of the member `key` of an object; nil when it has none, or when `node` is no object.
    package func member(_ key: JSONKey, of node: JSONNode) -> JSONNode? {
        let object = cells[node.index]
        guard object.kind == .object else { return nil }
        let end = Int(object.next)
        var index = node.index + 1
        while index < end {
            if cells[index].next == key.fingerprint, isName(cells[index], key) { return JSONNode(index + 1) }
            index = Int(cells[index + 1].next)
        }
        return nil
    }

    /// Whether the name `node` is `key`.
    package func isName(_ node: JSONNode, _ key: JSONKey) -> Bool {
        let cell = cells[node.index]
        return cell.isName && cell.next == key.fingerprint && isName(cell, key)
    }

    /// The values of all members called `key` in `node` and in whatever it holds, at any depth, in order.
    package func values(named key: JSONKey, within node: JSONNode) -> [JSONNode] {
        var found: [JSONNode] = []
        for index in node.index..<end(of: node) {
            let cell = cells[index]
            if cell.isName, cell.next == key.fingerprint, isName(cell, key) { found.append(JSONNode(index + 1)) }
        }
        return found
    }

    /// Whether a string in `node`, names included, holds a character below U+0020 other than tab, line feed and
    /// carriage return. They can only stand there escaped, so that strings without escapes are not looked at.
    package func holdsControls(_ node: JSONNode) -> Bool {
        for index in node.index..<end(of: node) where cells[index].isEscaped {
            var at = cells[index].start
            while at < cells[index].end - 1 {
                guard bytes[at] == UInt8(ascii: "\\") else {
                    at += 1
                    continue
                }
                switch bytes[at + 1] {
                case UInt8(ascii: "b"), UInt8(ascii: "f"): return true
                case UInt8(ascii: "u"):
                    if isControl(bytes[(at + 2)..<(at + 6)]) { return true }
                    at += 6
                default: at += 2
                }
            }
        }
        return false
    }

    /// Of the four digits of an escape.
    private func isControl(_ digits: ArraySlice<UInt8>) -> Bool {
        guard let code = UInt16(String(decoding: digits, as: UTF8.self), radix: 16) else { return false }
        return code < 0x20 && code != 0x09 && code != 0x0a && code != 0x0d
    }

    /// Whether `inner` is `outer` or stands in it.
    package func contains(_ outer: JSONNode, _ inner: JSONNode) -> Bool {
        inner.index >= outer.index && inner.index < end(of: outer)
    }

    private func end(of node: JSONNode) -> Int {
        let cell = cells[node.index]
        return cell.isName ? node.index + 1 : Int(cell.next)
    }

    private func isName(_ cell: JSONCell, _ key: JSONKey) -> Bool {
        if cell.isEscaped { return JSONName.decoded(cell, bytes.span) == key.utf8 }
        guard cell.end - cell.start - 2 == key.utf8.count else { return false }
        for index in 0..<key.utf8.count where bytes[cell.start + 1 + index] != key.utf8[index] { return false }
        return true
    }
}
