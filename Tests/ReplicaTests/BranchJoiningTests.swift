import Bytes
import Consensus
import Files
import Keys
import Records
@testable import Replica
import SegmentedLog
import Testing

/// A branch of a store of three grows from one again; its ids have nothing to do with its parent's.
@Suite struct `A branch that grows` {
    /// Replicas 1 to 3 of a branch, of which 1 has the store and the others have nothing yet.
    private final class Family {
        let trio: Trio
        private let cluster = Cluster()

        private final class Cluster {
            var id = ClinicStore.clusterID
        }

        static func place(_ id: Int) -> Place {
            Place(id: id, address: "127.0.0.1", peerPort: 7500 + id, clientPort: 7400 + id)
        }

        /// - Parameter listsAll: Each lists all others, rather than those before it.
        init(seed: UInt64, listsAll: Bool = false) throws {
            let cluster = cluster
            trio = try Trio(voters: 3, seed: seed) {
                $0.clusterID = cluster.id
                $0.log.bodyCapacity = 1 << 14
                guard cluster.id != ClinicStore.clusterID else { return }
                let own = $0.id
                $0.peers = (1...(listsAll ? 3 : own)).filter { $0 != own }
                $0.places = (1...$0.id).map(Family.place)
            }
            for number in 1...30 {
                let answer = trio.append([try ClinicStore.registered("p-\(number)", id: "e-\(number)")])
                #expect(answer?.appended != nil)
            }
            let parent = trio
            let isConverged = parent.run(within: 5_000) { parent.isConverged }
            #expect(isConverged)
            for id in 1...3 { trio.kill(id) }
            cluster.id = BranchStore.clusterID
            trio[1].files = try BranchStore.made(of: trio[2].files)
            for id in 2...3 { trio[id].files = MemoryFiles() }
        }

        func plant(_ seed: Seed, _ id: Int, on files: MemoryFiles = MemoryFiles()) throws {
            try Replica.plant(
                files, seed: seed, as: id, clusterID: BranchStore.clusterID, root: SecretKey(ClinicStore.root))
            trio[id].files = files
        }

        func join(_ id: Int) throws -> Seed {
            let primary = try #require(trio.lead())
            let answer = trio.answer(trio.order(.add(id, at: Self.place(id)), to: primary))
            guard case .cluster(let status)? = answer else { throw ReplicaError.exists }
            return try #require(status.seed)
        }
    }

    private func append(_ number: Int, _ trio: Trio) throws {
        #expect(trio.append([try ClinicStore.registered("q-\(number)", id: "f-\(number)")])?.appended != nil)
    }

    @Test func `takes in replicas, which copy the ancestors' part and know nobody until they have it`() throws {
        let family = try Family(seed: 81)
        let trio = family.trio
        try trio.boot(1)
        try append(0, trio)
        let copied = try #require(trio[1].replica?.lineage.newest.firstIndex)
        for id in [2, 3] {
            let seed = try family.join(id)
            #expect(seed.lineage == trio[1].replica?.lineage.bytes)
            try family.plant(seed, id)
            try trio.boot(id)
            let fresh = try #require(trio[id].replica)
            // Genesis lists it as a voter: of another cluster.
            #expect(fresh.membership == ConfigurationEntry.ofAncestors.membership)
            #expect(!fresh.knowsCredentials && fresh.credentials.isEmpty)
            #expect(trio.run(within: 8_000) { (trio[id].replica?.foldedIndex ?? 0) > 5 })
            if let replica = trio[id].replica, replica.log.lastIndex < copied { #expect(!replica.knowsCredentials) }
            // It may die in the middle of the copied part.
            trio.kill(id)
            try trio.boot(id)
            let isDone = trio.run(within: 15_000) {
                trio.primary?.replica?.newest.change == nil
                    && trio.primary?.replica?.membership.voters == Array(1...id)
            }
            #expect(isDone)
            try append(id, trio)
            #expect(trio.run(within: 5_000) { trio[id].replica?.knowsCredentials == true })
            #expect(trio[id].replica?.credentials.map(\.id) == ["admin", "svc"])
            trio.run(200)
        }
        #expect(trio.run(within: 5_000) { trio.isConverged })
        for position in 1...33 as ClosedRange<UInt64> {
            let jsons = try (1...3).map { try #require(trio[$0].replica).openEvent(at: position).json }
            #expect(jsons[1] == jsons[0] && jsons[2] == jsons[0])
        }
        // The one that had the store is lost, and the others go on, also after a start.
        trio.kill(1)
        try append(10, trio)
        for id in 2...3 { trio.kill(id) }
        for id in 2...3 { try trio.boot(id) }
        #expect(trio.append([try ClinicStore.amended("p-3", id: "f-11", phone: "+44")])?.appended != nil)
        #expect(trio[2].replica?.membership.retired == [] && trio[2].replica?.membership.voters == [1, 2, 3])
    }

    @Test func `lets nobody in while its first entry is damaged, and all whom it names once it is mended`() throws {
        let family = try Family(seed: 84)
        let trio = family.trio
        try trio.boot(1)
        for id in [2, 3] {
            try family.plant(try family.join(id), id)
            try trio.boot(id)
            let isDone = trio.run(within: 15_000) {
                trio.primary?.replica?.newest.change == nil
                    && trio.primary?.replica?.membership.voters == Array(1...id)
            }
            #expect(isDone)
            trio.run(200)
        }
        try append(1, trio)
        #expect(trio.run(within: 5_000) { trio.isConverged })
        let newest = try #require(trio[2].replica?.lineage.newest)
        trio.kill(2)
        let path = ReplicaPaths.log + "/" + SegmentFormat.name(of: newest.firstSegment)
        var bytes = try #require(trio[2].files.contents(path))
        let header = try FrameHeader(bytes, at: SegmentFormat.tableAt)
        #expect(header.index == newest.firstIndex)
        bytes[header.bodyOffset + header.bodyLength - 3] ^= 2
        trio[2].files.put(path, bytes)
        try trio.boot(2)
        let replica = try #require(trio[2].replica)
        #expect(!replica.knowsCredentials && replica.log.firstWound(after: newest.firstIndex - 1) == newest.firstIndex)
        #expect(replica.membership == ConfigurationEntry.ofAncestors.membership)
        #expect(trio.run(within: 8_000) { replica.knowsCredentials })
        #expect(replica.credentials.map(\.id) == ["admin", "svc"])
        #expect(trio.run(within: 5_000) { trio.isConverged && trio[2].replica?.membership.voters == [1, 2, 3] })
        trio.kill(1)
        try append(2, trio)
    }

    @Test func `fresh replicas never lead among themselves, though their first entry lists them as voters`() throws {
        let family = try Family(seed: 82, listsAll: true)
        let trio = family.trio
        try trio.boot(1)
        try append(0, trio)
        let seed = try #require(trio[1].replica).seed()
        trio.kill(1)
        for id in 2...3 {
            try family.plant(seed, id)
            try trio.boot(id)
        }
        trio.run(4_000)
        #expect(trio.primary == nil)
        for id in 2...3 {
            #expect(trio[id].replica?.log.lastIndex == 1 && trio[id].replica?.raft.term == 0)
        }
    }

    @Test func `is not joined with a lineage that is damaged, another's or missing`() throws {
        let family = try Family(seed: 83)
        try family.trio.boot(1)
        let seed = try family.join(2)
        func error(_ change: (inout Seed) -> Void) throws -> ReplicaError? {
            var seed = seed
            change(&seed)
            let files = MemoryFiles()
            do {
                try family.plant(seed, 2, on: files)
                return nil
            } catch let error as ReplicaError {
                #expect(!files.paths.contains { $0.hasSuffix(".segment") })
                // A second try, with the right seed, is not hindered by what the first has left.
                try family.plant(family.trio[1].replica.map { try $0.seed() } ?? seed, 2, on: files)
                return error
            }
        }
        #expect(try error { _ in } == nil)
        #expect(try error { $0.lineage?[20] ^= 1 } == .log(.lineage(.damaged)))
        #expect(try error { $0.lineage = [] } == .log(.lineage(.damaged)))
        #expect(try error { $0.lineage = Lineage(ClusterIdentity(ClinicStore.clusterID)).bytes } == .log(.otherCluster))
        #expect(try error { $0.lineage = nil } == .log(.refusedFrame(.misplaced)))
        #expect(
            try error { $0.lineage = Lineage(ClusterIdentity(BranchStore.clusterID)).bytes }
                == .log(.refusedFrame(.misplaced)))
    }
}
