import Simulator

/// A store of which there is one, as simple as can be: what every stream said after each position is kept whole, so that
/// going back is taking what was kept.
struct SingleStore {
    /// Of each stream, by number: the events that count, the newest last.
    typealias Contents = [Int: [UInt64]]

    private(set) var log: [LoggedEvent] = []
    /// After each position, 0 being before the first.
    private var contents: [Contents] = [[:]]
    private var versions: [[Int: UInt64]] = [[:]]
    /// Last positions of transactions.
    private(set) var ends: Set<UInt64> = [0]

    var position: UInt64 { UInt64(log.count) }

    /// Positions say nothing of the numbers in them.
    var numbers: [UInt64] {
        log.map {
            switch $0.what {
            case .event(let event, _, _): event
            case .rewind(let made): 1 << 32 + UInt64(made.order)
            }
        }
    }

    func version(_ stream: Int, at position: UInt64) -> UInt64 { versions[Int(position)][stream] ?? 0 }

    func content(_ stream: Int, at position: UInt64) -> [UInt64] { contents[Int(position)][stream] ?? [] }

    /// Why it refuses events; nil when it takes them.
    func reason(_ events: [SentEvent]) -> Refusal? {
        var version = versions[log.count]
        var isThere = contents[log.count].mapValues { !$0.isEmpty }
        var conflicts: [Refusal.Conflict] = []
        var reason: Refusal?
        for event in events {
            let now = version[event.stream] ?? 0
            let isNew = isThere[event.stream] != true
            if let expected = event.expected, expected != now, !(isNew && expected == 0) {
                conflicts.append(Refusal.Conflict(stream: event.stream, expected: expected, actual: now))
                continue
            }
            guard reason == nil else { continue }
            switch event.begins {
            case .always where !isNew: reason = .exists
            case .never where isNew && now > 0: return .gone
            case .never where isNew, .inPart where isNew: reason = .missing
            default:
                version[event.stream] = now + 1
                isThere[event.stream] = true
            }
        }
        return conflicts.isEmpty ? reason : .conflicts(conflicts)
    }

    mutating func append(_ events: [SentEvent]) -> [Standing] {
        let stamp = Int64(ends.count) * 10
        var made: [Standing] = []
        for event in events {
            var content = contents[log.count]
            var version = versions[log.count]
            content[event.stream] = event.isWhole ? [event.event] : (content[event.stream] ?? []) + [event.event]
            version[event.stream, default: 0] += 1
            let number = version[event.stream] ?? 0
            contents.append(content)
            versions.append(version)
            log.append(LoggedEvent(event: event.event, stream: event.stream, version: number, stamp: stamp))
            made.append(Standing(event: event.event, version: number, position: position, stamp: stamp))
        }
        ends.insert(position)
        return made
    }

    /// What going back would do; nil when there is nothing to go back to, or from.
    func preview(_ target: UInt64) -> Restored? {
        guard target >= 1, target + 1 < position + 1, ends.contains(target) else { return nil }
        let touched = touched(since: target)
        guard !touched.isEmpty else { return nil }
        return Restored(
            target: target, position: position, streams: touched.count,
            vanishing: touched.count { !content($0, at: position).isEmpty && content($0, at: target).isEmpty },
            appliedAt: nil)
    }

    private func touched(since target: UInt64) -> [Int] {
        versions[log.count].keys.filter { version($0, at: position) > version($0, at: target) }
    }

    mutating func rewind(_ order: Int, to target: UInt64) -> Restored? {
        guard var told = preview(target) else { return nil }
        var version = versions[log.count]
        for stream in touched(since: target) { version[stream, default: 0] += 1 }
        contents.append(contents[Int(target)])
        versions.append(version)
        log.append(
            LoggedEvent(
                RewindMade(order: order, target: target, streams: told.streams), stamp: Int64(ends.count) * 10))
        ends.insert(position)
        told.appliedAt = position
        return told
    }

    /// How a look at a stream is answered.
    func look(_ stream: Int, at position: UInt64) -> HistoryOperation.Outcome {
        let version = version(stream, at: position)
        let content = content(stream, at: position)
        guard version > 0 else { return .missing }
        guard let newest = content.last else { return .gone }
        let made = versions.firstIndex { ($0[stream] ?? 0) == version } ?? 0
        return .shown(version: version, stamp: log[made - 1].stamp, position: position, words: [newest])
    }

    /// What a reader is shown after a position, of a stream or of all.
    func shown(_ stream: Int?, after: UInt64) -> [Scan.Shown] {
        log.indices.filter { UInt64($0) + 1 > after }.compactMap { at in
            let position = UInt64(at) + 1
            let stamp = log[at].stamp
            switch log[at].what {
            case .event(let event, let own, let version):
                guard stream == nil || stream == own else { return nil }
                return .event(Standing(event: event, version: version, position: position, stamp: stamp))
            case .rewind(let made):
                guard let stream else { return .rewind(made, version: nil, position: position, stamp: stamp) }
                guard version(stream, at: position) > version(stream, at: position - 1) else { return nil }
                return .rewind(made, version: version(stream, at: position), position: position, stamp: stamp)
            }
        }
    }
}
