import Bytes
import Keys
import Testing
import Transport

/// libcrypto takes what its handshakes and certificates keep secret from the same arena as our keys, and gives up when
/// it finds no room there: a store with many patients would take no connection any more.
@Suite struct SecretsAndHandshakesTests {
    @Test func `with more keys held than the arena has room for, handshakes succeed`() throws {
        var dice = SeededDice(seed: 1)
        let keys = (0..<70_000).map { _ in SecretKey.random(dice: &dice) }
        let authority = try Certificates.authority(named: "full")
        let leaf = try Certificates.leaf(
            named: "replica-1", names: ["localhost"], addresses: [], signedBy: authority)
        let server = try TLSSession(serving: TLSContext(serverChain: leaf.certificate, key: leaf.key))
        let client = try TLSSession(connecting: TLSContext(trusting: authority.certificate), to: "localhost")
        var toServer: [UInt8] = []
        var toClient: [UInt8] = []
        for _ in 0..<8 {
            client.takeOutput(onto: &toServer)
            server.takeOutput(onto: &toClient)
            try server.received(toServer, count: toServer.count)
            try client.received(toClient, count: toClient.count)
            toServer = []
            toClient = []
        }
        #expect(client.isEstablished && server.isEstablished)
        #expect(keys.count == 70_000)
    }
}
