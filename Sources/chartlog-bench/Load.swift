import Client
import Clinic
import JSON
import Linux
import Transport

/// `load`: many clients at once against a running store, each with one request out, and what they had to wait.
enum Load {
    static let help = """
        chartlog-bench load [--context FILE] [--clients N] [--batch N] [--events N | --seconds N] [--seed N]
                            [--patients N] [--first-clinic N] [--spread] [--json]

          Appends events of the seeded clinic, one clinic a client, over one TLS connection each. A batch of 1 is one
          structured CloudEvent a request. Latency is from the first byte sent to the last byte of the answer; the
          first request of a connection is not counted. Run it again with another --seed or --first-clinic. Of several
          replicas the primary is asked, or with --spread all of them in turn.
        """

    static func run(_ arguments: [String]) {
        let options = Options(
            arguments,
            valued: ["context", "clients", "batch", "events", "seconds", "seed", "patients", "first-clinic"],
            flags: ["help", "json", "spread"])
        if options.has("help") { return print(help) }
        guard let path = options.text("context") ?? ThisProcess.environment("CHARTLOG_CONTEXT") else {
            Exit.usage("give --context FILE or set CHARTLOG_CONTEXT")
        }
        ThisProcess.raiseDescriptorLimit()
        do {
            let clients = max(1, options.number("clients", or: 1))
            let load = try LoadRun(
                ContextFile.read(path), clients: clients, batch: max(1, options.number("batch", or: 1)),
                events: options.text("events") == nil ? nil : options.number("events", or: 0),
                seconds: options.number("seconds", or: 5), seed: UInt64(options.number("seed", or: 1)),
                patients: options.number("patients", or: 500), firstClinic: options.number("first-clinic", or: 1),
                spreads: options.has("spread"))
            try load.run()
            print(options.has("json") ? load.json : load.text)
            if load.refused > 0 { Exit.failed("\(load.refused) requests were refused: \(load.firstRefusal)") }
        } catch let error as ClientError {
            Exit.failed("cannot reach the store: \(error)")
        } catch {
            Exit.failed("cannot go on: \(error)")
        }
    }
}

/// One run. Everything happens in one thread.
private final class LoadRun {
    private final class Player {
        let connection: ClientConnection
        var clinic: ClinicGenerator
        var sentAt: UInt64 = 0
        var status = 0
        var isFirst = true
        var isDone = false
        var watchesWriting = true
        var body: [UInt8] = []

        /// What every request of it begins with.
        let head: [UInt8]
        /// The request that is out; its room is used again.
        var request: [UInt8] = []

        init(_ connection: ClientConnection, _ clinic: ClinicGenerator, head: String) {
            self.connection = connection
            self.clinic = clinic
            self.head = Array((head + "Content-Length: ").utf8)
        }

        /// Makes the bytes of the request with this body.
        func write(_ body: [UInt8]) {
            request.removeAll(keepingCapacity: true)
            request += head
            request += Array("\(body.count)\r\n\r\n".utf8)
            request += body
        }
    }

    private let batch: Int
    private let eventsMax: Int?
    private let seconds: Int
    private let trust: TLSContext
    private var players: [Player] = []
    private var eventsSent = 0
    private var eventsDone = 0
    private var microseconds: [UInt32] = []
    private var began: UInt64 = 0
    private var ended: UInt64 = 0
    private(set) var refused = 0
    private(set) var firstRefusal = ""

    init(
        _ context: ContextFile, clients: Int, batch: Int, events: Int?, seconds: Int, seed: UInt64, patients: Int,
        firstClinic: Int, spreads: Bool
    ) throws {
        self.batch = batch
        eventsMax = events
        self.seconds = seconds
        trust = try TLSContext(trusting: context.authority)
        let type = batch == 1 ? "application/cloudevents+json" : "application/cloudevents-batch+json"
        let first = spreads ? 0 : Self.primary(context)
        for index in 0..<clients {
            let place = spreads ? index % context.endpoints.count : first
            let connection = try ClientConnection(trust, to: context.endpoints[place])
            let clinic = ClinicGenerator(
                seed: seed &+ UInt64(index) &* 1000, patients: patients, clinic: firstClinic + index)
            let request = ClientRequest("POST", "/v1/events", fields: [("Content-Type", type)])
            players.append(
                Player(connection, clinic, head: request.head(to: connection.endpoint, as: context)))
        }
    }

    /// Which endpoint is the primary's, as `init` orders them; the first when nobody says.
    private static func primary(_ context: ContextFile) -> Int {
        guard context.endpoints.count > 1, let client = try? ClusterClient(context),
            let answer = try? client.send(ClientRequest("GET", "/v1/cluster")),
            let id = try? JSONText(parsing: answer.body).view["primary"]?.integer,
            context.endpoints.indices.contains(Int(id) - 1)
        else { return 0 }
        return Int(id) - 1
    }

    func run() throws {
        let poller = try Poller()
        var events: [Poller.Event] = []
        var scratch = [UInt8](repeating: 0, count: 65_536)
        for (index, player) in players.enumerated() {
            try poller.add(player.connection.socket.descriptor, [.reading, .writing], token: UInt64(index))
        }
        began = LinuxClock.monotonicNanoseconds()
        for player in players { send(player) }
        var open = players.count
        while open > 0 {
            try poller.wait(milliseconds: 1000, into: &events)
            for event in events {
                let player = players[Int(event.token)]
                if player.isDone { continue }
                player.connection.ready(scratch: &scratch) { step in
                    switch step {
                    case .head(let response): player.status = response.status
                    case .body(let piece): if player.status > 201 { player.body += piece }
                    case .end: received(player)
                    case .needsMore: break
                    }
                }
                if case .failed(let error) = player.connection.state { throw error }
                if player.isDone {
                    open -= 1
                    poller.remove(player.connection.socket.descriptor)
                } else if player.watchesWriting != player.connection.wantsWriting {
                    player.watchesWriting.toggle()
                    try poller.change(
                        player.connection.socket.descriptor, player.watchesWriting ? [.reading, .writing] : .reading,
                        token: event.token)
                }
            }
        }
        ended = LinuxClock.monotonicNanoseconds()
        for player in players { player.connection.close() }
    }

    private var isOver: Bool {
        if let eventsMax { return eventsSent >= eventsMax }
        return LinuxClock.monotonicNanoseconds() - began > UInt64(seconds) * 1_000_000_000
    }

    private func send(_ player: Player) {
        guard !isOver else {
            player.isDone = true
            return
        }
        var body: [UInt8] = []
        if batch == 1 {
            body = player.clinic.next() ?? []
        } else {
            body.reserveCapacity(batch * 600)
            body.append(0x5b)
            for at in 0..<batch {
                if at > 0 { body.append(0x2c) }
                body.append(contentsOf: player.clinic.next() ?? [])
            }
            body.append(0x5d)
        }
        player.write(body)
        eventsSent += batch
        player.sentAt = LinuxClock.monotonicNanoseconds()
        player.connection.send(player.request)
    }

    private func received(_ player: Player) {
        if player.isFirst {
            player.isFirst = false
        } else {
            let waited = LinuxClock.monotonicNanoseconds() - player.sentAt
            microseconds.append(UInt32(clamping: waited / 1000))
        }
        if player.status == 201 {
            eventsDone += batch
        } else {
            refused += 1
            if firstRefusal.isEmpty { firstRefusal = String(decoding: player.body, as: UTF8.self) }
            player.body = []
        }
        send(player)
    }

    // MARK: What came of it

    private var duration: Double { Double(ended - began) / 1e9 }
    private var rate: Int { Int(Double(eventsDone) / max(duration, 1e-9)) }

    private func quantile(_ sorted: [UInt32], _ share: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        return Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]) / 1000
    }

    var text: String {
        let sorted = microseconds.sorted()
        return """
            \(players.count) clients, \(batch) events a request: \(eventsDone) events in \(Figures.fixed(duration, 2)) s, \
            \(rate) events/s; p50 \(Figures.fixed(quantile(sorted, 0.5), 3)) ms, \
            p99 \(Figures.fixed(quantile(sorted, 0.99), 3)) ms, longest \(Figures.fixed(quantile(sorted, 1), 3)) ms
            """
    }

    var json: String {
        let sorted = microseconds.sorted()
        return """
            {"clients":\(players.count),"batch":\(batch),"events":\(eventsDone),"seconds":\(Figures.fixed(duration, 3)),\
            "events_per_second":\(rate),"p50_ms":\(Figures.fixed(quantile(sorted, 0.5), 3)),\
            "p99_ms":\(Figures.fixed(quantile(sorted, 0.99), 3)),"max_ms":\(Figures.fixed(quantile(sorted, 1), 3)),\
            "refused":\(refused)}
            """
    }
}

/// Numbers with a fixed count of digits after the point.
enum Figures {
    static func fixed(_ value: Double, _ digits: Int) -> String {
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((value * Double(scale)).rounded())
        guard digits > 0 else { return "\(scaled)" }
        let fraction = String(abs(scaled) % scale)
        return "\(scaled / scale).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }
}
