import Simulator
import Testing

@Suite struct `Worlds` {
    @Test(arguments: [UInt64(3), 5, 9, 14])
    func `a cluster of one keeps its promises through crashes, lost power and failing disks`(seed: UInt64) {
        let outcome = World.run(Plan(seed: seed, replicas: 1, safetySeconds: 6))
        #expect(outcome.violation == nil)
        #expect(outcome.acknowledged > 0 && outcome.logged >= outcome.acknowledged)
        #expect(outcome.faults.reduce(0, +) > 0)
    }

    @Test(arguments: [UInt64(2), 5, 6, 12])
    func `three replicas keep their promises through crashes, lost messages and failing disks`(seed: UInt64) {
        let outcome = World.run(Plan(seed: seed, replicas: 3, safetySeconds: 6))
        #expect(outcome.violation == nil)
        #expect(outcome.acknowledged > 0 && outcome.logged >= outcome.acknowledged)
    }

    @Test(arguments: [(UInt64(4), 1), (6, 3), (12, 3)])
    func `what was is told alike before and after rewinds, failovers and restarts`(seed: UInt64, replicas: Int) {
        var plan = Plan(seed: seed, replicas: replicas, safetySeconds: 8)
        // Few mishaps, so that there is something to go back from whatever the seed.
        plan.faults = [
            Plan.Fault(kind: .crash, mean: 2_500_000), Plan.Fault(kind: .powerLoss, mean: 4_000_000),
            Plan.Fault(kind: .handover, mean: 2_500_000), Plan.Fault(kind: .rewind, mean: 400_000),
        ].filter { replicas > 1 || !$0.kind.needsPeers }
        plan.readsPerMillion = 400_000
        plan.asOfPerMillion = 500_000
        plan.examinedMoments = 5
        let outcome = World.run(plan)
        #expect(outcome.violation == nil)
        #expect(outcome.rewinds > 0 && outcome.pastAnswers > 0 && outcome.examined == 5)
    }

    @Test func `a plan that says nothing of going back brings a world without it`() throws {
        var plan = Plan(seed: 7, replicas: 3, safetySeconds: 4)
        plan.faults.removeAll { $0.kind == .rewind }
        plan.asOfPerMillion = 0
        plan.examinedMoments = 0
        let lines = plan.text.split(separator: "\n").filter {
            !$0.hasPrefix("as-of") && !$0.hasPrefix("examined") && !$0.hasPrefix("rewound")
        }
        plan.rewoundSliceMax = 128
        let old = try #require(Plan(text: lines.joined(separator: "\n")))
        #expect(old == plan)
        let outcome = World.run(old)
        #expect(outcome.violation == nil && outcome.acknowledged > 0)
        #expect(outcome.rewinds == 0 && outcome.pastAnswers == 0 && outcome.examined == 0)
    }

    @Test func `one plan brings the same world twice, another seed another`() {
        let plan = Plan(seed: 8, replicas: 3, safetySeconds: 3)
        let first = World.run(plan)
        #expect(World.run(plan).trace == first.trace)
        #expect(World.run(Plan(seed: 9, replicas: 3, safetySeconds: 3)).trace != first.trace)
    }
}
