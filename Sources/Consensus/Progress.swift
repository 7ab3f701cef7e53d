/// A member as this node sees it.
///
/// Invariant: `match < next`; `match` never falls while its primary leads.
struct Progress: Sendable {
    enum State: Sendable {
        /// It is not known where its log agrees: one message at a time, until it answers.
        case probing
        /// Messages follow each other without waiting for answers.
        case replicating
    }

    /// Entries on their way: the last of a message, and the bytes of all of it.
    struct Flight: Sendable {
        var last: UInt64
        var bytes: Int
    }

    let id: Int
    var isVoter = false
    var isIncoming = false
    var votes: Bool { isVoter || isIncoming }
    /// What it said in the election under way.
    var vote: Bool?
    /// Through where its disk is known to hold this primary's log.
    var match: UInt64 = 0
    /// The next entry to send.
    var next: UInt64
    var state = State.probing
    /// A probe is under way, since then.
    var isPaused = false
    var probedAt: UInt64 = 0
    var flights: [Flight] = []
    var flightBytes = 0
    /// When it was last asked whether what is on its way came, and what was `next` then. Once is enough for a while: the
    /// question waits behind what it is about.
    var asked: UInt64 = 0
    var askedAt: UInt64 = 0
    /// When it last answered.
    var heard: UInt64
    /// The highest round of heartbeats it answered.
    var round: UInt64 = 0
    var catchUp: CatchUp

    init(id: Int, next: UInt64, now: UInt64) {
        self.id = id
        self.next = next
        heard = now
        catchUp = CatchUp(target: next - 1, since: now)
    }

    /// A new primary knows nothing of it.
    mutating func restart(next: UInt64, now: UInt64) {
        match = 0
        heard = now
        catchUp = CatchUp(target: next - 1, since: now)
        probe(from: next)
    }

    mutating func probe(from index: UInt64) {
        state = .probing
        isPaused = false
        next = max(index, match + 1)
        flights.removeAll(keepingCapacity: true)
        flightBytes = 0
    }

    mutating func replicate() {
        state = .replicating
        isPaused = false
        next = match + 1
        flights.removeAll(keepingCapacity: true)
        flightBytes = 0
    }

    mutating func sent(through index: UInt64, bytes: Int) {
        next = index + 1
        flights.append(Flight(last: index, bytes: bytes))
        flightBytes += bytes
    }

    /// Its disk holds the log through `index`.
    mutating func matched(_ index: UInt64, last: UInt64, now: UInt64) {
        match = index
        next = max(next, index + 1)
        var landed = 0
        while landed < flights.count, flights[landed].last <= index {
            flightBytes -= flights[landed].bytes
            landed += 1
        }
        if landed > 0 { flights.removeFirst(landed) }
        catchUp.matched(index, last: last, now: now)
    }
}

/// How fast a learner catches up, in rounds: each goes to where the log ended when it began (thesis 4.2.1).
struct CatchUp: Sendable {
    private var target: UInt64
    private var since: UInt64
    private(set) var milliseconds: UInt64?

    init(target: UInt64, since: UInt64) {
        self.target = target
        self.since = since
    }

    mutating func matched(_ match: UInt64, last: UInt64, now: UInt64) {
        guard match >= target else { return }
        // Where it has everything, the next round has nothing to bring and is over as it begins: in a quiet cluster there is
        // no other that would tell.
        milliseconds = match >= last ? 0 : now - since
        target = last
        since = now
    }
}

/// How a member stands, for status, guard rails and the choice of whom to hand over to.
package struct PeerProgress: Equatable, Sendable {
    package var id: Int
    package var match: UInt64
    package var isVoter: Bool
    /// Since it last answered.
    package var silentMilliseconds: UInt64
    package var isCaughtUp: Bool
}
