import Client
import Linux
import Records
import Replica
import Server
import Testing
import Transport

/// The client of a whole cluster, against fronts that say what a test wants.
@Suite struct ClusterClientTests {
    /// A front that answers every append with this problem.
    private static func refusing(
        _ problem: Problem, authority: Certificates.Identity? = nil
    ) throws -> Stage {
        try Stage(authority: authority) { input in
            guard case .asked(let id, _) = input else { return [] }
            return [.answer(id, .problem(problem), isLast: true)]
        }
    }

    private static func context(_ stages: [Stage]) -> ContextFile {
        var context = stages[0].context
        context.endpoints = stages.map { Endpoint(host: "127.0.0.1", port: $0.port) }
        return context
    }

    private static func request(mayRepeat: Bool = true) -> ClientRequest {
        ClientRequest(
            "POST", "/v1/events", fields: [("Content-Type", "application/cloudevents+json")],
            body: Array(ClientsLoopTests.event.utf8), mayRepeat: mayRepeat)
    }

    /// A port at which nobody listens.
    private static func silentPort() throws -> Int { try Socket.listening(at: "127.0.0.1", port: 0).port() }

    @Test(arguments: [ProblemKind.noPrimary, .unavailable, .diskFull])
    func `what one replica cannot do is asked of the next`(_ kind: ProblemKind) throws {
        let first = try Self.refusing(Problem(kind, "Try another replica."))
        let second = try Stage(authority: first.authority, reply: ClientsLoopTests.standIn)
        let client = try ClusterClient(Self.context([first, second]), startingAt: 0)
        #expect(try client.send(Self.request()).status == 201)
        #expect(first.asked.count == 1)
        // The one that answered is remembered.
        #expect(try client.send(Self.request()).status == 201)
        #expect(first.asked.count == 1 && second.asked.count == 2)
    }

    @Test func `whoever does not know the outcome is asked once more, then the next`() throws {
        let first = try Self.refusing(Problem(.outcomeUnknown, "Ask again."))
        let second = try Stage(authority: first.authority, reply: ClientsLoopTests.standIn)
        let client = try ClusterClient(Self.context([first, second]), startingAt: 0)
        #expect(try client.send(Self.request()).status == 201)
        #expect(first.asked.count == 2 && second.asked.count == 1)
    }

    @Test func `a replica is found by its certificate, wherever it stands in the context`() throws {
        let first = try Stage(replica: 7, reply: ClientsLoopTests.standIn)
        let second = try Stage(authority: first.authority, replica: 1, reply: ClientsLoopTests.standIn)
        var context = Self.context([first, second])
        context.endpoints.insert(Endpoint(host: "127.0.0.1", port: try Self.silentPort()), at: 1)
        for (id, port) in [(7, first.port), (1, second.port)] {
            #expect(try ReplicaFinder(id, in: context).endpoint?.port == port)
        }
        let finder = try ReplicaFinder(2, in: context)
        #expect(finder.endpoint == nil && finder.others == [1, 7])
        // Nobody was asked anything.
        #expect(first.asked.isEmpty && second.asked.isEmpty)
        context.endpoints = [context.endpoints[1]]
        #expect(throws: ClientError.unreachable) { try ReplicaFinder(1, in: context) }
    }

    @Test func `a replica that is gone is passed over`() throws {
        let stage = try Stage(reply: ClientsLoopTests.standIn)
        var context = stage.context
        context.endpoints.insert(Endpoint(host: "127.0.0.1", port: try Self.silentPort()), at: 0)
        #expect(try ClusterClient(context, startingAt: 0).send(Self.request()).status == 201)
    }

    @Test func `nobody there is told after one round`() throws {
        let stage = try Stage(reply: ClientsLoopTests.standIn)
        var context = stage.context
        context.endpoints = [
            Endpoint(host: "127.0.0.1", port: try Self.silentPort()),
            Endpoint(host: "127.0.0.1", port: try Self.silentPort()),
        ]
        let client = try ClusterClient(context)
        let began = LinuxClock.monotonicMilliseconds()
        #expect(throws: ClientError.unreachable) { try client.send(Self.request()) }
        #expect(LinuxClock.monotonicMilliseconds() - began < client.overallMilliseconds / 2)
    }

    @Test func `an unknown outcome is resolved by asking again, but only for what may be repeated`() throws {
        let heard = Guarded(0)
        let stage = try Stage { input in
            guard case .asked(let id, _) = input else { return [] }
            let number = heard.withLock { count -> Int in
                count += 1
                return count
            }
            guard number % 3 == 0 else {
                return [.answer(id, .problem(Problem(.outcomeUnknown, "Ask again.")), isLast: true)]
            }
            return ClientsLoopTests.standIn(input)
        }
        let client = try ClusterClient(stage.context)
        #expect(try client.send(Self.request(mayRepeat: false)).status == 504)
        #expect(heard.withLock { $0 } == 1)
        #expect(try client.send(Self.request()).status == 201)
        #expect(heard.withLock { $0 } == 3)
    }

    @Test func `a change that may have been made stays unknown when nobody can say`() throws {
        let heard = Guarded(0)
        let stage = try Stage { input in
            guard case .asked(let id, _) = input else { return [] }
            let isFirst = heard.withLock { count -> Bool in
                count += 1
                return count == 1
            }
            let problem =
                isFirst ? Problem(.outcomeUnknown, "Ask again.") : Problem(.noPrimary, "Wait for an election.")
            return [.answer(id, .problem(problem), isLast: true)]
        }
        let client = try ClusterClient(stage.context)
        client.overallMilliseconds = 200
        // The later 503s surely did nothing; the first attempt may have.
        #expect(throws: ClientError.unknown) { try client.send(Self.request()) }
        #expect(heard.withLock { $0 } > 2)
    }

    @Test func `what no moment will mend is told after each replica was asked once`() throws {
        let first = try Self.refusing(Problem(.damaged, "Run chartlog verify."))
        let second = try Self.refusing(Problem(.damaged, "Run chartlog verify."), authority: first.authority)
        let client = try ClusterClient(Self.context([first, second]))
        let response = try client.send(Self.request())
        #expect(response.status == 503)
        #expect(String(decoding: response.body, as: UTF8.self).contains("damaged"))
        #expect(first.asked.count == 1 && second.asked.count == 1)
    }
}
