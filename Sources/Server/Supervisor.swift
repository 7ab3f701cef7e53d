private import Linux

/// `chartlog start DIR`: all replicas of a store on this machine, each a process of its own, until ctrl-C.
package enum Supervisor {
    /// Runs until SIGINT or SIGTERM; answers the exit code. Prints `ready` alone on a line once appends are
    /// acknowledged, or what keeps a replica from its work. What one replica suffers stops no other.
    package static func run(_ directory: String) -> Int32 {
        let layout = StoreLayout(directory)
        let replicas = layout.replicas
        guard !replicas.isEmpty else {
            Output.complaint("chartlog: there is no store here; make one with `chartlog init DIR`")
            return 1
        }
        do throws(LinuxError) {
            let lock = try SmallFile.lock(layout.startLock)
            let watch = Watch(
                layout, replicas, try Signals(), program: try ThisProcess.executable())
            try watch.run()
            _ = lock.number
            return 0
        } catch {
            Output.complaint(
                error.isLocked
                    ? "chartlog: another `chartlog start` runs this store" : "chartlog: cannot start: \(error.reason)")
            return 1
        }
    }
}

/// What a replica's process tells the one that started it, a line each on descriptor 3.
enum StatusLine {
    static let descriptor: Int32 = 3
    /// Set in the environment of a process that has such a line.
    static let variable = "CHARTLOG_STATUS"
    /// The cluster acknowledges appends: the primary says so.
    static let ready = "ready"
    /// What this replica is now, in words of its own: `primary in term 3`, `secondary of replica 2`.
    static let role = "role "
    static let secondary = "secondary "
    static let damaged = "damaged "
    static let failed = "failed "
}

/// The supervisor's loop.
private final class Watch {
    private struct Ward: ~Copyable {
        let id: Int
        var child: Child?
        var line: Descriptor?
        var text: [UInt8] = []
        var startedAt: UInt64 = 0
        /// Deaths in a row, each within a second of the start.
        var quickDeaths = 0
        var startAgainAt: UInt64? = 0
        var role = ""

        /// Milliseconds to wait before the next start: hardly any, unless it keeps dying.
        var pause: UInt64 {
            quickDeaths < 5 ? 50 : min(30_000, 1000 << UInt64(min(5, quickDeaths - 5)))
        }
    }

    private let layout: StoreLayout
    private let signals: Signals
    private let program: String
    private let wards: [Box]
    /// Others run elsewhere: whoever follows one of them hands requests on to it.
    /// Those that run here.
    private let replicas: [Int]
    private var saidReady = false

    /// A place for a ward in an array: wards own descriptors and cannot be copied.
    private final class Box {
        var ward: Ward
        init(_ id: Int) { ward = Ward(id: id) }
    }

    init(_ layout: StoreLayout, _ replicas: [Int], _ signals: Signals, program: String) {
        self.replicas = replicas
        self.layout = layout
        self.signals = signals
        self.program = program
        wards = replicas.map { Box($0) }
    }

    func run() throws(LinuxError) {
        let poller = try Poller()
        try poller.add(signals.descriptor, .reading, token: 0)
        var events: [Poller.Event] = []
        while true {
            for box in wards { startIfDue(box, poller) }
            try poller.wait(milliseconds: patience(), into: &events)
            for event in events {
                if event.token > 0 { listen(to: wards[Int(event.token) - 1], poller) }
            }
            while let signal = signals.next() {
                if signal == .stop { return stop() }
            }
            for box in wards { buryIfDead(box, poller) }
        }
    }

    /// Milliseconds until something is due.
    private func patience() -> Int {
        let now = LinuxClock.monotonicMilliseconds()
        var shortest: UInt64 = 1000
        for box in wards {
            if let at = box.ward.startAgainAt { shortest = min(shortest, at > now ? at - now : 0) }
        }
        return Int(shortest)
    }

    private func startIfDue(_ box: Box, _ poller: Poller) {
        let now = LinuxClock.monotonicMilliseconds()
        guard let due = box.ward.startAgainAt, due <= now else { return }
        do throws(LinuxError) { try start(box, poller, at: now) } catch {
            // A directory that is gone or full is this replica's trouble alone.
            box.ward.quickDeaths += 1
            box.ward.startAgainAt = now + box.ward.pause
            Output.complaint("replica \(box.ward.id): cannot be started: \(error.reason)")
        }
    }

    private func start(_ box: Box, _ poller: Poller, at now: UInt64) throws(LinuxError) {
        let id = box.ward.id
        let output = try SmallFile.appending(layout.log(id))
        let pipe = try Descriptor.pipe()
        let child = try Child.start(
            program, ["serve", "--config", layout.configuration(id)],
            environment: ["\(StatusLine.variable)=\(StatusLine.descriptor)"], output: output, line: pipe.writing)
        box.ward.child = child
        // The child has the writing end now.
        box.ward.line = pipe.readingEnd()
        box.ward.text = []
        box.ward.startedAt = now
        box.ward.startAgainAt = nil
        if let number = lineNumber(box), let place = wards.firstIndex(where: { $0 === box }) {
            try poller.add(number, .reading, token: UInt64(place) + 1)
        }
        try SmallFile.replace(layout.processID(id), Array("\(child.process)\n".utf8))
    }

    private func lineNumber(_ box: Box) -> Int32? {
        switch box.ward.line {
        case .some(let line): line.number
        case .none: nil
        }
    }

    private func listen(to box: Box, _ poller: Poller) {
        let piece: [UInt8]? =
            switch box.ward.line {
            case .some(let line): line.readSome(atMost: 4096)
            case .none: nil
            }
        guard let piece else { return }
        guard !piece.isEmpty else {
            if let number = lineNumber(box) { poller.remove(number) }
            box.ward.line = nil
            return
        }
        box.ward.text += piece
        while let end = box.ward.text.firstIndex(of: 0x0a) {
            hear(String(decoding: box.ward.text[..<end], as: UTF8.self), box)
            box.ward.text.removeSubrange(...end)
        }
    }

    private func hear(_ line: String, _ box: Box) {
        if line == StatusLine.ready {
            sayReady()
        } else if line.hasPrefix(StatusLine.role) {
            let role = String(line.dropFirst(StatusLine.role.count))
            guard role != box.ward.role else { return }
            box.ward.role = role
            Output.complaint("replica \(box.ward.id) is \(role)")
            // Who leads may run elsewhere, and says so there.
            if role.hasPrefix(StatusLine.secondary), let primary = Int(role.split(separator: " ").last ?? ""),
                !replicas.contains(primary)
            {
                sayReady()
            }
        } else if line.hasPrefix(StatusLine.damaged) {
            Output.line("replica \(box.ward.id) is damaged: \(line.dropFirst(StatusLine.damaged.count))")
        } else if line.hasPrefix(StatusLine.failed) {
            Output.complaint("replica \(box.ward.id): \(line.dropFirst(StatusLine.failed.count))")
        }
    }

    private func sayReady() {
        guard !saidReady else { return }
        saidReady = true
        Output.line("ready")
    }

    /// Starts a dead replica again at once, unless it keeps dying: five times within a second each.
    private func buryIfDead(_ box: Box, _ poller: Poller) {
        guard let child = box.ward.child, let code = child.ended() else { return }
        listen(to: box, poller)
        if let number = lineNumber(box) { poller.remove(number) }
        box.ward.line = nil
        box.ward.child = nil
        box.ward.role = ""
        let now = LinuxClock.monotonicMilliseconds()
        box.ward.quickDeaths = now - box.ward.startedAt < 1000 ? box.ward.quickDeaths + 1 : 0
        let pause = box.ward.pause
        box.ward.startAgainAt = now + pause
        Journal(replica: box.ward.id).warning(
            "replica ended and is started again", .exitCode(code), .milliseconds(pause))
    }

    /// Asks all to end and waits; one that has not ended after 10 s is killed.
    private func stop() {
        for box in wards { box.ward.child?.stop() }
        let deadline = LinuxClock.monotonicMilliseconds() + 10_000
        for box in wards {
            guard let child = box.ward.child else { continue }
            while child.ended() == nil {
                if LinuxClock.monotonicMilliseconds() > deadline { child.kill9() }
                LinuxClock.pause(milliseconds: 5)
            }
            SmallFile.remove(layout.processID(box.ward.id))
        }
    }
}
