/// A media type's `type/subtype` in lower case; parameters are looked at by nobody.
struct MediaType: Equatable {
    let essence: String

    /// nil when `text` begins with no `type/subtype`.
    init?(_ text: String) {
        var essence = Array(text.lowercased().utf8.prefix { $0 != 0x3b })
        while let last = essence.last, last == 0x20 || last == 0x09 { essence.removeLast() }
        let parts = essence.split(separator: 0x2f, omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(Self.isToken) }) else { return nil }
        self.essence = String(decoding: essence, as: UTF8.self)
    }

    static let json = MediaType(essence: "application/json")
    static let fhir = MediaType(essence: "application/fhir+json")
    static let mergePatch = MediaType(essence: "application/merge-patch+json")

    /// The three that fold.
    static let usual = [fhir, json, mergePatch]

    private init(essence: String) { self.essence = essence }

    /// `json` or `+json`.
    var isJSON: Bool { essence.hasSuffix("/json") || essence.hasSuffix("+json") }

    /// RFC 9110 section 5.6.2.
    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x21, 0x23...0x27, 0x2a, 0x2b, 0x2d, 0x2e, 0x5e...0x60, 0x7c, 0x7e:
            true
        default: false
        }
    }
}

/// RFC 3986, as far as it goes without knowing the scheme: characters, percent-encoding, one fragment, and no colon in
/// the first segment of a relative path.
enum URIReference {
    static func isWellFormed(_ text: ArraySlice<UInt8>) -> Bool {
        let bytes = text.span
        var hasFragment = false
        var at = 0
        while at < bytes.count {
            switch bytes[at] {
            case 0x25:
                guard at + 2 < bytes.count, isHex(bytes[at + 1]), isHex(bytes[at + 2]) else { return false }
                at += 2
            case 0x23:
                guard !hasFragment else { return false }
                hasFragment = true
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x21, 0x24, 0x26...0x2f, 0x3a, 0x3b, 0x3d, 0x3f, 0x40, 0x5b,
                0x5d, 0x5f, 0x7e:
                break
            default: return false
            }
            at += 1
        }
        guard let mark = text.firstIndex(where: { $0 == 0x3a || $0 == 0x2f || $0 == 0x3f || $0 == 0x23 }),
            text[mark] == 0x3a
        else { return true }
        return isScheme(text[..<mark])
    }

    static func isAbsolute(_ text: ArraySlice<UInt8>) -> Bool {
        guard isWellFormed(text), let colon = text.firstIndex(of: 0x3a) else { return false }
        return isScheme(text[..<colon])
    }

    private static func isScheme(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, (0x61...0x7a).contains(first | 0x20) else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2b, 0x2d, 0x2e: true
            default: false
            }
        }
    }

    static func isHex(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }
}
