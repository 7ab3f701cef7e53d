internal import Bytes
internal import Consensus
internal import Records
internal import SegmentedLog

/// Who was asked last for frames that cannot be read here, and when.
struct Repairing {
    var asked = 0
    var askedAt: UInt64 = 0
    /// When a segment was looked at last, and whether one is being looked at.
    var scrubbedAt: UInt64?
    var isScrubbing = false
    /// Frames mended in this life.
    var mended: UInt64 = 0 {
        didSet { hasNews = true }
    }
    /// Something was mended, or cut away in a repair, that agreement was not told of.
    var hasNews = false
    /// The highest term in which this replica may have promised to hold what is damaged.
    var promised: UInt64 = 0
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
        guard log.wanted != nil, life.isAlive else { return }
        guard hasPeers else {
            if let fault = log.fault { life = .damaged(fault) }
            return
        }
        guard let first = log.firstWound(after: foldedIndex), first != faultTold else { return }
        faultTold = first
        repairing.promised = max(repairing.promised, raft.term, claimedLast.term)
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
        giveUpWhatNobodyHas(into: &effects)
        guard life.isAlive, log.wanted != nil else { return }
        let able = peers.views.filter { isReachable($0) }.map(\.id)
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
            // One of the later ones may be damaged here.
            if frames.isEmpty {
                frames = (try? log.stored(from: request.first, through: request.first, bytesMax: .max)) ?? []
            }
        }
        effects.append(.send(to: peer, .fetched(first: request.first, committed: committedIndex, frames: frames)))
    }

    /// Copies of frames came: those that stand in the place of damaged ones are written there.
    func fetched(
        _ first: UInt64, committed: UInt64, _ frames: [StoredFrame], into effects: inout [ReplicaEffect]
    ) {
        let before = repairing.mended
        let isFurther: Bool
        do throws(LogError) {
            isFurther = try log.follow(frames)
            for frame in frames where log.wanted != nil { try mendAny(frame, committed: committed) }
        } catch {
            return fail(.internalError, into: &effects)
        }
        // Whoever could not help is asked no sooner than the next; whoever helped is asked for what is wanted next at once,
        // for another peer's copies may not follow from its.
        if repairing.mended > before || isFurther {
            repairing.asked -= 1
            repairing.askedAt = 0
        }
        considerRepaired(into: &effects)
    }

    /// Writes a copy where it belongs, if it does.
    ///
    /// - Throws: What is final.
    private func mendAny(_ frame: StoredFrame, committed: UInt64) throws(LogError) {
        guard let header = try? frame.parsed() else { return }
        do throws(LogError) {
            try log.repair(frame, isTrusted: header.index <= committed)
            repairing.mended += 1
        } catch {
            switch error {
            case .file, .key: throw error
            case .otherFrame, .refusedFrame, .damaged, .absent, .missing, .exists, .otherCluster, .otherReplica,
                .tooLarge, .lineage:
                break
            }
        }
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
            forgetConfigurations(after: fault.index - 1)
            return false
        }
    }

    /// Tells agreement what came to light, and once nothing stands in the way any more.
    func considerRepaired(into effects: inout [ReplicaEffect]) {
        guard faultTold > 0, life.isAlive else { return }
        // That looks at every entry that is not folded: not for nothing.
        if repairing.hasNews { tellUncovered(into: &effects) }
        // The next damage may be further on.
        guard log.firstWound(after: foldedIndex) == nil else { return foundFault(into: &effects) }
        faultTold = 0
        agree(.repaired, into: &effects)
    }

    /// Agreement learns how far the log goes now, and who takes part by what it says. What was repaired is durable.
    func tellUncovered(into effects: inout [ReplicaEffect]) {
        repairing.hasNews = false
        do throws(LogError) {
            configurations = try configurationsFound()
        } catch {
            return fail(.internalError, into: &effects)
        }
        let memberships = configurations.map { PlacedMembership(index: $0.index, membership: $0.entry.membership) }
        agree(.uncovered(through: log.lastIndex, memberships: memberships), into: &effects)
        agree(.persisted(through: log.durableIndex), into: &effects)
    }

    /// The configuration where the folded ends, and all after it that can be read: few entries bear neither events nor
    /// records. One that cannot be read yet is found when it can be, and until then this replica does not stand; one
    /// that was read stays known, whatever becomes of its frame.
    private func configurationsFound() throws(LogError) -> [(index: UInt64, entry: ConfigurationEntry)] {
        var found = [configurations[0]]
        for index in (foldedIndex + 1)..<(max(foldedIndex, log.lastIndex) + 1) {
            let known = configurations.first { $0.index == index }?.entry
            if let entry = try log.configuration(at: index) ?? known { found.append((index, entry)) }
        }
        return found
    }
}

extension EntryLog {
    /// The configuration that an entry bears; nil when it bears none, or cannot be read.
    func configuration(at index: UInt64) throws(LogError) -> ConfigurationEntry? {
        let frame: OpenedFrame
        do throws(LogError) {
            let header = try header(at: index)
            // Ancestors' memberships are those of other clusters.
            guard header.eventCount == 0, header.recordCount == 0, header.cluster == identity else { return nil }
            frame = try self.frame(at: index)
        } catch {
            if case .damaged = error { return nil }
            throw error
        }
        guard frame.isConfiguration else { return nil }
        do throws(ByteError) { return try ConfigurationEntry(of: frame) } catch { throw .refusedFrame(.form) }
    }
}

// The scrub: every byte of every segment is read and verified within 7 days (design 6), and where damage was met, soon.
extension Replica {
    private static var suspectMilliseconds: UInt64 { 1_000 }

    func scrubTicked(into effects: inout [ReplicaEffect]) {
        guard !repairing.isScrubbing, !background.isBusy else { return }
        let pause =
            log.hasSuspects
            ? min(Self.suspectMilliseconds, configuration.scrubMilliseconds) : configuration.scrubMilliseconds
        if let last = repairing.scrubbedAt, clock.milliseconds < last + pause { return }
        repairing.scrubbedAt = clock.milliseconds
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
