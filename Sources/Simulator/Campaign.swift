/// Many worlds, one after another, and what they came to together.
package struct Campaign: Sendable {
    package var worlds = 0
    package var events: UInt64 = 0
    package var operations = 0
    package var acknowledged = 0
    package var microseconds: UInt64 = 0
    /// Rewinds that stand in the logs, answers of how things had been, and moments that all voters of a world were asked
    /// about at its end.
    package var rewinds = 0
    package var pastAnswers = 0
    package var examined = 0
    /// How often each kind struck.
    package var faults = [UInt64](repeating: 0, count: FaultKind.allCases.count)
    /// In how many worlds two kinds both struck: a row for each kind, a column for each.
    private var pairs = [Int](repeating: 0, count: FaultKind.allCases.count * FaultKind.allCases.count)
    /// The first world that broke a promise.
    package var failure: Failure?

    /// A plan and what it broke.
    package struct Failure: Sendable {
        package var plan: Plan
        package var violation: Violation
    }

    package init() {}

    /// Lives through one more world.
    package mutating func add(
        _ plan: Plan, narrator: ((String) -> Void)? = nil, tellsMessages: Bool = false
    ) -> Outcome {
        let outcome = World.run(plan, narrator: narrator, tellsMessages: tellsMessages)
        worlds += 1
        events += outcome.events
        operations += outcome.operations
        acknowledged += outcome.acknowledged
        microseconds += outcome.microseconds
        rewinds += outcome.rewinds
        pastAnswers += outcome.pastAnswers
        examined += outcome.examined
        for (at, count) in outcome.faults.enumerated() { faults[at] += count }
        let struck = outcome.faults.indices.filter { outcome.faults[$0] > 0 }
        for one in struck { for other in struck { pairs[one * faults.count + other] += 1 } }
        if let violation = outcome.violation, failure == nil { failure = Failure(plan: plan, violation: violation) }
        return outcome
    }

    /// `crash 12, powerLoss 9, …`, the kinds that struck.
    package var faultText: String {
        zip(FaultKind.allCases, faults).filter { $0.1 > 0 }.map { "\($0.0.name) \($0.1)" }.joined(separator: ", ")
    }

    /// What these worlds did not meet often enough to say that they were clean: each kind once in two worlds, a whole
    /// disk lost or a write gone astray, which others must be able to bear, once in ten; each pair of kinds in one world of two
    /// hundred; 50 faults and 300 operations a world; and, of going back, one rewind that was carried out, 50 answers of
    /// how things had been and two moments looked at by all voters a world. Empty when they did.
    package var shortfalls: [String] {
        var found: [String] = []
        for kind in FaultKind.allCases {
            let least = kind.losesDisk || kind == .misdirectedWrite ? worlds / 10 : worlds / 2
            let count = faults[kind.rawValue]
            if count < UInt64(least) { found.append("\(kind.name) struck \(count) times, not \(least)") }
            for other in FaultKind.allCases.dropFirst(kind.rawValue + 1) where !(kind.losesDisk && other.losesDisk) {
                let together = pairs[kind.rawValue * faults.count + other.rawValue]
                guard together < worlds / 200 else { continue }
                found.append("\(kind.name) and \(other.name) met in \(together) worlds, not \(worlds / 200)")
            }
        }
        let all = faults.reduce(0, +)
        if all < UInt64(50 * worlds) { found.append("\(all) faults, not \(50 * worlds)") }
        if operations < 300 * worlds { found.append("\(operations) operations, not \(300 * worlds)") }
        if rewinds < worlds { found.append("\(rewinds) rewinds, not \(worlds)") }
        if pastAnswers < 50 * worlds { found.append("\(pastAnswers) answers of the past, not \(50 * worlds)") }
        if examined < 2 * worlds { found.append("\(examined) moments examined, not \(2 * worlds)") }
        return found
    }
}
