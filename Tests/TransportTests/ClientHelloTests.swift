import Bytes
import Testing
import Transport

@Suite struct ClientHelloTests {
    /// What a client of OpenSSL says first.
    static func greeting(_ spoken: ApplicationProtocol) throws -> [UInt8] {
        let authority = try #require(TLSSessionTests.authority)
        let session = try TLSSession(connecting: try TLSContext(trusting: authority.certificate, speaking: spoken))
        var bytes: [UInt8] = []
        session.takeOutput(onto: &bytes)
        return bytes
    }

    @Test(arguments: [ApplicationProtocol.http, .peer, .forward]) func `the protocol offered is read`(
        _ spoken: ApplicationProtocol
    ) throws {
        #expect(ClientHello(try Self.greeting(spoken)) == .offers([spoken.name]))
    }

    @Test func `what is cut anywhere needs more, and what follows is not looked at`() throws {
        let greeting = try Self.greeting(.peer)
        for count in 0..<greeting.count { #expect(ClientHello(Array(greeting[..<count])) == .needsMore) }
        #expect(ClientHello(greeting + [0xff, 0xff]) == .offers([ApplicationProtocol.peer.name]))
    }

    @Test func `lengths that do not fit each other are refused, and no bytes are read beyond the end`() throws {
        let greeting = try Self.greeting(.forward)
        #expect(ClientHello(Array("GET / HTTP/1.1\r\n".utf8)) == .malformed)
        var dice = SeededDice(seed: 7)
        var refused = 0
        for _ in 0..<5_000 {
            var bytes = greeting
            for _ in 0..<3 { bytes[Int(dice.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: dice.next()) }
            if ClientHello(bytes) == .malformed { refused += 1 }
        }
        #expect(refused > 100)
        // The handshake message says that it is one byte shorter than its record.
        var shorter = greeting
        shorter[8] &-= 1
        #expect(ClientHello(shorter) == .malformed)
    }
}
