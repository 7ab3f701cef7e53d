import API
import Bytes
import Client
import Linux
import Records
import Replica
import Server
import Testing
import Transport

@Suite struct ClientsLoopTests {
    /// Appends are acknowledged at position 1; reads give `events` events and end.
    static func standIn(_ input: ReplicaInput) -> [ClientsInput] {
        guard case .asked(let id, let ask) = input else { return [] }
        switch ask.request {
        case .append(let request):
            let events = request.events.map {
                AppendedEvent(
                    id: $0.id, subject: $0.subject, version: 1, position: 1,
                    recorded: Instant(microseconds: 1_700_000_000_000_000))
            }
            return [.answer(id, .appended(Appended(position: 1, events: events, isRepeat: false)), isLast: true)]
        case .refused(let problem): return [.answer(id, .problem(problem), isLast: true)]
        default:
            let piece = EventsPiece(events: [], position: 1, mark: .end(position: 1, more: false))
            return [.answer(id, .events(piece), isLast: true)]
        }
    }

    static let event = """
        {"specversion":"1.0","id":"7b1e","source":"/clinic","type":"patient.registered","subject":"patient/p-1",\
        "datacontenttype":"application/fhir+json","data":{"resourceType":"Patient","id":"p-1"}}
        """

    static func append(_ client: HTTPClient) throws -> ClientResponse {
        try client.send(
            ClientRequest(
                "POST", "/v1/events", fields: [("Content-Type", "application/cloudevents+json")],
                body: Array(event.utf8)))
    }

    @Test func `an append goes to the loop and its answer comes back`() throws {
        let stage = try Stage(reply: Self.standIn)
        let client = try stage.client()
        for _ in 0..<3 {
            let response = try Self.append(client)
            #expect(response.status == 201)
            #expect(response.field("chartlog-position") == "1")
            #expect(String(decoding: response.body, as: UTF8.self).contains("\"7b1e\""))
        }
        let ask = try #require(stage.asked.first)
        #expect(ask.caller.credential == Stage.credentialID)
        #expect(ask.caller.purpose?.code == "TREAT")
        #expect(ask.caller.address == "127.0.0.1")
        #expect(stage.asked.count == 3)
    }

    @Test func `probes and documents need no key`() throws {
        let stage = try Stage(reply: Self.standIn)
        let client = try stage.client()
        for path in ["/livez", "/readyz", "/metrics", "/openapi.json", "/fhir/metadata"] {
            #expect(try client.send(ClientRequest("GET", path, fields: [("Authorization", "none")])).status == 200)
        }
        #expect(stage.asked.isEmpty)
        stage.mail.toClients.mustPost(.unready(Problem(.damaged, "A part of the log is damaged.")))
        LinuxClock.pause(milliseconds: 50)
        #expect(try client.send(ClientRequest("GET", "/readyz")).status == 503)
    }

    @Test func `a stranger gets 401 before a body is read, and is counted`() throws {
        let stage = try Stage(reply: Self.standIn)
        let raw = try stage.raw()
        raw.send(
            "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(Stage.credentialID).wrong\r\n"
                + "Content-Length: 1000000\r\n\r\n")
        let text = raw.rest()
        #expect(text.hasPrefix("HTTP/1.1 401 "))
        #expect(text.contains("WWW-Authenticate: Bearer") || text.contains("www-authenticate"))
        #expect(raw.state == .closed)
        #expect(stage.asked.isEmpty)
        stage.mail.toClients.mustPost(.stop)
        #expect(
            stage.hears { input in
                guard case .strangers(let count) = input else { return false }
                return count == StrangerCount(prefix: "127.0.0.0/24", problem: .unauthenticated, count: 1)
            })
    }

    @Test func `requests sent at once are answered in their order`() throws {
        let stage = try Stage(reply: Self.standIn)
        let raw = try stage.raw()
        let key = "Authorization: Bearer \(Stage.credentialID).\(Stage.secret)\r\nX-Purpose-Of-Use: TREAT\r\n"
        raw.send(
            "GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/events HTTP/1.1\r\nHost: x\r\n\(key)\r\n"
                + "HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\n\(key)\r\n"
                + "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        let text = raw.rest()
        let statuses = text.components(of: "HTTP/1.1 ").dropFirst().map { String($0.prefix(3)) }
        #expect(statuses == ["200", "200", "200", "404", "200"])
        #expect(raw.state == .closed)
    }

    @Test func `a client that expects 100 is told to go on`() throws {
        let stage = try Stage(reply: Self.standIn)
        let raw = try stage.raw()
        raw.send(
            "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(Stage.credentialID).\(Stage.secret)\r\n"
                + "X-Purpose-Of-Use: TREAT\r\nContent-Type: application/cloudevents+json\r\nExpect: 100-continue\r\n"
                + "Content-Length: \(Self.event.utf8.count)\r\n\r\n")
        #expect(raw.until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        raw.send(Self.event)
        #expect(raw.until("7b1e").contains("HTTP/1.1 201 Created"))
    }

    @Test func `a head that trickles is answered 408 and closed`() throws {
        var limits = Configuration.Limits()
        limits.headMilliseconds = 300
        let stage = try Stage(limits: limits, reply: Self.standIn)
        let raw = try stage.raw()
        let before = LinuxClock.monotonicMilliseconds()
        for byte in "GET /livez HT".utf8 {
            raw.send([byte])
            LinuxClock.pause(milliseconds: 20)
        }
        #expect(raw.rest().hasPrefix("HTTP/1.1 408 "))
        #expect(LinuxClock.monotonicMilliseconds() - before < 4000)
    }

    @Test func `a body that does not come is answered 408 and closed`() throws {
        var limits = Configuration.Limits()
        limits.bodyMilliseconds = 300
        let stage = try Stage(limits: limits, reply: Self.standIn)
        let raw = try stage.raw()
        raw.send(
            "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(Stage.credentialID).\(Stage.secret)\r\n"
                + "Content-Length: 100\r\n\r\nabc")
        #expect(raw.rest().hasPrefix("HTTP/1.1 408 "))
        #expect(stage.asked.isEmpty)
    }

    @Test func `an idle connection is closed in peace and a silent one dropped`() throws {
        var limits = Configuration.Limits()
        limits.idleMilliseconds = 300
        limits.headMilliseconds = 300
        let stage = try Stage(limits: limits, reply: Self.standIn)
        let raw = try stage.raw()
        raw.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(raw.rest().hasPrefix("HTTP/1.1 200 "))
        #expect(raw.state == .closed)
        let silent = try Socket.connecting(to: "127.0.0.1", port: stage.port, choice: 0)
        #expect(silent.wait(writing: false, milliseconds: 5000))
        var buffer = [UInt8](repeating: 0, count: 100)
        #expect(silent.receive(into: &buffer) == .ended)
    }

    @Test func `100000 headers are refused without being kept`() throws {
        let stage = try Stage(reply: Self.standIn)
        let raw = try stage.raw()
        var head = "GET /livez HTTP/1.1\r\nHost: x\r\n"
        for number in 0..<100_000 { head += "a\(number): b\r\n" }
        raw.send(head)
        #expect(raw.rest().hasPrefix("HTTP/1.1 431 "))
    }

    @Test func `a body longer than allowed is refused before it comes`() throws {
        let stage = try Stage(reply: Self.standIn)
        let raw = try stage.raw()
        raw.send(
            "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(Stage.credentialID).\(Stage.secret)\r\n"
                + "Content-Length: 1073741824\r\n\r\n")
        #expect(raw.until("\r\n\r\n").hasPrefix("HTTP/1.1 413 "))
    }

    @Test func `all bodies together are bounded`() throws {
        var limits = Configuration.Limits()
        limits.bodyBytesMax = 1 << 20
        let stage = try Stage(limits: limits, reply: Self.standIn)
        let first = try stage.raw()
        let key = "Authorization: Bearer \(Stage.credentialID).\(Stage.secret)\r\n"
        first.send("POST /v1/events HTTP/1.1\r\nHost: x\r\n\(key)Content-Length: 1000000\r\n\r\n")
        first.send([UInt8](repeating: 0x20, count: 900_000))
        LinuxClock.pause(milliseconds: 100)
        let second = try stage.raw()
        second.send("POST /v1/events HTTP/1.1\r\nHost: x\r\n\(key)Content-Length: 500000\r\n\r\n")
        #expect(second.until("\r\n\r\n").hasPrefix("HTTP/1.1 503 "))
        first.channel.close()
        LinuxClock.pause(milliseconds: 100)
        let third = try stage.raw()
        third.send(
            "POST /v1/events HTTP/1.1\r\nHost: x\r\n\(key)Content-Length: 500000\r\nExpect: 100-continue\r\n\r\n")
        #expect(third.until("\r\n\r\n").hasPrefix("HTTP/1.1 100 "))
    }

    @Test func `beyond the cap the connection longest idle makes room`() throws {
        var limits = Configuration.Limits()
        limits.connectionsMax = 3
        let stage = try Stage(limits: limits, reply: Self.standIn)
        let raws = try (0..<3).map { _ in try stage.raw() }
        for raw in raws {
            raw.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = raw.until("alive")
            LinuxClock.pause(milliseconds: 5)
        }
        let newcomer = try stage.raw()
        newcomer.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(newcomer.until("alive").hasPrefix("HTTP/1.1 200 "))
        _ = raws[0].rest(milliseconds: 1000)
        #expect(raws[0].state == .closed)
        #expect(raws[1].state == .open && raws[2].state == .open)
    }

    @Test func `a request whose client leaves is abandoned`() throws {
        let stage = try Stage { _ in [] }
        let raw = try stage.raw()
        raw.send(
            "GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(Stage.credentialID).\(Stage.secret)\r\n"
                + "X-Purpose-Of-Use: TREAT\r\n\r\n")
        #expect(stage.hears { if case .asked = $0 { true } else { false } })
        raw.channel.socket.endSending()
        #expect(stage.hears { if case .abandoned = $0 { true } else { false } })
    }

    @Test func `a loop that does not answer becomes 504 for an append and 503 for a read`() throws {
        var limits = Configuration.Limits()
        limits.answerMilliseconds = 300
        let stage = try Stage(limits: limits) { _ in [] }
        let client = try stage.client()
        #expect(try Self.append(client).status == 504)
        #expect(try client.send(ClientRequest("GET", "/v1/events")).status == 503)
    }

    @Test func `a long answer waits for its reader, piece by piece`() throws {
        let big = ShownEvent(
            json: Array("{\"id\":\"\(String(repeating: "x", count: 60_000))\"}".utf8), position: 1, version: 1,
            recorded: Instant(microseconds: 1), actor: "service")
        let sent = Guarded(0)
        let stage = try Stage { input in
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
            let mark: EventsPiece.Mark = number == 500 ? .end(position: 1, more: false) : .none
            return [
                .answer(id, .events(EventsPiece(events: [big], position: 1, mark: mark)), isLast: number == 500)
            ]
        }
        let raw = try stage.raw()
        raw.send(
            "GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(Stage.credentialID).\(Stage.secret)\r\n"
                + "X-Purpose-Of-Use: TREAT\r\nConnection: close\r\n\r\n")
        LinuxClock.pause(milliseconds: 500)
        let early = sent.withLock { $0 }
        // What the kernel's buffers and the high water mark hold, and no more: 500 pieces are 30 MB.
        #expect(early < 250)
        let text = raw.rest(milliseconds: 20_000)
        #expect(sent.withLock { $0 } == 500)
        #expect(text.contains("{\"end\""))
        #expect(raw.state == .closed)
    }

    @Test func `a reader that takes nothing is dropped`() throws {
        var limits = Configuration.Limits()
        limits.stallMilliseconds = 300
        let big = ShownEvent(
            json: Array("{\"id\":\"\(String(repeating: "x", count: 1_000_000))\"}".utf8), position: 1, version: 1,
            recorded: Instant(microseconds: 1), actor: "service")
        let stage = try Stage(limits: limits) { input in
            switch input {
            case .asked(let id, _), .drained(let id):
                [.answer(id, .events(EventsPiece(events: [big], position: 1, mark: .none)), isLast: false)]
            default: []
            }
        }
        let raw = try stage.raw()
        raw.send(
            "GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(Stage.credentialID).\(Stage.secret)\r\n"
                + "X-Purpose-Of-Use: TREAT\r\n\r\n")
        #expect(stage.hears { if case .abandoned = $0 { true } else { false } })
    }

    @Test func `a follower reads lines as they come`() throws {
        let stage = try Stage { input in
            guard case .asked(let id, _) = input else { return [] }
            return (1...3).map { number in
                let mark: EventsPiece.Mark =
                    number == 3 ? .end(position: 3, more: false) : .alive(position: UInt64(number))
                return .answer(
                    id, .events(EventsPiece(events: [], position: UInt64(number), mark: mark)), isLast: number == 3)
            }
        }
        let client = try stage.client()
        var text: [UInt8] = []
        let response = try client.stream(ClientRequest("GET", "/v1/events?follow=true")) { piece in
            text += piece
            return true
        }
        #expect(response.status == 200)
        #expect(response.field("content-type") == "application/x-ndjson")
        #expect(String(decoding: text, as: UTF8.self).split(separator: "\n").count == 3)
    }

    @Test func `nobody there, a stranger's certificate, and a reply that is cut are told apart`() throws {
        let port = try Socket.listening(at: "127.0.0.1", port: 0).port()
        let stage = try Stage { _ in [] }
        var context = stage.context
        context.endpoints = [Endpoint(host: "127.0.0.1", port: port)]
        #expect(throws: ClientError.unreachable) { try HTTPClient(context).send(ClientRequest("GET", "/livez")) }
        // The second endpoint answers.
        context.endpoints.append(Endpoint(host: "127.0.0.1", port: stage.port))
        #expect(try HTTPClient(context).send(ClientRequest("GET", "/livez")).status == 200)
        context.authority = try Certificates.authority(named: "another").certificate
        #expect(throws: ClientError.untrusted) { try HTTPClient(context).send(ClientRequest("GET", "/livez")) }
        var patience = HTTPClient.Patience()
        patience.replyMilliseconds = 200
        let impatient = try HTTPClient(stage.context, patience: patience)
        #expect(throws: ClientError.unknown) { try Self.append(impatient) }
    }
}

extension String {
    func components(of separator: String) -> [String] {
        var parts: [String] = []
        var rest = Substring(self)
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
