#if CHARTLOG_MUTANTS
import Consensus
import Testing

/// Every planted bug is caught: by the chaos, or by the test of its trap. Built only for `Tools/mutants`.
@Suite struct MutantTests {
    static let byChaos: [Mutant] = [
        .forgetsVote, .learnerKeepsVote, .countsLearners,
        .truncatesWithoutConflict, .countsOldVotersOnly, .countsRemovedSelf, .countsUndurable, .floods,
        .readsEarly, .votesForShortLogs,
    ]

    static let byTrap: [Mutant] = [
        .commitsOldTerms, .forgetsVote, .leadsWithoutQuorum, .isDisloyal, .ignoresOldTerms, .bindsByPreVote,
        .windsBelowMatch, .hasNoChance, .changesEarly, .keepsLostMembership, .staysThoughRemoved,
        .leadsWithStalledDisk, .keepsCutDurable, .confirmsByOldRounds, .forgetsDamagedEntries, .standsWithDamage,
        .trustsWhatCameToLight, .losesHiddenMemberships, .removedNeverLeads, .answersBeforeDurableTerm,
    ]

    /// Bugs beside agreement, found by whole worlds: Fixtures/simulator/mutants.txt.
    static let byWorlds: [Mutant] = [
        .foldsUndecided, .forgetsRepeats, .goesOnAfterFailedOrder, .appendsWhileRewinding, .looksPastTarget,
        .rewindsEventsAlone, .foldsWhatWasUndone, .readsAnewAsFirst, .forgetsRewinds, .cutsAtFrames, .fencesNothing,
    ]

    /// Safety, a bound or the peace after the chaos fails within a few seeds.
    @Test(arguments: byChaos)
    func `chaos catches the planted bug`(mutant: Mutant) {
        for seed in UInt64(0)..<1_000 {
            let cluster = Host.$planted.withValue([mutant]) { RandomCluster(seed: seed) }
            cluster.run()
            if !cluster.referee.complaints.isEmpty { return }
        }
        Issue.record("\(mutant.rawValue) goes unnoticed")
    }

    /// What takes a rare history, or only costs time, fails where it is told step by step.
    @Test(arguments: byTrap)
    func `the test of its trap catches the planted bug`(mutant: Mutant) {
        withKnownIssue { Host.$planted.withValue([mutant]) { tell(mutant) } }
    }

    private func tell(_ mutant: Mutant) {
        let elections = ElectionTrapTests()
        let logs = LogTrapTests()
        let members = MembershipTrapTests()
        switch mutant {
        case .commitsOldTerms: elections.`trap 1: an entry of an earlier term is not committed by counting`()
        case .answersBeforeDurableTerm:
            elections.`trap 3: no answer leaves before term and vote are durable, together`()
        case .forgetsVote: elections.`trap 2: a same-term step-down keeps the vote`()
        case .leadsWithoutQuorum:
            elections.`trap 4: a primary that nobody answers steps down, and another takes over`()
        case .isDisloyal: elections.`trap 7: a removed voter that does not know it disturbs nobody`()
        case .ignoresOldTerms: elections.`trap 5: whoever speaks in an old term is told the newer one`()
        case .bindsByPreVote:
            elections.`trap 6: a granted pre-vote names the term asked for and changes neither vote nor timer`()
        case .windsBelowMatch: logs.`trap 9: an old refusal never winds back what is matched`()
        case .hasNoChance: elections.`trap 11: each wait is drawn anew from a range as long as the shortest`()
        case .changesEarly: members.`trap 12: no change before an entry of the term is committed`()
        case .keepsLostMembership:
            members.`trap 13: a membership counts when it is appended, and no more when it is cut away`()
        case .staysThoughRemoved:
            members.`trap 17: a primary that leaves does not count itself, and steps down when it is out`()
        case .leadsWithStalledDisk:
            logs.`trap 25: a disk told stalled keeps its node from standing until it is told well`()
        case .keepsCutDurable:
            logs.`trap 28: a write of entries that were cut away counts for nothing when it comes back`()
        case .confirmsByOldRounds:
            try? logs.`trap 34: answers to an earlier round do not confirm a later read`()
        case .forgetsDamagedEntries, .standsWithDamage:
            logs.`trap 21: a damaged log votes by what its headers claim, and does not stand`()
        case .trustsWhatCameToLight:
            logs.`trap 21: what a repair brings to light is not the primary's until its append says so`()
        case .losesHiddenMemberships:
            logs.`trap 21: memberships that come to light count at once, in place of those known before`()
        case .removedNeverLeads:
            members.`trap 17: who is removed by an entry not known to be committed may still have to lead`()
        default: break
        }
    }

    @Test func `every planted bug has its test`() {
        for mutant in Mutant.allCases {
            let lists = [Self.byChaos, Self.byTrap, Self.byWorlds]
            #expect(lists.contains { $0.contains(mutant) }, "\(mutant.rawValue)")
        }
    }
}
#endif
