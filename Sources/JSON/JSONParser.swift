/// The one pass over the bytes: checks, and writes the tape. No recursion; open containers stand on a stack as deep as
/// the limit allows.
struct JSONParser {
    private(set) var cells: [JSONCell]
    /// The innermost open container, while `depth` is not 0; those around it are in `outer`, outermost first.
    private var top = Open(cell: 0, isObject: false)
    private var outer: [Open] = []
    private var depth = 0
    private let depthMax: Int
    /// White space was met between the first and the last byte of the value.
    private(set) var isSpaced = false

    /// An array or object that has begun.
    private struct Open {
        var cell: Int
        var isObject: Bool
        var names = 0
        /// One bit for each fingerprint met: most new names need no comparison.
        var met: UInt64 = 0
    }

    /// Up to here a name is compared with those before it when its bit is set; a larger object is sorted at its end.
    private static let comparedNamesMax = 24

    /// Reserves a cell for eight bytes of text, but no more than small allocations are quick for.
    init(of bytes: Int, depthMax: Int) {
        cells = []
        cells.reserveCapacity(min(bytes / 8 + 4, 80))
        self.depthMax = depthMax
    }

    /// Reads one value and answers where it ends.
    mutating func value(of text: Span<UInt8>, from start: Int, to end: Int) throws(JSONError) -> Int {
        var at = Self.afterSpace(text, start, end)
        values: while true {
            at = skip(text, at, end)
            guard at < end else { throw JSONError(.unexpectedEnd, at: at) }
            switch text[at] {
            case 0x7b:
                at = try begin(.object, text, at, end)
                guard at < end else { throw JSONError(.unexpectedEnd, at: at) }
                if text[at] != 0x7d {
                    at = try name(text, at, end)
                    continue values
                }
            case 0x5b:
                at = try begin(.array, text, at, end)
                guard at < end else { throw JSONError(.unexpectedEnd, at: at) }
                if text[at] != 0x5d { continue values }
            case 0x22:
                let (after, escaped) = try Self.string(text, at, end)
                add(.string, at, after, escaped: escaped)
                at = after
            case 0x74: at = try word(.true, [0x74, 0x72, 0x75, 0x65], text, at, end)
            case 0x66: at = try word(.false, [0x66, 0x61, 0x6c, 0x73, 0x65], text, at, end)
            case 0x6e: at = try word(.null, [0x6e, 0x75, 0x6c, 0x6c], text, at, end)
            case 0x2d, 0x30...0x39:
                let after = try Self.number(text, at, end)
                add(.number, at, after)
                at = after
            default: throw JSONError(.unexpectedByte, at: at)
            }
            // After a value, or right after the bracket of an empty container.
            while depth > 0 {
                at = skip(text, at, end)
                guard at < end else { throw JSONError(.unexpectedEnd, at: at) }
                switch (text[at], top.isObject) {
                case (0x2c, true):
                    at = skip(text, at + 1, end)
                    at = try name(text, at, end)
                    continue values
                case (0x2c, false):
                    at += 1
                    continue values
                case (0x7d, true), (0x5d, false):
                    at += 1
                    cells[top.cell].close(end: at, next: cells.count)
                    if top.names > Self.comparedNamesMax { try sortNames(of: top, text) }
                    depth -= 1
                    if depth > 0 { top = outer.removeLast() }
                default: throw JSONError(.unexpectedByte, at: at)
                }
            }
            return at
        }
    }

    /// Where white space (space, tab, line feed, carriage return) from `at` on ends.
    @inline(__always)
    static func afterSpace(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        var at = start
        while at < end, text[at] <= 0x20, text[at] == 0x20 || text[at] == 0x0a || text[at] == 0x0d || text[at] == 0x09 {
            at += 1
        }
        return at
    }

    @inline(__always)
    private mutating func skip(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        if start < end, text[start] > 0x20 { return start }
        let at = Self.afterSpace(text, start, end)
        if at > start { isSpaced = true }
        return at
    }

    @inline(__always)
    private mutating func add(_ kind: JSONKind, _ start: Int, _ end: Int, escaped: Bool = false) {
        cells.append(JSONCell(kind, start: start, end: end, escaped: escaped, next: UInt32(cells.count + 1)))
    }

    private mutating func begin(
        _ kind: JSONKind, _ text: Span<UInt8>, _ at: Int, _ end: Int
    ) throws(JSONError) -> Int {
        guard depth < depthMax else { throw JSONError(.tooDeep, at: at) }
        if depth > 0 { outer.append(top) }
        depth += 1
        top = Open(cell: cells.count, isObject: kind == .object)
        add(kind, at, at)
        return skip(text, at + 1, end)
    }

    private mutating func word(
        _ kind: JSONKind, _ word: [UInt8], _ text: Span<UInt8>, _ at: Int, _ end: Int
    ) throws(JSONError) -> Int {
        for index in 1..<word.count {
            guard at + index < end else { throw JSONError(.unexpectedEnd, at: end) }
            guard text[at + index] == word[index] else { throw JSONError(.unexpectedByte, at: at + index) }
        }
        add(kind, at, at + word.count)
        return at + word.count
    }

    /// A member's name and the colon after it.
    private mutating func name(_ text: Span<UInt8>, _ at: Int, _ end: Int) throws(JSONError) -> Int {
        guard at < end else { throw JSONError(.unexpectedEnd, at: at) }
        guard text[at] == 0x22 else { throw JSONError(.unexpectedByte, at: at) }
        let (after, escaped) = try Self.string(text, at, end)
        let fingerprint = JSONName.fingerprint(text, at + 1, after - 1, escaped: escaped)
        let new = JSONCell(.string, start: at, end: after, escaped: escaped, isName: true, next: fingerprint)
        top.names += 1
        let bit: UInt64 = 1 << UInt64(fingerprint & 63)
        if top.met & bit != 0, top.names <= Self.comparedNamesMax {
            try compare(new, withNamesOf: top.cell, text)
        }
        top.met |= bit
        cells.append(new)
        let colon = skip(text, after, end)
        guard colon < end else { throw JSONError(.unexpectedEnd, at: colon) }
        guard text[colon] == 0x3a else { throw JSONError(.unexpectedByte, at: colon) }
        return colon + 1
    }

    private func compare(_ new: JSONCell, withNamesOf object: Int, _ text: Span<UInt8>) throws(JSONError) {
        var index = object + 1
        while index < cells.count {
            let old = cells[index]
            if old.next == new.next, JSONName.equal(old, new, text) { throw JSONError(.duplicateName, at: new.start) }
            index = Int(cells[index + 1].next)
        }
    }

    /// The check for large objects: names in order of fingerprint, equal neighbours compared.
    private func sortNames(of container: Open, _ text: Span<UInt8>) throws(JSONError) {
        var names: [(decoded: [UInt8], start: Int)] = []
        names.reserveCapacity(container.names)
        var index = container.cell + 1
        while index < cells.count {
            names.append((JSONName.decoded(cells[index], text), cells[index].start))
            index = Int(cells[index + 1].next)
        }
        names.sort { a, b in
            a.decoded == b.decoded ? a.start < b.start : a.decoded.lexicographicallyPrecedes(b.decoded)
        }
        for index in 1..<names.count where names[index].decoded == names[index - 1].decoded {
            throw JSONError(.duplicateName, at: names[index].start)
        }
    }
}
