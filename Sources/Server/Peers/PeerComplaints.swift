/// What the journal hears of peers and strangers: each thing once a minute, however often it happens.
struct PeerComplaints {
    static let minuteMilliseconds: UInt64 = 60_000
    static let keysMax = 256

    private enum Subject: Hashable {
        /// A connection from outside was refused; 0 when nobody knows whose.
        case refused(PeerRefusal, Int)
        case refuses(PeerRefusal, Int)
        case overflow(Int)
    }

    let journal: Journal
    private var toldAt: [Subject: UInt64] = [:]

    init(journal: Journal) { self.journal = journal }

    private mutating func isDue(_ subject: Subject, _ now: UInt64) -> Bool {
        if let told = toldAt[subject], now - told < Self.minuteMilliseconds { return false }
        guard toldAt[subject] != nil || toldAt.count < Self.keysMax else { return false }
        toldAt[subject] = now
        return true
    }

    /// A connection is refused. `peer` is who it says it is, 0 when it has not said.
    mutating func refused(_ reason: PeerRefusal, _ peer: Int, now: UInt64) {
        guard isDue(.refused(reason, peer), now) else { return }
        if peer > 0 {
            journal.warning("a peer was refused", .replica(peer), .reason(reason.sentence))
        } else {
            journal.warning("a connection to the peer port was refused", .reason(reason.sentence))
        }
    }

    /// A replica that was dialled is not who it should be, or refuses this one.
    mutating func isRefused(_ reason: PeerRefusal, by peer: Int, now: UInt64) {
        guard isDue(.refuses(reason, peer), now) else { return }
        journal.warning("no link to a peer can be made", .replica(peer), .reason(reason.sentence))
    }

    mutating func overflowed(_ peer: Int, now: UInt64) {
        guard isDue(.overflow(peer), now) else { return }
        journal.warning("a peer takes too little: what waited for it is dropped, to be sent again", .replica(peer))
    }

    func lost(_ peer: Int) { journal.warning("the link to a peer is lost", .replica(peer)) }

    func found(_ peer: Int) { journal.info("linked with a peer", .replica(peer)) }
}
