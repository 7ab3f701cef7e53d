package import Consensus
internal import Files
package import SegmentedLog
package import Views

/// What a watcher of a replica may see besides its effects: the numbers that the invariants of agreement speak of.
/// Looking changes nothing.
package struct ReplicaWitness: Equatable, Sendable {
    package var term: UInt64
    /// Decides and answers, as it believes.
    package var isPrimary: Bool
    /// Everything through here is decided, as it knows.
    package var committed: UInt64
    /// Everything through here is folded.
    package var folded: UInt64
    package var lastIndex: UInt64
    package var durableIndex: UInt64
    package var position: UInt64
    package var record: UInt64
    package var waitingAppends: Int
    package var waitingBytes: Int
    /// Who takes part, as its log says.
    package var membership: Membership
}

extension Replica {
    package var witness: ReplicaWitness {
        var isPrimary = false
        if case .primary = life { isPrimary = true }
        return ReplicaWitness(
            term: raft.term, isPrimary: isPrimary, committed: raft.committed, folded: foldedIndex,
            lastIndex: log.lastIndex, durableIndex: log.durableIndex, position: book.position, record: book.record,
            waitingAppends: waitingAppends, waitingBytes: waitingBytes,
            membership: membership)
    }

    /// The header of an entry of the log; nil when there is none or it cannot be read.
    package func header(ofEntry index: UInt64) -> FrameHeader? { try? log.header(at: index) }

    /// What this replica knows another to have had: what it would refuse that one for having less of. nil: nothing.
    package func sighting(of other: Int) -> PeerSighting? { peers.view(other)?.sighting }

    /// The digests of the views where they stand.
    package var digests: ViewDigests { book.digests }

    /// The term of the last entry of its log.
    package var lastTerm: UInt64 { log.end.term }

    /// Whether a bug is planted: never, but in builds for tests.
    @inline(__always) func mutated(_ mutant: Mutant) -> Bool {
        #if CHARTLOG_MUTANTS
        return raft.mutants.contains(mutant)
        #else
        return false
        #endif
    }

    #if CHARTLOG_MUTANTS
    /// Bugs planted for tests.
    package var mutants: Set<Mutant> {
        get { raft.mutants }
        set { raft.mutants = newValue }
    }
    #endif
}
