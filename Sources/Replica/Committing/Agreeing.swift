internal import Bytes
internal import Consensus
internal import Files
internal import Records
internal import SegmentedLog

// What consensus is told and what it orders, carried out one after the other.
extension Replica {
    /// Tells consensus a fact and carries out what it orders. What carrying out brings about (a term is durable, frames
    /// are in the log) is told once the orders before it are done.
    func agree(_ fact: RaftNode.Input, into effects: inout [ReplicaEffect]) {
        guard !life.hasFailed || fact == .barred else { return }
        facts.append(fact)
        guard !isAgreeing else { return }
        isAgreeing = true
        defer { isAgreeing = false }
        while factsFirst < facts.count {
            let next = facts[factsFirst]
            factsFirst += 1
            orders.removeAll(keepingCapacity: true)
            raft.step(next, log: log, into: &orders)
            for order in orders {
                carryOut(order, into: &effects)
                // An order that failed ends this life: those behind it rest on it, as does what is yet to be told.
                guard !life.hasFailed || next == .barred || mutated(.goesOnAfterFailedOrder) else { break }
            }
            guard !life.hasFailed || mutated(.goesOnAfterFailedOrder) else { break }
        }
        facts.removeAll(keepingCapacity: true)
        factsFirst = 0
    }

    private func carryOut(_ order: RaftNode.Effect, into effects: inout [ReplicaEffect]) {
        switch order {
        case .persistTerm(let term, let vote): persist(term, vote, into: &effects)
        case .becamePrimary(let term): lead(term, into: &effects)
        case .becameSecondary(_, let primary): follow(primary, into: &effects)
        case .send(let message): send(message, into: &effects)
        case .append(let first, let count): take(first, count, into: &effects)
        case .truncate(let index): cut(after: index, into: &effects)
        case .committed(let index): committed(through: index, into: &effects)
        case .changeMembership(let settled): settle(settled, into: &effects)
        case .readReady(let token, let index): readReady(token, index, into: &effects)
        case .readLost(let token): readLost(token, into: &effects)
        case .transferEnded(let isDone): transferEnded(isDone, into: &effects)
        case .membershipReverted: break
        }
    }

    /// Makes term and vote durable before anything else happens in them.
    private func persist(_ term: UInt64, _ vote: Int?, into effects: inout [ReplicaEffect]) {
        let candidate = vote.map(UInt64.init)
        do {
            if term != terms.state.term || candidate != terms.state.vote {
                try save {
                    $0.term = term
                    $0.vote = candidate
                }
            }
        } catch {
            return fail(.internalError, into: &effects)
        }
        agree(.termPersisted(term, vote: vote), into: &effects)
    }

    private func send(_ message: RaftMessage, into effects: inout [ReplicaEffect]) {
        guard let view = peers.view(message.to), view.isConnected, !view.isRolledBack else { return }
        guard case .append(let previous, let count, _, _) = message.kind, count > 0 else {
            return effects.append(.send(to: message.to, .raft(message, frames: [])))
        }
        do throws(LogError) {
            let frames = try stored(from: previous.index + 1, count: count)
            guard frames.count == count else { return foundFault(into: &effects) }
            effects.append(.send(to: message.to, .raft(message, frames: frames)))
        } catch {
            if case .damaged = error { return foundFault(into: &effects) }
            fail(.internalError, into: &effects)
        }
    }

    /// The frames as they lie on the disk or wait for it. Several secondaries are mostly sent the same.
    private func stored(from first: UInt64, count: Int) throws(LogError) -> [StoredFrame] {
        if lastSent.first == first, lastSent.frames.count == count { return lastSent.frames }
        let frames = try log.stored(from: first, through: first + UInt64(count) - 1, bytesMax: .max)
        lastSent = (first, frames)
        return frames
    }

    /// Puts frames of the message that is being received into the log.
    private func take(_ first: UInt64, _ count: Int, into effects: inout [ReplicaEffect]) {
        precondition(first == log.lastIndex + 1 && first >= incoming.first)
        let start = Int(first - incoming.first)
        precondition(start + count <= incoming.frames.count)
        var memberships: [(index: UInt64, membership: Membership)] = []
        var isWhole = false
        do throws(LogError) {
            for frame in incoming.frames[start..<(start + count)] {
                var isHere = log.fault == nil ? false : try mend(frame, into: &effects)
                // What a repair has brought to light behind the damage may be there already.
                if !isHere, first <= log.lastIndex { isHere = try has(frame) }
                let opened = isHere ? try log.frame(at: frame.parsedIndex) : try log.append(stored: frame)
                if let entry = try configuration(in: opened) { memberships.append((opened.header.index, entry)) }
            }
            isWhole = true
        } catch {
            switch error {
            case .refusedFrame:
                // What came is not what the primary has. It is not kept, so nothing is said of it, and it comes again.
                refusedFrames += 1
            case .damaged: foundFault(into: &effects)
            case .file, .key, .absent, .missing, .exists, .otherCluster, .otherReplica, .otherFrame, .tooLarge,
                .lineage:
                fail(.internalError, into: &effects)
            }
        }
        guard life.isAlive else { return }
        if isWhole {
            agree(.appended(through: log.lastIndex), into: &effects)
            for (index, membership) in memberships {
                agree(.membershipAppended(index: index, membership), into: &effects)
            }
        } else {
            tellUncovered(into: &effects)
        }
        considerRepaired(into: &effects)
    }

    /// Whether the log has the frame; if it has another in its place, that is cut away with what follows.
    private func has(_ frame: StoredFrame) throws(LogError) -> Bool {
        guard let header = try? frame.parsed(), header.index <= log.lastIndex else { return false }
        if try log.header(at: header.index) == header { return true }
        guard header.index > committedIndex else { throw .refusedFrame(.chain) }
        try log.truncate(after: header.index - 1)
        forgetConfigurations(after: header.index - 1)
        return false
    }

    /// What stood in entries that were cut away was never in force.
    func forgetConfigurations(after index: UInt64) {
        configurations.removeAll { $0.index > index }
        repairing.hasNews = true
    }

    /// The membership that a frame just taken bears; nil when it bears none. It counts from now on.
    private func configuration(in frame: OpenedFrame) throws(LogError) -> Membership? {
        guard frame.isConfiguration, frame.header.cluster == lineage.current,
            frame.header.index > configurations[configurations.count - 1].index
        else { return nil }
        do throws(ByteError) {
            let entry = try ConfigurationEntry(of: frame)
            configurations.append((frame.header.index, entry))
            return entry.membership
        } catch {
            throw .refusedFrame(.form)
        }
    }

    /// Takes frames away that no quorum had.
    private func cut(after index: UInt64, into effects: inout [ReplicaEffect]) {
        precondition(index >= committedIndex && index >= foldedIndex)
        lastSent = (0, [])
        do throws(LogError) {
            try log.truncate(after: index)
        } catch {
            return fail(.internalError, into: &effects)
        }
        forgetConfigurations(after: index)
    }

    /// Tells what this replica itself has put into the log; consensus sends it before the disk is given it.
    func tellAppended(into effects: inout [ReplicaEffect]) {
        guard log.lastIndex > raft.last.index else { return }
        agree(.appended(through: log.lastIndex), into: &effects)
    }
}

extension StoredFrame {
    /// What its header says, whole or not; 0 when it is none.
    fileprivate var parsedIndex: UInt64 { (try? parsed())?.index ?? 0 }
}

extension EntryLog: LogView {}
