internal import Bytes
internal import Consensus
internal import Records
internal import SegmentedLog

/// Another replica is asked to lead; nothing is decided meanwhile.
struct Handover {
    let target: Int
    /// The operators who wait for it.
    var asks: [AskID]
    /// It is given up then, by the forward clock.
    let due: UInt64
}

/// When and why this replica came to lead.
struct Failover: Equatable, Sendable {
    var at: Instant
    var reason: Reason
    /// Who led before, as far as it is known.
    var from: Int?
    /// From the last word of the one before to the first acknowledged append, in milliseconds; nil before that.
    var milliseconds: UInt64?

    enum Reason: String, Sendable {
        case started = "started"
        case linkClosed = "link-closed"
        case silence = "silence"
        case handover = "handover"
    }
}

// An operator's order to lead elsewhere, and what is done without one.
extension Replica {
    /// A target is fit when it has said lately that it has all but this many entries.
    private static var handoverLagMax: UInt64 { 10_000 }
    private static var handoverMilliseconds: UInt64 { 1_000 }
    /// Whoever was not heard of for so long is not counted on.
    static var recentMilliseconds: UInt64 { 1_000 }

    /// Begins to hand over; false when nobody is fit. The asker is answered then, or once it is over.
    @discardableResult
    func handOver(to target: Int?, for ask: AskID?, into effects: inout [ReplicaEffect]) -> Bool {
        let fit: Int
        do throws(Problem) {
            fit = try handoverTarget(target)
        } catch {
            if let ask { answer(ask, error, &effects) }
            return false
        }
        handover = Handover(
            target: fit, asks: ask.map { [$0] } ?? [], due: clock.milliseconds + Self.handoverMilliseconds)
        // What is gathered goes into the log first; the target must have it before it leads.
        if let gathering { close(gathering) }
        tellAppended(into: &effects)
        agree(.transfer(to: fit), into: &effects)
        return true
    }

    /// - Throws: why nobody, or not the one named, can take over now.
    func handoverTarget(_ wanted: Int?) throws(Problem) -> Int {
        guard handover == nil else { throw Problem(.orderRefused, "A hand-over is under way already; wait for it.") }
        guard let wanted else {
            let fit = membership.voters.filter { $0 != configuration.id && isFit($0) }
            let stamping = fit.filter(canStamp)
            guard let best = (stamping.isEmpty ? fit : stamping).max(by: { durable(of: $0) < durable(of: $1) }) else {
                throw Problem(.orderRefused, "No other replica could lead now; see chartlog status.")
            }
            return best
        }
        guard wanted != configuration.id else { throw Problem(.orderRefused, "This replica leads already.") }
        guard membership.voters.contains(wanted), membership.incoming?.contains(wanted) != false else {
            throw Problem(.notFound, "Name a replica that votes: see chartlog status.")
        }
        guard isFit(wanted) else {
            throw Problem(
                .orderRefused, "That replica is not reachable, not well or too far behind: see chartlog status.")
        }
        return wanted
    }

    private func canStamp(_ id: Int) -> Bool { peers.view(id)?.figures?.clockTrust != .ahead }

    private func durable(of id: Int) -> UInt64 { raft.progress.first { $0.id == id }?.match ?? 0 }

    /// Whether it answers, is well, and lacks little.
    private func isFit(_ id: Int) -> Bool {
        guard let view = peers.view(id), view.isConnected, view.isKnown, !view.isRolledBack,
            let progress = raft.progress.first(where: { $0.id == id }),
            progress.silentMilliseconds < Self.recentMilliseconds,
            progress.match + Self.handoverLagMax >= log.lastIndex
        else { return false }
        switch view.figures?.state {
        case nil, .starting, .ready, .catchingUp: return true
        case .damaged, .diskStalled, .diskFull, .stopping, .failed, .rolledBack, .suspect, .down, .lost, .spare,
            .retired, .silent:
            return false
        }
    }

    /// Whether it was heard of lately.
    func isRecent(_ view: PeerView) -> Bool {
        guard view.isConnected, view.isKnown, let heard = view.heardAt else { return false }
        return clock.milliseconds < heard + Self.recentMilliseconds
    }

    /// Whether it was heard of lately, and what it says counts.
    func isReachable(_ view: PeerView) -> Bool { isRecent(view) && !view.isRolledBack }

    func isReachable(_ id: Int) -> Bool { peers.view(id).map { isReachable($0) } == true }

    /// The other leads, or this one goes on.
    func transferEnded(_ isDone: Bool, into effects: inout [ReplicaEffect]) {
        guard let over = handover else { return }
        handover = nil
        for ask in over.asks {
            if isDone {
                answer(ask, .cluster(status), isLast: true, &effects)
            } else {
                answer(
                    ask, Problem(.orderRefused, "The other did not take over in time; this replica goes on."), &effects)
            }
        }
        if stopDue > 0 { beginStopping(into: &effects) }
    }

    /// Whoever cannot do what a primary must lets another, when there is one: a disk that is nearly full, a clock that
    /// nobody shares.
    func considerHandover(into effects: inout [ReplicaEffect]) {
        if let over = handover {
            if clock.milliseconds >= over.due { transferEnded(false, into: &effects) }
            return
        }
        guard stopDue == 0, isRoomElsewhere || isTimeElsewhere else { return }
        guard clock.milliseconds >= handoverTried + 5_000 || handoverTried == 0 else { return }
        handoverTried = max(1, clock.milliseconds)
        handOver(to: nil, for: nil, into: &effects)
    }

    /// Appends stop here for want of a clock, and another replica has one that it believes.
    private var isTimeElsewhere: Bool {
        clock.isAhead && membership.voters.contains { $0 != configuration.id && isFit($0) && canStamp($0) }
    }

    /// Appends stop here for want of room, and another replica has some.
    private var isRoomElsewhere: Bool {
        guard room < .events else { return false }
        return peers.views.contains { view in
            membership.voters.contains(view.id) && isFit(view.id)
                && (view.figures?.freeBytes ?? 0) > UInt64(configuration.log.headRooms.events)
        }
    }
}
