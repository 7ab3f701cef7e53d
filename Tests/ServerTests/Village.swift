import Bytes
import Linux
import Records
import Testing
import Transport

@testable import Server

/// The links of several replicas in one thread, over real sockets: they move when a test says so.
final class Village {
    static let cluster = [UInt8](repeating: 0xab, count: 16)

    final class House {
        let id: Int
        let poller: Poller
        let links: PeerLinks
        let handed = Guarded<[HandedConnection]>([])
        private(set) var events: [PeerEvent] = []
        private var happened: [Poller.Event] = []
        private var taken: [PeerEvent] = []

        init(_ id: Int, _ peers: [Configuration.Peer], _ identity: PeerCredentials, _ listener: Socket) throws {
            self.id = id
            poller = try Poller()
            let handed = handed
            links = try PeerLinks(
                own: id, cluster: Village.cluster, peers: peers.filter { $0.id != id }, credentials: identity,
                listener: listener, poller: poller, firstToken: 16, journal: Journal(replica: id, descriptor: -1)
            ) { connection in handed.withLock { $0.append(connection) } }
        }

        /// One turn of a loop.
        func turn() throws {
            try poller.wait(milliseconds: 0, into: &happened)
            let now = LinuxClock.monotonicMilliseconds()
            for event in happened { links.happened(event, now: now) }
            links.tick(now: now)
            links.flush()
            links.takeEvents(into: &taken)
            events += taken
        }

        func forgetEvents() { events = [] }

        func send(_ text: String, to peer: Int, _ kind: PeerLane.Kind) { links.send(Array(text.utf8), to: peer, kind) }

        /// The messages that came, as text.
        var heard: [String] {
            events.compactMap { event in
                if case .received(_, let bytes) = event { String(decoding: bytes, as: UTF8.self) } else { nil }
            }
        }
    }

    let authority: Certificates.Identity
    private(set) var peers: [Configuration.Peer] = []
    var houses: [Int: House] = [:]

    init(_ count: Int) throws {
        authority = try Certificates.authority(named: "village")
        var listeners: [Socket] = []
        for id in 1...count {
            let listener = try Socket.listening(at: "127.0.0.1", port: 0)
            peers.append(
                Configuration.Peer(id: id, address: "127.0.0.1", peerPort: try listener.port(), clientPort: 1))
            listeners.append(listener)
        }
        for (id, listener) in zip(1...count, listeners) {
            houses[id] = try House(id, peers, try credentials(id), listener)
        }
    }

    func credentials(
        _ id: Int, cluster: [UInt8] = Village.cluster, signedBy other: Certificates.Identity? = nil
    ) throws -> PeerCredentials {
        let leaf = try Certificates.leaf(
            named: "replica-\(id)", names: ["localhost"], addresses: ["127.0.0.1"],
            uris: [Configuration.peerURI(cluster: cluster, replica: id)], signedBy: other ?? authority)
        return PeerCredentials(certificate: leaf.certificate, key: leaf.key, authority: authority.certificate)
    }

    /// Kills a house as kill -9 would.
    func burn(_ id: Int) { houses[id] = nil }

    func rebuild(_ id: Int) throws {
        let listener = try Socket.listening(at: "127.0.0.1", port: peers[id - 1].peerPort)
        houses[id] = try House(id, peers, try credentials(id), listener)
    }

    /// Lets all of them turn until something holds; false when it does not within five seconds.
    func turn(_ only: [Int]? = nil, until holds: () -> Bool) throws -> Bool {
        let deadline = LinuxClock.monotonicMilliseconds() + 5_000
        while !holds() {
            for id in only ?? houses.keys.sorted() { try houses[id]?.turn() }
            guard LinuxClock.monotonicMilliseconds() < deadline else { return false }
            LinuxClock.pause(milliseconds: 1)
        }
        return true
    }

    func house(_ id: Int) throws -> House { try #require(houses[id]) }

    var allLinked: Bool { houses.values.allSatisfy { $0.links.linkedPeers == houses.count - 1 } }

    /// Somebody at the peer port of replica 1 who shows `identity` (nil: nothing) and says `greeting`; what it hears.
    func visit(
        _ identity: PeerCredentials?, speaking: ApplicationProtocol = .peer, saying greeting: [UInt8]?
    ) throws -> PeerGreeting? {
        let context = try TLSContext(
            trusting: authority.certificate, chain: identity?.certificate, key: identity?.key, speaking: speaking)
        let socket = try Socket.connecting(to: "127.0.0.1", port: peers[0].peerPort, choice: 0)
        _ = socket.wait(writing: true, milliseconds: 1000)
        let channel = Channel(socket, try TLSSession(connecting: context))
        channel.flush()
        var scratch = [UInt8](repeating: 0, count: 1 << 14)
        var frames = LengthFrames()
        var state = Channel.State.open
        var hasGreeted = false
        var answer: PeerGreeting?
        _ = try turn {
            state = channel.receive(scratch: &scratch, onto: &frames.buffer)
            if channel.session.isEstablished, !hasGreeted, let greeting {
                hasGreeted = true
                var out: [UInt8] = []
                LengthFrames.append(greeting, onto: &out)
                _ = channel.send(out)
            }
            if case .frame(let bytes) = frames.next(atMost: 1000) { answer = try? PeerGreeting(bytes) }
            return answer != nil || state != .open
        }
        return answer
    }
}
