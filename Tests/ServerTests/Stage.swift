import API
import Bytes
import Client
import Keys
import Linux
import Records
import Replica
import Server
import Transport

/// A server's front without its replica: the thread that serves clients, on a free port, with a stand-in for the loop
/// that answers as a test says.
final class Stage {
    let port: Int
    let mail: NodeMail
    let authority: Certificates.Identity
    private let threads: [Thread]
    private let stopped: Guarded<Bool>
    /// What the stand-in was told, in order.
    let heard = Guarded<[ReplicaInput]>([])

    static let credentialID = "service-1"
    static let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"

    /// - Parameters:
    ///   - authority: Another stage's, to be of one cluster with it.
    ///   - replica: Whose certificate it has.
    ///   - reply: What to tell the clients' thread for each thing heard.
    init(
        limits: Configuration.Limits = Configuration.Limits(), authority: Certificates.Identity? = nil,
        replica: Int = 1, reply: @escaping @Sendable (ReplicaInput) -> [ClientsInput]
    ) throws {
        let authority = try authority ?? Certificates.authority(named: "stage")
        let leaf = try Certificates.leaf(
            named: "replica-\(replica)", names: ["localhost"], addresses: ["127.0.0.1"],
            uris: [Configuration.peerURI(cluster: Array(repeating: 7, count: 16), replica: replica)],
            signedBy: authority)
        let mail = try NodeMail()
        let listener = try Socket.listening(at: "127.0.0.1", port: 0)
        port = try listener.port()
        self.mail = mail
        self.authority = authority
        let stopped = Guarded(false)
        self.stopped = stopped
        let heard = heard
        // The listener crosses into its thread once, and nobody else keeps it.
        let descriptor = Guarded<Socket?>(listener)
        let clients = try Thread.start("clients") {
            let socket = descriptor.withLock { held -> Socket? in
                defer { held = nil }
                return held
            }
            guard let socket else { return }
            do {
                let tls = try TLSContext(serverChain: leaf.certificate, key: leaf.key)
                let loop = try ClientsLoop(
                    limits: limits, mail: mail, journal: Journal(replica: 1, descriptor: -1), tls: tls,
                    listener: socket)
                try loop.run()
            } catch {
                Output.complaint("the stage broke")
            }
        }
        let stand = try Thread.start("stand-in") {
            var inputs: [ReplicaInput] = []
            while !stopped.withLock({ $0 }) {
                mail.toLoop.bell.wait(milliseconds: 20)
                mail.toLoop.takeAll(into: &inputs)
                for input in inputs {
                    heard.withLock { $0.append(input) }
                    mail.toClients.mustPost(reply(input))
                }
            }
        }
        threads = [clients, stand]
        mail.toClients.mustPost([.credentials([try Self.row()]), .ready])
    }

    deinit {
        mail.toClients.mustPost(.stop)
        stopped.withLock { $0 = true }
        for thread in threads { thread.join() }
    }

    var context: ContextFile {
        ContextFile(
            endpoints: [Endpoint(host: "127.0.0.1", port: port)], authority: authority.certificate,
            key: "\(Self.credentialID).\(Self.secret)", purpose: "TREAT")
    }

    func client() throws -> HTTPClient { try HTTPClient(context) }

    /// A bare secure connection, for what a well-behaved client would not send.
    func raw() throws -> RawClient { try RawClient(port: port, authority: authority.certificate) }

    /// What was asked, without ticks and the like.
    var asked: [Ask] {
        heard.withLock { inputs in
            inputs.compactMap { input in if case .asked(_, let ask) = input { ask } else { nil } }
        }
    }

    /// Waits until something has been heard that `holds`.
    func hears(_ holds: (ReplicaInput) -> Bool) -> Bool {
        for _ in 0..<500 {
            if heard.withLock({ $0.contains(where: holds) }) { return true }
            LinuxClock.pause(milliseconds: 10)
        }
        return false
    }
}

/// Plain bytes over TLS, and whatever comes back.
final class RawClient {
    let channel: Channel
    private var scratch = [UInt8](repeating: 0, count: 65_536)
    private(set) var text: [UInt8] = []
    private(set) var state = Channel.State.open

    init(port: Int, authority: [UInt8]) throws {
        let socket = try Socket.connecting(to: "127.0.0.1", port: port, choice: 0)
        _ = socket.wait(writing: true, milliseconds: 5000)
        try socket.connected()
        channel = Channel(socket, try TLSSession(connecting: try TLSContext(trusting: authority), to: "127.0.0.1"))
        channel.flush()
        while !channel.session.isEstablished, state == .open { receive(milliseconds: 5000) }
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        state = channel.send(bytes)
        while channel.waitingBytes > 0, state == .open {
            _ = channel.socket.waitEither(milliseconds: 5000)
            state = channel.flush()
            receive(milliseconds: 0)
        }
    }

    func receive(milliseconds: Int) {
        guard channel.socket.wait(writing: false, milliseconds: milliseconds) else { return }
        let moved = channel.receive(scratch: &scratch, onto: &text)
        if state == .open { state = moved }
    }

    /// All that comes until the server ends, at most so long.
    func rest(milliseconds: UInt64 = 5000) -> String {
        let deadline = LinuxClock.monotonicMilliseconds() + milliseconds
        while state == .open, LinuxClock.monotonicMilliseconds() < deadline { receive(milliseconds: 50) }
        return String(decoding: text, as: UTF8.self)
    }

    /// What has come once it `contains` the words, or the time is up.
    func until(_ words: String, milliseconds: UInt64 = 5000) -> String {
        let deadline = LinuxClock.monotonicMilliseconds() + milliseconds
        while state == .open, LinuxClock.monotonicMilliseconds() < deadline {
            if String(decoding: text, as: UTF8.self).contains(words) { break }
            receive(milliseconds: 50)
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension Stage {
    static func row() throws -> CredentialRow {
        let key = MACKey(bytes: Array(repeating: 7, count: 32))
        let crypto = try Crypto()
        return CredentialRow(
            id: credentialID, name: "service", tenant: 1, scopes: [.append, .read, .audit],
            secretMAC: crypto.hmac(Array(secret.utf8), key: key), key: key)
    }
}
