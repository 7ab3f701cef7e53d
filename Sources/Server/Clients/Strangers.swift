internal import Records
internal import Replica

/// Counts who could not say who they are: refusals of one address prefix, by reason, within a minute. A record of the
/// counts goes to the log; nobody waits for it (design 9).
struct Strangers {
    /// Prefixes counted apart within a minute; what comes from more is counted together.
    static let prefixesMax = 256
    static let minuteMilliseconds: UInt64 = 60_000

    private struct Key: Hashable {
        var prefix: String
        var problem: ProblemKind
    }

    private var counts: [Key: Int] = [:]
    /// Keys in the order of their first count.
    private var order: [Key] = []
    private var since: UInt64 = 0

    mutating func count(_ problem: ProblemKind, from address: String, now: UInt64) {
        if order.isEmpty { since = now }
        var key = Key(prefix: Self.prefix(of: address), problem: problem)
        if counts[key] == nil {
            if order.count >= Self.prefixesMax { key.prefix = "others" }
            if counts[key] == nil { order.append(key) }
        }
        counts[key, default: 0] += 1
    }

    /// The counts of a minute that is over; empty before.
    mutating func takeDue(now: UInt64) -> [StrangerCount] {
        guard !order.isEmpty, now - since >= Self.minuteMilliseconds else { return [] }
        return takeAll()
    }

    mutating func takeAll() -> [StrangerCount] {
        let due = order.map { StrangerCount(prefix: $0.prefix, problem: $0.problem, count: counts[$0] ?? 0) }
        counts = [:]
        order = []
        return due
    }

    /// The IPv4 /24 or IPv6 /48 that a numeric address lies in.
    static func prefix(of address: String) -> String {
        guard address.contains(":") else {
            let parts = address.split(separator: ".")
            return parts.count == 4 ? parts[0...2].joined(separator: ".") + ".0/24" : "unknown"
        }
        var groups: [Substring] = []
        for group in address.split(separator: ":", omittingEmptySubsequences: false) {
            if group.isEmpty || groups.count == 3 { break }
            groups.append(group)
        }
        return groups.joined(separator: ":") + "::/48"
    }
}
