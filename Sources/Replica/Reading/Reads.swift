internal import Bytes
internal import Records

/// What a replica remembers of the answers under way.
struct ReadSessions {}

// Where reads begin, go on and end. A read opens events (`openEvent`), proposes its access record (`propose`), and
// answers in the record's `then`.
extension Replica {
    /// An authenticated read, the replica being primary: checks scopes and purpose, reads, records, answers.
    func begin(_ id: AskID, _ ask: Ask, credential: CredentialRow, into effects: inout [ReplicaEffect]) {
        answer(id, Problem(.notImplemented, "This replica does not answer reads yet."), &effects)
    }

    /// The client took the last piece and wants more.
    func drained(_ id: AskID, into effects: inout [ReplicaEffect]) {}

    /// Nobody waits any more.
    func abandoned(_ id: AskID) {}

    /// Something was folded: those who follow may go on.
    func followers(into effects: inout [ReplicaEffect]) {}

    /// Time has passed.
    func readsTicked(into effects: inout [ReplicaEffect]) {}

    /// The replica stops: every answer under way ends with the problem.
    func abandonReads(_ problem: Problem, into effects: inout [ReplicaEffect]) {}
}
