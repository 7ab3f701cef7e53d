import Simulator
import Testing

@Suite struct `Plans` {
    @Test func `a plan written down is read as it was`() throws {
        for seed in UInt64(1)...50 {
            let plan = Plan(seed: seed, replicas: 3)
            #expect(Plan(text: plan.text) == plan)
        }
        #expect(Plan(text: "seed 1\n") == nil)
        #expect(Plan(text: "seed 1\nreplicas 3\nnonsense 4\n") == nil)
    }
}
