internal import Linux
internal import Transport

/// A connection that this replica dials to one other and keeps up, for one kind of messages. Messages go from who dials
/// to who is dialled; what comes back is the answer to the greeting.
final class PeerLane {
    /// What is spoken goes over the wire, so a raw value never changes its meaning.
    enum Kind: UInt8, CaseIterable {
        /// Heartbeats, votes and answers: short, and never behind frames.
        case control = 1
        /// Frames of the log.
        case data = 2
    }

    enum State: Equatable {
        case resting(until: UInt64)
        /// The socket is not connected yet.
        case connecting
        /// Each side finds out who the other is.
        case greeting
        case open
    }

    /// Milliseconds before the first attempt after a loss, and the most that they grow to.
    static let pauseMin: UInt64 = 10
    static let pauseMax: UInt64 = 500
    /// From dialling to an open lane.
    static let openingMilliseconds: UInt64 = 1_000

    let peer: Configuration.Peer
    let kind: Kind
    var state = State.resting(until: 0)
    var channel: Channel?
    var token: UInt64 = 0
    /// When the attempt began.
    var since: UInt64 = 0
    var pause = pauseMin
    var hasGreeted = false
    var received = LengthFrames()
    /// Messages of this turn, to be sealed together.
    var plain: [UInt8] = []
    var interest: Poller.Interest = []
    var hasBeenOpen = false

    init(_ peer: Configuration.Peer, _ kind: Kind) {
        self.peer = peer
        self.kind = kind
    }

    var isOpen: Bool { state == .open }

    /// Bytes that the socket has not taken.
    var waitingBytes: Int { plain.count + (channel?.waitingBytes ?? 0) }

    /// Forgets the connection and rests, a part of the pause by chance, so that two that lost each other do not keep
    /// meeting at the same moment.
    func rest(now: UInt64, chance: UInt64) {
        channel = nil
        hasGreeted = false
        received = LengthFrames()
        plain = []
        interest = []
        state = .resting(until: now + pause / 2 + chance % (pause / 2 + 1))
        pause = min(Self.pauseMax, pause * 2)
    }
}

/// A connection that somebody has made to the peer port, of whom nothing is known at first.
final class PeerGuest {
    enum Phase: Equatable {
        /// Its first message has not wholly come: nobody knows yet what it wants to speak.
        case arriving
        /// Each side finds out who the other is.
        case greeting
        case open(from: Int, PeerLane.Kind)
    }

    /// From arriving to open.
    static let openingMilliseconds: UInt64 = 2_000

    let token: UInt64
    let socket: Socket
    let address: String
    let since: UInt64
    var phase = Phase.arriving
    var first: [UInt8] = []
    var channel: Channel?
    var received = LengthFrames()
    var interest: Poller.Interest = .reading

    init(token: UInt64, socket: Socket, address: String, now: UInt64) {
        self.token = token
        self.socket = socket
        self.address = address
        since = now
    }
}

/// The four lanes between this replica and one other: two that it dials, two that the other does.
final class PeerLink {
    let peer: Configuration.Peer
    let control: PeerLane
    let data: PeerLane
    /// What the other dialled.
    var controlGuest: PeerGuest?
    var dataGuest: PeerGuest?
    /// The replica was told that there is a link.
    var isLinked = false
    /// Messages that came before the replica was told that there is a link.
    var early: [[UInt8]] = []
    /// Frames were lost since it was told; it is told again once they can go.
    var hasLostData = false

    static let earlyMax = 64

    init(_ peer: Configuration.Peer) {
        self.peer = peer
        control = PeerLane(peer, .control)
        data = PeerLane(peer, .data)
    }

    func lane(_ kind: PeerLane.Kind) -> PeerLane { kind == .control ? control : data }
}
