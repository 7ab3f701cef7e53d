/// Why bytes are no JSON text this store takes, and where. It never quotes them.
package struct JSONError: Error, Equatable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// The bytes end before the value does.
        case unexpectedEnd
        /// A byte that cannot stand here.
        case unexpectedByte
        /// A backslash before something that RFC 8259 section 7 does not list.
        case badEscape
        /// `\ud800` … `\udfff` that is no pair.
        case loneSurrogate
        /// Overlong, cut off, a surrogate, or beyond U+10FFFF.
        case badUTF8
        /// U+0000 … U+001F raw inside a string.
        case controlCharacter
        case badNumber
        /// Two members of one object with the same name, escapes undone.
        case duplicateName
        /// Nested deeper than the limit.
        case tooDeep
        /// Something other than white space after the value.
        case trailingBytes
        /// Longer than the limit.
        case tooLarge
    }

    package var kind: Kind
    /// Counted from the start of the array that was given, not of the range.
    package var offset: Int

    package init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
    }
}

/// How much of JSON is taken.
package struct JSONLimits: Equatable, Sendable {
    /// How many arrays and objects may be open at once; a scalar alone has depth 0.
    package var depth: Int
    /// The longest text in bytes, white space around it included; at most 512 MiB.
    package var bytes: Int

    package init(depth: Int = 64, bytes: Int = 1 << 29) {
        self.depth = depth
        self.bytes = min(bytes, 1 << 29)
    }

    package static let standard = JSONLimits()
}
