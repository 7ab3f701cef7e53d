internal import Bytes
internal import Consensus
internal import Records
internal import SegmentedLog

// Another set of voters, in steps that are entries: a learner copies the log, one joint step gives it the place of who
// leaves, and that one is retired for ever (design 8). Whoever leads takes the next step from what the log says.
extension Replica {
    /// The first step of a replacement, or of one that only joins.
    func change(leaving: Int?, joining wanted: Int?) throws(Problem) -> ConfigurationEntry {
        try mayChange()
        if let leaving, !membership.voters.contains(leaving) {
            throw Problem(.notFound, "Name a replica that votes: see chartlog status.")
        }
        let joining = try joiner(wanted)
        let change = MemberChange(joining: joining, leaving: leaving, isAutomatic: false, begun: clock.wall)
        return ConfigurationEntry(membership.adding(learner: joining), change: change, after: newest)
    }

    /// The newest configuration of the log.
    var newest: ConfigurationEntry { configurations[configurations.count - 1].entry }

    /// The joint step that takes a voter away.
    func change(removing leaving: Int) throws(Problem) -> ConfigurationEntry {
        if let given = givingUp(leaving) { return given }
        try mayChange()
        guard membership.voters.contains(leaving) else {
            throw Problem(.notFound, "Name a replica that votes: see chartlog status.")
        }
        let rest = membership.voters.filter { $0 != leaving }
        guard !rest.isEmpty else { throw Problem(.orderRefused, "The last replica cannot be removed.") }
        let well = rest.filter { $0 == configuration.id || isReachable($0) }
        guard well.count > rest.count / 2 else {
            throw Problem(.orderRefused, "Without it the others could not agree to anything: see chartlog status.")
        }
        return ConfigurationEntry(
            membership.joint(with: rest),
            change: MemberChange(joining: nil, leaving: leaving, isAutomatic: false, begun: clock.wall), after: newest)
    }

    /// One change at a time, begun by a primary whose own term stands (trap 12).
    func mayChange() throws(Problem) {
        guard newest.change == nil, !membership.isJoint,
            configurations[configurations.count - 1].index <= committedIndex
        else {
            throw Problem(.orderRefused, "Another change of replicas is under way: see chartlog status.")
        }
        guard raft.mayPropose else { throw Self.noPrimary }
    }

    private func joiner(_ wanted: Int?) throws(Problem) -> Int {
        if let wanted {
            guard let view = peers.view(wanted) else {
                throw Problem(.notFound, "There is no such replica in the configuration.")
            }
            guard !membership.retired.contains(wanted) else {
                throw Problem(.orderRefused, "That id was retired; ids are used once. Register a new spare.")
            }
            guard !membership.isMember(wanted) else {
                throw Problem(.orderRefused, "That replica is a member already.")
            }
            guard isReachable(view) else {
                throw Problem(.orderRefused, "That replica is not reachable, or its disk is not what it was.")
            }
            return wanted
        }
        guard let spare = spares.first(where: isReachable) else {
            throw Problem(.orderRefused, "No spare is reachable: see chartlog status.")
        }
        return spare
    }

    /// Replicas that there are links to and that have no part yet.
    var spares: [Int] {
        peers.views.map(\.id).filter { !membership.isMember($0) && !membership.retired.contains($0) }
    }

    /// Puts a step into the log; it counts from now on.
    func begin(_ entry: ConfigurationEntry, into effects: inout [ReplicaEffect]) {
        let stamp = log.lastStamp
        let draft = FrameDraft(
            term: raft.term, firstStamp: stamp, lastStamp: stamp, firstPosition: log.end.nextPosition, eventCount: 0,
            firstRecord: log.end.nextRecord, recordCount: 0, body: entry.body, leaves: .none)
        do throws(LogError) {
            let index = try log.append(draft, dice: &dice)
            configurations.append((index, entry))
            tellAppended(into: &effects)
            agree(.membershipAppended(index: index, entry.membership), into: &effects)
        } catch {
            failed(.internalError)
        }
    }

    /// The joint step is committed: the new voters alone from now on.
    func settle(_ settled: Membership, into effects: inout [ReplicaEffect]) {
        begin(ConfigurationEntry(settled, after: newest), into: &effects)
        if case .primary = life { recordOfStore(.membershipChanged) }
    }

    /// Takes a change that the log speaks of further, or begins one for a replica that is lost; called as time passes.
    func goOnChanging(into effects: inout [ReplicaEffect]) {
        guard case .primary = life, handover == nil, configurations[configurations.count - 1].index <= committedIndex,
            !membership.isJoint
        else { return }
        guard let change = newest.change else { return considerReplacing(into: &effects) }
        guard let joining = change.joining, hold(change) == nil else { return }
        let voters = membership.voters.filter { $0 != change.leaving } + [joining]
        let joint = membership.joint(with: voters.sorted())
        guard raft.refusal(of: joint) == nil else { return }
        begin(ConfigurationEntry(joint, change: change, after: newest), into: &effects)
    }

    private func considerReplacing(into effects: inout [ReplicaEffect]) {
        guard let leaving = lostVoters.first, replacementHold == nil,
            let joining = spares.first(where: isReachable)
        else { return }
        let change = MemberChange(joining: joining, leaving: leaving, isAutomatic: true, begun: clock.wall)
        var entry = ConfigurationEntry(membership.adding(learner: joining), change: change, after: newest)
        entry.replacedAt = clock.wall
        guard raft.refusal(of: entry.membership) == nil else { return }
        begin(entry, into: &effects)
        recordOfStore(.changeOrdered)
    }

    /// Voters that were not heard of for so long that they are replaced, or that have not what they had and have said so
    /// for a while: what others saw of one may overtake what it says itself.
    var lostVoters: [Int] {
        membership.voters.filter { id in
            guard id != configuration.id else { return false }
            switch state(of: id) {
            case .lost: return true
            case .rolledBack:
                return peers.view(id)?.rolledBackSince.map { clock.milliseconds >= $0 + Self.rolledBackMilliseconds }
                    == true
            default: return false
            }
        }
    }

    private static var rolledBackMilliseconds: UInt64 { 5_000 }

    /// Why a lost replica is not replaced, a constant sentence; nil when nothing holds it up, or nobody is lost.
    var replacementHold: String? {
        guard isPrimary, newest.change == nil else { return nil }
        let lost = lostVoters
        guard !lost.isEmpty else { return nil }
        guard membership.voters.count > 2 else {
            return "A replica is lost; with two there is no quorum to replace it."
        }
        guard lost.count == 1 else { return "More than one replica is lost: none is replaced without an order." }
        guard spares.contains(where: isReachable) else { return "A replica is lost and no spare is reachable." }
        if let last = newest.replacedAt,
            clock.wall.microseconds < last.microseconds + Int64(clamping: configuration.replacementMilliseconds) * 1000
        {
            return "A replica is lost; another was replaced not long ago, so an order is needed."
        }
        return nil
    }

    /// Why a change does not go on now, a constant sentence; nil when it can.
    func hold(_ change: MemberChange) -> String? {
        guard let joining = change.joining else { return nil }
        guard let view = peers.view(joining), isRecent(view), let figures = view.figures else {
            return "The joining replica is not reachable."
        }
        guard !view.isRolledBack, figures.state != .damaged, figures.state != .diskStalled else {
            return "The joining replica is not well."
        }
        guard raft.isCaughtUp(joining) else { return "The joining replica copies the log." }
        return nil
    }

    /// Forgets the memberships before the last that is folded.
    func passConfigurations() {
        while configurations.count > 1, configurations[1].index <= foldedIndex { configurations.removeFirst() }
    }
}
