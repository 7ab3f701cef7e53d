import API
import Bytes
import Client
import Keys
import Linux
import Records
import Replica
import Testing
import Transport

@testable import Server

/// The fronts of several replicas in one process, each with a stand-in for its loop: they hand requests on to each other
/// over real connections, and who leads is what a test says.
final class Fronts {
    static let cluster = [UInt8](repeating: 0xab, count: 16)

    final class Front {
        let id: Int
        let port: Int
        let mail: NodeMail
        let authority: [UInt8]
        let heard = Guarded<[ReplicaInput]>([])
        private let stopped = Guarded(false)
        private var threads: [Thread] = []

        init(
            _ id: Int, _ peers: [Configuration.Peer], _ identity: Certificates.Identity,
            _ authority: Certificates.Identity, door: Int32, limits: Configuration.Limits,
            reply: @escaping @Sendable (Int, ReplicaInput) -> [ClientsInput]
        ) throws {
            let clients = try Socket.listening(at: "127.0.0.1", port: 0)
            self.id = id
            self.authority = authority.certificate
            port = try clients.port()
            mail = try NodeMail()
            let (mail, stopped, heard) = (mail, stopped, heard)
            let trusted = authority.certificate
            let handed = Guarded<Socket?>(clients)
            threads.append(
                try Thread.start("clients") {
                    guard let socket = handed.withLock({ $0 }) else { return }
                    handed.withLock { $0 = nil }
                    do {
                        let forwarding = try Forwarding(
                            own: id, cluster: Fronts.cluster, peers: peers.filter { $0.id != id },
                            certificate: identity.certificate, key: identity.key, authority: trusted)
                        let loop = try ClientsLoop(
                            limits: limits, mail: mail, journal: Journal(replica: id, descriptor: -1),
                            tls: try TLSContext(serverChain: identity.certificate, key: identity.key), listener: socket,
                            forwarding: forwarding)
                        try loop.run()
                    } catch {
                        Output.complaint("a front broke")
                    }
                })
            threads.append(
                try Thread.start("stand-in") {
                    var inputs: [ReplicaInput] = []
                    while !stopped.withLock({ $0 }) {
                        mail.toLoop.bell.wait(milliseconds: 20)
                        mail.toLoop.takeAll(into: &inputs)
                        for input in inputs {
                            heard.withLock { $0.append(input) }
                            mail.toClients.mustPost(reply(id, input))
                        }
                    }
                })
            // What the loop does with a connection that wants to hand on requests.
            threads.append(
                try Thread.start("porter") {
                    let listener = Socket(taking: door)
                    var buffer = [UInt8](repeating: 0, count: 1 << 14)
                    while !stopped.withLock({ $0 }) {
                        guard listener.wait(writing: false, milliseconds: 20),
                            let (socket, address) = try? listener.accept(),
                            socket.wait(writing: false, milliseconds: 500),
                            case .bytes(let count) = socket.receive(into: &buffer)
                        else { continue }
                        let first = Array(buffer[..<count])
                        mail.toClients.mustPost(
                            .handed(HandedConnection(descriptor: socket.release(), bytes: first, address: address)))
                    }
                })
        }

        func stop() {
            mail.toClients.mustPost(.stop)
            stopped.withLock { $0 = true }
            for thread in threads { thread.join() }
            threads = []
        }

        /// Who leads, as this front is told.
        func hears(of primary: Int?) { mail.toClients.mustPost(.primary(primary)) }

        var context: ContextFile {
            ContextFile(
                endpoints: [Endpoint(host: "127.0.0.1", port: port)], authority: authority,
                key: "\(Stage.credentialID).\(Stage.secret)", purpose: "TREAT")
        }

        func client() throws -> HTTPClient { try HTTPClient(context) }
        func raw() throws -> RawClient { try RawClient(port: port, authority: authority) }

        var asked: [Ask] {
            heard.withLock { inputs in
                inputs.compactMap { input in if case .asked(_, let ask) = input { ask } else { nil } }
            }
        }

        func hears(_ holds: (ReplicaInput) -> Bool) -> Bool {
            for _ in 0..<500 {
                if heard.withLock({ $0.contains(where: holds) }) { return true }
                LinuxClock.pause(milliseconds: 10)
            }
            return false
        }
    }

    let authority: Certificates.Identity
    private(set) var peers: [Configuration.Peer] = []
    private(set) var fronts: [Front] = []

    /// - Parameter reply: What the stand-in of a replica tells its front for each thing heard.
    init(
        _ count: Int, limits: Configuration.Limits = Configuration.Limits(),
        reply: @escaping @Sendable (Int, ReplicaInput) -> [ClientsInput]
    ) throws {
        let authority = try Certificates.authority(named: "fronts")
        self.authority = authority
        var doors: [Socket] = []
        for id in 1...count {
            let door = try Socket.listening(at: "127.0.0.1", port: 0)
            peers.append(Configuration.Peer(id: id, address: "127.0.0.1", peerPort: try door.port(), clientPort: 1))
            doors.append(door)
        }
        let row = try Stage.row()
        for (id, door) in zip(1...count, doors) {
            let front = try Front(
                id, peers, try identity(id), authority,
                door: door.release(), limits: limits, reply: reply)
            front.mail.toClients.mustPost(.credentials([row]))
            fronts.append(front)
        }
    }

    deinit { for front in fronts { front.stop() } }

    subscript(_ id: Int) -> Front { fronts[id - 1] }

    func identity(_ id: Int) throws -> Certificates.Identity {
        try Certificates.leaf(
            named: "replica-\(id)", names: ["localhost"], addresses: ["127.0.0.1"],
            uris: [Configuration.peerURI(cluster: Self.cluster, replica: id)], signedBy: authority)
    }

    /// Tells all who leads.
    func lead(_ primary: Int?) {
        for front in fronts { front.hears(of: primary) }
    }
}
