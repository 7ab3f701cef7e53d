/// What stands in a text, read on demand.
extension JSONText {
    /// The value of the member `name` of an object; nil when it has none, or when `node` is no object.
    package func member(_ name: String, of node: JSONNode) -> JSONNode? {
        guard kind(of: node) == .object else { return nil }
        let end = Int(cells[node.index].next)
        var index = node.index + 1
        while index < end {
            if equals(JSONNode(index), name) { return JSONNode(index + 1) }
            index = Int(cells[index + 1].next)
        }
        return nil
    }

    /// The member `name` of the root.
    package subscript(_ name: String) -> JSONNode? { member(name, of: root) }

    /// Names and values of an object in the order written; empty for anything else.
    package func members(of node: JSONNode) -> JSONMembers {
        kind(of: node) == .object
            ? JSONMembers(text: self, at: node.index + 1, end: Int(cells[node.index].next))
            : JSONMembers(text: self, at: 0, end: 0)
    }

    /// Elements of an array in order; empty for anything else.
    package func elements(of node: JSONNode) -> JSONElements {
        kind(of: node) == .array
            ? JSONElements(text: self, at: node.index + 1, end: Int(cells[node.index].next))
            : JSONElements(text: self, at: 0, end: 0)
    }

    /// Whether the string `node` (a value or a name) is `string`, escapes undone, compared byte by byte: no Unicode
    /// normalisation. False for what is no string.
    package func equals(_ node: JSONNode, _ string: String) -> Bool {
        let cell = cells[node.index]
        guard cell.kind == .string else { return false }
        return equals(cell, string.utf8.span)
    }

    private func equals(_ cell: JSONCell, _ other: Span<UInt8>) -> Bool {
        if cell.isEscaped {
            let decoded = JSONName.decoded(cell, bytes.span)
            guard decoded.count == other.count else { return false }
            for index in 0..<other.count where decoded[index] != other[index] { return false }
            return true
        }
        guard cell.end - cell.start - 2 == other.count else { return false }
        for index in 0..<other.count where bytes[cell.start + 1 + index] != other[index] { return false }
        return true
    }

    /// Whether the string holds backslash escapes: if not, its content is the bytes between its quotes.
    package func isEscaped(_ node: JSONNode) -> Bool { cells[node.index].isEscaped }

    /// Where the content of a string without escapes stands in `bytes`; nil for anything else.
    package func plainRange(of node: JSONNode) -> Range<Int>? {
        let cell = cells[node.index]
        guard cell.kind == .string, !cell.isEscaped else { return nil }
        return (cell.start + 1)..<(cell.end - 1)
    }

    /// The UTF-8 of a string, escapes undone, where it stands if it can be; nil for anything else.
    package func content(_ node: JSONNode) -> ArraySlice<UInt8>? {
        plainRange(of: node).map { bytes[$0] } ?? stringBytes(node)?[...]
    }

    /// The UTF-8 of a string, escapes undone; nil for anything else.
    package func stringBytes(_ node: JSONNode) -> [UInt8]? {
        let cell = cells[node.index]
        guard cell.kind == .string else { return nil }
        if cell.isEscaped { return JSONName.decoded(cell, bytes.span) }
        return Array(bytes[(cell.start + 1)..<(cell.end - 1)])
    }

    package func string(_ node: JSONNode) -> String? {
        let cell = cells[node.index]
        guard cell.kind == .string else { return nil }
        if cell.isEscaped { return String(decoding: JSONName.decoded(cell, bytes.span), as: UTF8.self) }
        return String(decoding: bytes[(cell.start + 1)..<(cell.end - 1)], as: UTF8.self)
    }

    package func bool(_ node: JSONNode) -> Bool? {
        switch kind(of: node) {
        case .true: true
        case .false: false
        case .object, .array, .string, .number, .null: nil
        }
    }

    package func isNull(_ node: JSONNode) -> Bool { kind(of: node) == .null }

    /// A number as it was written.
    package func numberText(_ node: JSONNode) -> String? {
        kind(of: node) == .number ? String(decoding: bytes[range(of: node)], as: UTF8.self) : nil
    }

    /// A number written without fraction or exponent that fits; `-0` is 0. nil for anything else.
    package func integer(_ node: JSONNode) -> Int64? { numberText(node).flatMap { Int64($0) } }

    /// A number written without sign, fraction or exponent that fits; nil for anything else.
    package func unsigned(_ node: JSONNode) -> UInt64? {
        guard let text = numberText(node), !text.utf8.starts(with: [0x2d]) else { return nil }
        return UInt64(text)
    }

    /// How many members or elements a container has; 0 for anything else.
    package func count(of node: JSONNode) -> Int {
        switch kind(of: node) {
        case .object: members(of: node).reduce(0) { sum, _ in sum + 1 }
        case .array: elements(of: node).reduce(0) { sum, _ in sum + 1 }
        case .string, .number, .true, .false, .null: 0
        }
    }

    /// The root as a view to walk from, for code that is not in a hurry.
    package var view: JSONView { JSONView(text: self, node: root) }
}

/// The members of an object, in the order of the text.
package struct JSONMembers: Sequence, IteratorProtocol {
    let text: JSONText
    var at: Int
    let end: Int

    package mutating func next() -> (name: JSONNode, value: JSONNode)? {
        guard at < end else { return nil }
        let name = at
        at = Int(text.cells[name + 1].next)
        return (JSONNode(name), JSONNode(name + 1))
    }
}

/// The elements of an array.
package struct JSONElements: Sequence, IteratorProtocol {
    let text: JSONText
    var at: Int
    let end: Int

    package mutating func next() -> JSONNode? {
        guard at < end else { return nil }
        let element = at
        at = Int(text.cells[element].next)
        return JSONNode(element)
    }
}

/// A value together with its text: `text.view["name"]?[0]?["family"]?.string`.
package struct JSONView: Sendable {
    package let text: JSONText
    package let node: JSONNode

    package init(text: JSONText, node: JSONNode) {
        self.text = text
        self.node = node
    }

    package var kind: JSONKind { text.kind(of: node) }
    package var string: String? { text.string(node) }
    package var bool: Bool? { text.bool(node) }
    package var integer: Int64? { text.integer(node) }
    package var unsigned: UInt64? { text.unsigned(node) }
    package var numberText: String? { text.numberText(node) }
    package var raw: [UInt8] { text.raw(node) }
    package var elements: [JSONView] { text.elements(of: node).map { JSONView(text: text, node: $0) } }

    package subscript(_ name: String) -> JSONView? {
        text.member(name, of: node).map { JSONView(text: text, node: $0) }
    }

    package subscript(_ index: Int) -> JSONView? {
        text.elements(of: node).dropFirst(index).first { _ in true }.map { JSONView(text: text, node: $0) }
    }
}
