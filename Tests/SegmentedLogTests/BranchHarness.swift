import Bytes
import Files
import Keys
import SegmentedLog
import Testing

/// A log of three segments, the first closed, and what it takes to branch off it.
final class Parent {
    typealias Harness = LogHarness<MemoryFiles>

    let harness: Harness
    let log: Harness.Log

    init(seed: UInt64 = 5) throws {
        harness = try Harness(MemoryFiles(), crypto: Crypto(), keys: Means.keys)
        harness.dice = SeededDice(seed: seed)
        harness.configuration.bodyCapacity = 900
        try harness.create()
        log = try harness.open().log
        while log.lastSegment < 3 || log.lastIndex % 3 != 0 {
            try harness.append(log, events: 1 + Int(log.lastIndex % 2))
            try harness.flush(log)
            if log.lastSegment == 2 { try harness.close(log) }
        }
        try harness.settle(log)
        try #require(log.lastSegment == 3 && log.closedSegments == [1])
    }

    static func id(_ number: UInt64) -> ClusterIdentity { ClusterIdentity(low: number, high: 0xb) }

    /// The keys of a branch: those of its parent, and one epoch more of each kind.
    static func keys(_ parent: KeyRing, _ identity: ClusterIdentity) throws -> KeyRing {
        var dice = SeededDice(seed: 1000 + UInt64(parent.logEpoch))
        var held: [HeldKey] = []
        for (kind, newest) in [
            (KeyKind.logEpoch, parent.logEpoch), (.registryEpoch, parent.registryEpoch), (.audit, parent.auditEpoch),
        ] {
            for epoch in 1...newest {
                held.append(HeldKey(kind: kind, epoch: epoch, key: try parent.key(kind, epoch: epoch)))
            }
            held.append(HeldKey(kind: kind, epoch: newest + 1, key: .random(dice: &dice)))
        }
        return KeyRing(clusterID: identity.bytes, held: held)
    }

    /// A store that begins with a copy of another's segments, as they are now.
    static func branch<Store: FileStore>(
        off log: Harness.Log, of parent: Harness, on store: Store, id: UInt64
    ) throws -> LogHarness<Store> {
        let identity = Self.id(id)
        let branch = try LogHarness(store, crypto: parent.crypto, keys: keys(parent.keys, identity))
        branch.configuration = parent.configuration
        branch.dice = SeededDice(seed: 40 + id)
        branch.lineage = try #require(log.lineage.branched(to: identity, after: log.end, in: log.lastSegment))
        return branch
    }

    func branch<Store: FileStore>(on store: Store, id: UInt64 = 1) throws -> LogHarness<Store> {
        try Self.branch(off: log, of: harness, on: store, id: id)
    }

    /// The files as they are now, on a disk of their own.
    func copy() -> MemoryFiles { harness.store.copy() }

    var bodies: [[UInt8]] { get throws { try log.bodies() } }
}

extension EntryLog {
    /// The bodies of all frames.
    func bodies() throws(LogError) -> [[UInt8]] {
        var found: [[UInt8]] = []
        for index in 1...lastIndex { found.append(try frame(at: index).body) }
        return found
    }
}
