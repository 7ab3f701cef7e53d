private import Bytes
private import Files
private import JSON
private import Keys
private import Linux
private import Records
private import Replica
private import Transport

/// `chartlog init DIR --join STORE`: makes the directory of one replica more of a cluster that runs. STORE is the
/// cluster's own directory, or one with what the new replica needs of it: admin.context, ca.pem, ca.key and root.key.
package enum StoreJoiner {
    package struct Plan: Sendable {
        package var directory: String
        package var store: String
        /// Used once in the life of the cluster.
        package var id: Int
        package var address: String
        /// The new replica listens on this port + its id, for the others on this port + 100 + its id.
        package var basePort: Int

        package init(directory: String, store: String, id: Int, address: String, basePort: Int) {
            self.directory = directory
            self.store = store
            self.id = id
            self.address = address
            self.basePort = basePort
        }

        package var peerPort: Int { basePort + 100 + id }
        package var clientPort: Int { basePort + id }
    }

    /// What stands in STORE and goes with the new replica.
    package struct Papers: Sendable {
        fileprivate var authority: Certificates.Identity
        fileprivate var rootKey: [UInt8]
    }

    /// Looks at everything that can be looked at before the cluster is asked: nothing is made yet.
    package static func check(_ plan: Plan) throws(ServerError) -> Papers {
        guard Place.isNumeric(plan.address) else {
            throw ServerError("The address of a replica is numeric: a name would have to be looked up.", exitCode: 2)
        }
        guard plan.id > 0, plan.basePort > 0, plan.peerPort <= 65_535 else {
            throw ServerError("The base port leaves no port for that replica.", exitCode: 2)
        }
        let store = StoreLayout(plan.store)
        do throws(LinuxError) {
            return Papers(
                authority: Certificates.Identity(
                    certificate: try SmallFile.read(store.authorityCertificate),
                    key: try SmallFile.readSecret(store.authorityKey)),
                rootKey: try SmallFile.readSecret(store.rootKey))
        } catch {
            throw ServerError("What --join names needs ca.pem, ca.key and root.key, the keys for their owner alone.")
        }
    }

    /// Makes the directory, empty.
    package static func begin(_ plan: Plan) throws(ServerError) {
        try StoreLayout(plan.directory).makeDirectory()
    }

    /// Takes the directory back while nothing is in it.
    package static func abandon(_ plan: Plan) { SmallFile.removeDirectory(StoreLayout(plan.directory).directory) }

    /// Makes everything, of what the cluster answered to the order that the replica joins.
    package static func make(
        _ plan: Plan, _ papers: Papers, answer: [UInt8]
    ) throws(ServerError) -> StoreMaker.Made {
        let welcome = try Welcome(answer, of: plan.id)
        let root: SecretKey
        do throws(KeyError) { root = try RootKey.load(papers.rootKey) } catch {
            throw ServerError("The root key is none: 64 hexadecimal digits, or 32 bytes, are wanted.")
        }
        // First where nothing is left of it.
        try plant(MemoryFiles(), welcome, plan, root)
        let layout = StoreLayout(plan.directory)
        do {
            try SmallFile.create(layout.rootKey, papers.rootKey)
            try SmallFile.create(layout.authorityCertificate, papers.authority.certificate)
            try SmallFile.makeDirectory(layout.tls)
            let leaf = try Certificates.leaf(
                named: "replica-\(plan.id)", names: ["localhost"],
                addresses: ["127.0.0.1", "::1"] + (["127.0.0.1", "::1"].contains(plan.address) ? [] : [plan.address]),
                uris: [Configuration.peerURI(cluster: welcome.cluster, replica: plan.id)], signedBy: papers.authority)
            try SmallFile.create(layout.certificate(plan.id), leaf.certificate)
            try SmallFile.create(layout.certificateKey(plan.id), leaf.key)
            try SmallFile.syncDirectory(layout.tls)
            let store = StoreLayout(plan.store)
            for (from, to) in [
                (store.adminContext, layout.adminContext), (store.serviceContext, layout.serviceContext),
            ] where SmallFile.exists(from) {
                try SmallFile.create(to, try context(SmallFile.readSecret(from), welcome.endpoints))
            }
            try SmallFile.makeDirectory(layout.replica(plan.id))
            try SmallFile.makeDirectory(layout.data(plan.id))
            try plant(try LinuxFiles(root: layout.data(plan.id)), welcome, plan, root)
            // The last word: without it `start` finds no replica here.
            try SmallFile.create(
                layout.configuration(plan.id),
                Configuration.text(replica: plan.id, cluster: welcome.cluster, peers: welcome.peers))
            try SmallFile.syncDirectory(layout.replica(plan.id))
            try SmallFile.syncDirectory(layout.directory)
        } catch let error as ServerError {
            throw error
        } catch is LinuxError {
            throw ServerError("The store cannot be written: see whether the disk has room and who owns it.")
        } catch {
            throw ServerError("The certificate cannot be made: ca.key must be the key of ca.pem.")
        }
        return StoreMaker.Made(
            layout: layout, endpoints: welcome.endpoints, spares: [], clusterID: Hex.text(of: welcome.cluster))
    }

    private static func plant(
        _ store: some FileStore, _ welcome: Welcome, _ plan: Plan, _ root: SecretKey
    ) throws(ServerError) {
        do throws(ReplicaError) {
            try Replica.plant(store, seed: welcome.seed, as: plan.id, clusterID: welcome.cluster, root: root)
        } catch {
            if case .key(.wrongKey) = error {
                throw ServerError("The root key is not the one that the cluster is sealed with.")
            }
            throw ServerError("What the cluster gave cannot be planted: see whether the disk has room.")
        }
    }

    /// The same credential and purpose, with the endpoints as they are now.
    private static func context(_ bytes: [UInt8], _ endpoints: [String]) throws(ServerError) -> [UInt8] {
        guard let view = try? JSONText(parsing: bytes).view, let key = view["key"]?.string else {
            throw ServerError("A context file in what --join names is none.")
        }
        return StoreMaker.context(endpoints, key: key, purpose: view["purpose"]?.string)
    }

    /// What the cluster answered.
    private struct Welcome {
        let cluster: [UInt8]
        let seed: Seed
        var peers: [Configuration.Peer] { seed.places }
        /// Of those that answer requests, the new one among them.
        let endpoints: [String]

        init(_ answer: [UInt8], of id: Int) throws(ServerError) {
            guard let view = try? JSONText(parsing: answer).view, let given = view["seed"],
                let cluster = view["cluster"]?.string.flatMap({ Hex.bytes(of: $0) }), cluster.count == 16,
                let keys = given["keys"]?.string.flatMap({ Base64.bytes(of: $0.utf8) }),
                let first = given["first"]?.string.flatMap({ Base64.bytes(of: $0.utf8) })
            else { throw ServerError("The cluster's answer is not understood: is it of this version?") }
            let lineage = given["lineage"]?.string.flatMap { Base64.bytes(of: $0.utf8) }
            guard given["lineage"] == nil || lineage != nil else {
                throw ServerError("The cluster's answer is not understood: is it of this version?")
            }
            let peers = try Configuration.peers(given["peers"], of: id)
            self.cluster = cluster
            seed = Seed(keys: keys, first: first, lineage: lineage, places: peers)
            let waiting = view["replicas"]?.elements.filter { ["spare", "retired"].contains($0["role"]?.string) } ?? []
            endpoints = peers.filter { peer in !waiting.contains { $0["id"]?.integer == Int64(peer.id) } }.map {
                "https://\($0.address.contains(":") ? "[\($0.address)]" : $0.address):\($0.clientPort)"
            }
        }
    }
}
