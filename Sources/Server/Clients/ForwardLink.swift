internal import API
internal import Linux
internal import Records
package import Transport

/// What a front needs to hand requests on to the primary, and to take those that others hand on.
package struct Forwarding {
    let own: Int
    /// 16 bytes.
    let cluster: [UInt8]
    /// All but this replica.
    private(set) var peers: [Configuration.Peer]
    let dialling: TLSContext
    let serving: TLSContext

    /// - Parameter authority: signs the certificates of the store; PEM text, as the others are.
    package init(
        own: Int, cluster: [UInt8], peers: [Configuration.Peer], certificate: [UInt8], key: [UInt8],
        authority: [UInt8]
    ) throws(TLSError) {
        self.own = own
        self.cluster = cluster
        self.peers = peers
        dialling = try TLSContext(trusting: authority, chain: certificate, key: key, speaking: .forward)
        serving = try TLSContext(serverChain: certificate, key: key, clientAuthority: authority, speaking: .forward)
    }

    /// There are these replicas too; who was known stays where it was.
    mutating func add(_ more: [Configuration.Peer]) {
        peers += more.filter { peer in peer.id != own && !peers.contains { $0.id == peer.id } }
    }
}

/// A connection over which this front hands requests on to one replica, one at a time.
final class ForwardLink {
    /// From dialling until both sides know each other.
    static let openingMilliseconds: UInt64 = 1_000
    /// The side that hands on closes idle connections: whoever answers never does, so that no request is sent into a
    /// connection that is being closed.
    static let idleMilliseconds: UInt64 = 60_000

    let token: UInt64
    let replica: Int
    let channel: Channel
    var isConnected = false
    var isOpen = false
    /// Whose request is under way; nil when idle.
    var session: UInt64?
    /// The request, until both sides know each other.
    var held: [UInt8] = []
    /// Something of the request was given to the socket.
    var hasSent = false
    var received = LengthFrames()
    var interest: Poller.Interest = [.reading, .writing]
    /// The client takes too little: nothing is read until it has taken what waits.
    var isPaused = false
    /// When dialling began, or the last answer ended.
    var since: UInt64

    init(token: UInt64, replica: Int, channel: Channel, now: UInt64) {
        self.token = token
        self.replica = replica
        self.channel = channel
        since = now
    }

    /// Whether the other side may have the whole request, and so may have acted on it.
    var mayHaveArrived: Bool { hasSent && channel.waitingBytes == 0 }
}

/// A whole request of which nobody has begun to answer: kept where there are peers, so that it can go to another
/// replica when the one that should answer does not lead any more.
struct HeldRequest {
    var head: RequestHead
    var route: Route
    var credential: String
    var body: [UInt8]
    /// When waiting for a primary is given up.
    var deadline: UInt64
    /// It is not tried again before.
    var retryAt: UInt64 = 0
    var attempts = 0
    /// Connections that broke under it.
    var losses = 0
    var startedExactly: UInt64

    /// Asked twice it does no more than asked once.
    var isSafe: Bool {
        switch (route.method, route.endpoint) {
        case (.get, _), (.head, _), (_, .search): true
        default: false
        }
    }

    var isCluster: Bool { if case .cluster = route.endpoint { true } else { false } }
    /// Meant for the replica that it was sent to, whoever leads.
    var isForHere: Bool {
        switch route.endpoint {
        case .order(.takeover), .order(.backups), .backups: true
        default: false
        }
    }
    var isEvents: Bool { if case .events = route.endpoint { true } else { false } }
}
