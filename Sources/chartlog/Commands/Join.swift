import Client
import JSON
import Linux
import Server

/// `init DIR --join STORE`: one replica more for a cluster that runs.
enum Join {
    /// Asks the cluster to let the replica in, and makes its directory of the answer. What is refused is refused before
    /// anything is made; an order whose outcome is unknown is given again, and gives the same.
    static func run(_ directory: String, _ store: String, _ arguments: Arguments) throws(Failure) {
        let layout = StoreLayout(store)
        let context: ContextFile
        do throws(ClientError) { context = try ContextFile.read(layout.adminContext) } catch {
            throw Cluster.failure(error)
        }
        let cluster = try Cluster(context, arguments)
        let id: Int
        if let named = arguments.text("id") { id = try Orders.id(named) } else { id = try nextID(cluster) }
        let plan = StoreJoiner.Plan(
            directory: directory, store: store, id: id, address: arguments.text("address") ?? "127.0.0.1",
            basePort: arguments.number("base-port", or: 7400))
        let papers: StoreJoiner.Papers
        do throws(ServerError) { papers = try StoreJoiner.check(plan) } catch { throw failure(error) }
        // The directory first: whoever runs the same command beside this one has not made it, and orders nothing.
        do throws(ServerError) { try StoreJoiner.begin(plan) } catch { throw failure(error) }
        let answer: ClientResponse
        do throws(Failure) {
            answer = try order(
                #"{"joining":\#(id),"address":"\#(plan.address)","peerPort":\#(plan.peerPort),"#
                    + #""clientPort":\#(plan.clientPort)}"#, cluster)
        } catch {
            StoreJoiner.abandon(plan)
            throw error
        }
        do throws(ServerError) {
            tell(try StoreJoiner.make(plan, papers, answer: answer.body), plan, arguments)
        } catch {
            // Nobody waits for a replica that was not made.
            StoreJoiner.abandon(plan)
            _ = try? order(#"{"leaving":\#(id)}"#, cluster)
            throw failure(error)
        }
    }

    /// One above all that the cluster knows; or the one that an earlier order of this command let in, of which nobody
    /// heard what came of it. If that was at another place the cluster refuses this one.
    private static func nextID(_ cluster: Cluster) throws(Failure) -> Int {
        let status = try Replies.json(try cluster.get("/v1/cluster")).view
        let replicas = status["replicas"]?.elements ?? []
        if let joining = status["change"]?["joining"]?.integer, status["change"]?["leaving"]?.integer == nil,
            replicas.contains(where: { $0["id"]?.integer == joining && $0["role"]?.string == "learner" })
        {
            return Int(joining)
        }
        let used = replicas.compactMap { $0["id"]?.integer } + (status["retired"]?.elements ?? []).compactMap(\.integer)
        return Int(used.max() ?? 0) + 1
    }

    private static func order(_ body: String, _ cluster: Cluster) throws(Failure) -> ClientResponse {
        let request = ClientRequest(
            "POST", "/v1/cluster/members",
            fields: cluster.callerFields + [("Content-Type", "application/json")], body: Array(body.utf8),
            mayRepeat: true)
        let response = try cluster.send(request)
        guard (200..<300).contains(response.status) else { throw Replies.refusal(response) }
        return response
    }

    private static func tell(_ made: StoreMaker.Made, _ plan: StoreJoiner.Plan, _ arguments: Arguments) {
        if arguments.has("json") { return Output.line(Command.json(made, replica: plan.id)) }
        Output.line("made \(Screen.safe(plan.directory)), replica \(plan.id) of cluster \(made.clusterID)")
        Output.line("")
        Output.line("  chartlog start \(Screen.safe(plan.directory))")
        Output.line("  export CHARTLOG_CONTEXT=\(Screen.safe(made.layout.serviceContext))")
        Output.line("")
        Output.line("it copies the log, then votes; chartlog status shows how far it is")
    }

    private static func failure(_ error: ServerError) -> Failure {
        Failure(ExitCode(rawValue: error.exitCode) ?? .failed, error.sentence)
    }
}
