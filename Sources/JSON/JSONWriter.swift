/// Compact JSON, written front to back. Commas and colons are its affair; that names and values alternate is the
/// caller's, and checked.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8]
    /// Open containers, innermost last: true for an object.
    private var open: [Bool] = []
    private var needsComma = false
    private var hasName = false

    package init(reserving capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Writes after what `bytes` already holds, which it takes as no part of the value.
    package init(onto bytes: consuming [UInt8]) { self.bytes = bytes }

    package mutating func beginObject() {
        separate()
        bytes.append(0x7b)
        open.append(true)
        needsComma = false
    }

    package mutating func endObject() {
        precondition(open.last == true && !hasName)
        open.removeLast()
        bytes.append(0x7d)
        needsComma = true
    }

    package mutating func beginArray() {
        separate()
        bytes.append(0x5b)
        open.append(false)
        needsComma = false
    }

    package mutating func endArray() {
        precondition(open.last == false)
        open.removeLast()
        bytes.append(0x5d)
        needsComma = true
    }

    /// The name of the next member.
    package mutating func name(_ name: String) {
        precondition(open.last == true && !hasName)
        if needsComma { bytes.append(0x2c) }
        quote(name)
        bytes.append(0x3a)
        needsComma = false
        hasName = true
    }

    package mutating func string(_ value: String) {
        separate()
        quote(value)
        needsComma = true
    }

    /// UTF-8, of which ill-formed parts become U+FFFD.
    package mutating func string(utf8 value: [UInt8]) { string(String(decoding: value, as: UTF8.self)) }

    package mutating func integer(_ value: some BinaryInteger) {
        separate()
        bytes.append(contentsOf: String(value).utf8)
        needsComma = true
    }

    /// The shortest decimal that reads back as `value`, which is finite.
    package mutating func number(_ value: Double) {
        precondition(value.isFinite)
        separate()
        bytes.append(contentsOf: value.description.utf8)
        needsComma = true
    }

    package mutating func bool(_ value: Bool) {
        separate()
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
        needsComma = true
    }

    package mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
        needsComma = true
    }

    /// A value that is JSON already: checked by whoever made it, spliced in as it is.
    package mutating func raw(_ json: [UInt8], in range: Range<Int>? = nil) {
        separate()
        if let range { bytes.append(contentsOf: json[range]) } else { bytes.append(contentsOf: json) }
        needsComma = true
    }

    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        beginObject()
        body(&self)
        endObject()
    }

    package mutating func array(_ body: (inout JSONWriter) -> Void) {
        beginArray()
        body(&self)
        endArray()
    }

    package mutating func member(_ name: String, _ value: String) {
        self.name(name)
        string(value)
    }

    /// Nothing when `value` is nil.
    package mutating func member(_ name: String, ifPresent value: String?) {
        if let value { member(name, value) }
    }

    package mutating func member(_ name: String, _ value: some BinaryInteger) {
        self.name(name)
        integer(value)
    }

    package mutating func member(_ name: String, _ value: Bool) {
        self.name(name)
        bool(value)
    }

    package mutating func member(_ name: String, raw json: [UInt8], in range: Range<Int>? = nil) {
        self.name(name)
        raw(json, in: range)
    }

    package mutating func object(_ name: String, _ body: (inout JSONWriter) -> Void) {
        self.name(name)
        object(body)
    }

    package mutating func array(_ name: String, _ body: (inout JSONWriter) -> Void) {
        self.name(name)
        array(body)
    }

    /// A line feed between two NDJSON lines; nothing may be open.
    package mutating func endLine() {
        precondition(open.isEmpty)
        bytes.append(0x0a)
        needsComma = false
    }

    private mutating func separate() {
        precondition(open.last != true || hasName)
        if needsComma { bytes.append(0x2c) }
        hasName = false
    }

    private mutating func quote(_ value: String) { Self.quote(value, onto: &bytes) }

    /// Appends a string with its quotes, for who writes the rest by himself.
    package static func quote(_ value: String, onto bytes: inout [UInt8]) {
        bytes.append(0x22)
        guard needsEscapes(value) else {
            bytes.append(contentsOf: value.utf8)
            bytes.append(0x22)
            return
        }
        var from = value.utf8.startIndex
        for index in value.utf8.indices {
            let byte = value.utf8[index]
            guard byte < 0x20 || byte == 0x22 || byte == 0x5c else { continue }
            bytes.append(contentsOf: value.utf8[from..<index])
            from = value.utf8.index(after: index)
            bytes.append(contentsOf: escape(of: byte))
        }
        bytes.append(contentsOf: value.utf8[from...])
        bytes.append(0x22)
    }

    private static func needsEscapes(_ value: String) -> Bool {
        let bytes = value.utf8.span
        for at in bytes.indices {
            let byte = bytes[at]
            if byte < 0x20 || byte == 0x22 || byte == 0x5c { return true }
        }
        return false
    }

    /// Only what must be escaped is: quote, backslash, and U+0000 … U+001F.
    private static func escape(of byte: UInt8) -> [UInt8] {
        switch byte {
        case 0x22, 0x5c: return [0x5c, byte]
        case 0x08: return [0x5c, 0x62]
        case 0x0c: return [0x5c, 0x66]
        case 0x0a: return [0x5c, 0x6e]
        case 0x0d: return [0x5c, 0x72]
        case 0x09: return [0x5c, 0x74]
        default:
            let low = byte & 15
            return [0x5c, 0x75, 0x30, 0x30, 0x30 + byte >> 4, low < 10 ? 0x30 + low : 0x57 + low]
        }
    }
}
