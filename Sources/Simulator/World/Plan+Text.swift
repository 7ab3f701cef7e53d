/// A plan as text: a line each of name and value, faults as `fault NAME MEAN`. What a failing world leaves behind and
/// what replays it.
extension Plan {
    package var text: String {
        var lines = ["seed \(seed)", "replicas \(replicas)"]
        for (name, path) in Self.words { lines.append("\(name) \(self[keyPath: path])") }
        for (name, path) in Self.counts { lines.append("\(name) \(self[keyPath: path])") }
        if let mutant { lines.append("mutant \(mutant)") }
        for fault in faults { lines.append("fault \(fault.kind.name) \(fault.mean)") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// nil when a line is none of a plan, or seed or replicas are missing. Lines that begin with `#` are remarks.
    package init?(text: String) {
        var plan = Plan(bareSeed: 0, replicas: 0)
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard plan.take(line.split(separator: " ").map(String.init)) else { return nil }
        }
        guard plan.replicas > 0 else { return nil }
        self = plan
    }

    private mutating func take(_ parts: [String]) -> Bool {
        if parts.count == 2, parts[0] == "mutant" {
            mutant = parts[1]
            return true
        }
        guard parts.count >= 2, let value = UInt64(parts[parts.count - 1]) else { return false }
        if parts[0] == "fault" {
            guard parts.count == 3, let kind = FaultKind(name: parts[1]) else { return false }
            faults.append(Fault(kind: kind, mean: value))
            return true
        }
        guard parts.count == 2 else { return false }
        if parts[0] == "seed" {
            seed = value
        } else if parts[0] == "replicas" {
            replicas = Int(clamping: value)
        } else if let word = Self.words.first(where: { $0.0 == parts[0] }) {
            self[keyPath: word.1] = value
        } else if let count = Self.counts.first(where: { $0.0 == parts[0] }) {
            self[keyPath: count.1] = Int(clamping: value)
        } else {
            return false
        }
        return true
    }

    private static var words: [(String, WritableKeyPath<Plan, UInt64>)] {
        [
            ("safety-microseconds", \.safetyMicroseconds), ("think-microseconds", \.thinkMicroseconds),
            ("reads-per-million", \.readsPerMillion), ("patience-microseconds", \.patienceMicroseconds),
            ("as-of-per-million", \.asOfPerMillion),
            ("snapshot-every", \.snapshotEvery), ("tick-microseconds", \.tickMicroseconds),
            ("turn-microseconds", \.turnMicroseconds), ("disk-microseconds", \.diskMicroseconds),
            ("link-microseconds", \.linkMicroseconds), ("restart-microseconds", \.restartMicroseconds),
            ("heartbeat-milliseconds", \.heartbeatMilliseconds), ("election-milliseconds", \.electionMilliseconds),
            ("lost-milliseconds", \.lostMilliseconds),
        ]
    }

    private static var counts: [(String, WritableKeyPath<Plan, Int>)] {
        [
            ("spares", \.spares), ("clients", \.clients), ("patients", \.patients), ("appointments", \.appointments),
            ("batch-max", \.batchMax), ("body-capacity", \.bodyCapacity), ("slots-min", \.slotsMin),
            ("fill-step", \.fillStep), ("cached-frames", \.cachedFrames),
            ("waiting-appends-max", \.waitingAppendsMax), ("disk-bytes", \.diskBytes),
            ("message-entries-max", \.messageEntriesMax), ("flights-max", \.flightsMax),
            ("examined-moments", \.examinedMoments), ("rewound-slice-max", \.rewoundSliceMax),
        ]
    }
}
