import Consensus
import Testing

/// Thousands of short lives of clusters; whatever a seed ever broke is run first.
@Suite struct RandomClusterTests {
    @Test(arguments: 0..<6)
    func `whatever the network and the disks do, logs agree and come to rest`(block: UInt64) {
        var reads = 0
        var changes = 0
        var crashes = 0
        for seed in block * 50..<block * 50 + 50 {
            let cluster = RandomCluster(seed: seed)
            cluster.run()
            for complaint in cluster.referee.complaints { Issue.record("seed \(seed): \(complaint)") }
            reads += cluster.readsDone
            changes += cluster.changes
            crashes += cluster.crashes
        }
        #expect(reads > 100 && changes > 10 && crashes > 50, "\(reads) reads, \(changes) changes, \(crashes) crashes")
    }
}
