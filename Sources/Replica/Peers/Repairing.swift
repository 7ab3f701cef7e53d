internal import Bytes
internal import Consensus
internal import Records
internal import SegmentedLog

/// Who was asked last for frames that cannot be read here, and when.
struct Repairing {
    var asked = 0
    var askedAt: UInt64 = 0
    /// When the next segment is looked at, and whether one is.
    var scrubDue: UInt64 = 0
    var isScrubbing = false
    /// Frames mended in this life.
    var mended: UInt64 = 0
}

// Damage, with others to fetch from (CTRL, "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018): a frame that
// is damaged here is no frame that was never here. Until it is whole again this replica stands for no election, and its
// votes count what its headers claim.
extension Replica {
    private static var askAgainMilliseconds: UInt64 { 300 }
    private static var fetchBytesMax: Int { 1 << 20 }
    private static var fetchFramesMax: UInt64 { 64 }

    /// The log found damage. With nobody to ask, nothing can be appended any more; else who cannot fold does not lead.
    func foundFault(into effects: inout [ReplicaEffect]) {
        guard let wanted = log.wanted, life.isAlive else { return }
        guard hasPeers else {
            if let fault = log.fault { life = .damaged(fault) }
            return
        }
        let first = min(log.fault?.index ?? .max, wanted)
        guard first > foldedIndex || log.fault != nil, first != faultTold else { return }
        faultTold = first
        agree(.faulty(from: first, claimed: claimedLast), into: &effects)
    }

    /// What the log is known to go through, readable or not.
    var claimedLast: EntryID {
        let claimed = log.claimedLast(currentTerm: terms.state.term)
        return EntryID(index: claimed.index, term: claimed.term)
    }

    /// Asks the next peer for what is needed, now and then, and looks for damage that nobody has met yet.
    func repairTicked(into effects: inout [ReplicaEffect]) {
        scrubTicked(into: &effects)
        guard hasPeers, let wanted = log.wanted, clock.milliseconds >= repairing.askedAt + Self.askAgainMilliseconds
        else { return }
        let able = peers.views.filter { isRecent($0) && !$0.isRolledBack }.map(\.id)
        guard let next = able.first(where: { $0 > repairing.asked }) ?? able.first else { return }
        repairing.asked = next
        repairing.askedAt = clock.milliseconds
        let last = log.fault == nil ? wanted : wanted + Self.fetchFramesMax - 1
        effects.append(.send(to: next, .fetch(FrameRequest(first: wanted, last: last))))
    }

    /// Another replica asks for frames that it cannot read.
    func fetch(_ request: FrameRequest, for peer: Int, into effects: inout [ReplicaEffect]) {
        let last = min(request.last, log.durableIndex)
        var frames: [StoredFrame] = []
        if request.first >= 1, request.first <= last, last - request.first < 4096 {
            frames = (try? log.stored(from: request.first, through: last, bytesMax: Self.fetchBytesMax)) ?? []
        }
        effects.append(.send(to: peer, .fetched(first: request.first, committed: committedIndex, frames: frames)))
    }

    /// Copies of frames came: those that stand in the place of damaged ones are written there.
    func fetched(
        _ first: UInt64, committed: UInt64, _ frames: [StoredFrame], into effects: inout [ReplicaEffect]
    ) {
        for frame in frames {
            guard log.wanted != nil, let header = try? frame.parsed() else { break }
            do throws(LogError) {
                try log.repair(frame, isTrusted: header.index <= committed)
                repairing.mended += 1
            } catch {
                switch error {
                case .file, .key: return fail(.internalError, into: &effects)
                case .otherFrame, .refusedFrame, .damaged, .absent, .missing, .exists, .otherCluster, .otherReplica,
                    .tooLarge:
                    break
                }
            }
        }
        repairing.askedAt = log.wanted == nil ? repairing.askedAt : 0
        considerRepaired(into: &effects)
    }

    /// Takes the primary's frame where the log ends in damage: a copy of what stood there, or another in its place.
    ///
    /// - Returns: whether the frame is in the log now.
    func mend(_ frame: StoredFrame, into effects: inout [ReplicaEffect]) throws(LogError) -> Bool {
        guard let fault = log.fault, let header = try? frame.parsed() else { return false }
        guard header.index == fault.index else { throw .damaged(fault) }
        do throws(LogError) {
            try log.repair(frame)
            repairing.mended += 1
            return true
        } catch {
            guard case .otherFrame = error, fault.index > committedIndex, fault.index > 1 else { throw error }
            // The primary has another frame there, so no quorum ever had this one.
            try log.giveUp(from: fault.index)
            return false
        }
    }

    /// Tells agreement once nothing stands in the way any more.
    func considerRepaired(into effects: inout [ReplicaEffect]) {
        guard faultTold > 0 else { return }
        if let fault = log.fault {
            guard fault.index != faultTold else { return }
            // Repaired so far; the next damage is further on.
            agree(.appended(through: max(log.lastIndex, raft.last.index)), into: &effects)
            return foundFault(into: &effects)
        }
        guard log.wanted ?? 0 <= foldedIndex else { return }
        faultTold = 0
        let found = configurationsFound()
        agree(.appended(through: max(log.lastIndex, raft.last.index)), into: &effects)
        for (index, entry) in found { agree(.membershipAppended(index: index, entry.membership), into: &effects) }
        agree(.repaired, into: &effects)
        agree(.persisted(through: log.durableIndex), into: &effects)
    }

    /// Memberships in what could not be read before.
    private func configurationsFound() -> [(index: UInt64, entry: ConfigurationEntry)] {
        let start = max(configurations[configurations.count - 1].index, raft.last.index, foldedIndex)
        guard start < log.lastIndex else { return [] }
        var found: [(index: UInt64, entry: ConfigurationEntry)] = []
        for index in (start + 1)...log.lastIndex {
            guard let header = try? log.header(at: index), header.eventCount == 0, header.recordCount == 0,
                let frame = try? log.frame(at: index), frame.isConfiguration,
                let entry = try? ConfigurationEntry(body: frame.body)
            else { continue }
            found.append((index, entry))
        }
        configurations += found
        return found
    }
}

// The scrub: every byte of every segment is read and verified within 7 days (design 6).
extension Replica {
    func scrubTicked(into effects: inout [ReplicaEffect]) {
        guard !repairing.isScrubbing, !background.isBusy, clock.milliseconds >= repairing.scrubDue else { return }
        repairing.scrubDue = clock.milliseconds + configuration.scrubMilliseconds
        guard let work = log.nextScrub() else { return }
        repairing.isScrubbing = true
        effects.append(.background(BackgroundWork(kind: .scrub(work))))
    }

    func scrubbed(_ work: ScrubWork, _ faults: [Fault], into effects: inout [ReplicaEffect]) {
        repairing.isScrubbing = false
        log.scrubbed(work, faults: faults)
        if log.wanted != nil { foundFault(into: &effects) }
    }
}
