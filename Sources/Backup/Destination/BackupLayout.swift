internal import Bytes

/// The names of a destination's objects. Backup.md has the table.
package enum BackupLayout {
    /// The highest number of manifests, expiries and register heads.
    static let numberMax = UInt64(1) << 62
    /// Bytes of the largest signed object: a manifest of half a million segments.
    static let signedMax = 64 << 20

    package static let marker = "chartlog-backup"
    package static let segments = "segments"
    package static let tails = "tails"
    package static let views = "views"
    package static let manifests = "manifests"
    package static let registers = "registers"
    package static let expired = "expired"
    package static let holds = "holds"

    /// All directories, in the order in which a copy brings what is in them: manifests last but for holds, which name
    /// manifests.
    package static let directories = [segments, tails, views, registers, expired, manifests, holds]

    /// `segments/000000000012-89abcdef01234567.segment`: number, and the first eight bytes of the footer's hash as
    /// sixteen digits.
    static func segment(_ number: UInt64, footer: Digest) -> String {
        "\(segments)/\(digits(number))-\(prefix(footer)).segment"
    }

    /// `tails/000000000012-000000004711-89abcdef01234567.segment`: number, last index, first eight bytes of that frame's
    /// hash.
    static func tail(_ number: UInt64, through last: UInt64, hash: Digest) -> String {
        "\(tails)/\(digits(number))-\(digits(last))-\(prefix(hash)).segment"
    }

    /// `views/89abcdef01234567-snapshot-0000000000000003`: the first eight bytes of its hash, and what the file is called
    /// where it came from.
    static func view(_ file: String, hash: Digest) -> String { "\(views)/\(prefix(hash))-\(file)" }

    static func manifest(_ number: UInt64) -> String { "\(manifests)/\(digits(number)).manifest" }
    static func registers(_ number: UInt64) -> String { "\(registers)/\(digits(number)).heads" }
    static func expired(_ numbers: ClosedRange<UInt64>) -> String {
        "\(expired)/\(digits(numbers.lowerBound))-\(digits(numbers.upperBound)).expired"
    }
    static func hold(_ name: String) -> String { "\(holds)/\(name)" }

    /// The number of a manifest by its name; nil for any other name.
    package static func manifestNumber(_ name: String) -> UInt64? {
        number(name, after: manifests + "/", before: ".manifest").flatMap { manifest($0) == name ? $0 : nil }
    }

    static func registersNumber(_ name: String) -> UInt64? {
        number(name, after: registers + "/", before: ".heads").flatMap { registers($0) == name ? $0 : nil }
    }

    static func expiredNumbers(_ name: String) -> ClosedRange<UInt64>? {
        guard name.hasPrefix(expired + "/"), name.hasSuffix(".expired") else { return nil }
        let parts = name.dropFirst(expired.count + 1).dropLast(".expired".count).split(separator: "-")
        guard parts.count == 2, let first = UInt64(parts[0]), let last = UInt64(parts[1]), first <= last, first >= 1,
            last <= numberMax
        else { return nil }
        return expired(first...last) == name ? first...last : nil
    }

    /// Whether a name is one that a closed segment of that number may have.
    static func isSegment(_ name: String, _ number: UInt64) -> Bool {
        hasHash(name, after: "\(segments)/\(digits(number))-")
    }

    static func isTail(_ name: String, _ number: UInt64, through last: UInt64) -> Bool {
        hasHash(name, after: "\(tails)/\(digits(number))-\(digits(last))-")
    }

    /// Whether a name is one that manifests may name: a segment's, a tail's or a view's.
    static func isObject(_ name: String) -> Bool {
        if name.hasPrefix(views + "/") { return viewFile(name) != nil }
        guard name.hasPrefix(segments + "/") || name.hasPrefix(tails + "/") else { return false }
        let parts = name.drop { $0 != "/" }.dropFirst().split(separator: "-")
        guard let number = parts.first.flatMap({ UInt64($0) }) else { return false }
        if name.hasPrefix(segments + "/") { return isSegment(name, number) }
        guard parts.count == 3, let last = UInt64(parts[1]) else { return false }
        return isTail(name, number, through: last)
    }

    private static func hasHash(_ name: String, after start: String) -> Bool {
        let end = ".segment"
        guard name.hasPrefix(start), name.hasSuffix(end), name.utf8.count == start.utf8.count + 16 + end.utf8.count
        else { return false }
        return name.utf8.dropFirst(start.utf8.count).prefix(16).allSatisfy {
            (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
        }
    }

    /// What a view's file is called where it came from; nil when the name is none of a view's.
    package static func viewFile(_ name: String) -> String? {
        let start = views.utf8.count + 1 + 17
        guard name.hasPrefix(views + "/"), name.utf8.count > start else { return nil }
        let file = String(name.dropFirst(start))
        return isPlain(file) ? file : nil
    }

    /// Letters, digits, `-`, `_` and `.`, 1 to 128 of them, not beginning with `.`: what a file may be called anywhere.
    package static func isPlain(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        let isEachPlain = bytes.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: true
            default: false
            }
        }
        return isEachPlain && (1...128).contains(bytes.count) && bytes[0] != 0x2e
    }

    private static func number(_ name: String, after prefix: String, before suffix: String) -> UInt64? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix), name.utf8.count > prefix.utf8.count + suffix.utf8.count
        else { return nil }
        return UInt64(name.dropFirst(prefix.count).dropLast(suffix.count)).flatMap {
            (1...numberMax).contains($0) ? $0 : nil
        }
    }

    private static func prefix(_ hash: Digest) -> String { String(hash.hex.prefix(16)) }

    private static func digits(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 12 - digits.utf8.count)) + digits
    }
}
