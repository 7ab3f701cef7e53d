import Client
import Linux

extension Command {
    static let append = Command(
        "append", "[FILE|-]", summary: "send events from a file or standard input",
        story: """
            FILE holds structured CloudEvents: one a line (NDJSON), or a JSON array. They are sent in order, so many a
            request; each request is one transaction. One request is out at a time, so nothing after a refused line is
            written. When no answer comes the same ids are sent again, which doubles nothing; run the same command again
            to go on after an interruption.
            """,
        options: [
            Option("batch", .number(1...10_000), "N", "events a request (default 100)"),
            Option("batch-bytes", .number(1...16_000_000), "N", "bytes a request at most (default 1048576)"),
            Option("patience", .number(0...86_400), "S", "seconds to try again while nobody answers (default 30)"),
            .progress,
        ] + Option.cluster, operands: 0...1
    ) { arguments throws(Failure) in
        let signals = try? Signals()
        let cluster = try Cluster(arguments)
        var input = try EventInput(arguments.operands.first ?? "-")
        var appending = Appending(arguments, cluster, signals, total: input.bytesTotal)
        try appending.run(&input)
    }
}

/// Sends batch after batch and keeps count.
private struct Appending {
    private let cluster: Cluster
    private let signals: Signals?
    private let isRaw: Bool
    private let batchEvents: Int
    private let batchBytes: Int
    private let patience: UInt64
    private var progress: Progress
    private var acknowledged = 0
    private var repeated = 0
    private var lastPosition: UInt64 = 0
    private let began = LinuxClock.monotonicMilliseconds()

    init(_ arguments: Arguments, _ cluster: Cluster, _ signals: Signals?, total: Int?) {
        self.cluster = cluster
        self.signals = signals
        isRaw = arguments.has("json")
        batchEvents = arguments.number("batch", or: 100)
        batchBytes = arguments.number("batch-bytes", or: 1 << 20)
        patience = UInt64(arguments.number("patience", or: 30)) * 1000
        progress = Progress("appending", unit: "bytes", total: total, wanted: arguments.has("progress"))
    }

    mutating func run(_ input: inout EventInput) throws(Failure) {
        while let batch = try input.nextBatch(events: batchEvents, bytes: batchBytes) {
            if signals?.next() == .stop { throw stopped("interrupted", .failed) }
            try send(batch)
            progress.reached(input.bytesDone)
        }
        progress.ended(input.bytesDone)
        guard !isRaw else { return }
        let seconds = Double(LinuxClock.monotonicMilliseconds() - began) / 1000
        let already = repeated > 0 ? ", \(Screen.grouped(repeated)) of them already there" : ""
        let position = acknowledged > 0 ? ", the log is at position \(lastPosition)" : ""
        Output.line(
            "\(Screen.grouped(acknowledged)) events acknowledged\(already)\(position) (\(tenths(seconds)) s)")
    }

    private func tenths(_ seconds: Double) -> String { "\(Int(seconds * 10) / 10).\(Int(seconds * 10) % 10)" }

    private mutating func send(_ batch: [InputEvent]) throws(Failure) {
        let response = try answer(to: batch)
        switch response.status {
        case 200, 201:
            if isRaw { Replies.show(response.body) }
            acknowledged += batch.count
            if response.status == 200 { repeated += batch.count }
            lastPosition = Problems.position(response) ?? lastPosition
        case 409 where batch.count > 1 && Problems.name(response) == "partial-repeat":
            // An earlier run sent some of these in another batch: halves will do, in order.
            try send(Array(batch[..<(batch.count / 2)]))
            try send(Array(batch[(batch.count / 2)...]))
        default: throw refused(response, batch)
        }
    }

    /// The answer to a batch, sent again as long as patience lasts while its outcome is unknown or nobody is there.
    private func answer(to batch: [InputEvent]) throws(Failure) -> ClientResponse {
        var body: [UInt8] = [0x5b]
        for (at, event) in batch.enumerated() {
            if at > 0 { body.append(0x2c) }
            body.append(contentsOf: event.bytes)
        }
        body.append(0x5d)
        let fields = cluster.callerFields + [("Content-Type", "application/cloudevents-batch+json")]
        let request = ClientRequest("POST", "/v1/events", fields: fields, body: body, mayRepeat: true)
        // Between the bounded attempts of the client, ctrl-C is heard.
        cluster.client.overallMilliseconds = min(1000, patience)
        var mayBeDone = false
        let deadline = LinuxClock.monotonicMilliseconds() + patience
        var pause = 50
        while true {
            let failure: Failure
            do throws(Failure) {
                let response = try cluster.send(request)
                guard [429, 503, 504].contains(response.status) else { return response }
                failure = Replies.refusal(response)
            } catch {
                failure = error
            }
            mayBeDone = mayBeDone || failure.code == .unknown
            guard failure.code != .usage, LinuxClock.monotonicMilliseconds() < deadline else {
                throw stopped(failure.message, mayBeDone && failure.code != .usage ? .unknown : failure.code)
            }
            if signals?.next() == .stop { throw stopped("interrupted", .unknown) }
            LinuxClock.pause(milliseconds: pause)
            pause = min(pause * 2, 1000)
        }
    }

    private func stopped(_ why: String, _ code: ExitCode) -> Failure {
        Failure(
            code, "\(why), after \(Screen.grouped(acknowledged)) acknowledged events",
            "run the same command again to go on: events already there are not doubled")
    }

    private func refused(_ response: ClientResponse, _ batch: [InputEvent]) -> Failure {
        if isRaw {
            Replies.show(response.body)
            return Failure(.failed, "")
        }
        let problem = Replies.refusal(response)
        let at = Problems.eventIndex(response)
        let line = at.flatMap { batch.indices.contains($0) ? batch[$0].line : nil }
        let place =
            line.map { "line \($0)" } ?? "lines \(batch[0].line) to \(batch[batch.count - 1].line), as one request"
        return Failure(
            problem.code, "\(place): \(problem.message)",
            [
                problem.hint,
                "\(Screen.grouped(acknowledged)) events before it are acknowledged; nothing from line \(batch[0].line) on was written",
            ].compactMap { $0 }.joined(separator: "\n  "))
    }
}
