import Client
import Linux
import Records
import Replica
import Server
import Testing
import Transport

/// A whole replica in this process: its threads, its log, and a client over TLS.
final class RunningNode {
    let mail: NodeMail
    let context: ContextFile
    private let threads: [Thread]

    init(_ layout: StoreLayout) throws {
        let configuration = try Configuration.read(layout.configuration(1))
        let mail = try NodeMail()
        let listener = try Socket.listening(at: "127.0.0.1", port: 0)
        var context = try ContextFile.read(layout.serviceContext)
        context.endpoints = [Endpoint(host: "127.0.0.1", port: try listener.port())]
        self.context = context
        self.mail = mail
        let handed = Guarded<Socket?>(listener)
        threads = [
            try Thread.start("loop") {
                NodeThreads.runReplica(configuration, Guarded(nil), mail, Journal(replica: 1, descriptor: -1))
            },
            try Thread.start("clients") {
                NodeThreads.serveClients(configuration, handed, mail, Journal(replica: 1, descriptor: -1))
            },
        ]
    }

    /// Waits for the next word to the first thread that `holds`.
    func hears(_ holds: (MainInput) -> Bool) -> Bool {
        var inputs: [MainInput] = []
        for _ in 0..<500 {
            mail.toMain.bell.wait(milliseconds: 20)
            mail.toMain.takeAll(into: &inputs)
            if inputs.contains(where: holds) { return true }
        }
        return false
    }

    /// Ends it as SIGTERM would.
    func stop() -> Bool {
        mail.toClients.mustPost(.stop)
        guard hears({ if case .clientsGone = $0 { true } else { false } }) else { return false }
        mail.toLoop.mustPost(.stopRequested)
        guard hears({ if case .stopped = $0 { true } else { false } }) else { return false }
        for thread in threads { thread.join() }
        return true
    }
}

@Suite struct NodeTests {
    @Test func `what was appended is there after the replica was stopped and started`() throws {
        let base = ThisProcess.environment("TMPDIR") ?? "/tmp"
        var generator = SystemRandomNumberGenerator()
        let path = "\(base)/chartlog-node-\(ThisProcess.id)-\(generator.next())"
        let layout = try StoreMaker.make(StoreMaker.Plan(directory: path, replicas: 1)).layout

        let first = try RunningNode(layout)
        #expect(first.hears { if case .ready = $0 { true } else { false } })
        let client = try HTTPClient(first.context)
        let made = try ClientsLoopTests.append(client)
        #expect(made.status == 201)
        #expect(try ClientsLoopTests.append(client).status == 200)
        #expect(try client.send(ClientRequest("GET", "/readyz")).status == 200)
        #expect(first.stop())

        let second = try RunningNode(layout)
        #expect(second.hears { if case .ready = $0 { true } else { false } })
        let again = try HTTPClient(second.context)
        let repeated = try ClientsLoopTests.append(again)
        #expect(repeated.status == 200)
        #expect(repeated.body == made.body)
        let read = try again.send(ClientRequest("GET", "/v1/events"))
        #expect(read.status == 200)
        #expect(String(decoding: read.body, as: UTF8.self).contains("\"7b1e\""))
        let cluster = try again.send(ClientRequest("GET", "/v1/cluster"))
        #expect(String(decoding: cluster.body, as: UTF8.self).contains("\"term\":2"))
        #expect(second.stop())
    }
}
