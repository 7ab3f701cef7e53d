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
        propose(record, for: id) { replica, _, effects in replica.carryOut(order, for: id, into: &effects) }
    }

    /// - Throws: why the order cannot be carried out as things stand.
    private func consider(_ order: OperatorOrder) throws(Problem) {
        switch order {
        case .handover(let target): _ = try handoverTarget(target)
        case .replace(let leaving, let joining): _ = try change(leaving: leaving, joining: joining)
        case .add(let joining): _ = try change(leaving: nil, joining: joining)
        case .remove(let leaving): _ = try change(removing: leaving)
        case .acceptClock: break
        }
    }

    /// The order's record is committed: the order itself.
    private func carryOut(_ order: OperatorOrder, for id: AskID, into effects: inout [ReplicaEffect]) {
        do throws(Problem) {
            switch order {
            case .handover(let target):
                handOver(to: target, for: id, into: &effects)
                return
            case .replace(let leaving, let joining):
                begin(try change(leaving: leaving, joining: joining), into: &effects)
            case .add(let joining): begin(try change(leaving: nil, joining: joining), into: &effects)
            case .remove(let leaving): begin(try change(removing: leaving), into: &effects)
            case .acceptClock: break
            }
            answer(id, .cluster(status), isLast: true, &effects)
        } catch {
            answer(id, error, &effects)
        }
    }
}

extension OperatorOrder {
    /// As the audit view shows it.
    fileprivate var text: String {
        switch self {
        case .handover(let target): "handover" + (target.map { " to \($0)" } ?? "")
        case .replace(let leaving, let joining): "replace \(leaving)" + (joining.map { " with \($0)" } ?? "")
        case .add(let joining): "add \(joining)"
        case .remove(let leaving): "remove \(leaving)"
        case .acceptClock: "accept the clock"
        }
    }

    /// What its record is called.
    fileprivate var code: RecordCode {
        switch self {
        case .handover: .handoverOrdered
        case .replace, .add, .remove: .changeOrdered
        case .acceptClock: .clockAccepted
        }
    }
}
