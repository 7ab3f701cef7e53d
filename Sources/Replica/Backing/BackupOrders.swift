internal import Bytes
internal import Consensus
internal import Records
internal import SegmentedLog

/// A backup that was ordered and not begun: the replica asks who leads how far the log is decided, and waits until it has
/// that much. What was acknowledged before a backup was ordered is in it, whichever replica makes it.
struct BackupOrder {
    let destinations: [String]
    /// Who ordered it; nil: the schedule.
    let credential: CredentialRow?
    /// Who is told that it has begun, or why not.
    let ask: AskID?
    /// Names the question of the read index (Raft, section 6.4).
    let token: UInt64
    /// It is refused then.
    let due: UInt64
    var askedAgain: UInt64
    /// The read index: what has to be folded first.
    var index: UInt64?
}

// Orders of backups, from the order to the beginning.
extension Replica {
    /// A client of one replica waits 5 s.
    private static var orderMilliseconds: UInt64 { 4_000 }
    private static var askAgainMilliseconds: UInt64 { 250 }

    func backUp(to destination: String?, _ id: AskID, _ caller: Caller, into effects: inout [ReplicaEffect]) {
        guard let credential = credentials.first(where: { $0.id == caller.credential }) else {
            return answer(id, Problem(.unauthenticated, "Send a valid key: Authorization: Bearer ID.SECRET."), &effects)
        }
        guard credential.scopes.contains(.administer) else { return answer(id, Self.forbidden, &effects) }
        do throws(Problem) {
            try orderBackup(
                to: destination.map { [$0] } ?? configuration.backupDestinations, by: credential, for: id,
                into: &effects)
        } catch {
            answer(id, error, &effects)
        }
    }

    func orderBackup(
        to destinations: [String], by credential: CredentialRow?, for ask: AskID?, into effects: inout [ReplicaEffect]
    ) throws(Problem) {
        guard !destinations.isEmpty else {
            throw Problem(.malformedRequest, "Name a directory: config.json says nothing of backups.", [.member("to")])
        }
        guard !backups.isRunning else {
            throw Problem(.orderRefused, "A backup is being made by this replica: wait until it is done.")
        }
        guard life.isAlive, !isRetired, !isRolledBack, log.fault == nil else {
            throw Problem(.orderRefused, "This replica cannot make a backup now: see chartlog status.")
        }
        backups.ordered = BackupOrder(
            destinations: destinations, credential: credential, ask: ask, token: dice.word(),
            due: clock.milliseconds + Self.orderMilliseconds, askedAgain: clock.milliseconds)
        askReadIndex(into: &effects)
    }

    private func askReadIndex(into effects: inout [ReplicaEffect]) {
        guard let order = backups.ordered, order.index == nil else { return }
        backups.ordered?.askedAgain = clock.milliseconds
        if isPrimary {
            prove(for: .backup(token: order.token), into: &effects)
        } else if let primary = knownPrimary {
            effects.append(.send(to: primary, .readIndexAsked(token: order.token)))
        }
    }

    /// Somebody who is to make a backup asks how far the log is decided. Who leads no more says nothing.
    func readIndexAsked(_ token: UInt64, by peer: Int, into effects: inout [ReplicaEffect]) {
        guard isPrimary else { return }
        prove(for: .peer(peer, token: token), into: &effects)
    }

    func readIndexTold(_ token: UInt64, _ index: UInt64, into effects: inout [ReplicaEffect]) {
        guard backups.ordered?.token == token else { return }
        backups.ordered?.index = index
        startOrderedBackup(into: &effects)
    }

    /// Begins what was ordered, once all that was acknowledged before is folded and on this disk.
    func startOrderedBackup(into effects: inout [ReplicaEffect]) {
        guard let order = backups.ordered, let index = order.index, index <= foldedIndex,
            foldedIndex <= log.durableIndex
        else { return }
        backups.ordered = nil
        do throws(Problem) {
            try startBackup(order, into: &effects)
            if let ask = order.ask { answer(ask, .backups(backupStatus), isLast: true, &effects) }
        } catch {
            refuse(order, error, into: &effects)
        }
    }

    func backupOrderTicked(into effects: inout [ReplicaEffect]) {
        startOrderedBackup(into: &effects)
        guard let order = backups.ordered else { return }
        if clock.milliseconds >= order.due {
            abandonBackupOrder(
                order.index == nil
                    ? Problem(
                        .orderRefused,
                        "Nobody who leads told this replica what has to be in a backup: see chartlog status, then try again."
                    )
                    : Problem(.orderRefused, "This replica is behind the primary: try again, or name another replica."),
                into: &effects)
        } else if clock.milliseconds >= order.askedAgain + Self.askAgainMilliseconds {
            askReadIndex(into: &effects)
        }
    }

    func abandonBackupOrder(_ problem: Problem, into effects: inout [ReplicaEffect]) {
        guard let order = backups.ordered else { return }
        backups.ordered = nil
        refuse(order, problem, into: &effects)
    }

    private func refuse(_ order: BackupOrder, _ problem: Problem, into effects: inout [ReplicaEffect]) {
        if let ask = order.ask { return answer(ask, problem, &effects) }
        backups.nextDue = clock.milliseconds + Self.backupRetryMilliseconds
    }
}
