/// Who takes part. The newest membership in a log counts, committed or not, and is taken back when its entry is cut
/// away (thesis 4.1).
///
/// While it is joint, both `voters` and `incoming` must agree to everything (thesis 4.3). Ids are used once: who left
/// is retired for ever.
package struct Membership: Equatable, Sendable {
    /// Ascending.
    package var voters: [Int]
    /// The voters to be, ascending, while a change is under way.
    package var incoming: [Int]?
    /// Copy the log and count for nothing. Ascending.
    package var learners: [Int]
    /// Were voters once, or learners that were given up, and never count again. Ascending.
    package var retired: [Int]

    package init(voters: [Int], incoming: [Int]? = nil, learners: [Int] = [], retired: [Int] = []) {
        self.voters = voters
        self.incoming = incoming
        self.learners = learners
        self.retired = retired
    }

    package var isJoint: Bool { incoming != nil }

    package func isVoter(_ id: Int) -> Bool { voters.contains(id) || incoming?.contains(id) == true }

    package func isMember(_ id: Int) -> Bool { isVoter(id) || learners.contains(id) }

    /// Everybody that gets the log, ascending.
    package var members: [Int] {
        var all = voters + learners
        for id in incoming ?? [] where !all.contains(id) { all.append(id) }
        return all.sorted()
    }

    /// Whether it can be worked with: somebody votes, every list ascends, nobody plays two parts.
    package var isSound: Bool {
        func ascends(_ ids: [Int]) -> Bool { zip(ids, ids.dropFirst()).allSatisfy(<) && ids.allSatisfy { $0 > 0 } }
        return !voters.isEmpty && incoming?.isEmpty != true && ascends(voters) && ascends(incoming ?? [])
            && ascends(learners) && ascends(retired) && !learners.contains(where: isVoter)
            && !retired.contains(where: isMember)
    }

    /// The first half of a change of voters: the old ones and the new ones together. Learners among the new cease to
    /// be learners.
    package func joint(with voters: [Int]) -> Membership {
        Membership(
            voters: self.voters, incoming: voters.sorted(), learners: learners.filter { !voters.contains($0) },
            retired: retired)
    }

    /// The second half of a change of voters; who is not among the new is retired.
    package var settled: Membership {
        guard let incoming else { return self }
        let leaving = voters.filter { !incoming.contains($0) }
        return Membership(voters: incoming, learners: learners, retired: (retired + leaving).sorted())
    }

    package func adding(learner id: Int) -> Membership {
        var changed = self
        if !isMember(id) { changed.learners = (learners + [id]).sorted() }
        return changed
    }

    /// A learner less. Its id is used up: another disk under it would be taken for the first one, rolled back.
    package func removing(learner id: Int) -> Membership {
        guard learners.contains(id) else { return self }
        var changed = self
        changed.learners.removeAll { $0 == id }
        changed.retired = (retired + [id]).sorted()
        return changed
    }
}
