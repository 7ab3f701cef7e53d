import Bytes
import Records

/// `If-None-Match` and `If-Modified-Since` of a read (RFC 9110 §13). The former wins where both stand.
struct ReadConditions: Sendable {
    /// Opaque parts of the entity tags; weak comparison. `["*"]` for any.
    var tags: [String] = []
    var hasTags = false
    var since: Instant?

    init(_ head: RequestHead) {
        if let list = head.list(.ifNoneMatch) {
            hasTags = true
            tags = list.split(separator: ",").map { element in
                var tag = Texts.trimmed(element)
                if tag.hasPrefix("W/") { tag = tag.dropFirst(2) }
                return String(tag)
            }
        } else if head.count(.ifModifiedSince) == 1, let text = head.text(.ifModifiedSince) {
            since = HTTPDate.instant(text)
        }
    }

    func isUnchanged(_ resource: ShownResource) -> Bool {
        if case .deleted = resource.content { return false }
        if hasTags { return tags.contains("*") || tags.contains("\"\(resource.version)\"") }
        guard let since else { return false }
        // HTTP dates have whole seconds.
        return resource.lastUpdated.microseconds / 1_000_000 <= since.microseconds / 1_000_000
    }
}

extension HTTPDate {
    /// Reads an IMF-fixdate; nil for anything else, the obsolete forms too: an unread condition only costs a body.
    static func instant(_ text: String) -> Instant? {
        let bytes = Array(text.utf8)
        guard bytes.count == 29 else { return nil }
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func part(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        guard let month = names.firstIndex(of: part(8..<11)) else { return nil }
        let number = month + 1 < 10 ? "0\(month + 1)" : "\(month + 1)"
        do throws(Instant.Refusal) {
            let instant = try Instant("\(part(12..<16))-\(number)-\(part(5..<7))T\(part(17..<25))Z")
            return bytes == self.bytes(of: instant) ? instant : nil
        } catch {
            return nil
        }
    }
}
