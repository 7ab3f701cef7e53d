private import Bytes
private import Linux
private import Records
private import Replica
private import Transport

/// `chartlog serve --config FILE`: one replica, in this process.
package enum Serve {
    /// Runs until SIGTERM, ctrl-C or a fault; answers the exit code. Called by the first thread before it starts
    /// others. A replica that `start` runs tells it on descriptor 3 how it is.
    package static func run(_ configurationPath: String) -> Int32 {
        let status = StatusPipe()
        do throws(ServerError) {
            let configuration = try Configuration.read(configurationPath)
            return try ServeLife(configuration, status).run()
        } catch {
            Output.complaint("chartlog: \(error.sentence)")
            status.tell(StatusLine.failed + error.sentence)
            return error.exitCode
        }
    }
}

/// The line to the supervisor; silent when there is none.
private struct StatusPipe {
    let descriptor: Int32?

    init() {
        descriptor = ThisProcess.environment(StatusLine.variable).flatMap { Int32($0) }
    }

    func tell(_ line: String) {
        guard let descriptor else { return }
        Output.write(Array((line + "\n").utf8), to: descriptor)
    }
}

/// The first thread of a serving process: starts the others, waits for signals and for what they say.
private struct ServeLife {
    let configuration: Configuration
    let status: StatusPipe
    let journal: Journal

    init(_ configuration: Configuration, _ status: StatusPipe) {
        self.configuration = configuration
        self.status = status
        journal = Journal(replica: configuration.replica.id)
    }

    func run() throws(ServerError) -> Int32 {
        do throws(LinuxError) { try ThisProcess.closeCurtains() } catch {
            throw ServerError("The process cannot be closed to crashes that print; nothing is served.")
        }
        ThisProcess.useMemoryThriftily()
        ThisProcess.raiseDescriptorLimit()
        let lock = try lock()
        let listener = try listen(configuration.port)
        let peerListener = configuration.peers.count > 1 ? try configuration.own.map(listen) : nil
        do throws(LinuxError) {
            let signals = try Signals()
            let mail = try NodeMail()
            let configuration = configuration
            let journal = journal
            let peers = Guarded<Socket?>(peerListener)
            let loop = try Thread.start("loop", stackBytes: 32 << 20) {
                NodeThreads.runReplica(configuration, peers, mail, journal)
            }
            let handed = Guarded<Socket?>(listener)
            let clients = try Thread.start("clients") {
                NodeThreads.serveClients(configuration, handed, mail, journal)
            }
            let code = try wait(signals, mail)
            if code == 0 {
                loop.join()
                clients.join()
            }
            _ = lock.number
            return code
        } catch {
            throw ServerError("The system refuses what a server needs: descriptors, threads or memory.")
        }
    }

    private func lock() throws(ServerError) -> Descriptor {
        do throws(LinuxError) { return try SmallFile.lock(configuration.lock) } catch {
            throw error.isLocked
                ? ServerError("Another process serves this replica.")
                : ServerError("The replica's directory cannot be written.")
        }
    }

    private func listen(_ peer: Configuration.Peer) throws(ServerError) -> Socket { try listen(peer.peerPort) }

    private func listen(_ port: Int) throws(ServerError) -> Socket {
        do throws(LinuxError) {
            return try Socket.listening(at: configuration.address, port: port)
        } catch {
            throw error.isAddressInUse
                ? ServerError(
                    port: port, "is in use by another process: end that, or name another port in config.json.")
                : ServerError(port: port, "cannot be listened at: see the address in config.json.")
        }
    }

    /// Waits until the end, and answers the exit code.
    private func wait(_ signals: Signals, _ mail: NodeMail) throws(LinuxError) -> Int32 {
        let poller = try Poller()
        try poller.add(signals.descriptor, .reading, token: 0)
        try poller.add(mail.toMain.bell.descriptor, .reading, token: 1)
        // Only its end can be seen: the supervisor never writes.
        if let line = status.descriptor { try poller.add(line, [], token: 2) }
        var events: [Poller.Event] = []
        var inputs: [MainInput] = []
        var stopping = false
        func stop() {
            guard !stopping else { return }
            stopping = true
            journal.info("stopping")
            mail.toClients.mustPost(.stop)
        }
        while true {
            try poller.wait(milliseconds: -1, into: &events)
            for event in events where event.token == 2 && event.isBroken {
                if let line = status.descriptor { poller.remove(line) }
                stop()
            }
            while let signal = signals.next() {
                if signal == .stop { stop() }
            }
            mail.toMain.bell.clear()
            mail.toMain.takeAll(into: &inputs)
            for input in inputs {
                if let code = hear(input, mail) { return code }
            }
        }
    }

    /// What a thread says; answers the exit code when that is the end.
    private func hear(_ input: MainInput, _ mail: NodeMail) -> Int32? {
        switch input {
        case .opened(.failure(let error)):
            Output.complaint("chartlog: \(error.sentence)")
            status.tell(StatusLine.failed + error.sentence)
            return error.exitCode
        case .opened(.success(let opened)):
            journal.info("log opened", .milliseconds(opened.milliseconds), .port(configuration.port))
            guard let damage = opened.damage else { return nil }
            journal.error(
                "the log is damaged; appends are refused", .index(damage.index), .segment(damage.segment),
                .position(damage.position))
            status.tell(
                StatusLine.damaged
                    + "entry \(damage.index) of segment \(damage.segment), after position \(damage.position); "
                    + "appends are refused, run chartlog verify")
            mail.toClients.mustPost(
                .unready(
                    Problem(
                        .damaged, "A part of the log is damaged: run chartlog verify, then restore from a backup.",
                        [.index(damage.index), .segment(damage.segment), .position(damage.position)])))
        case .ready(let term):
            journal.info("ready", .term(term))
            status.tell("\(StatusLine.role)primary in term \(term)")
            status.tell(StatusLine.ready)
        case .primary(let primary):
            guard let primary, primary != configuration.replica.id else { break }
            journal.info("follows a primary", .replica(primary))
            status.tell("\(StatusLine.role)secondary of replica \(primary)")
        case .retired(let problem):
            journal.problem("this replica was retired, another has its place; stop it", problem)
            status.tell("\(StatusLine.role)retired: another has its place; stop it and take its directory away")
        case .clientsGone: mail.toLoop.mustPost(.stopRequested)
        case .stopped:
            journal.info("stopped")
            return 0
        case .failed(let problem):
            journal.problem("the replica cannot go on", problem)
            status.tell(StatusLine.failed + problem.detail)
            return 1
        }
        return nil
    }
}
