import Backup
import Bytes
import Client
import Files
import JSON
import Linux
import SegmentedLog
import Server
import Views

/// Trying a restore out, before it is needed.
extension Command {
    static let drill = Command(
        "drill", "--from BACKUPS --scratch DIR",
        summary: "restore from backups to a scratch store, check it, and time it",
        story: """
            DIR is made anew each time: what an earlier drill left in DIR or DIR.partial is wiped, finished or not, and nothing
            else is ever touched: a drill knows its own by a file named drill. The newest of BACKUPS (the second place is the one
            to try) is restored there and started; the views' digests must be those that the backup states. Tells how much of the
            store's life is not in the backup (RPO) and how long it took until appends were acknowledged (RTO), and records that
            in the store of the context, which administers; also that a drill failed. The scratch store is stopped again, and
            stays for you to look at.
            """,
        options: [
            Option("from", .text, "BACKUPS", "a directory of backups"),
            Option("scratch", .text, "DIR", "where the scratch store goes"),
            Option("replicas", .number(1...64), "N", "of the scratch store: 1, 3 or 5 (default 3)"),
            Option("base-port", .number(1...65_000), "N", "of the scratch store (default 8700)"),
            .progress,
        ] + Option.cluster + KeySource.options
    ) { arguments throws(Failure) in try Drill(arguments).run() }
}

private struct Drill {
    private static let readyMilliseconds: UInt64 = 120_000
    private static let basePort = 8_700

    private let arguments: Arguments
    private let source: String
    private let scratch: StoreLayout

    init(_ arguments: Arguments) throws(Failure) {
        self.arguments = arguments
        guard let source = arguments.text("from"), let scratch = arguments.text("scratch") else {
            throw Failure(.usage, "a drill needs --from BACKUPS and --scratch DIR")
        }
        self.source = source
        self.scratch = StoreLayout(scratch)
    }

    func run() throws(Failure) {
        let cluster = try Cluster(arguments)
        let live = try Replies.json(try cluster.get("/v1/cluster")).view
        try check(live)
        do { try DrillPlace(scratch).wipe() } catch {
            throw Failure(ExitCode(rawValue: error.exitCode) ?? .failed, error.sentence)
        }
        let began = LinuxClock.monotonicMilliseconds()
        let drilled: Drilled
        do throws(Failure) { drilled = try restore(began) } catch {
            // That it failed is what a drill is for; the reason is told here.
            let took = LinuxClock.monotonicMilliseconds() - began
            _ = try? cluster.send(report(on: cluster) { $0.drill(nil, lossMilliseconds: 0, took, isRight: false) })
            throw error
        }
        let response = try cluster.send(
            report(on: cluster) {
                $0.drill(
                    drilled.manifest, lossMilliseconds: drilled.lossMilliseconds, drilled.milliseconds,
                    isRight: drilled.isRight)
            })
        guard (200..<300).contains(response.status) else { throw Replies.refusal(response) }
        show(drilled, live: live["position"]?.unsigned ?? 0)
        guard drilled.isRight else {
            throw Failure(.failed, "the restored views are not those of the backup", "run backup verify")
        }
    }

    private struct Drilled {
        var manifest: Manifest
        var milliseconds: UInt64
        var isRight: Bool

        var lossMilliseconds: UInt64 {
            UInt64(max(0, LinuxClock.wall().microseconds - manifest.madeAt.microseconds) / 1_000)
        }
    }

    /// Refuses the backups of another store, and ports that are taken, before anything is wiped.
    private func check(_ live: JSONView) throws(Failure) {
        let destination: DirectoryDestination<LinuxFiles>
        do throws(FileError) { destination = DirectoryDestination(try LinuxFiles(root: source)) } catch {
            throw Failure(
                .failed, "there is no such directory: \(Screen.safe(source))", "a drill restores from backups")
        }
        let marker = try Destinations.asked { () throws(BackupError) in try BackupMarker.find(in: destination) }
        guard let marker else {
            throw Failure(.failed, "there are no backups in \(Screen.safe(source))", "a drill restores from backups")
        }
        guard live["cluster"]?.string == Hex.text(of: marker.cluster.bytes) else {
            throw Failure(
                .failed, "these are backups of another store (cluster \(Hex.text(of: marker.cluster.bytes)))",
                "name those of the context's store: what a drill finds is recorded there")
        }
        let base = arguments.number("base-port", or: Self.basePort)
        for id in 1...arguments.number("replicas", or: 3) {
            for port in [base + id, base + 100 + id] {
                do throws(LinuxError) { _ = try Socket.listening(at: "127.0.0.1", port: port) } catch {
                    throw Failure(.failed, "port \(port) cannot be listened at", "name others: --base-port N")
                }
            }
        }
    }

    private func restore(_ began: UInt64) throws(Failure) -> Drilled {
        let branching = try Branching(
            arguments, from: source, into: scratch.directory, basePort: Self.basePort, mark: DrillPlace.mark)
        guard let manifest = try branching.run(isTold: false).manifest else {
            throw Failure(.failed, "a drill restores from backups")
        }
        let child = try start()
        defer { end(child) }
        let status = try ready(child)
        return Drilled(
            manifest: manifest, milliseconds: LinuxClock.monotonicMilliseconds() - began,
            isRight: agrees(status, manifest))
    }

    private func report(on cluster: Cluster, _ body: (inout JSONWriter) -> Void) -> ClientRequest {
        var writer = JSONWriter()
        body(&writer)
        return ClientRequest(
            "POST", "/v1/cluster/drills", fields: cluster.callerFields + [("Content-Type", "application/json")],
            body: writer.bytes)
    }

    private func show(_ drilled: Drilled, live position: UInt64) {
        let lost = position > drilled.manifest.head.position ? position - drilled.manifest.head.position : 0
        guard !arguments.has("json") else {
            var writer = JSONWriter()
            writer.drill(
                drilled.manifest, lossMilliseconds: drilled.lossMilliseconds, drilled.milliseconds,
                isRight: drilled.isRight, lostEvents: lost)
            return Output.line(String(decoding: writer.bytes, as: UTF8.self))
        }
        var card = Card()
        card.add(
            "backup", "\(drilled.manifest.number), through position \(Screen.grouped(drilled.manifest.head.position))")
        card.add("views", drilled.isRight ? "as the backup states" : "NOT as the backup states")
        card.add("RPO", "\(seconds(drilled.lossMilliseconds)), \(Screen.grouped(lost)) events")
        card.add("RTO", "\(seconds(drilled.milliseconds)) until appends were acknowledged")
        card.show()
    }

    private func seconds(_ milliseconds: UInt64) -> String {
        let tenths = String(milliseconds % 1_000 / 100)
        return "\(milliseconds / 1_000).\(tenths) s"
    }

    private func start() throws(Failure) -> Child {
        do throws(LinuxError) {
            return try Child.start(try ThisProcess.executable(), ["start", scratch.directory], output: -1)
        } catch {
            throw Failure(.failed, "the scratch store cannot be started")
        }
    }

    /// Waits until all replicas are there and appends are acknowledged.
    private func ready(_ child: Child) throws(Failure) -> JSONView {
        let context: ContextFile
        do throws(ClientError) { context = try ContextFile.read(scratch.adminContext) } catch {
            throw Cluster.failure(error)
        }
        let until = LinuxClock.monotonicMilliseconds() + Self.readyMilliseconds
        while LinuxClock.monotonicMilliseconds() < until {
            guard child.ended() == nil else {
                throw Failure(.failed, "the scratch store ended as soon as it was started")
            }
            if let response = try? Cluster(context, arguments).get("/v1/cluster"),
                let view = try? Replies.json(response).view, view["primary"]?.unsigned != nil,
                view["min_durable_copies"]?.unsigned == UInt64(view["replicas"]?.elements.count ?? 0)
            {
                return view
            }
            LinuxClock.pause(milliseconds: 50)
        }
        throw Failure(.failed, "the scratch store acknowledges nothing", "see \(Screen.safe(scratch.log(1)))")
    }

    /// Restoring makes records but no events: what patients and appointments say is what it was.
    private func agrees(_ status: JSONView, _ manifest: Manifest) -> Bool {
        guard status["position"]?.unsigned == manifest.head.position, let primary = status["primary"]?.unsigned,
            let replica = status["replicas"]?.elements.first(where: { $0["id"]?.unsigned == primary })
        else { return false }
        return replica["digests"]?["patient"]?["digest"]?.string == manifest.digests.patient.hex
            && replica["digests"]?["appointment"]?["digest"]?.string == manifest.digests.appointment.hex
    }

    private func end(_ child: Child) {
        child.stop()
        let until = LinuxClock.monotonicMilliseconds() + 10_000
        while child.ended() == nil {
            if LinuxClock.monotonicMilliseconds() > until { return child.kill9() }
            LinuxClock.pause(milliseconds: 20)
        }
    }
}

extension JSONWriter {
    /// What a drill found; nil: nothing was restored.
    fileprivate mutating func drill(
        _ manifest: Manifest?, lossMilliseconds: UInt64, _ milliseconds: UInt64, isRight: Bool,
        lostEvents: UInt64? = nil
    ) {
        object { object in
            object.member("backup", manifest?.number ?? 0)
            object.member("position", manifest?.head.position ?? 0)
            object.member("loss_ms", lossMilliseconds)
            object.member("restore_ms", milliseconds)
            object.member("right", isRight)
            if let lostEvents { object.member("lost_events", lostEvents) }
        }
    }
}
