internal import API
internal import Keys
internal import Linux
internal import Records
internal import Transport

/// What the links of a replica have found out.
enum PeerEvent: Equatable {
    /// Messages can go both ways from now on; said again when frames were lost on a link that held.
    case connected(Int)
    case disconnected(Int)
    case received(from: Int, [UInt8])
}

/// A connection to the peer port whose other side wants to hand on requests: it goes to the thread that serves clients,
/// with what it has said so far. Whoever takes it owns the descriptor.
package struct HandedConnection: Sendable {
    package var descriptor: Int32
    package var bytes: [UInt8]
    package var address: String

    package init(descriptor: Int32, bytes: [UInt8], address: String) {
        self.descriptor = descriptor
        self.bytes = bytes
        self.address = address
    }
}

/// All connections between this replica and its peers, in the thread that owns the replica: nothing here ever waits.
///
/// Each replica dials two lanes to each other, one for short messages and one for frames, so that a heartbeat stands
/// behind no frame. A message goes to the socket when the turn's messages are flushed, before the disk writes; what the
/// socket does not take waits, up to a bound beyond which the lane is given up with all that waits on it: whoever sent it
/// sends it again. Who the other side is, is proved by its certificate and said in the greeting, and both must agree.
final class PeerLinks {
    /// Bytes that may wait on one lane.
    static let waitingBytesMax = 8 << 20
    /// Longest message that is believed.
    static let messageBytesMax = 48 << 20
    /// Connections of whom nothing is known.
    static let arrivingMax = 64
    static let acceptedATurn = 16
    /// Bytes sent that nobody has acknowledged for so long mean a broken connection.
    static let unacknowledgedMilliseconds = 1_500

    let own: Int
    /// 16 bytes.
    let cluster: [UInt8]
    private(set) var links: [PeerLink]
    let poller: Poller
    let dialling: TLSContext
    let serving: TLSContext
    let handOver: (HandedConnection) -> Void
    var complaints: PeerComplaints
    var listener: Socket?
    private var listenerRests = false
    var guests: [UInt64: PeerGuest] = [:]
    var arriving = 0
    var nextToken: UInt64
    let listenerToken: UInt64
    var now: UInt64 = 0
    var scratch = [UInt8](repeating: 0, count: 1 << 18)
    var counters = PeerCounters()
    private var dice = SystemDice()
    /// What has been found out and not been taken.
    var events: [PeerEvent] = []

    /// - Parameters:
    ///   - peers: all but this replica.
    ///   - firstToken: from here on all tokens of the poller belong to the links.
    init(
        own: Int, cluster: [UInt8], peers: [Configuration.Peer], credentials identity: PeerCredentials,
        listener: Socket,
        poller: Poller, firstToken: UInt64, journal: Journal, handOver: @escaping (HandedConnection) -> Void
    ) throws {
        self.own = own
        self.cluster = cluster
        self.poller = poller
        self.listener = listener
        self.handOver = handOver
        complaints = PeerComplaints(journal: journal)
        links = peers.map { PeerLink($0) }
        dialling = try TLSContext(
            trusting: identity.authority, chain: identity.certificate, key: identity.key, speaking: .peer)
        serving = try TLSContext(
            serverChain: identity.certificate, key: identity.key, clientAuthority: identity.authority, speaking: .peer)
        listenerToken = firstToken
        nextToken = firstToken + 1
        try poller.add(listener.descriptor, .reading, token: listenerToken)
    }

    /// Nobody is there any more, or will be.
    func drop(_ peer: Int) {
        guard let at = links.firstIndex(where: { $0.peer.id == peer }) else { return }
        let link = links[at]
        for lane in [link.control, link.data] { lose(lane) }
        for guest in [link.controlGuest, link.dataGuest].compactMap({ $0 }) { drop(guest) }
        links.removeAll { $0.peer.id == peer }
    }

    /// There are these replicas too; who was known stays where it was.
    func add(_ peers: [Configuration.Peer]) {
        for peer in peers where peer.id != own && !links.contains(where: { $0.peer.id == peer.id }) {
            links.append(PeerLink(peer))
        }
    }

    /// What an event of the poller means, if its token is one of the links'.
    func happened(_ event: Poller.Event, now: UInt64) {
        self.now = now
        if event.token == listenerToken { return acceptAll() }
        if let guest = guests[event.token] { return happened(event, guest) }
        for link in links {
            if link.control.token == event.token { return happened(event, link.control) }
            if link.data.token == event.token { return happened(event, link.data) }
        }
    }

    /// Dials what rests long enough, and gives up what takes too long.
    func tick(now: UInt64) {
        self.now = now
        for link in links {
            tick(link.control)
            tick(link.data)
        }
        if arriving > 0 {
            for guest in Array(guests.values) where now - guest.since >= PeerGuest.openingMilliseconds {
                if case .open = guest.phase { continue }
                refuse(guest, .late)
            }
        }
        if listenerRests, let listener {
            listenerRests = (try? poller.add(listener.descriptor, .reading, token: listenerToken)) == nil
        }
    }

    /// Takes what has been found out since the last time.
    func takeEvents(into taken: inout [PeerEvent]) {
        taken.removeAll(keepingCapacity: true)
        swap(&taken, &events)
    }

    /// Puts a message on its lane; lost when there is none, which the receiver finds out.
    func send(_ message: [UInt8], to peer: Int, _ kind: PeerLane.Kind) {
        guard let link = links.first(where: { $0.peer.id == peer }) else { return }
        let lane = link.lane(kind)
        guard lane.isOpen else {
            counters.dropped += 1
            return
        }
        let waiting = lane.waitingBytes
        guard waiting == 0 || waiting + message.count <= Self.waitingBytesMax else {
            complaints.overflowed(peer, now: now)
            counters.dropped += 1
            return lose(lane)
        }
        LengthFrames.append(message, onto: &lane.plain)
        counters.sent += 1
    }

    /// Gives to the sockets what the turn has put on the lanes.
    func flush() {
        for link in links {
            flush(link.control)
            flush(link.data)
        }
    }

    private func flush(_ lane: PeerLane) {
        guard !lane.plain.isEmpty, let channel = lane.channel else { return }
        counters.sentBytes += UInt64(lane.plain.count)
        let state = channel.send(lane.plain)
        lane.plain.removeAll(keepingCapacity: lane.plain.capacity <= 1 << 21)
        guard state == .open else { return lose(lane) }
        settle(lane)
    }

    /// The peer said what has no meaning: its lanes are closed, and it may dial again.
    func distrust(_ peer: Int) {
        guard let link = links.first(where: { $0.peer.id == peer }) else { return }
        for guest in [link.controlGuest, link.dataGuest].compactMap({ $0 }) { refuse(guest, .malformed) }
    }

    /// Says farewell to all.
    func close() {
        for link in links {
            for lane in [link.control, link.data] {
                flush(lane)
                lane.channel?.close()
                lose(lane)
            }
        }
        for guest in Array(guests.values) {
            guest.channel?.close()
            drop(guest)
        }
        if let listener { poller.remove(listener.descriptor) }
        listener = nil
    }

    /// A message is told of once there is a link by which it can be answered; that takes the other side's lanes moments.
    func heard(_ message: [UInt8], from peer: Int) {
        counters.received += 1
        counters.receivedBytes += UInt64(message.count + 4)
        guard let link = links.first(where: { $0.peer.id == peer }) else { return }
        if link.isLinked {
            events.append(.received(from: peer, message))
        } else if link.early.count < PeerLink.earlyMax {
            link.early.append(message)
        }
    }

    /// Tells the replica when a link has come or gone.
    func relink(_ link: PeerLink) {
        let holds = link.control.isOpen && link.controlGuest != nil
        if link.isLinked, !holds {
            link.isLinked = false
            link.early = []
            complaints.lost(link.peer.id)
            events.append(.disconnected(link.peer.id))
        }
        guard holds, link.data.isOpen else { return }
        if !link.isLinked || link.hasLostData { events.append(.connected(link.peer.id)) }
        if !link.isLinked { complaints.found(link.peer.id) }
        link.isLinked = true
        link.hasLostData = false
        for message in link.early { events.append(.received(from: link.peer.id, message)) }
        link.early = []
    }

    /// For /metrics.
    var figures: Counters.Peers {
        var figures = Counters.Peers()
        figures.linked = UInt64(linkedPeers)
        figures.sentMessages = counters.sent
        figures.receivedMessages = counters.received
        figures.droppedMessages = counters.dropped
        figures.sentBytes = counters.sentBytes
        figures.receivedBytes = counters.receivedBytes
        figures.reconnects = counters.reconnects
        for reason in PeerRefusal.allCases {
            if let count = counters.refused[reason] { figures.refused.append((reason.name, count)) }
        }
        return figures
    }

    var linkedPeers: Int { links.count { $0.isLinked } }

    var chance: UInt64 { dice.bytes(2).reduce(0) { $0 << 8 | UInt64($1) } }

    /// Out of descriptors or memory: the listener rests until the next tick.
    func restListener() {
        guard let listener else { return }
        poller.remove(listener.descriptor)
        listenerRests = true
    }
}

/// The files by which peers know each other, as PEM text.
struct PeerCredentials {
    var certificate: [UInt8]
    var key: [UInt8]
    var authority: [UInt8]
}

/// What the links count, for /metrics.
struct PeerCounters: Equatable {
    var sent: UInt64 = 0
    var received: UInt64 = 0
    /// Inside TLS.
    var sentBytes: UInt64 = 0
    var receivedBytes: UInt64 = 0
    /// Messages for which there was no lane.
    var dropped: UInt64 = 0
    /// Lanes that were open, were lost and are open again.
    var reconnects: UInt64 = 0
    /// Connections refused, by the name of the reason.
    var refused: [PeerRefusal: UInt64] = [:]
}
