/// Bugs that can be planted in a node, each a known trap of replication. They take effect only in builds with
/// `CHARTLOG_MUTANTS`, which are for tests: what watches the cluster must catch every one of them.
package enum Mutant: String, CaseIterable, Sendable {
    /// Trap 1: an entry of an earlier term commits by counting.
    case commitsOldTerms
    /// Trap 2: a step-down within a term forgets the vote.
    case forgetsVote
    /// Trap 3: answers go out before term and vote are durable.
    case answersBeforeDurableTerm
    /// Trap 4: a primary goes on without a quorum.
    case leadsWithoutQuorum
    /// Traps 4 and 7: voters forsake a primary they hear from.
    case isDisloyal
    /// Trap 5: whoever speaks in an old term is left without an answer.
    case ignoresOldTerms
    /// Trap 6: a pre-vote binds like a vote.
    case bindsByPreVote
    /// Trap 8: a learner does not vote, though the candidate knows it as a voter.
    case learnerKeepsVote
    /// Trap 9: an old refusal winds the next entry to send below what is matched.
    case windsBelowMatch
    /// Traps 15 and 16: votes and disks of learners count.
    case countsLearners
    /// Trap 10: a short append cuts off what follows it.
    case truncatesWithoutConflict
    /// Trap 11: all wait for the same time.
    case hasNoChance
    /// Trap 12: a change before an entry of the own term is committed, or on top of another.
    case changesEarly
    /// Trap 13: a membership stays though its entry was cut away.
    case keepsLostMembership
    /// Trap 14: the incoming voters are not asked.
    case countsOldVotersOnly
    /// Trap 17: a primary that is no voter any more counts itself.
    case countsRemovedSelf
    /// Trap 17: a primary that is no voter any more goes on.
    case staysThoughRemoved
    /// Trap 19: what is appended counts as durable.
    case countsUndurable
    /// Trap 25: a primary with a stalled disk goes on.
    case leadsWithStalledDisk
    /// Trap 28: a cut leaves the durable index where it was.
    case keepsCutDurable
    /// Trap 30: nothing bounds what is sent ahead.
    case floods
    /// Trap 33: reads are answered before an entry of the own term is committed.
    case readsEarly
    /// Trap 34: an answer to an earlier round confirms a later read.
    case confirmsByOldRounds
    /// Trap 39: votes regardless of what the candidate's log lacks.
    case votesForShortLogs
    /// Trap 21: a log with damage votes as if it ended before it.
    case forgetsDamagedEntries
    /// Trap 21: a log with damage stands for election.
    case standsWithDamage
    /// Trap 21: what a repair brings to light counts as the primary's.
    case trustsWhatCameToLight
    /// Trap 13: memberships that a repair brings to light do not count.
    case losesHiddenMemberships
    /// Trap 17: a primary whose removal nobody else has may not lead to commit it.
    case removedNeverLeads
    /// A replica folds and answers what is in its log before it is decided.
    case foldsUndecided
    /// A request that comes again is done again.
    case forgetsRepeats
    /// Orders behind one that failed are carried out.
    case goesOnAfterFailedOrder
    /// Appends are let in while a rewind is on its way.
    case appendsWhileRewinding
    /// A rewind takes how streams stood one event after its target.
    case looksPastTarget
    /// A rewind forgets streams that only an earlier rewind touched since its target.
    case rewindsEventsAlone
    /// Reads fold what a rewind undid.
    case foldsWhatWasUndone
    /// What begins an appointment anew behind a rewind is read as if it were the first of its stream.
    case readsAnewAsFirst
    /// A repeat of what was undone is answered as if it counted.
    case forgetsRewinds
    /// An instant in the middle of a frame is taken for its beginning.
    case cutsAtFrames
    /// An answer as of the present does not keep later stamps away from its instant.
    case fencesNothing
}
