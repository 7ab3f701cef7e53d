internal import Consensus
internal import Files
internal import Replica
internal import SegmentedLog

// The fault atlas: what was durable may be taken away from a minority only. Before a copy is damaged all others must be
// whole on the disks, so that whatever is lost can be had again, and what is not had again is the cluster's fault.
extension World {
    /// Damage strikes only what was acknowledged so long ago: what is younger is a crash's affair.
    static let settledMicroseconds: UInt64 = 2_000_000

    /// Whether every other disk holds entries through `index`, from `first` on.
    func othersHold(_ process: Process, from first: UInt64, through index: UInt64) -> Bool {
        guard first >= 1, first <= index else { return false }
        for other in processes where other.id != process.id && ledger.membership?.isMember(other.id) ?? true {
            guard !other.isLost else { return false }
            for entry in first...index where !ledger.holds(other.disk, entry) { return false }
        }
        return true
    }

    /// Every other disk holds all that was decided.
    private func othersAreWhole(_ process: Process) -> Bool {
        ledger.lastDecided > 0 && othersHold(process, from: 1, through: ledger.lastDecided)
    }

    func strikeDamage(_ kind: FaultKind, _ process: Process) throws(Violation) {
        switch kind {
        case .bitRot: rot(process)
        case .misdirectedWrite:
            process.disk.armed.isWriteMisdirected = true
            process.disk.mayMisdirect = { [unowned self, unowned process] path in
                guard !self.isHealing, self.othersHoldSegment(process, path) else { return false }
                self.count(.misdirectedWrite)
                return true
            }
        case .rollback:
            guard mayLoseDisk(process), let older = process.older, othersKnow(process, andMoreThan: older) else {
                return
            }
            count(kind)
            tell("\(now) the disk of replica \(process.id) is as it was \(now - older.taken) us ago")
            process.loseDisk()
            try end(process, losesPower: true, restarts: true)
            process.disk.become(older.image)
        case .totalLoss:
            guard mayLoseDisk(process) else { return }
            count(kind)
            tell("\(now) the disk of replica \(process.id) is empty")
            process.loseDisk()
            try end(process, losesPower: true, restarts: true)
            process.disk.become(SimulatedImage(names: [:], directories: [""], durable: []))
        default: break
        }
    }

    /// One disk a world is lost whole, and only when nothing else is damaged, or torn and not yet opened since. From then
    /// on no other disk tears what was on its way when the power goes (`losePower`): whether a torn frame was ever
    /// acknowledged only the lost one knew.
    private func mayLoseDisk(_ process: Process) -> Bool {
        processes.allSatisfy { !$0.isLost && $0.replica?.damage == nil && ($0.id == process.id || !$0.mayBeTorn) }
            && othersAreWhole(process)
    }

    /// Every other replica knows how far this one is, and would refuse it with what is on the picture. A disk that goes
    /// back behind a promise that only one other heard is beyond what three replicas can bear: with the third it is a
    /// quorum that never heard of it. One that goes back to what it is is none that was lost.
    private func othersKnow(_ process: Process, andMoreThan older: OlderImage) -> Bool {
        guard let own = process.replica?.witness else { return false }
        return processes.allSatisfy { other in
            guard other.id != process.id else { return true }
            guard let known = other.replica?.sighting(of: process.id) else { return false }
            return known.term >= own.term && known.held >= own.durableIndex
                && (known.term > older.term || known.held > older.lastIndex)
        }
    }

    private func othersHoldSegment(_ process: Process, _ path: String) -> Bool {
        // Of the open segment's newest entries this may be one of only two copies, and nothing on the disk tells that it
        // ever was: that is beyond what three replicas can bear.
        guard let segment = SegmentFormat.segment(named: FileNames.name(of: path)),
            let next = ledger.entries(of: segment + 1), let range = ledger.entries(of: segment),
            (process.standing.witness?.durableIndex ?? 0) >= next.lowerBound
        else { return false }
        return othersHold(process, from: range.lowerBound, through: range.upperBound)
    }

    /// A bit of an old entry's header or body goes over, or one of a snapshot.
    private func rot(_ process: Process) {
        let at = FaultKind.bitRot.rawValue
        if faultChances[at].oneIn(4) {
            let snapshots = process.disk.paths.filter { $0.hasPrefix(ReplicaPaths.views) }
            guard !snapshots.isEmpty else { return }
            let path = faultChances[at].pick(snapshots)
            guard let bytes = process.disk.contents(path)?.count, bytes > 0 else { return }
            process.disk.rot(path, bit: faultChances[at].below(bytes * 8))
            count(.bitRot)
            return tell("\(now) a bit of a snapshot of replica \(process.id) goes over")
        }
        let settled = ledger.proven(before: now - min(now, Self.settledMicroseconds))
        guard settled > 0 else { return }
        let entry = 1 + faultChances[at].below(settled)
        guard othersHold(process, from: entry, through: entry), ledger.holds(process.disk, entry) else { return }
        let place = ledger.place(of: entry)
        // A header that is not whole, of a frame that no watermark covers, is how a crash looks: whether it was ever
        // acknowledged nothing on the disk tells, and with it gone the replica has less than it said.
        let offset =
            faultChances[at].oneIn(3) && ledger.isMarked(process.disk, entry)
            ? place.headerAt + faultChances[at].below(FrameHeader.count)
            : place.bodyAt + faultChances[at].below(place.bodyBytes)
        process.disk.rot(place.path, bit: offset * 8 + faultChances[at].below(8))
        count(.bitRot)
        tell("\(now) a bit of entry \(entry) on replica \(process.id) goes over")
    }

    /// Now and then a picture of a disk is taken, for it to be rolled back to.
    func takeImage(_ process: Process) {
        guard let witness = process.replica?.witness, process.older.map({ now > $0.taken + 15_000_000 }) ?? true else {
            return
        }
        process.older = OlderImage(
            image: process.disk.image, taken: now, term: witness.term, lastIndex: witness.lastIndex)
    }
}

/// A picture of a disk, and how far its replica was.
struct OlderImage {
    var image: SimulatedImage
    /// When, in virtual microseconds.
    var taken: UInt64
    var term: UInt64
    var lastIndex: UInt64
}
