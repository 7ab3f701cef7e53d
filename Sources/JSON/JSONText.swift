/// A JSON text (RFC 8259) that has been checked, and a flat tape of where its values stand.
///
/// Nothing is built that nobody asks for: a node is an index into the tape, a string is decoded and a number read on
/// demand, and the text of both stays. Stricter than the grammar alone: UTF-8 must be well formed, surrogates paired,
/// names unique in their object (escapes undone), and depth bounded.
package struct JSONText: Sendable {
    /// The bytes that were given, of which `range(of: root)` is the value.
    package let bytes: [UInt8]
    let cells: [JSONCell]
    /// White space stands between the tokens of the value.
    package let isSpaced: Bool

    /// Checks all of `range` (of everything, when nil).
    package init(parsing bytes: [UInt8], in range: Range<Int>? = nil, limits: JSONLimits = .standard) throws(JSONError)
    {
        let range = range ?? 0..<bytes.count
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        guard range.count <= limits.bytes, range.upperBound <= 1 << 29 else {
            throw JSONError(.tooLarge, at: range.lowerBound + limits.bytes)
        }
        var parser = JSONParser(of: range.count, depthMax: limits.depth)
        let end = try parser.value(of: bytes.span, from: range.lowerBound, to: range.upperBound)
        let rest = JSONParser.afterSpace(bytes.span, end, range.upperBound)
        guard rest == range.upperBound else { throw JSONError(.trailingBytes, at: rest) }
        self.bytes = bytes
        cells = parser.cells
        isSpaced = parser.isSpaced
    }

    /// Checks one value at the beginning of `range` (after white space) and leaves what follows it alone:
    /// `range(of: root).upperBound` tells where that is. A number or a word is taken as far as it goes.
    package init(
        parsingFirstOf bytes: [UInt8], in range: Range<Int>, limits: JSONLimits = .standard
    ) throws(JSONError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        let bound = min(range.upperBound, range.lowerBound + limits.bytes, 1 << 29)
        var parser = JSONParser(of: range.count, depthMax: limits.depth)
        do {
            _ = try parser.value(of: bytes.span, from: range.lowerBound, to: bound)
        } catch {
            if error.kind == .unexpectedEnd && bound < range.upperBound { throw JSONError(.tooLarge, at: bound) }
            throw error
        }
        self.bytes = bytes
        cells = parser.cells
        isSpaced = parser.isSpaced
    }

    package var root: JSONNode { JSONNode(0) }

    package func kind(of node: JSONNode) -> JSONKind { cells[node.index].kind }

    /// Where the value stands in `bytes`; of a string with its quotes.
    package func range(of node: JSONNode) -> Range<Int> {
        let cell = cells[node.index]
        return cell.start..<cell.end
    }

    /// The bytes of the value as they were written.
    package func raw(_ node: JSONNode) -> [UInt8] { Array(bytes[range(of: node)]) }
}

/// A value, or the name of a member, of one `JSONText`. It means nothing in another.
package struct JSONNode: Hashable, Sendable {
    let index: Int

    init(_ index: Int) { self.index = index }
}

/// What a value is.
package enum JSONKind: UInt8, Sendable {
    case object, array, string, number, `true`, `false`, null
}

/// One value on the tape: a container is followed by what it holds, a name by its value.
struct JSONCell: Sendable {
    /// The kind in the upper three bits, 7 for a name.
    private var startAndKind: UInt32
    /// The upper bit: the string holds escapes.
    private var endAndEscaped: UInt32
    /// Of a value: the cell after it and all it holds. Of a name: its fingerprint.
    var next: UInt32

    init(_ kind: JSONKind, start: Int, end: Int, escaped: Bool = false, isName: Bool = false, next: UInt32) {
        startAndKind = UInt32(truncatingIfNeeded: start) | (isName ? 7 : UInt32(kind.rawValue)) << 29
        endAndEscaped = UInt32(truncatingIfNeeded: end) | (escaped ? 1 << 31 : 0)
        self.next = next
    }

    var start: Int { Int(startAndKind & 0x1fff_ffff) }
    var end: Int { Int(endAndEscaped & 0x7fff_ffff) }
    var isEscaped: Bool { endAndEscaped >> 31 == 1 }
    var isName: Bool { startAndKind >> 29 == 7 }

    var kind: JSONKind {
        switch startAndKind >> 29 {
        case 0: .object
        case 1: .array
        case 2, 7: .string
        case 3: .number
        case 4: .true
        case 5: .false
        default: .null
        }
    }

    mutating func close(end: Int, next: Int) {
        endAndEscaped = UInt32(truncatingIfNeeded: end)
        self.next = UInt32(truncatingIfNeeded: next)
    }
}
