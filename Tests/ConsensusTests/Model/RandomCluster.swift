import Bytes
import Consensus

/// A cluster in a world of chance: messages are late, lost, doubled and out of order, links are cut, disks are slow,
/// nodes crash and come back; entries, reads, hand-overs and changes of membership are asked for all the while.
/// Everything comes of the seed.
final class RandomCluster {
    private var dice: SeededDice
    private(set) var hosts: [Host] = []
    private var isUp: [Bool] = []
    private var isSlow: [Bool] = []
    private var queue = EventQueue()
    private var cut: Set<[Int]> = []
    private(set) var now: UInt64 = 0
    private(set) var referee = Referee()
    private var payload = 0
    private var token: UInt64 = 0
    /// For each read: what was committed anywhere when it was asked for.
    private var readFloors: [UInt64: Int] = [:]
    private(set) var readsDone = 0
    private var lossPercent: UInt64
    private var delayMost: UInt64
    private let genesis: Membership
    private var nextSpare: Int
    private(set) var crashes = 0
    private(set) var changes = 0
    /// The most messages with entries that one follower had not answered, as seen on the network.
    private(set) var mostUnderWay = 0
    private let timings: RaftTimings

    enum Event {
        case tick(Int)
        case arrive(Packet)
        case write(Int, life: Int)
    }
    private var lives: [Int] = []

    init(seed: UInt64) {
        dice = SeededDice(seed: seed)
        let voters = [1, 3, 3, 3, 5][Int(dice.word() % 5)]
        genesis = Membership(voters: Array(1...voters))
        nextSpare = voters + 1
        lossPercent = dice.word() % 20
        delayMost = 1 + dice.word() % 60
        var timings = RaftTimings()
        timings.messageEntriesMax = 1 + Int(dice.word() % 8)
        timings.flightsMax = 1 + Int(dice.word() % 4)
        self.timings = timings
        for id in 1...(voters + 3) {
            let host = Host(id: id, seed: dice.word(), genesis: genesis, timings: timings)
            host.load(host.disk, term: 1, vote: nil)
            host.start(seed: dice.word())
            hosts.append(host)
            isUp.append(true)
            isSlow.append(false)
            lives.append(0)
            queue.push(.tick(id - 1), at: dice.word() % 10)
        }
        referee.appended(hosts[0], from: 1)
    }

    /// Chaos for a while, then peace, in which the cluster must come to agree.
    func run(steps: Int = 1500) {
        let faults = 30 + dice.word() % 100
        for _ in 0..<steps {
            guard referee.complaints.isEmpty else { return }
            if dice.word() % faults == 0 { nemesis() }
            if dice.word() % 6 == 0 { client() }
            next()
        }
        heal()
        converge()
    }

    private func heal() {
        cut = []
        lossPercent = 0
        for at in hosts.indices {
            isSlow[at] = false
            hosts[at].tell(.diskRecovered)
            if !isUp[at] { restart(at) }
        }
    }

    /// Within 30 seconds of peace a new entry is committed, and all voters hold all of it.
    private func converge() {
        let until = now + 30_000
        while now < until, referee.complaints.isEmpty {
            next()
            guard let primary = hosts.first(where: { $0.node.mayPropose }), dice.word() % 50 == 0 else { continue }
            let voters = hosts.filter { primary.node.membership.isMember($0.id) }
            if primary.node.committed == primary.log.lastIndex, !primary.node.membership.isJoint,
                voters.allSatisfy({ $0.log == primary.log && $0.node.committed == primary.node.committed }),
                primary.node.last.term == primary.node.term, referee.committed.count == primary.log.entries.count
            {
                return
            }
            if dice.word() % 10 == 0 { client() }
        }
        if referee.complaints.isEmpty { referee.complain("no agreement after 30 s of peace: \(state)") }
    }

    private var state: String {
        hosts.enumerated().map { at, host in
            "\(host.id)\(isUp[at] ? "" : " down") \(host.node.role) term \(host.node.term) log \(host.log.last) "
                + "durable \(host.disk.count) committed \(host.node.committed) of \(host.node.membership)"
        }.joined(separator: "\n")
    }

    // MARK: Events

    private func next() {
        guard let (time, event) = queue.pop() else { return }
        now = time
        switch event {
        case .tick(let at):
            if isUp[at] { act(at) { $0.tell(.ticked(milliseconds: now)) } }
            queue.push(.tick(at), at: now + 8 + dice.word() % 6)
        case .arrive(let packet):
            let at = packet.message.to - 1
            guard hosts.indices.contains(at), isUp[at], !cut.contains([packet.message.from, packet.message.to]) else {
                return
            }
            act(at) { host in
                host.tell(.ticked(milliseconds: now))
                host.receive(packet)
            }
        case .write(let at, let life):
            if isUp[at], lives[at] == life { act(at) { $0.persistNext() } }
        }
    }

    private func act(_ at: Int, _ work: (Host) -> Void) {
        let host = hosts[at]
        let ordered = host.ordered
        work(host)
        var time = now
        for _ in ordered..<host.ordered {
            time += isSlow[at] ? 3000 : 1 + dice.word() % 12
            queue.push(.write(at, life: lives[at]), at: time)
        }
        let outcomes = host.outcomes
        host.outcomes = []
        for outcome in outcomes {
            switch outcome {
            case .sent(let packet): carry(packet)
            case .order(let effect): judge(host, effect)
            }
        }
    }

    private func judge(_ host: Host, _ effect: RaftNode.Effect) {
        switch effect {
        case .becamePrimary(let term):
            referee.becamePrimary(host, term)
            referee.appended(host, from: host.log.lastIndex)
        case .append(let first, _): referee.appended(host, from: first)
        case .committed(let index): referee.committed(host, through: index, among: hosts)
        case .readReady(let token, let index):
            readsDone += 1
            if let floor = readFloors[token], Int(index) < floor {
                referee.complain("a read at \(host.id) is current through \(index), yet \(floor) was committed before")
            }
        default: break
        }
        if host.node.isPrimary, host.node.term > 0 { checkFlights(host) }
    }

    /// No follower has more on its way than flow control lets go.
    private func checkFlights(_ host: Host) {
        for peer in host.node.progress {
            let ahead = host.node.sentAhead(of: peer.id)
            mostUnderWay = max(mostUnderWay, ahead)
            if ahead > timings.flightsMax { referee.complain("\(ahead) messages under way to \(peer.id)") }
        }
    }

    private func carry(_ packet: Packet) {
        guard dice.word() % 100 >= lossPercent else { return }
        queue.push(.arrive(packet), at: now + 1 + dice.word() % delayMost)
        if dice.word() % 20 == 0 { queue.push(.arrive(packet), at: now + 1 + dice.word() % (delayMost * 20)) }
    }

    // MARK: Clients and misfortune

    private func client() {
        let primaries = hosts.indices.filter { isUp[$0] && hosts[$0].node.isPrimary }
        guard !primaries.isEmpty else { return }
        let at = primaries[Int(dice.word() % UInt64(primaries.count))]
        payload += 1
        let payload = payload
        switch dice.word() % 24 {
        case 0: act(at) { $0.tell(.transfer(to: 1 + Int(dice.word() % UInt64(hosts.count)))) }
        case 1, 2: change(at)
        case 3...7:
            token += 1
            readFloors[token] = referee.committed.count
            let token = token
            act(at) { $0.tell(.readRequested(token: token)) }
        default:
            let burst = 1 + dice.word() % 4
            act(at) { host in for _ in 0..<burst { host.propose(payload) } }
        }
    }

    private func change(_ at: Int) {
        let now = hosts[at].node.membership
        let wanted: Membership
        if let learner = now.learners.first {
            let replaced = now.voters[Int(dice.word() % UInt64(now.voters.count))]
            let voters = now.voters.filter { $0 != replaced || now.voters.count < 3 } + [learner]
            wanted = now.joint(with: voters)
        } else if nextSpare <= hosts.count {
            wanted = now.adding(learner: nextSpare)
        } else {
            return
        }
        act(at) { host in
            guard host.propose(0, membership: wanted) else { return }
            changes += 1
            if wanted.isJoint { nextSpare += 1 }
        }
    }

    private func nemesis() {
        let at = Int(dice.word() % UInt64(hosts.count))
        switch dice.word() % 9 {
        case 0, 1: isUp[at] ? crash(at) : restart(at)
        case 2: for at in hosts.indices where !isUp[at] { restart(at) }
        case 3: cut.insert([at + 1, 1 + Int(dice.word() % UInt64(hosts.count))])
        case 4: for other in hosts.indices where dice.word() % 2 == 0 { cutOff(at, other) }
        case 5: cut = []
        case 6: isSlow[at].toggle()
        case 7: isSlow = isSlow.map { _ in false }
        default: break
        }
    }

    private func cutOff(_ one: Int, _ other: Int) {
        cut.insert([one + 1, other + 1])
        cut.insert([other + 1, one + 1])
        if dice.word() % 2 == 0, isUp[one], isUp[other] { act(one) { $0.tell(.disconnected(peer: other + 1)) } }
    }

    private func crash(_ at: Int) {
        crashes += 1
        isUp[at] = false
        hosts[at].crash()
        for other in hosts.indices where other != at && isUp[other] && dice.word() % 2 == 0 {
            act(other) { $0.tell(.disconnected(peer: at + 1)) }
        }
    }

    private func restart(_ at: Int) {
        guard !isUp[at] else { return }
        isUp[at] = true
        lives[at] += 1
        act(at) { host in
            host.start(seed: dice.word())
            host.tell(.ticked(milliseconds: now))
        }
        for other in hosts.indices where other != at && isUp[other] {
            act(other) { $0.tell(.connected(peer: at + 1)) }
        }
    }
}

/// What happens next: a heap by time, then by order of asking.
struct EventQueue {
    private var heap: [(time: UInt64, number: UInt64, event: RandomCluster.Event)] = []
    private var number: UInt64 = 0

    mutating func push(_ event: RandomCluster.Event, at time: UInt64) {
        number += 1
        heap.append((time, number, event))
        var child = heap.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> (UInt64, RandomCluster.Event)? {
        guard let top = heap.first else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(child, least) {
                least = child
            }
            if least == parent { break }
            heap.swapAt(parent, least)
            parent = least
        }
        return (top.time, top.event)
    }

    private func isBefore(_ one: Int, _ other: Int) -> Bool {
        (heap[one].time, heap[one].number) < (heap[other].time, heap[other].number)
    }
}
