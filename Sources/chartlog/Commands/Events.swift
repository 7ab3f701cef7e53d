import Client
import JSON
import Linux

extension Command {
    static let events = Command(
        "events", "[--subject S] [--type T] [--after N] [--since I] [--until I] [--limit N] [--follow]",
        summary: "read the log's events in order, or follow them as they come",
        story: """
            --subject is a stream (patient/p-81f3) or a category ending in / (appointment/). With --json every line is
            the event as it was sent, with its position, streamversion, recordedtime and actor.
            """,
        options: [
            Option("subject", .text, "S", "of this stream, or of a category such as patient/"),
            Option("type", .text, "T", "of this type, such as appointment.booked", isRepeatable: true),
            Option("after", .position, "N", "after this position"),
            Option("before", .position, "N", "before this position"),
            Option("since", .instant, "I", "recorded at this instant or later"),
            Option("until", .instant, "I", "recorded at this instant or earlier"),
            Option("limit", .number(1...1_000_000_000), "N", "at most so many (default 1000)"),
            Option("newest-first", .flag, "", "from the end backwards"),
            Option("follow", .flag, "", "go on with what comes, until ctrl-C"), .asOf,
        ] + Option.cluster
    ) { arguments throws(Failure) in
        let cluster = try Cluster(arguments)
        if arguments.has("follow") {
            let refused = ["before", "until", "newest-first", "asof"].first(where: arguments.has)
            if let refused { throw Failure(.usage, "--follow goes on for ever: leave out --\(refused)") }
        }
        if arguments.has("follow") { cluster.client.expectsSlowStream() }
        var reading = EventReading(arguments, cluster)
        try reading.run()
    }
}

/// Reads /v1/events page after page, or for ever.
private struct EventReading {
    private let arguments: Arguments
    private let cluster: Cluster
    private let isRaw: Bool
    /// Where to go on: exclusive.
    private var from: String?
    private var left: Int
    /// Until then a lost connection is made again.
    private var reconnectsUntil: UInt64 = 0

    static let pageMax = 10_000

    init(_ arguments: Arguments, _ cluster: Cluster) {
        self.arguments = arguments
        self.cluster = cluster
        isRaw = arguments.has("json")
        left = arguments.number("limit", or: 1000)
        from = arguments.text(arguments.has("newest-first") ? "before" : "after")
    }

    mutating func run() throws(Failure) {
        while true {
            var page = EventPage(isRaw: isRaw)
            do throws(Failure) {
                try cluster.stream(
                    target, accept: "application/x-ndjson", head: { page.status = $0.status },
                    { page.take($0) })
            } catch {
                note(page)
                guard mayReconnect(after: error, page) else { throw error }
                guard left > 0 || arguments.has("follow") else { return }
                continue
            }
            note(page)
            if arguments.has("follow") || page.isCut, page.isPassing, mayReconnect(after: nil, page) { continue }
            try page.check()
            if arguments.has("follow") {
                return
            } else if !page.more || left <= 0 {
                return
            }
        }
    }

    private mutating func note(_ page: EventPage) {
        left -= page.count
        if let last = page.last { from = last }
    }

    /// A reading that had begun goes on where it stopped, for up to half a minute without anybody there.
    private mutating func mayReconnect(after failure: Failure?, _ page: EventPage) -> Bool {
        let now = LinuxClock.monotonicMilliseconds()
        if page.status == 200 { reconnectsUntil = now + 30_000 }
        guard reconnectsUntil > now, failure?.code != .usage else { return false }
        LinuxClock.pause(milliseconds: 50)
        return true
    }

    private var target: String {
        var parameters: [(String, String)] = []
        func add(_ name: String, _ value: String?) {
            if let value { parameters.append((name, value)) }
        }
        add("subject", arguments.text("subject"))
        for type in arguments.all("type") { add("type", type) }
        let isDescending = arguments.has("newest-first")
        add("after", isDescending ? arguments.text("after") : from)
        add("before", isDescending ? from : arguments.text("before"))
        add("since", arguments.text("since"))
        add("until", arguments.text("until"))
        add("asof", arguments.text("asof"))
        if isDescending { add("order", "desc") }
        if arguments.has("follow") {
            add("follow", "true")
            if arguments.has("limit") { add("limit", "\(min(max(left, 1), Self.pageMax))") }
        } else {
            add("limit", "\(min(left, Self.pageMax))")
        }
        let query = parameters.map { "\($0.0)=\(ClientRequest.encoded($0.1))" }.joined(separator: "&")
        return "/v1/events?\(query)"
    }
}

/// The lines of one answer.
private struct EventPage {
    let isRaw: Bool
    var status = 0
    private(set) var count = 0
    /// The position of the last event.
    private(set) var last: String?
    private(set) var more = false
    private var rest: [UInt8] = []
    private var problem: [UInt8]?
    private var isWhole = false

    init(isRaw: Bool) { self.isRaw = isRaw }

    /// Always true: nothing is abandoned.
    mutating func take(_ piece: [UInt8]) -> Bool {
        rest.append(contentsOf: piece)
        guard status == 200 else { return true }
        var first = 0
        while let end = rest[first...].firstIndex(of: 0x0a) {
            if end > first { line(Array(rest[first..<end])) }
            first = end + 1
        }
        rest.removeFirst(first)
        return true
    }

    private mutating func line(_ bytes: [UInt8]) {
        guard let view = try? JSONText(parsing: bytes).view else { return }
        if isRaw { Output.write(bytes + [0x0a], to: 1) }
        if let end = view["end"] {
            more = end["more"]?.bool ?? false
            isWhole = true
        } else if let error = view["error"] {
            problem = error.raw
        } else if let position = view["specversion"].flatMap({ _ in view["position"]?.string }) {
            count += 1
            last = position
            if !isRaw { Output.line(Self.text(view, position)) }
        } else if let caughtUp = view["caughtup"]?["position"], !isRaw {
            let position = caughtUp.string ?? caughtUp.numberText ?? ""
            Output.complaint(Screen.faint("caught up at position \(position); what comes now is new"))
        }
    }

    /// Position, time, type, stream and version, actor.
    private static func text(_ event: JSONView, _ position: String) -> String {
        let place = String(repeating: " ", count: max(0, 9 - position.count)) + position
        let type = Width.padded(Screen.safe(event["type"]?.string ?? ""), to: 34)
        let version = event["streamversion"]?.numberText.map { " v\($0)" } ?? ""
        let subject = "\(event["subject"]?.string ?? "")\(version)"
        let stream = Width.padded(Screen.safe(subject), to: 28)
        return "\(place)  \(Times.toTheSecond(event["recordedtime"]?.string))  \(type)  \(stream)  "
            + Screen.safe(event["actor"]?.string ?? "")
    }

    /// The answer ended, or did not begin, for a reason that passes: a replica that stops or starts.
    var isPassing: Bool {
        guard status == 200 else { return status == 503 }
        guard let problem else { return true }
        return (try? JSONText(parsing: problem).view["status"]?.integer ?? 503) ?? 503 >= 500
    }

    /// It began and did not come to its end, through no fault of the log.
    var isCut: Bool {
        guard status == 200, !isWhole else { return false }
        guard let problem else { return true }
        let name = (try? JSONText(parsing: problem).view["type"]?.string) ?? nil
        return name == "urn:chartlog:problem:no-primary" || name == "urn:chartlog:problem:unavailable"
    }

    /// - Throws: the refusal that came instead, or in the middle of, the events.
    func check() throws(Failure) {
        if status != 200 {
            if isRaw { return try Replies.showRaw(status, rest) }
            throw Replies.refusal(status, rest)
        }
        if let problem {
            throw Replies.refusal(503, problem)
        }
    }
}
