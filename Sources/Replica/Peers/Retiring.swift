internal import Consensus
internal import Records

// A replica whose place was taken. It gets nothing more of the log, so the entry that retires it may never reach it: who
// has that entry committed tells it whenever it says where it stands. It believes that, for it can only cost it what it
// has lost already, and from then on it neither stands for election nor votes, promises or answers (design 8).
extension Replica {
    /// By what is folded here, which is committed.
    private var committedRetired: [Int] { configurations[0].entry.membership.retired }

    /// Tells a replica that is still there though it was retired.
    func tellRetired(_ peer: Int, into effects: inout [ReplicaEffect]) {
        guard committedRetired.contains(peer) else { return }
        effects.append(.send(to: peer, .retired))
    }

    /// It was retired itself, as its own log says.
    func considerRetired(into effects: inout [ReplicaEffect]) {
        guard !isRetired, committedRetired.contains(configuration.id) else { return }
        retire(into: &effects)
    }

    /// Leads, follows and answers no more.
    func retire(into effects: inout [ReplicaEffect]) {
        guard !isRetired, life.isAlive else { return }
        isRetired = true
        leaveAgreement(Self.retired, into: &effects)
        effects.append(.retired(Self.retired))
    }

    /// Others saw this very replica with more than its disk has: nothing it would promise could be believed.
    func foundRolledBack(into effects: inout [ReplicaEffect]) {
        guard !isRolledBack else { return }
        isRolledBack = true
        leaveAgreement(Self.rolledBack, into: &effects)
    }

    /// For the rest of this life; a primary steps down.
    private func leaveAgreement(_ problem: Problem, into effects: inout [ReplicaEffect]) {
        for ask in handover?.asks ?? [] { answer(ask, problem, &effects) }
        handover = nil
        agree(.barred, into: &effects)
        tell(primary: nil, into: &effects)
    }

    static var rolledBack: Problem {
        Problem(.orderRefused, "This replica's disk was rolled back: nobody may follow it.")
    }

    static var retired: Problem {
        Problem(.retired, "This replica was retired, another has its place: ask one that chartlog status lists.")
    }
}
