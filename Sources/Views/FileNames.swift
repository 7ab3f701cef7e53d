internal import Bytes

/// Names in the views' directory: a kind, `-`, sixteen hexadecimal digits. A file is written under its name with
/// `.new` behind it, which is left over only by a crash.
enum FileNames {
    static let snapshotPrefix = "snapshot-"
    static let runPrefix = "run-"
    static let unfinished = ".new"

    static func snapshot(_ number: UInt64) -> String { snapshotPrefix + digits(number) }
    static func run(_ number: UInt64) -> String { runPrefix + digits(number) }

    /// The number in `name` if it is of the kind; nil for any other file, an unfinished one too.
    static func number(of name: String, prefix: String) -> UInt64? {
        guard name.hasPrefix(prefix), name.utf8.count == prefix.utf8.count + 16 else { return nil }
        return UInt64(name.dropFirst(prefix.count), radix: 16)
    }

    private static func digits(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
