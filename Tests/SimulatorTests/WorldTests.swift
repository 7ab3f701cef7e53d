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

    @Test func `one plan brings the same world twice, another seed another`() {
        let plan = Plan(seed: 8, replicas: 3, safetySeconds: 3)
        let first = World.run(plan)
        #expect(World.run(plan).trace == first.trace)
        #expect(World.run(Plan(seed: 9, replicas: 3, safetySeconds: 3)).trace != first.trace)
    }
}
