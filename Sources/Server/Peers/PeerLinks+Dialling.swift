internal import Linux
internal import Records
internal import Transport

/// The lanes that this replica dials.
extension PeerLinks {
    /// libssl's name for an alert that says: none of the protocols offered.
    private static let noApplicationProtocol: UInt = 1120

    func tick(_ lane: PeerLane) {
        switch lane.state {
        case .resting(let until): if now >= until { dial(lane) }
        case .connecting, .greeting: if now - lane.since >= PeerLane.openingMilliseconds { lose(lane) }
        case .open: break
        }
    }

    private func dial(_ lane: PeerLane) {
        lane.since = now
        guard let session = try? TLSSession(connecting: dialling),
            let socket = try? Socket.connecting(to: lane.peer.address, port: lane.peer.peerPort)
        else { return lane.rest(now: now, chance: chance) }
        try? socket.giveUp(afterMilliseconds: Self.unacknowledgedMilliseconds)
        lane.token = nextToken
        nextToken += 1
        lane.channel = Channel(socket, session)
        lane.interest = [.reading, .writing]
        lane.state = .connecting
        guard (try? poller.add(socket.descriptor, lane.interest, token: lane.token)) != nil else { return lose(lane) }
    }

    func happened(_ event: Poller.Event, _ lane: PeerLane) {
        guard let channel = lane.channel else { return }
        if lane.state == .connecting {
            guard event.isWritable || event.isBroken else { return }
            guard (try? channel.socket.connected()) != nil else { return lose(lane) }
            lane.state = .greeting
        }
        if event.isWritable, channel.flush() != .open { return lose(lane) }
        if event.isReadable {
            let state = channel.receive(scratch: &scratch, onto: &lane.received.buffer)
            hear(lane, channel)
            guard lane.channel != nil else { return }
            switch state {
            case .open: break
            case .failed(let error):
                if lane.state != .open { complain(error, lane) }
                return lose(lane)
            case .closed, .broken: return lose(lane)
            }
        }
        if lane.state == .greeting, !lane.hasGreeted { greet(lane, channel) }
        settle(lane)
    }

    private func complain(_ error: TLSError, _ lane: PeerLane) {
        switch error {
        case .truncated, .exhausted: break
        case .broken(Self.noApplicationProtocol): complaints.isRefused(.version, by: lane.peer.id, now: now)
        case .untrusted, .broken, .badIdentity, .noAuthority:
            complaints.isRefused(.untrusted, by: lane.peer.id, now: now)
        }
    }

    /// Once both sides have shown their certificates: says who this is, if the other is whom it wants.
    private func greet(_ lane: PeerLane, _ channel: Channel) {
        guard channel.session.isEstablished else { return }
        guard channel.session.hasAgreedProtocol,
            channel.session.peerBears(uri: Configuration.peerURI(cluster: cluster, replica: lane.peer.id))
        else {
            complaints.isRefused(.identity, by: lane.peer.id, now: now)
            counters.refused[.identity, default: 0] += 1
            return lose(lane)
        }
        lane.hasGreeted = true
        var out: [UInt8] = []
        let names = PeerGreeting.Names(cluster: cluster, from: own, to: lane.peer.id, lane: lane.kind)
        LengthFrames.append(PeerGreeting.hello(names).bytes, onto: &out)
        if channel.send(out) != .open { lose(lane) }
    }

    /// What comes on a lane that was dialled: the answer to the greeting, and nothing else.
    private func hear(_ lane: PeerLane, _ channel: Channel) {
        while lane.channel != nil {
            switch lane.received.next(atMost: PeerGreeting.bytesMax) {
            case .needsMore: return
            case .tooLong: return misunderstood(lane)
            case .frame(let bytes):
                guard lane.state == .greeting, lane.hasGreeted, let answer = try? PeerGreeting(bytes) else {
                    return misunderstood(lane)
                }
                hear(answer, lane)
            }
        }
    }

    private func hear(_ answer: PeerGreeting, _ lane: PeerLane) {
        switch answer {
        case .welcome(let names):
            guard names.cluster == cluster, names.from == lane.peer.id, names.to == own, names.lane == lane.kind else {
                return misunderstood(lane)
            }
            if lane.hasBeenOpen { counters.reconnects += 1 }
            lane.state = .open
            lane.hasBeenOpen = true
            lane.pause = PeerLane.pauseMin
            if let link = link(lane) { relink(link) }
        case .refusal(let reason):
            complaints.isRefused(reason, by: lane.peer.id, now: now)
            lane.pause = PeerLane.pauseMax
            lose(lane)
        case .otherVersion:
            complaints.isRefused(.version, by: lane.peer.id, now: now)
            lane.pause = PeerLane.pauseMax
            lose(lane)
        case .hello: misunderstood(lane)
        }
    }

    private func misunderstood(_ lane: PeerLane) {
        complaints.isRefused(.malformed, by: lane.peer.id, now: now)
        lose(lane)
    }

    /// The connection is gone, or given up: the lane rests, then dials again.
    func lose(_ lane: PeerLane) {
        if let channel = lane.channel { poller.remove(channel.socket.descriptor) }
        let wasOpen = lane.isOpen
        lane.rest(now: now, chance: chance)
        guard wasOpen, let link = link(lane) else { return }
        if lane.kind == .data { link.hasLostData = true }
        relink(link)
    }

    private func link(_ lane: PeerLane) -> PeerLink? { links.first { $0.peer.id == lane.peer.id } }

    /// Tells the poller what to wait for.
    func settle(_ lane: PeerLane) {
        guard let channel = lane.channel, lane.state != .connecting else { return }
        let wanted: Poller.Interest = channel.waitingBytes > 0 ? [.reading, .writing] : .reading
        guard wanted != lane.interest else { return }
        lane.interest = wanted
        if (try? poller.change(channel.socket.descriptor, wanted, token: lane.token)) == nil { lose(lane) }
    }
}
