/// Many worlds, one after another, and what they came to together.
package struct Campaign: Sendable {
    package var worlds = 0
    package var events: UInt64 = 0
    package var operations = 0
    package var acknowledged = 0
    package var microseconds: UInt64 = 0
    /// How often each kind struck.
    package var faults = [UInt64](repeating: 0, count: FaultKind.allCases.count)
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
        for (at, count) in outcome.faults.enumerated() { faults[at] += count }
        if let violation = outcome.violation, failure == nil { failure = Failure(plan: plan, violation: violation) }
        return outcome
    }

    /// `crash 12, powerLoss 9, …`, the kinds that struck.
    package var faultText: String {
        zip(FaultKind.allCases, faults).filter { $0.1 > 0 }.map { "\($0.0.name) \($0.1)" }.joined(separator: ", ")
    }
}
