import Bytes

/// Instants as a person reads them, in UTC.
enum Times {
    /// `2026-03-02 08:00` from any RFC 3339 text; what is none stays as it is.
    static func short(_ text: String?) -> String { cut(text, 16) }

    /// As `short`, with seconds.
    static func toTheSecond(_ text: String?) -> String { cut(text, 19) }

    private static func cut(_ text: String?, _ count: Int) -> String {
        guard let text else { return "" }
        guard let instant = try? Instant(text) else { return text }
        return String(instant.text.prefix(count).map { $0 == "T" ? " " : $0 })
    }

    /// `08:00`.
    static func clock(_ text: String?) -> String {
        let short = short(text)
        return short.count == 16 ? String(short.suffix(5)) : short
    }
}
