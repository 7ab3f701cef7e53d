import API
import Bytes
import Client
import Linux
import Records
import Replica
import Testing
import Transport

@testable import Server

@Suite struct ForwardingTests {
    static let key = "Authorization: Bearer \(Stage.credentialID).\(Stage.secret)\r\nX-Purpose-Of-Use: TREAT\r\n"

    /// Every replica answers what it is asked.
    @Sendable static func answers(_ id: Int, _ input: ReplicaInput) -> [ClientsInput] {
        ClientsLoopTests.standIn(input)
    }

    static func status(_ client: HTTPClient, _ path: String) throws -> Int {
        try client.send(ClientRequest("GET", path)).status
    }

    @Test func `a secondary hands requests on, and the primary knows the client and who received it`() throws {
        let fronts = try Fronts(3, reply: Self.answers)
        fronts.lead(1)
        let client = try fronts[2].client()
        for _ in 0..<5 {
            let made = try ClientsLoopTests.append(client)
            #expect(made.status == 201)
            #expect(made.field("chartlog-position") == "1")
            #expect(try Self.status(client, "/v1/events") == 200)
        }
        #expect(fronts[2].asked.isEmpty && fronts[3].asked.isEmpty)
        #expect(fronts[1].asked.count == 10)
        for ask in fronts[1].asked {
            #expect(ask.caller.credential == Stage.credentialID)
            #expect(ask.caller.address == "127.0.0.1")
            #expect(ask.caller.receivedBy == 2)
            #expect(ask.caller.purpose?.code == "TREAT")
        }
        // Who asks the primary itself is not handed on.
        #expect(try Self.status(try fronts[1].client(), "/v1/events") == 200)
        #expect(try #require(fronts[1].asked.last).caller.receivedBy == nil)
        let metrics = try client.send(ClientRequest("GET", "/metrics"))
        #expect(metrics.status == 200)
    }

    @Test func `a request waits until somebody leads`() throws {
        let fronts = try Fronts(2, reply: Self.answers)
        let client = try fronts[2].client()
        let before = LinuxClock.monotonicMilliseconds()
        let teller = try Thread.start("teller") { [mail = fronts[2].mail, other = fronts[1].mail] in
            LinuxClock.pause(milliseconds: 300)
            other.toClients.mustPost(.primary(1))
            mail.toClients.mustPost(.primary(1))
        }
        #expect(try ClientsLoopTests.append(client).status == 201)
        let waited = LinuxClock.monotonicMilliseconds() - before
        #expect(waited >= 290 && waited < 1_500)
        teller.join()
    }

    @Test func `without a primary it is 503 after a while, and the operator still gets an answer`() throws {
        let fronts = try Fronts(2) { _, input in
            guard case .asked(let id, let ask) = input, case .cluster = ask.request else {
                return ClientsLoopTests.standIn(input)
            }
            return [.answer(id, .problem(Problem(.internalError, "It is said by this replica.")), isLast: true)]
        }
        let client = try fronts[1].client()
        let before = LinuxClock.monotonicMilliseconds()
        let refused = try ClientsLoopTests.append(client)
        #expect(refused.status == 503)
        #expect(String(decoding: refused.body, as: UTF8.self).contains("urn:chartlog:problem:no-primary"))
        #expect(refused.field("retry-after") == "1")
        let waited = LinuxClock.monotonicMilliseconds() - before
        #expect(waited >= 1_900 && waited < 4_000)
        #expect(fronts[1].asked.isEmpty)
        #expect(try Self.status(client, "/v1/cluster") == 500)
        #expect(fronts[1].asked.count == 1)
        #expect(try Self.status(client, "/readyz") == 503)
        #expect(try Self.status(client, "/livez") == 200)
        fronts.lead(2)
        LinuxClock.pause(milliseconds: 100)
        #expect(try Self.status(client, "/readyz") == 200)
        #expect(try Self.status(client, "/v1/cluster") == 500)
        #expect(fronts[1].asked.count == 1 && fronts[2].asked.count == 1)
    }

    @Test func `one that is believed to lead and does not declines, and the request finds who does`() throws {
        let fronts = try Fronts(3, reply: Self.answers)
        fronts[2].hears(of: 1)
        fronts[1].hears(of: 3)
        let teller = try Thread.start("teller") { [mail = fronts[2].mail, third = fronts[3].mail] in
            LinuxClock.pause(milliseconds: 200)
            third.toClients.mustPost(.primary(3))
            mail.toClients.mustPost(.primary(3))
        }
        #expect(try ClientsLoopTests.append(try fronts[2].client()).status == 201)
        teller.join()
        #expect(fronts[1].asked.isEmpty)
        #expect(fronts[3].asked.count == 1)
    }

    @Test func `what the replica refuses for want of a primary is asked elsewhere`() throws {
        let fronts = try Fronts(2) { id, input in
            guard id == 1, case .asked(let ask, _) = input else { return ClientsLoopTests.standIn(input) }
            return [
                .answer(ask, .problem(Problem(.noPrimary, "It leads no more.")), isLast: true), .primary(2),
            ]
        }
        fronts[1].hears(of: 1)
        fronts[2].hears(of: 2)
        #expect(try ClientsLoopTests.append(try fronts[1].client()).status == 201)
        #expect(fronts[1].asked.count == 1 && fronts[2].asked.count == 1)
        #expect(try #require(fronts[2].asked.first).caller.receivedBy == 1)
    }

    @Test func `when the primary goes with a request, an append is unknown and a read is asked again`() throws {
        let fronts = try Fronts(3) { id, input in id == 1 ? [] : ClientsLoopTests.standIn(input) }
        fronts.lead(1)
        let outcomes = Guarded<[Int]>([])
        let threads = try [true, false].map { isAppend in
            try Thread.start("asker") { [context = fronts[2].context] in
                let client = try? HTTPClient(context)
                let status =
                    isAppend
                    ? client.flatMap { try? ClientsLoopTests.append($0).status } ?? 0
                    : client.flatMap { try? $0.send(ClientRequest("GET", "/v1/events")).status } ?? 0
                outcomes.withLock { $0.append(isAppend ? status : -status) }
            }
        }
        for _ in 0..<200 where fronts[1].asked.count < 2 { LinuxClock.pause(milliseconds: 10) }
        #expect(fronts[1].asked.count == 2)
        fronts[1].stop()
        fronts[3].hears(of: 3)
        fronts[2].hears(of: 3)
        for thread in threads { thread.join() }
        #expect(outcomes.withLock { $0.sorted() } == [-200, 504])
        #expect(fronts[3].asked.count == 1)
    }

    @Test func `a primary that hangs keeps nobody waiting once another leads`() throws {
        let fronts = try Fronts(3) { id, input in id == 1 ? [] : ClientsLoopTests.standIn(input) }
        fronts.lead(1)
        let teller = try Thread.start("teller") { [mails = fronts.fronts.map(\.mail)] in
            LinuxClock.pause(milliseconds: 200)
            // The one that hangs hears nothing.
            for mail in mails[1...] { mail.toClients.mustPost(.primary(3)) }
        }
        let before = LinuxClock.monotonicMilliseconds()
        #expect(try Self.status(try fronts[2].client(), "/v1/events") == 200)
        let waited = LinuxClock.monotonicMilliseconds() - before
        #expect(waited >= 200 + 300 && waited < 3_000)
        teller.join()
        #expect(fronts[1].asked.count == 1 && fronts[3].asked.count == 1)
        // It was told that nobody waits any more, in case it comes back.
        #expect(fronts[1].hears { if case .abandoned = $0 { true } else { false } })
    }

    @Test func `a primary that is not there costs nothing but time`() throws {
        let fronts = try Fronts(3, reply: Self.answers)
        fronts[2].hears(of: 1)
        fronts[3].hears(of: 3)
        fronts[1].stop()
        let teller = try Thread.start("teller") { [mail = fronts[2].mail] in
            LinuxClock.pause(milliseconds: 200)
            mail.toClients.mustPost([.primary(nil)])
            LinuxClock.pause(milliseconds: 200)
            mail.toClients.mustPost([.primary(3)])
        }
        #expect(try ClientsLoopTests.append(try fronts[2].client()).status == 201)
        teller.join()
    }

    @Test func `who is known to the front alone is a stranger to the primary`() throws {
        let fronts = try Fronts(2, reply: Self.answers)
        fronts[1].mail.toClients.mustPost(.credentials([]))
        fronts.lead(1)
        #expect(try ClientsLoopTests.append(try fronts[2].client()).status == 401)
        #expect(fronts[1].asked.isEmpty)
    }

    @Test func `a stranger is refused by the front before its body is read`() throws {
        let fronts = try Fronts(2, reply: Self.answers)
        fronts.lead(1)
        let raw = try fronts[2].raw()
        raw.send(
            "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(Stage.credentialID).wrong\r\n"
                + "Content-Length: 1000000\r\n\r\n")
        #expect(raw.rest().hasPrefix("HTTP/1.1 401 "))
        #expect(fronts[1].asked.isEmpty)
    }

    @Test func `requests of all forms pass through as they are`() throws {
        let fronts = try Fronts(2, reply: Self.answers)
        fronts.lead(1)
        let raw = try fronts[2].raw()
        let event = ClientsLoopTests.event
        let half = event.utf8.count / 2
        raw.send(
            "HEAD /v1/events HTTP/1.1\r\nHost: x\r\n\(Self.key)\r\n"
                + "POST /v1/events HTTP/1.1\r\nHost: x\r\n\(Self.key)Content-Type: application/cloudevents+json\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n\(String(half, radix: 16))\r\n\(event.prefix(half))\r\n"
                + "\(String(event.utf8.count - half, radix: 16))\r\n\(event.dropFirst(half))\r\n0\r\n\r\n"
                + "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
                + "GET /none HTTP/1.1\r\nHost: x\r\n\(Self.key)\r\n"
                + "GET /v1/events HTTP/1.1\r\nHost: x\r\n\(Self.key)Connection: close\r\n\r\n")
        let text = raw.rest()
        let answers = text.components(of: "HTTP/1.1 ").dropFirst()
        #expect(answers.map { String($0.prefix(3)) } == ["200", "201", "200", "404", "200"])
        #expect(answers.last?.contains("Connection: close") == true)
        #expect(raw.state == .closed)
        #expect(fronts[1].asked.count == 4)
        let old = try fronts[2].raw()
        old.send("GET /v1/events HTTP/1.0\r\nHost: x\r\n\(Self.key)\r\n")
        #expect(old.rest().contains("{\"end\""))
        #expect(old.state == .closed)
    }

    @Test func `a long answer waits for its reader at the primary`() throws {
        let big = ShownEvent(
            json: Array("{\"id\":\"\(String(repeating: "x", count: 60_000))\"}".utf8), position: 1, version: 1,
            recorded: Instant(microseconds: 1), actor: "service")
        let sent = Guarded(0)
        let fronts = try Fronts(2) { _, input in
            let id: AskID
            switch input {
            case .asked(let asked, _): id = asked
            case .drained(let drained): id = drained
            default: return []
            }
            let number = sent.withLock { count -> Int in
                count += 1
                return count
            }
            let mark: EventsPiece.Mark = number == 1000 ? .end(position: 1, more: false) : .none
            return [
                .answer(id, .events(EventsPiece(events: [big], position: 1, mark: mark)), isLast: number == 1000)
            ]
        }
        fronts.lead(1)
        let raw = try fronts[2].raw()
        raw.send("GET /v1/events HTTP/1.1\r\nHost: x\r\n\(Self.key)Connection: close\r\n\r\n")
        LinuxClock.pause(milliseconds: 1000)
        let early = sent.withLock { $0 }
        // What the kernel's buffers of two connections and the high water marks hold: 1000 pieces are 60 MB.
        #expect(early < 500)
        let text = raw.rest(milliseconds: 30_000)
        #expect(sent.withLock { $0 } == 1000)
        #expect(text.utf8.count > 60_000_000 && text.contains("{\"end\""))
        #expect(raw.state == .closed)
    }

    @Test func `a follower hears lines as they come, and when it leaves the primary is told`() throws {
        let fronts = try Fronts(2) { _, input in
            guard case .asked(let id, _) = input else { return [] }
            return (1...2).map { number in
                .answer(
                    id, .events(EventsPiece(events: [], position: number, mark: .alive(position: number))),
                    isLast: false)
            }
        }
        fronts.lead(1)
        let raw = try fronts[2].raw()
        raw.send("GET /v1/events?follow=true HTTP/1.1\r\nHost: x\r\n\(Self.key)\r\n")
        #expect(raw.until("{\"position\":2}").contains("{\"position\":1}"))
        raw.channel.close()
        raw.channel.socket.endSending()
        #expect(fronts[1].hears { if case .abandoned = $0 { true } else { false } })
    }

    @Test func `an answer that is cut does not look whole`() throws {
        let fronts = try Fronts(2) { _, input in
            guard case .asked(let id, _) = input else { return [] }
            return [
                .answer(id, .events(EventsPiece(events: [], position: 1, mark: .alive(position: 1))), isLast: false)
            ]
        }
        fronts.lead(1)
        let raw = try fronts[2].raw()
        raw.send("GET /v1/events?follow=true HTTP/1.0\r\nHost: x\r\n\(Self.key)\r\n")
        _ = raw.until("{\"position\":1}")
        fronts[1].stop()
        // It says why before it goes, or its end shows that something is missing.
        let text = raw.rest()
        #expect(raw.state != .closed || text.contains("urn:chartlog:problem:"))
    }

    @Test(arguments: ["application/x-ndjson", "text/event-stream"])
    func `a list whose replica is gone ends with a line that says so`(_ accept: String) throws {
        let fronts = try Fronts(2) { _, input in
            guard case .asked(let id, _) = input else { return [] }
            return [
                .answer(id, .events(EventsPiece(events: [], position: 1, mark: .alive(position: 1))), isLast: false)
            ]
        }
        fronts.lead(1)
        let raw = try fronts[2].raw()
        raw.send("GET /v1/events?follow=true HTTP/1.1\r\nHost: x\r\nAccept: \(accept)\r\n\(Self.key)\r\n")
        _ = raw.until(accept.hasSuffix("json") ? "{\"position\":1}" : "\n\n")
        // The one that answers hangs, and another leads: its connection is given up.
        fronts[2].hears(of: nil)
        fronts[2].hears(of: 2)
        let text = raw.rest()
        #expect(text.contains("urn:chartlog:problem:unavailable"))
        #expect(text.contains(accept.hasSuffix("json") ? "{\"error\":{" : "event: problem"))
        #expect(text.hasSuffix("0\r\n\r\n"))
    }

    @Test func `a certificate that is no replica's hands nothing on`() throws {
        let fronts = try Fronts(2, reply: Self.answers)
        fronts.lead(1)
        let leaf = try Certificates.leaf(
            named: "client", names: ["localhost"], addresses: ["127.0.0.1"], signedBy: fronts.authority)
        func ask(_ identity: Certificates.Identity) throws -> [UInt8] {
            let context = try TLSContext(
                trusting: fronts.authority.certificate, chain: identity.certificate, key: identity.key,
                speaking: .forward)
            let socket = try Socket.connecting(to: "127.0.0.1", port: fronts.peers[0].peerPort, choice: 0)
            _ = socket.wait(writing: true, milliseconds: 1000)
            let channel = Channel(socket, try TLSSession(connecting: context))
            channel.flush()
            var scratch = [UInt8](repeating: 0, count: 1 << 14)
            var plain: [UInt8] = []
            var state = Channel.State.open
            var hasAsked = false
            let deadline = LinuxClock.monotonicMilliseconds() + 3000
            while state == .open, plain.isEmpty, LinuxClock.monotonicMilliseconds() < deadline {
                _ = socket.wait(writing: false, milliseconds: 50)
                state = channel.receive(scratch: &scratch, onto: &plain)
                guard channel.session.isEstablished, !hasAsked, state == .open else { continue }
                hasAsked = true
                var out: [UInt8] = []
                let head = "GET /v1/events HTTP/1.1\r\nhost: x\r\n\(Self.key)\r\n"
                ForwardedRequest(address: "10.1.2.3", replica: 2, head: Array(head.utf8), body: []).write(onto: &out)
                state = channel.send(out)
            }
            return plain
        }
        #expect(try ask(leaf).isEmpty)
        #expect(fronts[1].asked.isEmpty)
        #expect(!(try ask(try fronts.identity(2)).isEmpty))
        #expect(try #require(fronts[1].asked.first).caller.address == "10.1.2.3")
    }

    @Test func `messages of forwarding are these bytes`() throws {
        let request = ForwardedRequest(address: "::1", replica: 3, head: Array("GET".utf8), body: [7, 8])
        var bytes: [UInt8] = []
        request.write(onto: &bytes)
        #expect(
            Hex.text(of: bytes) == "12000000" + "01" + "03" + "3a3a31" + "03000000" + "03000000" + "474554" + "0708")
        #expect(try ForwardedRequest(Array(bytes[4...])) == request)
        for count in 4..<(bytes.count - 5) {
            #expect(throws: ByteError.self) { try ForwardedRequest(Array(bytes[4..<count])) }
        }
        for answer in [ForwardedAnswer.piece([1, 2]), .end(closes: true), .end(closes: false), .declined] {
            #expect(try ForwardedAnswer(Array(answer.bytes[4...])) == answer)
        }
        for bad: [UInt8] in [[], [1], [2], [2, 2], [2, 0, 0], [3, 0], [4]] {
            #expect(throws: ByteError.self) { try ForwardedAnswer(bad) }
        }
    }
}
