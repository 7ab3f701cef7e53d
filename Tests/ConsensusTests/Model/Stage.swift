import Consensus

/// Nodes whose every message and write waits until the test lets it through.
final class Stage {
    private(set) var hosts: [Host] = []
    /// On the way, oldest first.
    private(set) var packets: [Packet] = []
    private var clocks: [UInt64] = []
    private(set) var referee = Referee()
    /// Orders of nodes since they were last looked at.
    private var orders: [(id: Int, effect: RaftNode.Effect)] = []
    private var payload = 0
    /// What happened since it was last taken, in words.
    private var journal: [String] = []
    let genesis: Membership
    let timings: RaftTimings

    /// - Parameter logs: For members whose logs are not just the genesis.
    init(
        voters: [Int] = [1, 2, 3], learners: [Int] = [], others: [Int] = [], logs: [Int: [Entry]] = [:],
        term: UInt64 = 1, timings: RaftTimings = RaftTimings()
    ) {
        genesis = Membership(voters: voters, learners: learners)
        self.timings = timings
        for id in (voters + learners + others).sorted() {
            let host = Host(id: id, seed: UInt64(id), genesis: genesis, timings: timings)
            if let log = logs[id] { host.load(log, term: max(term, log.last?.term ?? 1), vote: nil) }
            if logs[id] == nil { host.load(host.disk, term: term, vote: nil) }
            host.start(seed: UInt64(id))
            host.tell(.ticked(milliseconds: 1000))
            hosts.append(host)
            clocks.append(1000)
            collect(host)
        }
    }

    subscript(_ id: Int) -> Host {
        guard let host = hosts.first(where: { $0.id == id }) else { preconditionFailure("no such node") }
        return host
    }

    /// Tells a node a fact; what it sends is on the way afterwards, what it orders can be looked at.
    func tell(_ id: Int, _ input: RaftNode.Input) { act(id) { $0.tell(input) } }

    func act<Result>(_ id: Int, _ work: (Host) -> Result) -> Result {
        let host = self[id]
        let result = work(host)
        collect(host)
        return result
    }

    private func collect(_ host: Host) {
        for outcome in host.outcomes {
            switch outcome {
            case .sent(let packet):
                packets.append(packet)
                journal.append(packet.message.sentence)
            case .order(let effect):
                if let sentence = effect.sentence { journal.append("\(host.id) \(sentence)") }
                orders.append((host.id, effect))
                switch effect {
                case .becamePrimary(let term):
                    referee.becamePrimary(host, term)
                    referee.appended(host, from: 2)
                case .append: referee.appended(host, from: 2)
                case .committed(let index): referee.committed(host, through: index, among: hosts)
                default: break
                }
            }
        }
        host.outcomes = []
    }

    /// What a node ordered since the last look at it.
    func takeOrders(_ id: Int) -> [RaftNode.Effect] {
        defer { orders.removeAll { $0.id == id } }
        return orders.filter { $0.id == id }.map(\.effect)
    }

    func takeJournal() -> [String] {
        defer { journal = [] }
        return journal
    }

    func takeAllOrders() -> [(id: Int, effect: RaftNode.Effect)] {
        defer { orders = [] }
        return orders
    }

    /// A crash and a new life.
    func restart(_ id: Int) {
        act(id) { host in
            host.crash()
            host.start(seed: UInt64(id))
        }
        tick(self[id], 0)
    }

    // MARK: Time

    /// Lets time pass, for all nodes or for one: each has its own clock.
    func pass(_ milliseconds: UInt64, only: Int? = nil) {
        for host in hosts where only == nil || host.id == only { tick(host, milliseconds) }
    }

    private func tick(_ host: Host, _ milliseconds: UInt64) {
        guard let at = hosts.firstIndex(where: { $0 === host }) else { return }
        clocks[at] += milliseconds
        tell(host.id, .ticked(milliseconds: clocks[at]))
    }

    // MARK: Disk and network

    func persist(_ id: Int) { act(id) { $0.persistAll() } }

    func send(_ message: RaftMessage, entries: [Entry] = []) {
        act(message.to) { $0.receive(Packet(message: message, entries: entries)) }
    }

    /// Delivers the packets that are on the way now and for which `choose` is true, oldest first.
    @discardableResult
    func deliver(_ choose: (RaftMessage) -> Bool = { _ in true }) -> Int {
        let chosen = packets.filter { choose($0.message) }
        packets.removeAll { choose($0.message) }
        for packet in chosen where hosts.contains(where: { $0.id == packet.message.to }) {
            act(packet.message.to) { $0.receive(packet) }
        }
        return chosen.count
    }

    func drop(_ choose: (RaftMessage) -> Bool = { _ in true }) { packets.removeAll { choose($0.message) } }

    /// Delivers and writes until nothing is left, except what goes to, comes from or is written by `without`.
    func settle(without: Set<Int> = []) {
        for _ in 0..<1000 {
            for host in hosts where !without.contains(host.id) { persist(host.id) }
            let isCut = { (message: RaftMessage) in without.contains(message.from) || without.contains(message.to) }
            drop(isCut)
            if packets.isEmpty { return }
            deliver()
        }
        preconditionFailure("the nodes do not come to rest")
    }

    // MARK: What tests say often

    /// Makes a node primary, with everybody's help but that of those cut off.
    func elect(_ id: Int, without: Set<Int> = []) {
        for _ in 0..<5 where !self[id].node.isPrimary {
            // A primary steps down, for nobody answered it; the others lost sight of it, and nobody hears them ask.
            for host in hosts where host.id != id && !without.contains(host.id) {
                persist(host.id)
                tick(host, timings.election.upperBound)
                tick(host, 2 * timings.heartbeat)
            }
            drop()
            persist(id)
            tick(self[id], timings.election.upperBound)
            settle(without: without)
        }
        precondition(self[id].node.isPrimary, "\(id) was not elected")
        _ = takeAllOrders()
    }

    @discardableResult
    func propose(_ id: Int, membership: Membership? = nil) -> Bool {
        payload += 1
        return act(id) { $0.propose(payload, membership: membership) }
    }
}
