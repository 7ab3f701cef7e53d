import Bytes
import Consensus
import Files
import Keys
import Records
@testable import Replica
import SegmentedLog
import Testing

@Suite struct `A store of one that grows` {
    private static func place(_ id: Int) -> Place {
        Place(id: id, address: "127.0.0.1", peerPort: 7500 + id, clientPort: 7400 + id)
    }

    /// Replica 1 lists nobody; each that joins lists those before it.
    private static func trio(_ seed: UInt64, joining: Int = 2) throws -> Trio {
        let trio = try Trio(voters: 1, spares: joining, seed: seed) {
            $0.peers = Array(1..<$0.id)
            $0.places = (1...$0.id).map(place)
        }
        for id in 2...(1 + joining) { trio.kill(id) }
        return trio
    }

    /// A disk of its own for a replica, as `init --join` makes it of the answer.
    private func plant(_ seed: Seed, _ id: Int, in trio: Trio) throws {
        let files = MemoryFiles()
        try Replica.plant(
            files, seed: seed, as: id, clusterID: ClinicStore.clusterID, root: SecretKey(ClinicStore.root))
        trio[id].files = files
        try trio.boot(id)
    }

    private func registered(_ number: Int) throws -> IncomingEvent {
        try ClinicStore.registered("p-\(number)", id: "e-\(number)")
    }

    private func join(_ id: Int, _ trio: Trio) throws -> Seed? {
        let primary = try #require(trio.lead())
        guard case .cluster(let status)? = trio.answer(trio.order(.add(id, at: Self.place(id)), to: primary)) else {
            return nil
        }
        return status.seed
    }

    @Test func `takes in two replicas that it never heard of, while appends run`() throws {
        let trio = try Self.trio(61)
        for number in 1...10 { trio.append([try registered(number)]) }
        for id in [2, 3] {
            let seed = try #require(try join(id, trio))
            #expect(seed.places == (1...id).map(Self.place))
            // It counts for nothing before it has the log, and appends go on.
            for number in 1...5 { #expect(trio.append([try registered(100 * id + number)])?.appended != nil) }
            try plant(seed, id, in: trio)
            let hanging = try (1...5).map { trio.put([try registered(200 * id + $0)], to: trio[1]) }
            let isDone = trio.run(within: 8_000) {
                trio.primary?.replica?.newest.change == nil
                    && trio.primary?.replica?.membership.voters == Array(1...id)
            }
            #expect(isDone)
            for ask in hanging { #expect(trio.answer(ask)?.appended != nil) }
            trio.run(200)
        }
        #expect(trio.run(within: 5_000) { trio.isConverged })
        // Everybody finds everybody by the log, also after a start, and one may be lost.
        for id in 1...3 { trio.kill(id) }
        for id in 1...3 { try trio.boot(id) }
        #expect(trio.append([try registered(900)])?.appended != nil)
        trio.kill(1)
        #expect(trio.append([try registered(901)])?.appended != nil)
    }

    @Test func `goes on where either was when it died`() throws {
        for dies in 1...2 {
            for after in [UInt64(0), 2, 30] {
                let trio = try Self.trio(62 + after, joining: 1)
                for number in 1...20 { trio.append([try registered(number)]) }
                try plant(try #require(try join(2, trio)), 2, in: trio)
                trio.run(after)
                trio.kill(dies)
                trio.run(100)
                try trio.boot(dies)
                let isDone = trio.run(within: 15_000) {
                    trio.primary?.replica?.membership.voters == [1, 2] && trio.primary?.replica?.newest.change == nil
                }
                #expect(isDone, "\(dies) died after \(after) ms")
                for number in 1...21 { #expect(trio.append([try registered(number)])?.appended != nil) }
                #expect(trio.run(within: 5_000) { trio.isConverged })
                // From then on its log's end is not its own to cut.
                #expect(trio[1].replica?.log.configuration.hasPeers == true)
            }
        }
    }

    @Test(arguments: [false, true])
    func `cuts a torn tail that only a learner might have had`(isGivenUp: Bool) throws {
        for seed in UInt64(700)..<720 {
            let trio = try Self.trio(seed, joining: 1)
            for number in 1...3 { trio.append([try registered(number)]) }
            _ = try #require(try join(2, trio))
            if isGivenUp { #expect(trio.answer(trio.order(.remove(2), to: trio[1]))?.problem == nil) }
            trio.run(100)
            trio[1].holdsDisk = true
            _ = trio.put([try registered(4)], to: trio[1])
            trio.run(3)
            // The power goes with the batch half on the disk.
            for batch in trio[1].batches {
                let writes = batch.orders.filter { if case .sync = $0 { false } else { true } }
                try DiskHand(trio[1].files).carryOut(writes)
            }
            trio.kill(1)
            try trio.boot(1)
            #expect(trio.append([try registered(5)])?.appended != nil, "seed \(seed)")
        }
    }

    @Test func `an order that is repeated is answered as the first was, another is refused`() throws {
        let trio = try Self.trio(63)
        let seed = try #require(try join(2, trio))
        let index = trio[1].replica?.newest
        #expect(try join(2, trio) == seed)
        #expect(trio[1].replica?.newest == index)
        func refused(_ order: OperatorOrder, as credential: String = "admin") -> ProblemKind? {
            trio.answer(trio.order(order, to: trio[1], as: credential))?.problem?.kind
        }
        #expect(refused(.add(3, at: Self.place(3))) == .orderRefused, "a change is under way")
        // It may be given up, and another begun; the id is used up.
        #expect(refused(.remove(2)) == nil)
        trio.run(100)
        #expect(trio[1].replica?.newest.change == nil && trio[1].replica?.membership.learners == [])
        #expect(try #require(trio.status(of: trio[1])).members.map(\.role) == ["primary", "retired"])
        #expect(refused(.add(3, at: Self.place(3)), as: "svc") == .forbidden)
        #expect(refused(.add(1, at: Self.place(1))) == .orderRefused, "its own id")
        #expect(
            refused(.add(3, at: Place(id: 3, address: "127.0.0.1", peerPort: 7401, clientPort: 7))) == .orderRefused,
            "a port of replica 1")
        #expect(refused(.add(2, at: Self.place(2))) == .orderRefused, "ids are used once")
        #expect(refused(.add(3, at: Self.place(3))) == nil)
    }

    @Test func `writes down where the new one is to be, and that keys were handed out`() throws {
        let trio = try Self.trio(67, joining: 1)
        _ = try #require(try join(2, trio))
        let place = Place(id: 3, address: "2001:db8::3", peerPort: 7503, clientPort: 7403)
        #expect(trio.answer(trio.order(.add(3, at: place), to: trio[1]))?.problem?.kind == .orderRefused)
        #expect(trio.answer(trio.order(.remove(2), to: trio[1]))?.problem == nil)
        let query = SearchQuery(kind: .auditEvent, parameters: [])
        guard case .page(let page)? = trio.answer(trio.put(.search(query), to: trio[1])) else {
            return #expect(Bool(false), "the audit is read")
        }
        let told = page.resources.compactMap { shown -> String? in
            guard case .audit(let detail) = shown.content, detail.type == "chartlog.change-ordered" else { return nil }
            return detail.query
        }
        #expect(
            told == [
                "remove 2", "add 2 at 127.0.0.1, ports 7502 and 7402, and hand it the sealed keys",
            ])
    }

    @Test func `is joined however many have joined and gone, and none of their ids comes back`() throws {
        let trio = try Self.trio(66, joining: 1)
        for id in 2...60 {
            _ = try #require(try join(id, trio))
            #expect(trio.answer(trio.order(.remove(id), to: trio[1]))?.problem == nil)
            trio.run(20)
        }
        let replica = try #require(trio[1].replica)
        #expect(replica.newest.places.map(\.id) == [60] && replica.membership.retired == Array(2...60))
        let status = try #require(trio.status(of: trio[1]))
        #expect(status.retired == Array(2...60) && status.members.map(\.id) == [1, 60])
        for id in [2, 30, 60] {
            #expect(trio.answer(trio.order(.add(id, at: Self.place(id)), to: trio[1]))?.problem?.kind == .orderRefused)
        }
        // So after a start, when the log alone tells of them.
        trio.kill(1)
        try trio.boot(1)
        _ = try #require(trio.lead())
        #expect(trio.answer(trio.order(.add(30, at: Self.place(30)), to: trio[1]))?.problem?.kind == .orderRefused)
        #expect(try join(61, trio) != nil)
    }

    @Test func `is not joined by a replica with another root key, or with a seed that is damaged`() throws {
        let trio = try Self.trio(64)
        var seed = try #require(try join(2, trio))
        let clusterID = ClinicStore.clusterID
        #expect(throws: ReplicaError.key(.wrongKey)) {
            var other = ClinicStore.root
            other[0] ^= 1
            try Replica.plant(MemoryFiles(), seed: seed, as: 2, clusterID: clusterID, root: SecretKey(other))
        }
        seed.first[seed.first.count - 1] ^= 1
        #expect(throws: ReplicaError.self) {
            try Replica.plant(
                MemoryFiles(), seed: seed, as: 2, clusterID: clusterID, root: SecretKey(ClinicStore.root))
        }
    }

    @Test func `does not let a retired id in again`() throws {
        let trio = try Self.trio(65, joining: 2)
        for id in [2, 3] {
            try plant(try #require(try join(id, trio)), id, in: trio)
            #expect(trio.run(within: 8_000) { trio.primary?.replica?.newest.change == nil })
            trio.run(200)
        }
        #expect(trio.run(within: 3_000) { trio.primary?.replica?.membership.voters == [1, 2, 3] })
        let primary = try #require(trio.primary)
        #expect(trio.answer(trio.order(.remove(3), to: primary))?.problem == nil)
        #expect(trio.run(within: 5_000) { trio.primary?.replica?.membership.retired == [3] })
        trio.run(200)
        let again = trio.order(.add(3, at: Self.place(3)), to: try #require(trio.lead()))
        #expect(trio.answer(again)?.problem?.kind == .orderRefused)
    }
}
