#if CHARTLOG_MUTANTS
import Consensus
import Testing

/// Every planted bug is caught by the chaos or by the liveness that follows it. Built only with
/// `-Xswiftc -DCHARTLOG_MUTANTS`.
@Suite struct MutantTests {
    /// What no safety or peace after chaos can show, with the test that does: a bound, or a rule for which another
    /// one stands in.
    static let elsewhere: Set<Mutant> = []

    @Test(arguments: Mutant.allCases.filter { !elsewhere.contains($0) })
    func `chaos catches the planted bug`(mutant: Mutant) {
        for seed in UInt64(0)..<400 {
            let cluster = RandomCluster(seed: seed) { $0.mutants = [mutant] }
            cluster.run()
            if let complaint = cluster.referee.complaints.first {
                #expect(!complaint.isEmpty, "seed \(seed)")
                return
            }
        }
        Issue.record("\(mutant.rawValue) goes unnoticed")
    }
}
#endif
