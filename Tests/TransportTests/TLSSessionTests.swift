import Transport
import Testing

/// Two sessions in memory, with a wire between them that a test can cut.
final class Wire {
    let server: TLSSession
    let client: TLSSession
    var toServer: [UInt8] = []
    var toClient: [UInt8] = []

    init(
        server: TLSContext, client: TLSContext, host: String = "localhost"
    ) throws {
        self.server = try TLSSession(serving: server)
        self.client = try TLSSession(connecting: client, to: host)
    }

    init(serving server: TLSSession, _ client: TLSSession) {
        self.server = server
        self.client = client
    }

    /// Carries bytes both ways until nothing moves.
    func settle() throws {
        while true {
            client.takeOutput(onto: &toServer)
            server.takeOutput(onto: &toClient)
            if toServer.isEmpty && toClient.isEmpty { return }
            let up = toServer
            let down = toClient
            toServer = []
            toClient = []
            try server.received(up, count: up.count)
            try client.received(down, count: down.count)
        }
    }
}

@Suite struct TLSSessionTests {
    static let authority = try? Certificates.authority(named: "test authority")

    static func contexts() throws -> (server: TLSContext, client: TLSContext) {
        let authority = try #require(authority)
        let leaf = try Certificates.leaf(
            named: "replica-1", names: ["localhost"], addresses: ["127.0.0.1", "::1"], signedBy: authority)
        return (
            try TLSContext(serverChain: leaf.certificate, key: leaf.key),
            try TLSContext(trusting: authority.certificate)
        )
    }

    @Test(arguments: ["localhost", "127.0.0.1", "::1"]) func `a client meets the server by each of its names`(
        _ host: String
    ) throws {
        let (server, client) = try Self.contexts()
        let wire = try Wire(server: server, client: client, host: host)
        try wire.settle()
        #expect(wire.client.isEstablished && wire.server.isEstablished)
        try wire.client.write(Array("hello".utf8))
        try wire.settle()
        var plain: [UInt8] = []
        #expect(try wire.server.read(onto: &plain, atMost: 100) == .bytes(5))
        #expect(plain == Array("hello".utf8))
        #expect(try wire.server.read(onto: &plain, atMost: 100) == .wantsMore)
    }

    @Test(arguments: ["example.org", "127.0.0.2", "localhost.evil"]) func `another name is not trusted`(
        _ host: String
    ) throws {
        let (server, client) = try Self.contexts()
        let wire = try Wire(server: server, client: client, host: host)
        #expect(throws: TLSError.untrusted) { try wire.settle() }
        #expect(!wire.client.isEstablished)
    }

    @Test func `a certificate of another authority is not trusted`() throws {
        let (server, _) = try Self.contexts()
        let other = try Certificates.authority(named: "another authority")
        let wire = try Wire(server: server, client: try TLSContext(trusting: other.certificate))
        #expect(throws: TLSError.untrusted) { try wire.settle() }
    }

    @Test func `a megabyte goes through whole in small pieces`() throws {
        let (server, client) = try Self.contexts()
        let wire = try Wire(server: server, client: client)
        try wire.settle()
        let sent = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        try wire.server.write(sent)
        var sealed: [UInt8] = []
        wire.server.takeOutput(onto: &sealed)
        #expect(sealed.count > sent.count)
        var plain: [UInt8] = []
        var at = 0
        while at < sealed.count {
            let piece = Array(sealed[at..<min(at + 1009, sealed.count)])
            try wire.client.received(piece, count: piece.count)
            _ = try wire.client.read(onto: &plain, atMost: 700)
            at += piece.count
        }
        while try wire.client.read(onto: &plain, atMost: 100_000) != .wantsMore {}
        #expect(plain == sent)
    }

    @Test func `a farewell ends in peace and a cut does not`() throws {
        let (server, client) = try Self.contexts()
        let peaceful = try Wire(server: server, client: client)
        try peaceful.settle()
        try peaceful.server.write(Array("last".utf8))
        peaceful.server.close()
        try peaceful.settle()
        var plain: [UInt8] = []
        #expect(try peaceful.client.read(onto: &plain, atMost: 100) == .bytes(4))
        #expect(try peaceful.client.read(onto: &plain, atMost: 100) == .closed)
        try peaceful.client.ended()

        let cut = try Wire(server: server, client: client)
        try cut.settle()
        try cut.server.write(Array("last".utf8))
        try cut.settle()
        _ = try cut.client.read(onto: &plain, atMost: 100)
        #expect(throws: TLSError.truncated) { try cut.client.ended() }
        #expect(throws: TLSError.truncated) { try cut.client.read(onto: &plain, atMost: 100) }
    }

    @Test func `a flipped bit is refused and what came before it is kept`() throws {
        let (server, client) = try Self.contexts()
        let wire = try Wire(server: server, client: client)
        try wire.settle()
        try wire.client.write(Array("good".utf8))
        wire.client.takeOutput(onto: &wire.toServer)
        let first = wire.toServer.count
        try wire.client.write(Array("bad".utf8))
        wire.client.takeOutput(onto: &wire.toServer)
        wire.toServer[first + 10] ^= 1
        try wire.server.received(wire.toServer, count: wire.toServer.count)
        var plain: [UInt8] = []
        #expect(try wire.server.read(onto: &plain, atMost: 100) == .bytes(4))
        #expect(throws: TLSError.self) { try wire.server.read(onto: &plain, atMost: 100) }
        #expect(plain == Array("good".utf8))
    }

    @Test func `what is not TLS is refused`() throws {
        let (server, _) = try Self.contexts()
        let session = try TLSSession(serving: server)
        let text = Array("GET / HTTP/1.1\r\n\r\n".utf8)
        #expect(throws: TLSError.self) { try session.received(text, count: text.count) }
    }

    @Test func `a greeting of TLS 1.2 is refused`() throws {
        let (server, client) = try Self.contexts()
        let wire = try Wire(server: server, client: client)
        wire.client.takeOutput(onto: &wire.toServer)
        // supported_versions (43) of a TLS 1.3 client lists 0x0304; as 0x0303 it says 1.2 alone.
        let wanted: [UInt8] = [0x00, 0x2b, 0x00, 0x03, 0x02, 0x03, 0x04]
        let at = try #require(
            wire.toServer.indices.first {
                $0 + 7 <= wire.toServer.count && Array(wire.toServer[$0..<($0 + 7)]) == wanted
            })
        wire.toServer[at + 6] = 0x03
        #expect(throws: TLSError.self) { try wire.server.received(wire.toServer, count: wire.toServer.count) }
        #expect(!wire.server.isEstablished)
    }

    @Test func `mutual trust names the client`() throws {
        let authority = try #require(Self.authority)
        let leaf = try Certificates.leaf(named: "replica-1", names: ["localhost"], addresses: [], signedBy: authority)
        let server = try TLSContext(
            serverChain: leaf.certificate, key: leaf.key, clientAuthority: authority.certificate)
        let known = try TLSContext(trusting: authority.certificate, chain: leaf.certificate, key: leaf.key)
        let wire = try Wire(server: server, client: known)
        try wire.settle()
        #expect(wire.server.isEstablished)
        #expect(wire.server.peerFingerprint() == wire.client.peerFingerprint())
        #expect(wire.server.peerFingerprint()?.count == 32)
        let stranger = try Wire(server: server, client: try TLSContext(trusting: authority.certificate))
        #expect(throws: TLSError.self) { try stranger.settle() }
    }

    @Test func `a peer is known by the URI in its certificate, in both directions`() throws {
        let authority = try #require(Self.authority)
        func leaf(_ id: Int) throws -> Certificates.Identity {
            try Certificates.leaf(
                named: "replica-\(id)", names: ["localhost"], addresses: [], uris: ["urn:test:replica:\(id)"],
                signedBy: authority)
        }
        let (one, two) = (try leaf(1), try leaf(2))
        let server = try TLSContext(
            serverChain: one.certificate, key: one.key, clientAuthority: authority.certificate, speaking: .peer)
        func client(_ spoken: ApplicationProtocol) throws -> TLSContext {
            try TLSContext(trusting: authority.certificate, chain: two.certificate, key: two.key, speaking: spoken)
        }
        let wire = Wire(serving: try TLSSession(serving: server), try TLSSession(connecting: try client(.peer)))
        #expect(!wire.client.peerBears(uri: "urn:test:replica:1"))
        try wire.settle()
        #expect(wire.client.peerURI == "urn:test:replica:1" && wire.server.peerURI == "urn:test:replica:2")
        #expect(wire.client.peerBears(uri: "urn:test:replica:1") && wire.server.peerBears(uri: "urn:test:replica:2"))
        for other in ["urn:test:replica:3", "urn:test:replica:", "urn:test:replica:11", ""] {
            #expect(!wire.client.peerBears(uri: other))
        }
        #expect(wire.client.hasAgreedProtocol && wire.server.hasAgreedProtocol)
        let other = Wire(serving: try TLSSession(serving: server), try TLSSession(connecting: try client(.http)))
        #expect(throws: TLSError.self) { try other.settle() }
        #expect(!other.server.isEstablished)
    }

    @Test func `certificates and keys that do not fit are refused`() throws {
        let authority = try #require(Self.authority)
        let one = try Certificates.leaf(named: "one", names: ["localhost"], addresses: [], signedBy: authority)
        let two = try Certificates.leaf(named: "two", names: ["localhost"], addresses: [], signedBy: authority)
        #expect(throws: TLSError.badIdentity) { try TLSContext(serverChain: one.certificate, key: two.key) }
        #expect(throws: TLSError.noAuthority) { try TLSContext(trusting: Array("nothing".utf8)) }
        let days = try Certificates.daysLeft(one.certificate)
        #expect((Certificates.leafDays - 1...Certificates.leafDays).contains(days))
    }
}
