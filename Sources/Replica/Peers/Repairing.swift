internal import Bytes
internal import Consensus
internal import SegmentedLog

/// A frame that cannot be read here is asked for, one peer after the other.
struct Repairing {
    /// The first frame that is needed.
    var index: UInt64
    /// Who was asked last, and when.
    var asked: Int?
    var askedAt: UInt64 = 0
}

// Damage, with others to fetch from (CTRL, "Protocol-Aware Recovery for Consensus-Based Storage", 2018): a frame that is
// damaged here is no frame that was never here. Until it is whole again this replica stands for no election, and its
// votes count what its headers claim.
extension Replica {
    private static var askAgainMilliseconds: UInt64 { 500 }
    private static var fetchBytesMax: Int { 1 << 20 }

    /// The log found damage. With nobody to ask, nothing can be appended any more.
    func foundFault(into effects: inout [ReplicaEffect]) {
        guard let fault = log.fault, life.isAlive else { return }
        guard hasPeers else {
            life = .damaged(fault)
            return
        }
        if repairing == nil { repairing = Repairing(index: fault.index) }
        repairing?.index = fault.index
        agree(.faulty(from: fault.index, claimed: claimedLast), into: &effects)
    }

    /// What the log is known to go through, readable or not.
    var claimedLast: EntryID { EntryID(index: log.lastIndex, term: log.end.term) }

    /// Asks the next peer for what is needed, now and then.
    func repairTicked(into effects: inout [ReplicaEffect]) {
        guard var repairing else { return }
        guard repairing.asked == nil || clock.milliseconds >= repairing.askedAt + Self.askAgainMilliseconds else {
            return
        }
        let able = peers.views.filter { isRecent($0) && $0.figures?.state != .damaged }.map(\.id)
        guard let next = able.first(where: { $0 > repairing.asked ?? 0 }) ?? able.first else { return }
        repairing.asked = next
        repairing.askedAt = clock.milliseconds
        self.repairing = repairing
        effects.append(.send(to: next, .fetch(FrameRequest(first: repairing.index, last: repairing.index + 63))))
    }

    /// Another replica asks for frames that it cannot read.
    func fetch(_ request: FrameRequest, for peer: Int, into effects: inout [ReplicaEffect]) {
        let last = min(request.last, log.durableIndex)
        guard request.first >= 1, request.first <= last,
            let frames = try? log.stored(from: request.first, through: last, bytesMax: Self.fetchBytesMax)
        else { return effects.append(.send(to: peer, .fetched(first: request.first, frames: []))) }
        effects.append(.send(to: peer, .fetched(first: request.first, frames: frames)))
    }
}
