import Consensus

/// Watches a cluster from outside and knows nothing of how nodes decide: only what their logs and disks hold.
struct Referee {
    private(set) var complaints: [String] = []
    private var primaries: [(term: UInt64, id: Int)] = []
    /// The entry before each entry that there ever was, by index and term.
    private var names: [Name: Entry] = [:]
    private var befores: [Name: UInt64] = [:]
    /// What was ever committed, from index 1 on.
    private(set) var committed: [Entry] = [Entry(term: 1)]

    private struct Name: Hashable {
        var index: UInt64
        var term: UInt64
    }

    mutating func complain(_ what: String) {
        if complaints.count < 5 { complaints.append(what) }
    }

    /// One primary a term; and it holds all that was ever committed.
    mutating func becamePrimary(_ host: Host, _ term: UInt64) {
        for earlier in primaries where earlier.term == term && earlier.id != host.id {
            complain("two primaries in term \(term): \(earlier.id) and \(host.id)")
        }
        primaries.append((term, host.id))
        for (at, entry) in committed.enumerated() where at >= host.log.entries.count || host.log.entries[at] != entry {
            return complain("primary \(host.id) of term \(term) lacks committed entry \(at + 1)")
        }
    }

    /// Entries of the same index and term are the same, and so are all before them.
    mutating func appended(_ host: Host, from first: UInt64) {
        guard first <= host.log.lastIndex else { return }
        for index in first...host.log.lastIndex {
            let entry = host.log.entries[Int(index) - 1]
            let before = index > 1 ? host.log.entries[Int(index) - 2].term : 0
            let name = Name(index: index, term: entry.term)
            if let known = names[name], known != entry || befores[name] != before {
                complain("two logs differ at \(index) in term \(entry.term)")
            }
            names[name] = entry
            befores[name] = before
        }
    }

    /// What is committed never changes, and was on the disks of a quorum when it was committed first.
    mutating func committed(_ host: Host, through index: UInt64, among hosts: [Host]) {
        guard index <= host.log.lastIndex else { return complain("\(host.id) commits beyond its log") }
        for at in 0..<Int(index) {
            let entry = host.log.entries[at]
            if at < committed.count {
                if committed[at] != entry { complain("\(host.id) commits another entry \(at + 1)") }
            } else {
                committed.append(entry)
                checkCopies(of: at, host, hosts)
            }
        }
    }

    private mutating func checkCopies(of at: Int, _ host: Host, _ hosts: [Host]) {
        // Who must hold it is said by the newest membership in the committer's log when it commits.
        let membership = host.log.entries.last { $0.membership != nil }?.membership ?? host.genesis
        func isHeld(by voters: [Int]) -> Bool {
            let holders = hosts.filter { other in
                voters.contains(other.id) && at < other.disk.count && other.disk[at] == host.log.entries[at]
            }
            return holders.count > voters.count / 2
        }
        if !isHeld(by: membership.voters) || !(membership.incoming.map(isHeld) ?? true) {
            complain("entry \(at + 1) is committed by \(host.id) without being on a quorum's disks")
        }
    }
}
