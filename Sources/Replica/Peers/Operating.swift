internal import Bytes
internal import Consensus
internal import Records
internal import SegmentedLog

// What an operator orders: allowed, possible, recorded, then done.
extension Replica {
    func operate(_ id: AskID, _ caller: Caller, _ order: OperatorOrder, into effects: inout [ReplicaEffect]) {
        guard let credential = credentials.first(where: { $0.id == caller.credential }) else {
            return answer(id, Problem(.unauthenticated, "Send a valid key: Authorization: Bearer ID.SECRET."), &effects)
        }
        if case .takeOver(let named) = order { return takeOver(by: named, id, caller, credential, into: &effects) }
        if case .backUp(let destination) = order { return backUp(to: destination, id, caller, into: &effects) }
        if let problem = unreadiness { return answer(id, problem, &effects) }
        guard credential.scopes.contains(.administer) else { return refuse(id, caller, credential, Self.forbidden) }
        do throws(Problem) {
            try consider(order)
        } catch {
            return refuse(id, caller, credential, error)
        }
        if case .acceptClock = order { clock.accept() }
        var value = AuditValue(caller, credential: credential, replica: configuration.id)
        value.query = order.text
        let record = RecordDraft(
            code: order.code, outcome: .success, tenant: tenants[0].id,
            actor: tenants[0].actor(credential.name), behalf: 0, subjects: [], value: value)
        propose(record, for: id) { replica, _, effects in replica.carryOut(order, for: id, caller, into: &effects) }
    }

    /// - Throws: why the order cannot be carried out as things stand.
    private func consider(_ order: OperatorOrder) throws(Problem) {
        switch order {
        case .handover(let target): _ = try handoverTarget(target)
        case .replace(let leaving, let joining): _ = try change(leaving: leaving, joining: joining)
        case .add(let joining, at: nil): _ = try change(leaving: nil, joining: joining)
        case .add(let joining, at: let place?): _ = try change(adding: joining, at: place)
        case .remove(let leaving): _ = try change(removing: leaving)
        case .acceptClock, .takeOver, .backUp, .noteDrill: break
        case .rewind(let target, let applies): try considerRewind(to: target, applies: applies)
        }
    }

    /// The order's record is committed: the order itself.
    private func carryOut(
        _ order: OperatorOrder, for id: AskID, _ caller: Caller, into effects: inout [ReplicaEffect]
    ) {
        do throws(Problem) {
            switch order {
            case .handover(let target):
                handOver(to: target, for: id, into: &effects)
                return
            case .replace(let leaving, let joining):
                begin(try change(leaving: leaving, joining: joining), for: id, into: &effects)
            case .add(let joining, at: nil):
                begin(try change(leaving: nil, joining: joining), for: id, into: &effects)
            case .add(let joining, at: let place?):
                begin(try change(adding: joining, at: place), for: id, givesSeed: true, into: &effects)
            case .remove(let leaving): begin(try change(removing: leaving), for: id, into: &effects)
            case .acceptClock, .takeOver, .backUp, .noteDrill: answer(id, .cluster(status), isLast: true, &effects)
            case .rewind(let target, let applies):
                try beginRewind(to: target, applies: applies, for: id, caller, into: &effects)
            }
        } catch {
            answer(id, error, &effects)
        }
    }
}

/// Somebody who ordered a change of who takes part, and the entry that is its first step.
struct ChangeAsk {
    let id: AskID
    let index: UInt64
    /// Is told what a replica that joins begins with.
    let givesSeed: Bool
}

extension Replica {
    /// Begins a change, unless it is under way already.
    private func begin(
        _ entry: ConfigurationEntry, for id: AskID, givesSeed: Bool = false, into effects: inout [ReplicaEffect]
    ) {
        if entry != newest { begin(entry, into: &effects) }
        changeAsks.append(
            ChangeAsk(id: id, index: configurations[configurations.count - 1].index, givesSeed: givesSeed))
    }

    /// Answers those whose step is decided for ever: what they make of the answer must not be in vain.
    func answerChanged(into effects: inout [ReplicaEffect]) {
        guard !changeAsks.isEmpty else { return }
        let due = changeAsks.filter { $0.index <= foldedIndex }
        changeAsks.removeAll { $0.index <= foldedIndex }
        for ask in due {
            do throws(Problem) {
                var begun = status
                if ask.givesSeed { begun.seed = try seed() }
                answer(ask.id, .cluster(begun), isLast: true, &effects)
            } catch {
                answer(ask.id, error, &effects)
            }
        }
    }
}

/// Somebody who ordered this replica to lead, and waits until it does.
struct TakeOver {
    let ask: AskID
    let caller: Caller
    let credential: CredentialRow
    let due: UInt64
}

extension Replica {
    private static var takeOverMilliseconds: UInt64 { 2_500 }

    /// Stands for election though somebody leads: for when that one hangs, and is not found out. It is elected only with
    /// the votes of a quorum, so nothing can be lost by it. Its record is made once it leads.
    private func takeOver(
        by named: Int?, _ id: AskID, _ caller: Caller, _ credential: CredentialRow, into effects: inout [ReplicaEffect]
    ) {
        guard credential.scopes.contains(.administer) else { return answer(id, Self.forbidden, &effects) }
        guard named == nil || named == configuration.id else {
            return answer(id, Problem(.orderRefused, "Send the order to the replica that it names."), &effects)
        }
        if isPrimary {
            return refuse(id, caller, credential, Problem(.orderRefused, "This replica leads already."))
        }
        if isRetired { return answer(id, Self.retired, &effects) }
        if isRolledBack { return answer(id, Self.rolledBack, &effects) }
        if case .damaged = life, let problem = unreadiness { return answer(id, problem, &effects) }
        guard life.canBeginStopping, membership.isVoter(configuration.id), takingOver == nil, log.wanted == nil,
            let other = knownPrimary ?? membership.voters.first(where: { $0 != configuration.id })
        else {
            return answer(id, Problem(.orderRefused, "This replica cannot lead now: see chartlog status."), &effects)
        }
        takingOver = TakeOver(
            ask: id, caller: caller, credential: credential, due: clock.milliseconds + Self.takeOverMilliseconds)
        // It is elected already: what is left is its first record.
        if case .electing = life { return }
        electionHint = .handover
        agree(
            .received(RaftMessage(from: other, to: configuration.id, term: raft.term, kind: .timeoutNow)),
            into: &effects)
    }

    /// Answers whoever ordered this replica to lead, once it does or the time is over.
    func considerTakenOver(into effects: inout [ReplicaEffect]) {
        guard let order = takingOver else { return }
        if isPrimary {
            takingOver = nil
            var value = AuditValue(order.caller, credential: order.credential, replica: configuration.id)
            value.query = OperatorOrder.takeOver(by: nil).text
            let record = RecordDraft(
                code: .handoverOrdered, outcome: .success, tenant: tenants[0].id,
                actor: tenants[0].actor(order.credential.name), behalf: 0, subjects: [], value: value)
            propose(record, for: order.ask) { replica, _, effects in
                replica.answer(order.ask, .cluster(replica.status), isLast: true, &effects)
            }
        } else if clock.milliseconds >= order.due || !life.isAlive {
            takingOver = nil
            answer(
                order.ask, Problem(.orderRefused, "No quorum let this replica lead: see chartlog status."), &effects)
        }
    }
}

extension OperatorOrder {
    /// As the audit view shows it.
    fileprivate var text: String {
        switch self {
        case .handover(let target): "handover" + (target.map { " to \($0)" } ?? "")
        case .replace(let leaving, let joining): "replace \(leaving)" + (joining.map { " with \($0)" } ?? "")
        case .add(let joining, nil): "add \(joining)"
        case .add(let joining, let at?):
            "add \(joining) at \(at.address), ports \(at.peerPort) and \(at.clientPort), and hand it the sealed keys"
        case .remove(let leaving): "remove \(leaving)"
        case .acceptClock: "accept the clock"
        case .takeOver: "take over"
        case .backUp(let destination): "backup" + (destination.map { " to \($0)" } ?? "")
        case .noteDrill(let report): report.text
        case .rewind(let target, let applies): (applies ? "rewind to " : "preview of a rewind to ") + target.text
        }
    }

    /// What its record is called.
    fileprivate var code: RecordCode {
        switch self {
        case .handover, .takeOver: .handoverOrdered
        case .replace, .add, .remove: .changeOrdered
        case .acceptClock: .clockAccepted
        case .rewind: .restoreOrdered
        case .backUp: .backupMade
        case .noteDrill: .restoreDrilled
        }
    }
}

extension DrillReport {
    fileprivate var text: String {
        backup == 0
            ? "drill FAILED after \(restoreMilliseconds) ms: nothing was restored that acknowledges appends"
            : "drill of backup \(backup), position \(position): \(isRight ? "right" : "WRONG DIGESTS"), "
                + "\(restoreMilliseconds) ms until appends were acknowledged, \(lossMilliseconds) ms not in it"
    }
}
