/// Makes a failing plan smaller while it fails in the same invariant: fewer kinds of faults, a shorter life, fewer
/// clients, no looks back, so that whoever reads its trace has less to read.
package struct Shrinking {
    /// The smallest that failed so far.
    package private(set) var plan: Plan
    package private(set) var violation: Violation
    /// Worlds tried.
    package private(set) var tries = 0
    private let triesMax: Int

    package init(_ failure: Campaign.Failure, triesMax: Int = 200) {
        plan = failure.plan
        violation = failure.violation
        self.triesMax = triesMax
    }

    package mutating func run() {
        var isSmaller = true
        while isSmaller, tries < triesMax {
            isSmaller = dropFaults()
            isSmaller = shorten() || isSmaller
            isSmaller = dropClients() || isSmaller
            isSmaller = dropLooksBack() || isSmaller
        }
    }

    private mutating func dropFaults() -> Bool {
        var isSmaller = false
        for kind in plan.faults.map(\.kind) {
            var smaller = plan
            smaller.faults.removeAll { $0.kind == kind }
            isSmaller = keep(smaller) || isSmaller
        }
        return isSmaller
    }

    private mutating func shorten() -> Bool {
        var smaller = plan
        let until = min(plan.safetyMicroseconds, violation.time + 1_000_000)
        smaller.safetyMicroseconds = until * 3 / 4
        if keep(smaller) { return true }
        smaller.safetyMicroseconds = until
        return until < plan.safetyMicroseconds && keep(smaller)
    }

    private mutating func dropClients() -> Bool {
        guard plan.clients > 1 else { return false }
        var smaller = plan
        smaller.clients = plan.clients / 2
        if keep(smaller) { return true }
        smaller.clients = plan.clients - 1
        return keep(smaller)
    }

    private mutating func dropLooksBack() -> Bool {
        var unexamined = plan
        unexamined.examinedMoments = 0
        let isSmaller = unexamined != plan && keep(unexamined)
        var present = plan
        present.asOfPerMillion = 0
        return (present != plan && keep(present)) || isSmaller
    }

    /// Takes the smaller plan when it fails alike.
    private mutating func keep(_ smaller: Plan) -> Bool {
        guard tries < triesMax else { return false }
        tries += 1
        guard let found = World.run(smaller).violation, found.invariant == violation.invariant else { return false }
        plan = smaller
        violation = found
        return true
    }
}
