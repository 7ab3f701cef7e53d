import JSON
import Linux
import Server

extension Command {
    static let initialise = Command(
        "init", "DIR [--replicas N] [--spares N] [--base-port 7400] | DIR --join STORE",
        summary: "make a store: authority, certificates, keys, first credentials",
        story: """
            Writes DIR/service.context (append, read and audit) and DIR/admin.context (operates; sees no patient's
            data), each with its secret: mode 0600. DIR/root.key opens everything; keep it out of backups of the data.
            Replica i listens for clients on base port + i and for the other replicas on base port + 100 + i. Spares are
            numbered after the replicas; one takes the place of a replica that is lost.

            --join STORE makes one replica more for a cluster that runs, a store of one replica as well: so one grows to
            three. STORE is the cluster's directory, or a copy of its admin.context, ca.pem, ca.key and root.key. The
            cluster is told where the replica will be; once it is started it copies the log, then votes. One at a time.
            """,
        options: [
            Option("replicas", .number(1...64), "N", "copies of everything: 1, 3 or 5 (default 3)"),
            Option("spares", .number(0...64), "N", "replicas that wait, 0 to 3 (default 0)"),
            Option(
                "base-port", .number(1...65_000), "N",
                "replica i listens on this port + i, for its peers 100 above (default 7400)"),
            Option("join", .text, "STORE", "one replica more for the cluster of this store, which runs"),
            Option("id", .number(1...1_048_576), "N", "with --join: its number, never used before (default the next)"),
            Option("address", .text, "A", "with --join: where the others find it, numeric (default 127.0.0.1)"),
            Option("json", .flag, "", "print what was made as JSON"),
        ], operands: 1...1
    ) { arguments throws(Failure) in
        let directory = arguments.operands[0]
        let (alone, joined) = (["replicas", "spares"], ["id", "address"])
        if let wrong = (arguments.has("join") ? alone : joined).first(where: arguments.has) {
            throw Failure(
                .usage, "--\(wrong) does not go \(arguments.has("join") ? "with" : "without") --join",
                "chartlog init --help says what it takes")
        }
        if let store = arguments.text("join") { return try Join.run(directory, store, arguments) }
        do throws(ServerError) {
            let made = try StoreMaker.make(
                .init(
                    directory: directory, replicas: arguments.number("replicas", or: 3),
                    spares: arguments.number("spares", or: 0), basePort: arguments.number("base-port", or: 7400)))
            if arguments.has("json") { return Output.line(json(made)) }
            Output.line("made \(Screen.safe(directory)), cluster \(made.clusterID)")
            Output.line("")
            Output.line("  chartlog start \(Screen.safe(directory))")
            Output.line("  export CHARTLOG_CONTEXT=\(Screen.safe(made.layout.serviceContext))")
        } catch {
            let usage = error.exitCode == ExitCode.usage.rawValue ? "chartlog init --help says what it takes" : nil
            throw Failure(ExitCode(rawValue: error.exitCode) ?? .failed, error.sentence, usage)
        }
    }

    static func json(_ made: StoreMaker.Made, replica: Int? = nil) -> String {
        var writer = JSONWriter()
        writer.object { object in
            object.member("directory", made.layout.directory)
            object.member("cluster", made.clusterID)
            if let replica { object.member("replica", replica) }
            object.array("endpoints") { array in
                for endpoint in made.endpoints { array.string(endpoint) }
            }
            object.array("spares") { array in
                for spare in made.spares { array.integer(spare) }
            }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    static let start = Command(
        "start", "DIR", summary: "run all replicas of a store on this machine until ctrl-C",
        story: """
            Prints ready alone on a line when appends are acknowledged. Starts a replica that dies again, writes its
            process id to DIR/replica-i/pid and its log to DIR/replica-i/log.
            """,
        options: [], operands: 1...1
    ) { arguments throws(Failure) in
        try leave(Supervisor.run(arguments.operands[0]))
    }

    static let serve = Command(
        "serve", "--config FILE", summary: "run one replica in this process: what production runs",
        story: "FILE is the config.json that init writes to DIR/replica-i; a service manager starts it again.",
        options: [Option("config", .text, "FILE", "what the replica is told")]
    ) { arguments throws(Failure) in
        guard let path = arguments.text("config") else {
            throw Failure(.usage, "serve needs --config FILE", "usage: chartlog serve --config FILE")
        }
        try leave(Serve.run(path))
    }

    /// The server has said what there was to say.
    private static func leave(_ code: Int32) throws(Failure) {
        guard code == 0 else { throw Failure(ExitCode(rawValue: code) ?? .failed, "") }
    }
}
