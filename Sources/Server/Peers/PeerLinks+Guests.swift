internal import Linux
internal import Records
internal import Transport

/// The connections that others make to the peer port.
extension PeerLinks {
    func acceptAll() {
        guard let listener else { return }
        for _ in 0..<Self.acceptedATurn {
            let accepted: (Socket, address: String)?
            do throws(LinuxError) { accepted = try listener.accept() } catch { return restListener() }
            guard let (socket, address) = accepted else { return }
            if arriving >= Self.arrivingMax { makeRoom() }
            let guest = PeerGuest(token: nextToken, socket: socket, address: address, now: now)
            nextToken += 1
            guard (try? poller.add(socket.descriptor, .reading, token: guest.token)) != nil else { continue }
            guests[guest.token] = guest
            arriving += 1
            arrive(guest)
        }
    }

    /// Sends away who has longest not said who it is: a replica says so within moments, so that strangers who only
    /// connect keep none out.
    private func makeRoom() {
        let oldest = guests.values.filter { if case .open = $0.phase { false } else { true } }
            .min { $0.token < $1.token }
        if let oldest { refuse(oldest, .crowded) }
    }

    func happened(_ event: Poller.Event, _ guest: PeerGuest) {
        guard let channel = guest.channel else {
            if event.isReadable { arrive(guest) }
            return
        }
        if event.isWritable, channel.flush() != .open { return drop(guest) }
        if event.isReadable {
            let state = channel.receive(scratch: &scratch, onto: &guest.received.buffer)
            hear(guest)
            guard guests[guest.token] != nil else { return }
            switch state {
            case .open: break
            case .failed(.truncated), .closed, .broken: return drop(guest)
            case .failed:
                // Before the greeting that is a stranger; after it, somebody has meddled with the bytes.
                return refuse(guest, .untrusted)
            }
        }
        settle(guest)
    }

    /// Collects the first message of a connection, and sees by it who serves it.
    private func arrive(_ guest: PeerGuest) {
        switch guest.socket.receive(into: &scratch) {
        case .bytes(let count): guest.first.append(contentsOf: scratch[0..<count])
        case .later: return
        case .ended, .broken: return drop(guest)
        }
        switch ClientHello(guest.first) {
        case .needsMore:
            if guest.first.count > ClientHello.bytesMax { refuse(guest, .malformed) }
        case .malformed: refuse(guest, .malformed)
        case .offers(let offers):
            if offers.contains(ApplicationProtocol.peer.name) { return welcome(guest) }
            guard offers.contains(ApplicationProtocol.forward.name) else { return refuse(guest, .version) }
            forget(guest)
            handOver(
                HandedConnection(
                    descriptor: guest.socket.release(), bytes: guest.first, address: guest.address))
        }
    }

    /// Begins the secure session of a connection that speaks as a peer does.
    private func welcome(_ guest: PeerGuest) {
        guard let session = try? TLSSession(serving: serving) else { return drop(guest) }
        try? guest.socket.giveUp(afterMilliseconds: Self.unacknowledgedMilliseconds)
        let channel = Channel(guest.socket, session)
        guest.channel = channel
        guest.phase = .greeting
        guard (try? session.received(guest.first, count: guest.first.count)) != nil else {
            channel.flush()
            return refuse(guest, .untrusted)
        }
        guest.first = []
        guard channel.flush() == .open else { return drop(guest) }
        settle(guest)
    }

    private func hear(_ guest: PeerGuest) {
        while guests[guest.token] != nil {
            switch guest.phase {
            case .arriving: return
            case .greeting:
                switch guest.received.next(atMost: PeerGreeting.bytesMax) {
                case .needsMore: return
                case .tooLong: refuse(guest, .malformed)
                case .frame(let bytes): greeted(bytes, guest)
                }
            case .open(let from, _):
                switch guest.received.next(atMost: Self.messageBytesMax) {
                case .needsMore: return
                case .tooLong: refuse(guest, .malformed)
                case .frame(let bytes): heard(bytes, from: from)
                }
            }
        }
    }

    /// Who the other says it is, and whether its certificate says so too.
    private func greeted(_ bytes: [UInt8], _ guest: PeerGuest) {
        guard let greeting = try? PeerGreeting(bytes) else { return refuse(guest, .malformed) }
        switch greeting {
        case .otherVersion: refuse(guest, .version)
        case .welcome, .refusal: refuse(guest, .malformed)
        case .hello(let names):
            guard names.cluster == cluster else { return refuse(guest, .cluster, names.from) }
            guard names.to == own else { return refuse(guest, .misdirected, names.from) }
            guard let link = links.first(where: { $0.peer.id == names.from }) else {
                return refuse(guest, .unknown, names.from)
            }
            guard let channel = guest.channel, channel.session.hasAgreedProtocol,
                channel.session.peerBears(uri: Configuration.peerURI(cluster: cluster, replica: names.from))
            else { return refuse(guest, .identity, names.from) }
            admit(guest, channel, link, names.lane)
        }
    }

    private func admit(_ guest: PeerGuest, _ channel: Channel, _ link: PeerLink, _ kind: PeerLane.Kind) {
        var out: [UInt8] = []
        let names = PeerGreeting.Names(cluster: cluster, from: own, to: link.peer.id, lane: kind)
        LengthFrames.append(PeerGreeting.welcome(names).bytes, onto: &out)
        guard channel.send(out) == .open else { return drop(guest) }
        guest.phase = .open(from: link.peer.id, kind)
        arriving -= 1
        // A peer that dials anew has given its old connection up.
        switch kind {
        case .control:
            let old = link.controlGuest
            link.controlGuest = guest
            if let old { drop(old) }
        case .data:
            let old = link.dataGuest
            link.dataGuest = guest
            if let old { drop(old) }
        }
        // Whoever dials is there to be dialled.
        for lane in [link.control, link.data] {
            if case .resting = lane.state { lane.state = .resting(until: now) }
        }
        relink(link)
    }

    /// Sends a connection away, and says why if it can hear it.
    func refuse(_ guest: PeerGuest, _ reason: PeerRefusal, _ said: Int = 0) {
        var peer = said
        if case .open(let from, _) = guest.phase { peer = from }
        count(reason, from: links.contains { $0.peer.id == peer } ? peer : 0)
        if let channel = guest.channel, channel.session.isEstablished {
            var out: [UInt8] = []
            LengthFrames.append(PeerGreeting.refusal(reason).bytes, onto: &out)
            if channel.send(out) == .open { channel.close() }
        }
        drop(guest)
    }

    private func count(_ reason: PeerRefusal, from peer: Int) {
        counters.refused[reason, default: 0] += 1
        complaints.refused(reason, peer, now: now)
    }

    private func forget(_ guest: PeerGuest) {
        guard guests.removeValue(forKey: guest.token) != nil else { return }
        poller.remove(guest.socket.descriptor)
        if case .open = guest.phase { return }
        arriving -= 1
    }

    /// The connection is gone; its socket closes with it.
    func drop(_ guest: PeerGuest) {
        forget(guest)
        guard case .open(let from, _) = guest.phase, let link = links.first(where: { $0.peer.id == from }) else {
            return
        }
        if link.dataGuest === guest { link.dataGuest = nil }
        guard link.controlGuest === guest else { return }
        link.controlGuest = nil
        relink(link)
    }

    private func settle(_ guest: PeerGuest) {
        guard guests[guest.token] != nil, let channel = guest.channel else { return }
        let wanted: Poller.Interest = channel.waitingBytes > 0 ? [.reading, .writing] : .reading
        guard wanted != guest.interest else { return }
        guest.interest = wanted
        if (try? poller.change(channel.socket.descriptor, wanted, token: guest.token)) == nil { drop(guest) }
    }
}
