import Bytes
import Linux
import Records
import Testing
import Transport

@testable import Server

@Suite struct PeerLinksTests {
    static func hello(
        from: Int, to: Int = 1, cluster: [UInt8] = Village.cluster, _ lane: PeerLane.Kind = .control
    ) -> [UInt8] {
        PeerGreeting.hello(PeerGreeting.Names(cluster: cluster, from: from, to: to, lane: lane)).bytes
    }

    @Test func `three replicas link, and messages go both ways on both lanes in their order`() throws {
        let village = try Village(3)
        #expect(try village.turn { village.allLinked })
        for id in 1...3 {
            let others = (1...3).filter { $0 != id }
            #expect(try village.house(id).events.count { if case .connected = $0 { true } else { false } } == 2)
            for other in others {
                for number in 0..<50 {
                    try village.house(id).send("\(id)>\(other) \(number)", to: other, .control)
                    try village.house(id).send("\(id)>\(other) d\(number)", to: other, .data)
                }
            }
        }
        #expect(try village.turn { village.houses.values.allSatisfy { $0.heard.count == 200 } })
        for id in 1...3 {
            for other in (1...3) where other != id {
                let heard = try village.house(id).heard.filter { $0.hasPrefix("\(other)>") }
                #expect(heard.filter { !$0.contains("d") } == (0..<50).map { "\(other)>\(id) \($0)" })
                #expect(heard.filter { $0.contains("d") } == (0..<50).map { "\(other)>\(id) d\($0)" })
            }
        }
        #expect(try village.house(1).links.counters.sent == 200)
        #expect(try village.house(1).links.counters.received == 200)
        #expect(try village.house(1).links.counters.refused.isEmpty)
    }

    @Test func `a short message does not wait behind frames`() throws {
        let village = try Village(2)
        #expect(try village.turn { village.allLinked })
        let sender = try village.house(1)
        for _ in 0..<60 { sender.links.send([UInt8](repeating: 0x64, count: 100_000), to: 2, .data) }
        try sender.turn()
        // The kernel's buffers are full, and much waits.
        #expect(sender.links.links[0].data.waitingBytes > 1 << 20)
        sender.send("beat", to: 2, .control)
        let receiver = try village.house(2)
        #expect(try village.turn { receiver.heard.contains("beat") })
        #expect(receiver.heard.count < 60)
        #expect(try village.turn { receiver.heard.count == 61 })
    }

    @Test func `what waits for a peer that takes nothing is bounded, and the lane begins again`() throws {
        let village = try Village(2)
        #expect(try village.turn { village.allLinked })
        let sender = try village.house(1)
        let lane = sender.links.links[0].data
        let message = [UInt8](repeating: 0x64, count: 1 << 20)
        var most = 0
        for _ in 0..<40 {
            sender.links.send(message, to: 2, .data)
            most = max(most, lane.waitingBytes)
            sender.links.flush()
        }
        #expect(most > 4 << 20 && most <= PeerLinks.waitingBytesMax + message.count)
        #expect(sender.links.counters.dropped > 0)
        // The link as a whole stands: heartbeats go on.
        #expect(sender.links.linkedPeers == 1)
        sender.forgetEvents()
        #expect(try village.turn { lane.isOpen })
        #expect(sender.events.contains(.connected(2)))
        #expect(!sender.events.contains(.disconnected(2)))
        #expect(sender.links.counters.reconnects == 1)
        let receiver = try village.house(2)
        receiver.forgetEvents()
        sender.send("again", to: 2, .data)
        #expect(try village.turn { receiver.heard.contains("again") })
    }

    @Test func `a message longer than the bound goes when nothing else waits`() throws {
        let village = try Village(2)
        #expect(try village.turn { village.allLinked })
        let sender = try village.house(1)
        sender.links.send([UInt8](repeating: 1, count: 16 << 20), to: 2, .data)
        let receiver = try village.house(2)
        #expect(try village.turn { !receiver.heard.isEmpty })
        #expect(sender.links.counters.dropped == 0)
    }

    @Test func `a killed peer is told of at once, and linked again when it is back`() throws {
        let village = try Village(3)
        #expect(try village.turn { village.allLinked })
        let one = try village.house(1)
        one.forgetEvents()
        village.burn(2)
        let before = LinuxClock.monotonicMilliseconds()
        #expect(try village.turn { one.events.contains(.disconnected(2)) })
        #expect(LinuxClock.monotonicMilliseconds() - before < 100)
        #expect(!one.events.contains(.disconnected(3)))
        one.send("lost", to: 2, .control)
        #expect(one.links.counters.dropped == 1)
        LinuxClock.pause(milliseconds: 100)
        try village.rebuild(2)
        #expect(try village.turn { village.allLinked })
        #expect(one.events.filter { $0 == .connected(2) }.count == 1)
        #expect(one.links.counters.reconnects == 2)
    }

    @Test func `who shows no certificate of this store is refused`() throws {
        let village = try Village(2)
        let other = try Certificates.authority(named: "another store")
        #expect(try village.visit(nil, saying: Self.hello(from: 2)) == nil)
        let stranger = try village.credentials(2, signedBy: other)
        #expect(try village.visit(stranger, saying: Self.hello(from: 2)) == nil)
        #expect(try village.house(1).links.counters.refused == [.untrusted: 2])
    }

    @Test func `another cluster, a wrong id and another version are refused, each with its reason`() throws {
        let village = try Village(2)
        let two = try village.credentials(2)
        let elsewhere = [UInt8](repeating: 0xcd, count: 16)
        let foreign = try village.credentials(2, cluster: elsewhere)
        let cases: [(PeerCredentials, [UInt8], PeerRefusal)] = [
            (foreign, Self.hello(from: 2, cluster: elsewhere), .cluster),
            (foreign, Self.hello(from: 2), .identity),
            (try village.credentials(7), Self.hello(from: 7), .unknown),
            (try village.credentials(7), Self.hello(from: 2), .identity),
            (try village.credentials(1), Self.hello(from: 1), .unknown),
            (two, Self.hello(from: 2, to: 3), .misdirected),
            (two, PeerGreeting.otherVersion(2).bytes, .version),
            (two, Array("CLPX".utf8), .malformed),
            (two, PeerGreeting.refusal(.late).bytes, .malformed),
        ]
        var expected: [PeerRefusal: UInt64] = [:]
        for (credentials, greeting, reason) in cases {
            #expect(try village.visit(credentials, saying: greeting) == .refusal(reason))
            expected[reason, default: 0] += 1
        }
        #expect(try village.house(1).links.counters.refused == expected)
        #expect(try village.visit(two, speaking: .http, saying: nil) == nil)
        #expect(try village.house(1).links.counters.refused[.version] == 2)
        // Who belongs here still gets in.
        guard case .welcome(let names) = try village.visit(two, saying: Self.hello(from: 2)) else {
            Issue.record("a peer was not welcomed")
            return
        }
        #expect(names == PeerGreeting.Names(cluster: Village.cluster, from: 1, to: 2, lane: .control))
    }

    @Test func `nothing is said to a replica that is not the one dialled`() throws {
        let village = try Village(2)
        // In the place of replica 2 stands replica 3.
        let listener = try Socket.listening(at: "127.0.0.1", port: 0)
        let peers = [
            village.peers[0],
            Configuration.Peer(id: 2, address: "127.0.0.1", peerPort: try listener.port(), clientPort: 1),
        ]
        village.houses = [
            1: try Village.House(
                1, peers, try village.credentials(1), try Socket.listening(at: "127.0.0.1", port: 0)),
            3: try Village.House(3, [], try village.credentials(3), listener),
        ]
        let one = try village.house(1)
        #expect(try village.turn { one.links.counters.refused[.identity, default: 0] >= 2 })
        #expect(one.links.linkedPeers == 0)
        #expect(try village.house(3).links.counters.refused.isEmpty)
    }

    @Test func `who says nothing, or too much, is sent away`() throws {
        let village = try Village(2)
        let silent = try Socket.connecting(to: "127.0.0.1", port: village.peers[0].peerPort, choice: 0)
        let noisy = try Socket.connecting(to: "127.0.0.1", port: village.peers[0].peerPort, choice: 0)
        _ = noisy.wait(writing: true, milliseconds: 1000)
        _ = noisy.send(Array("GET / HTTP/1.1\r\n\r\n".utf8), from: 0, to: 18)
        let one = try village.house(1)
        #expect(try village.turn { one.links.counters.refused[.malformed] == 1 })
        #expect(try village.turn { one.links.counters.refused[.late] == 1 })
        #expect(one.links.arriving == 0)
        _ = silent.descriptor
    }

    @Test func `a crowd that says nothing keeps no replica out`() throws {
        let village = try Village(2)
        village.burn(2)
        let one = try village.house(1)
        var crowd: [Socket] = []
        for _ in 0..<(PeerLinks.arrivingMax + 20) {
            crowd.append(try Socket.connecting(to: "127.0.0.1", port: village.peers[0].peerPort, choice: 0))
        }
        #expect(try village.turn { one.links.counters.refused[.crowded] == 20 })
        #expect(one.links.arriving == PeerLinks.arrivingMax)
        guard case .welcome = try village.visit(try village.credentials(2), saying: Self.hello(from: 2)) else {
            Issue.record("a replica was kept out")
            return
        }
        #expect(crowd.count > PeerLinks.arrivingMax)
    }

    @Test func `a connection that hands on requests goes to the thread for it, with what it said`() throws {
        let village = try Village(2)
        village.burn(2)
        let context = try TLSContext(trusting: village.authority.certificate, speaking: .forward)
        let session = try TLSSession(connecting: context)
        var greeting: [UInt8] = []
        session.takeOutput(onto: &greeting)
        let socket = try Socket.connecting(to: "127.0.0.1", port: village.peers[0].peerPort, choice: 0)
        _ = socket.wait(writing: true, milliseconds: 1000)
        let one = try village.house(1)
        // In two pieces, with a pause between them.
        _ = socket.send(greeting, from: 0, to: 100)
        _ = try village.turn { one.links.arriving == 1 }
        LinuxClock.pause(milliseconds: 20)
        _ = socket.send(greeting, from: 100, to: greeting.count)
        #expect(try village.turn { one.handed.withLock { $0.count == 1 } })
        let handed = try #require(one.handed.withLock { $0.first })
        #expect(handed.bytes == greeting && handed.address == "127.0.0.1")
        #expect(one.links.arriving == 0)
        // It is alive, and nobody else's.
        let taken = Socket(taking: handed.descriptor)
        _ = taken.send([1, 2, 3], from: 0, to: 3)
        #expect(socket.wait(writing: false, milliseconds: 1000))
    }
}
