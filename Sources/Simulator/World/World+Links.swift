internal import Bytes
internal import Replica

// Connections that are made, break and are noticed to be broken; messages on their way.
extension World {
    /// Messages with frames that may be on their way at once on one connection: twice what agreement sends ahead, for
    /// repairs and doubles.
    static let inFlightMax = 64

    /// Messages may come twice or out of order, so that agreement has to send again what is still on its way.
    private var bendsOrder: Bool { plan.mean(.duplicate) != nil || plan.mean(.reorder) != nil }

    /// A replica that has just begun looks for the others; who is told of it may be there already.
    func connectAll(_ process: Process) {
        for other in processes where other.id != process.id {
            after(200 + network.exponential(mean: plan.linkMicroseconds * 3), .connect(process.id, other.id))
        }
    }

    func connect(_ a: Int, _ b: Int) throws(Violation) {
        guard !links[pair: a, b].isConnected, process(a).replica != nil, process(b).replica != nil else { return }
        guard !links.isCut(a, b, at: now) else {
            return after(100_000 + network.below(200_000), .connect(a, b))
        }
        // A new connection tells whoever did not know that the old one is gone.
        let late = links[pair: a, b].unnoticedBy
        if late > 0 { try notice(late, lost: late == a ? b : a, epoch: links[pair: a, b].epoch) }
        links[pair: a, b].isConnected = true
        links[pair: a, b].epoch += 1
        trace.add(10, UInt64(a), UInt64(b))
        try tell(process(a), .connected(b))
        try tell(process(b), .connected(a))
    }

    /// A connection breaks; both ends learn of it, and try again.
    func disconnect(_ a: Int, _ b: Int) throws(Violation) {
        guard links[pair: a, b].isConnected else { return }
        links.reset(a, b)
        trace.add(11, UInt64(a), UInt64(b))
        try tell(process(a), .disconnected(b))
        try tell(process(b), .disconnected(a))
        after(1_000 + network.exponential(mean: plan.linkMicroseconds * 3 + 2_000), .connect(a, b))
    }

    /// A process has died: its machine says so at once, unless that is gone too.
    func loseLinks(of id: Int, isSilent: Bool) {
        for other in processes where other.id != id && links[pair: id, other.id].isConnected {
            links.reset(id, other.id)
            let noticed = isSilent ? 500_000 + network.below(3_000_000) : delay()
            links[pair: id, other.id].unnoticedBy = other.id
            let epoch = links[pair: id, other.id].epoch
            after(noticed, .notice(other.id, lost: id, epoch: epoch))
        }
    }

    /// A replica notices that the other end is gone, unless there is a new connection by now.
    func notice(_ id: Int, lost: Int, epoch: Int) throws(Violation) {
        guard links[pair: id, lost].epoch == epoch, links[pair: id, lost].unnoticedBy == id else { return }
        links[pair: id, lost].unnoticedBy = 0
        try tell(process(id), .disconnected(lost))
    }

    func send(_ message: PeerMessage, from source: Int, to target: Int) throws(Violation) {
        if case .figures(let figures) = message { process(source).saidOfItself = "\(figures.state)" }
        guard target >= 1, target <= processes.count, links[pair: source, target].isConnected else { return }
        tell("says", message, at: source)
        let bytes = PeerCodec.encode(message)
        let checksum = Checksum.crc32c(bytes)
        trace.add(12, UInt64(source), UInt64(target), UInt64(checksum))
        let at = links.place(source, target)
        let isSmall = message.isSmall
        guard links.directions[at].cutUntil <= now, !faultHits(.drop) else {
            return try lose(source, target, isSmall: isSmall)
        }
        guard isSmall || !links.directions[at].isDataBroken else { return }
        var parcel = Parcel(
            source: source, target: target, epoch: links[pair: source, target].epoch, bytes: bytes,
            checksum: checksum, isSmall: isSmall, mayOvertake: message.isOfAgreement)
        if faultHits(.bitFlip) {
            let bit = network.below(parcel.bytes.count * 8)
            parcel.bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        post(parcel, at)
        if faultHits(.duplicate) { post(parcel, at) }
    }

    private func post(_ parcel: Parcel, _ at: Int) {
        var arrives = max(now, links.directions[at].clogUntil) + delay() + UInt64(parcel.bytes.count / 100)
        if parcel.mayOvertake, faultHits(.reorder) {
            arrives += network.exponential(mean: plan.linkMicroseconds * 20)
        } else if parcel.isSmall {
            arrives = max(arrives, links.directions[at].controlArrives)
            links.directions[at].controlArrives = arrives
        } else {
            arrives = max(arrives, links.directions[at].dataArrives)
            links.directions[at].dataArrives = arrives
        }
        if !parcel.isSmall { links.directions[at].inFlight += 1 }
        queue.add(.arrive(parcel), at: arrives)
    }

    /// A small message may be lost without a word. After one with frames nothing may follow: the link breaks.
    private func lose(_ source: Int, _ target: Int, isSmall: Bool) throws(Violation) {
        let at = links.place(source, target)
        guard !isSmall, !links.directions[at].isDataBroken else { return }
        links.directions[at].isDataBroken = true
        after(
            50_000 + network.exponential(mean: 500_000),
            .breakLink(source, target, epoch: links[pair: source, target].epoch))
    }

    func breakLink(_ a: Int, _ b: Int, epoch: Int) throws(Violation) {
        guard links[pair: a, b].epoch == epoch else { return }
        try disconnect(a, b)
    }

    func arrive(_ parcel: Parcel) throws(Violation) {
        let at = links.place(parcel.source, parcel.target)
        guard links[pair: parcel.source, parcel.target].epoch == parcel.epoch else { return }
        if !parcel.isSmall {
            guard links.directions[at].inFlight <= Self.inFlightMax || bendsOrder else {
                throw Violation("I12", "\(links.directions[at].inFlight) messages with frames are on their way at once")
            }
            links.directions[at].inFlight -= 1
        }
        guard links.directions[at].cutUntil <= now else {
            return try lose(parcel.source, parcel.target, isSmall: parcel.isSmall)
        }
        guard Checksum.crc32c(parcel.bytes) == parcel.checksum else {
            // The link's own check finds it, and the link breaks. The codec is tried on it all the same: it may refuse or
            // take it, and must end.
            _ = try? PeerCodec.decode(parcel.bytes)
            return try disconnect(parcel.source, parcel.target)
        }
        guard let message = try? PeerCodec.decode(parcel.bytes) else {
            throw Violation("codec", "a message that was sent cannot be read")
        }
        tell("hears", message, at: parcel.target)
        try tell(process(parcel.target), .received(from: parcel.source, message))
    }
}

extension PeerMessage {
    /// Agreement stands messages out of order, though the links promise that there are none. What a replica says of
    /// itself does not: a figure that comes late reads like a disk that was rolled back.
    fileprivate var isOfAgreement: Bool { if case .raft = self { true } else { false } }
}
