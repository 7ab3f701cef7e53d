import Backup
import Bytes
import JSON
import Keys
import Linux
import Records
import Replica
import SegmentedLog
import Server

/// What `restore branch` says of what it makes, and of what went wrong.
struct BranchWords {
    let parent: ClusterIdentity
    /// What is not known of the source.
    let caution: String?
    /// What came after the target is left out.
    let leavesOut: Bool

    /// What will be undone, before it is.
    func show(_ target: BranchTarget, _ plan: RestorePlan?) {
        Output.line("back to               \(target.instant.text)")
        Output.line(
            "position              \(Screen.grouped(target.position)) of \(Screen.grouped(target.lastPosition))")
        if leavesOut { Output.line("of what came after    \(Self.beside(target)) stay") }
        guard let plan else {
            return Output.line(leavesOut ? "nothing is to be undone" : "nothing came after it: nothing is undone")
        }
        Output.line("streams that change   \(Screen.grouped(plan.streams))")
        Output.line("of them made since    \(Screen.grouped(plan.vanishing))")
        Output.line("patients concerned    \(Screen.grouped(plan.patients))")
        Output.line("bookings that return  \(Screen.grouped(plan.appointmentsReturning))")
        Output.line("bookings that vanish  \(Screen.grouped(plan.appointmentsVanishing))")
        Output.line("stay erased           \(Screen.grouped(plan.erasures))")
        Output.line("stay withdrawn        \(Screen.grouped(plan.withdrawals))")
        Output.line("stay revoked          \(Screen.grouped(plan.revocations))")
    }

    private static func beside(_ target: BranchTarget) -> String {
        "\(Screen.grouped(target.eventsBeside)) events and \(Screen.grouped(target.recordsBeside)) records"
    }

    /// What was made, or of a preview how to go on.
    func show(_ made: StoreMaker.Made?, _ branch: BranchMade, at directory: String) {
        Output.line("")
        if let made {
            Output.line("made \(Screen.safe(made.layout.directory)), cluster \(made.clusterID)")
            Output.line("branched from cluster \(Hex.text(of: parent.bytes)), entry \(branch.copied)")
        }
        if let caution {
            Output.complaint(Screen.complaintStyle("! made \(caution)"))
            Output.complaint(
                "  its log ends with entry \(branch.copied), position \(Screen.grouped(branch.target.lastPosition)), "
                    + "stamped \(branch.target.lastStamp.text)")
        }
        if leavesOut, branch.target.eventsBeside + branch.target.recordsBeside > 0 {
            Output.complaint(
                Screen.complaintStyle("! of what came after, \(Self.beside(branch.target)) are in its log nevertheless")
            )
            Output.complaint(
                "  they share an entry with the last that counts: undone, but in events, as of then and in the audit trail"
            )
        }
        guard let made else {
            Output.line("no store was made; the same command without --preview makes it of what is copied and verified")
            return Output.line("not wanted? Remove \(Screen.safe(directory)).partial")
        }
        Output.line("")
        Output.line("  chartlog start \(Screen.safe(made.layout.directory))")
        Output.line("  export CHARTLOG_CONTEXT=\(Screen.safe(made.layout.serviceContext))")
    }

    func json(_ made: StoreMaker.Made?, _ branch: BranchMade) -> String {
        var writer = JSONWriter()
        writer.object { object in
            if let made {
                object.member("directory", made.layout.directory)
                object.member("cluster", made.clusterID)
            }
            object.member("made", made != nil)
            object.member("parent", Hex.text(of: parent.bytes))
            object.member("instant", branch.target.instant.text)
            object.member("target", branch.target.position)
            object.member("position", branch.target.lastPosition)
            object.member("entries", branch.copied)
            object.member("streams", branch.plan?.streams ?? 0)
            object.member("patients", branch.plan?.patients ?? 0)
            object.member("vanishing", branch.plan?.vanishing ?? 0)
            object.object("appointments") { bookings in
                bookings.member("returning", branch.plan?.appointmentsReturning ?? 0)
                bookings.member("vanishing", branch.plan?.appointmentsVanishing ?? 0)
            }
            object.object("never_rewound") { never in
                never.member("erasures", branch.plan?.erasures ?? 0)
                never.member("withdrawals", branch.plan?.withdrawals ?? 0)
                never.member("revocations", branch.plan?.revocations ?? 0)
            }
            if let position = branch.plan?.appliedAt { object.member("rewoundby", position) }
            object.member("complete", caution == nil)
            if leavesOut {
                object.member("later_events", branch.target.eventsBeside)
                object.member("later_records", branch.target.recordsBeside)
            }
            if let made {
                object.array("endpoints") { array in for endpoint in made.endpoints { array.string(endpoint) } }
            }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// What else can be done where the newest backup cannot be used.
    static func instead(_ error: BackupError, _ arguments: Arguments) -> String {
        switch error {
        case .olderRegisters: " --older-registers takes it all the same: bring in from elsewhere what it lacks of them."
        case .damaged where !arguments.has("backup"), .flawed where !arguments.has("backup"):
            " --backup N, with --older-registers, takes an older one (chartlog backup list); it ends earlier."
        default: ""
        }
    }

    static func failure(_ error: ReplicaError) -> Failure {
        switch error {
        case .refused(let problem):
            var hint = problem.detail.description
            for field in problem.fields {
                if case .position(let position) = field { hint += " (position \(position))" }
                if case .neighbours(let before, let after) = field { hint += " (\(before) or \(after))" }
            }
            return Failure(.failed, problem.kind.rawValue, hint)
        case .log(.damaged(let fault)):
            return Failure(
                .failed,
                "damaged: entry \(fault.index) of segment \(fault.segment), from position \(fault.position) on",
                "no shorter store is made of it: restore from another backup or replica")
        case .key(.missing):
            return Failure(.failed, "a key is missing that the log needs", "give an escrow that is as new as the log")
        case .key: return Failure(.failed, "the keys do not open this log", "they are another store's")
        case .log(.otherCluster), .log(.lineage):
            return Failure(.failed, "the segments are not those of the store that the keys belong to")
        case .views:
            return Failure(
                .failed, "the copy does not fold to what the backup says", "chartlog backup verify with keys says where"
            )
        case .log, .entry: return Failure(.failed, "the log cannot be read", "chartlog verify says where")
        case .file:
            return Failure(.failed, "the copy cannot be written", "see whether the disk has room; then run it again")
        case .exists: return Failure(.failed, "a store is there already")
        }
    }
}
