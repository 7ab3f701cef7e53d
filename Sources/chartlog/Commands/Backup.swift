import Backup
import Bytes
import Client
import Files
import JSON
import Keys
import Linux
import Server

/// Backups as a cluster that runs makes them.
extension Command {
    static let backupCreate = Command(
        "backup create", "--to DIR", summary: "make a backup while the store runs",
        story: """
            A secondary makes it, of what is committed by then; with --replica N that one. DIR is a directory of that replica's
            machine, empty or with earlier backups of this store: closed segments are copied once. Without --to it goes to where
            config.json says. It holds ciphertext and no key: escrow the keys apart (chartlog keys escrow). Interrupted, it
            goes on when it is run again. Needs the context that administers.
            """,
        options: [
            Option("to", .text, "DIR", "where backups are kept"),
            Option("replica", .number(1...1_048_576), "N", "let this replica make it (default: a secondary)"),
            Option("no-wait", .flag, "", "return once it has begun; chartlog backup status shows how far it is"),
            .progress,
        ] + Option.cluster
    ) { arguments throws(Failure) in try BackupOrder.run(arguments) }

    static let backupStatus = Command(
        "backup status", "", summary: "what backups the replicas make and made",
        story: "Asks each replica for those since it was started. Needs any valid key.",
        options: Option.cluster
    ) { arguments throws(Failure) in
        let replicas = try BackupOrder.replicas(try Cluster(arguments)).map(\.id)
        var table = Table([
            .init(title: "replica", alignsRight: true), .init(title: "begun (UTC)"), .init(title: "state"),
            .init(title: "position", alignsRight: true), .init(title: "backup", alignsRight: true),
            .init(title: "where", widthMax: 200), .init(title: "what to do", widthMax: 200),
        ])
        for id in replicas {
            guard let response = try? Cluster(arguments, only: id).get("/v1/backups") else { continue }
            if arguments.has("json") {
                try Replies.showRaw(response)
                continue
            }
            for job in try Replies.json(response).view["backups"]?.elements ?? [] {
                table.add([
                    String(id), Times.toTheSecond(job["begun"]?.string), job["state"]?.string ?? "",
                    job["position"]?.unsigned.map(Screen.grouped) ?? "", job["manifest"]?.numberText ?? "",
                    (job["destinations"]?.elements ?? []).compactMap(\.string).map(Screen.safe).joined(separator: ", "),
                    job["problem"]?.string.map(Screen.safe) ?? "",
                ])
            }
        }
        if !arguments.has("json") { table.show() }
    }
}

/// The order of a backup, and waiting for it.
enum BackupOrder {
    static func replicas(_ cluster: Cluster) throws(Failure) -> [(id: Int, role: String, state: String)] {
        let view = try Replies.json(try cluster.get("/v1/cluster")).view
        return (view["replicas"]?.elements ?? []).compactMap { replica in
            guard let id = replica["id"]?.integer else { return nil }
            return (Int(id), replica["role"]?.string ?? "", replica["state"]?.string ?? "")
        }
    }

    static func run(_ arguments: Arguments) throws(Failure) {
        let all = try Cluster(arguments)
        let id: Int
        let cluster: Cluster
        if let named = arguments.text("replica") {
            id = try Orders.id(named)
            cluster = try Cluster(all.context, arguments, only: id)
        } else {
            (id, cluster) = try maker(all, arguments)
        }
        let place = arguments.text("to").map { ThisProcess.absolute($0) }
        let (response, job) = try give(to: place, cluster)
        guard !arguments.has("no-wait") else {
            if arguments.has("json") { return Replies.show(response.body) }
            return Output.line("replica \(id) makes a backup; chartlog backup status shows how far it is")
        }
        let (made, isEscrowed) = try wait(for: job, by: id, cluster, arguments)
        if arguments.has("json") { return Output.line(String(decoding: made.raw, as: UTF8.self)) }
        let position = made["position"]?.unsigned.map(Screen.grouped) ?? "?"
        let bytes = made["bytes_done"]?.unsigned.map(Screen.grouped) ?? "?"
        Output.line(
            "backup \(made["manifest"]?.numberText ?? "?") is made, through position \(position) "
                + "(\(bytes) bytes written by replica \(id))")
        guard !isEscrowed else { return }
        Output.complaint("the keys are in no backup: chartlog keys escrow keeps a copy of them, sealed, apart")
    }

    /// Makes one at a directory, and waits for it.
    static func make(
        at place: String, context: String?, arguments: Arguments
    ) throws(Failure) -> (replica: Int, position: UInt64) {
        guard let path = context ?? ThisProcess.environment("CHARTLOG_CONTEXT"), !path.isEmpty else {
            throw Failure(.usage, "which cluster? Give --context FILE or set CHARTLOG_CONTEXT")
        }
        let found: ContextFile
        do throws(ClientError) { found = try ContextFile.read(path) } catch { throw Cluster.failure(error) }
        let all = try Cluster(found, arguments)
        // What an earlier run of the same command ordered goes on, though that one was killed.
        try awaitEarlier(at: place, all, arguments)
        let (id, cluster) = try maker(all, arguments)
        let (_, job) = try give(to: place, cluster)
        let (made, _) = try wait(for: job, by: id, cluster, arguments)
        return (id, made["position"]?.unsigned ?? 0)
    }

    /// Waits for a backup to the same place, which some replica makes, until it has ended or goes no further.
    private static func awaitEarlier(at place: String, _ all: Cluster, _ arguments: Arguments) throws(Failure) {
        var bytes: UInt64?
        var standing = 0
        while let now = try bytesOfEarlier(at: place, all, arguments) {
            standing = now == bytes ? standing + 1 : 0
            bytes = now
            guard standing < 600 else {
                throw Failure(
                    .failed, "a backup to \(Screen.safe(place)) is being made and goes no further",
                    "chartlog backup status shows it")
            }
            LinuxClock.pause(milliseconds: 100)
        }
    }

    private static func bytesOfEarlier(
        at place: String, _ all: Cluster, _ arguments: Arguments
    ) throws(Failure) -> UInt64? {
        for replica in try replicas(all) {
            guard let one = try? Cluster(all.context, arguments, only: replica.id),
                let view = try? Replies.json(try one.get("/v1/backups")).view
            else { continue }
            let last = view["backups"]?.elements.last
            if last?["state"]?.string == "running", last?["destinations"]?[0]?.string == place {
                return last?["bytes_done"]?.unsigned ?? 0
            }
        }
        return nil
    }

    /// How long nobody may be ready: an election, or a start of what died, takes less.
    private static var readyMilliseconds: UInt64 { 5_000 }

    /// Who is to make one: a secondary that is ready and answers, else the primary.
    private static func maker(
        _ all: Cluster, _ arguments: Arguments
    ) throws(Failure) -> (id: Int, cluster: Cluster) {
        let due = LinuxClock.monotonicMilliseconds() + readyMilliseconds
        while true {
            do throws(Failure) {
                return try makerNow(all, arguments)
            } catch {
                guard error.code == .unreachable, LinuxClock.monotonicMilliseconds() < due else { throw error }
            }
            LinuxClock.pause(milliseconds: 100)
        }
    }

    /// - Throws: `.unreachable` while nobody that is ready answers. A replica that died a moment ago counts as ready a
    ///   little longer.
    private static func makerNow(
        _ all: Cluster, _ arguments: Arguments
    ) throws(Failure) -> (id: Int, cluster: Cluster) {
        let ready = try replicas(all).filter { $0.state == "ready" }
        var failure = Failure(
            .unreachable, "no replica is ready to make a backup",
            "chartlog status shows why; with a majority lost, stop what is left and branch from its directory")
        for one in ready.filter({ $0.role == "secondary" }) + ready.filter({ $0.role == "primary" }) {
            do throws(Failure) {
                return (one.id, try Cluster(all.context, arguments, only: one.id))
            } catch {
                guard error.code == .unreachable else { throw error }
                failure = error
            }
        }
        throw failure
    }

    private static func give(
        to place: String?, _ cluster: Cluster
    ) throws(Failure) -> (response: ClientResponse, job: String) {
        var writer = JSONWriter()
        writer.object { if let place { $0.member("to", place) } }
        let response = try cluster.send(
            ClientRequest(
                "POST", "/v1/backups", fields: cluster.callerFields + [("Content-Type", "application/json")],
                body: writer.bytes))
        guard let job = try Replies.json(response).view["backups"]?.elements.last?["id"]?.string else {
            throw Failure(.unknown, "the server's answer says nothing of a backup")
        }
        return (response, job)
    }

    private static func wait(
        for job: String, by replica: Int, _ cluster: Cluster, _ arguments: Arguments
    ) throws(Failure) -> (made: JSONView, isEscrowed: Bool) {
        var progress = Progress("copying", unit: "bytes", total: nil, wanted: arguments.has("progress"))
        while true {
            let response = try cluster.get("/v1/backups")
            let view = try Replies.json(response).view
            guard let now = view["backups"]?.elements.last(where: { $0["id"]?.string == job }) else {
                throw Failure(
                    .unknown, "replica \(replica) was started anew meanwhile", "run the same command again: it goes on")
            }
            let bytes = Int(now["bytes_done"]?.unsigned ?? 0)
            switch now["state"]?.string {
            case "running": progress.reached(bytes)
            case "done":
                progress.ended(bytes)
                return (now, view["escrowed"]?.bool == true)
            default:
                if arguments.has("json") { Output.line(String(decoding: now.raw, as: UTF8.self)) }
                let made = now["manifest"]?.unsigned.map { "backup \($0) was made, and is not at every place" }
                throw Failure(.failed, made ?? "no backup was made", now["problem"]?.string.map(Screen.safe))
            }
            LinuxClock.pause(milliseconds: 100)
        }
    }
}
