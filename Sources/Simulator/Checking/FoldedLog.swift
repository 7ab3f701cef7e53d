/// The log that a cluster ended with, folded as a reader of the design would: what every stream was after each position.
///
/// A rewind is understood from the whole store and not stream by stream: after it the store is what it was at the
/// target, and every stream that has a link after that is one version up. So what counts at a position is what stands
/// between it and the last rewind before, on top of what counted at that one's target. Nothing of the product is asked.
struct FoldedLog {
    let log: [LoggedEvent]
    /// Position of each event, and of each order that was carried out; looked up, never gone through.
    private(set) var positions: [UInt64: UInt64] = [:]
    private(set) var orders: [Int: UInt64] = [:]
    /// Positions of each stream's events, ascending.
    private var events: [[UInt64]] = []
    /// Positions of what made each stream's versions, events and rewinds, ascending: version 1 first.
    private(set) var links: [[UInt64]] = []
    /// Oldest first.
    private var rewinds: [(position: UInt64, target: UInt64)] = []
    /// What is wrong with the log as it stands; nil when nothing is.
    private(set) var flaw: String?

    var count: UInt64 { UInt64(log.count) }

    init(_ log: [LoggedEvent]) {
        self.log = log
        for (at, logged) in log.enumerated() {
            let position = UInt64(at) + 1
            if at > 0, logged.stamp < log[at - 1].stamp {
                flaw = "position \(position) is stamped earlier than the one before"
            }
            switch logged.what {
            case .event(let event, let stream, let version): add(event, stream, version, at: position)
            case .rewind(let rewind): add(rewind, at: position)
            }
            if flaw != nil { return }
        }
    }

    private mutating func add(_ event: UInt64, _ stream: Int, _ version: UInt64, at position: UInt64) {
        while links.count <= stream {
            links.append([])
            events.append([])
        }
        if positions.updateValue(position, forKey: event) != nil {
            flaw = "event \(event) stands in the log twice, again at position \(position)"
        }
        events[stream].append(position)
        links[stream].append(position)
        if version != UInt64(links[stream].count) {
            flaw = "position \(position) is version \(version) of its stream, out of order"
        }
    }

    private mutating func add(_ rewind: RewindMade, at position: UInt64) {
        if orders.updateValue(position, forKey: rewind.order) != nil {
            flaw = "order \(rewind.order) was carried out twice, again at position \(position)"
        }
        guard rewind.target >= 1, rewind.target < position - 1 else {
            flaw = "the rewind at position \(position) goes back to \(rewind.target)"
            return
        }
        let touched = streams(changedAfter: rewind.target, at: position - 1)
        if touched.count != rewind.streams {
            flaw = "the rewind at position \(position) touched \(rewind.streams) streams, not \(touched.count)"
        }
        for stream in touched { links[stream].append(position) }
        rewinds.append((position, rewind.target))
    }

    /// The streams that have a version made after `target`, when `position` was the last one.
    func streams(changedAfter target: UInt64, at position: UInt64) -> [Int] {
        links.indices.filter { version(of: $0, at: position) > version(of: $0, at: target) }
    }

    /// The version of a stream when `position` was the last one; 0 when nobody had named it yet.
    func version(of stream: Int, at position: UInt64) -> UInt64 {
        stream < links.count ? UInt64(Self.count(links[stream], through: position)) : 0
    }

    /// Whether a stream was there: neither nameless yet nor rewound away.
    func isThere(_ stream: Int, at position: UInt64) -> Bool { !content(of: stream, at: position, limit: 1).isEmpty }

    /// The events that counted of a stream when `position` was the last one, newest first.
    func content(of stream: Int, at position: UInt64, limit: Int = .max) -> [UInt64] {
        guard stream < events.count else { return [] }
        var found: [UInt64] = []
        var end = position
        while end > 0, found.count < limit {
            let rewind = lastRewind(at: end)
            let after = Self.count(events[stream], through: rewind?.position ?? 0)
            let through = Self.count(events[stream], through: end)
            if through > after { found += events[stream][after..<through].reversed() }
            end = rewind?.target ?? 0
        }
        return found
    }

    /// The rewind by which an event did not count when `position` was the last one; nil when it did.
    func undoing(_ event: UInt64, at position: UInt64) -> UInt64? {
        var end = position
        while let rewind = lastRewind(at: end), rewind.position > event {
            if rewind.target < event { return rewind.position }
            end = rewind.target
        }
        return nil
    }

    /// Positions of the rewinds after a position.
    func rewinds(after position: UInt64) -> [UInt64] { rewinds.map(\.position).filter { $0 > position } }

    private func lastRewind(at position: UInt64) -> (position: UInt64, target: UInt64)? {
        rewinds.last { $0.position <= position }
    }

    /// The last position of what a moment leaves, of the log through `end`: of an instant that of the last transaction
    /// stamped no later, 0 when there is none; a position itself.
    func cut(_ moment: Moment, through end: UInt64) -> UInt64 {
        switch moment {
        case .position(let position): return position
        case .stamp(let instant):
            var low = 0
            var high = Int(end)
            while low < high {
                let middle = (low + high) / 2
                if log[middle].stamp > instant { high = middle } else { low = middle + 1 }
            }
            return UInt64(low)
        }
    }

    /// How many of ascending positions are not after one.
    static func count(_ positions: [UInt64], through position: UInt64) -> Int {
        var low = 0
        var high = positions.count
        while low < high {
            let middle = (low + high) / 2
            if positions[middle] > position { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
