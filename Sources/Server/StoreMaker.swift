private import Bytes
private import JSON
internal import Keys
private import Linux
private import Records
internal import Replica
private import Transport

/// `chartlog init DIR`: makes a store that `start` can run. What it writes is of mode 0600 in directories of mode 0700.
package enum StoreMaker {
    package struct Plan: Sendable {
        package var directory: String
        /// How many vote from the start: 1, 3 or 5.
        package var replicas: Int
        /// How many more wait to take a lost one's place.
        package var spares: Int
        /// Replica i listens for clients on this port + i, for its peers on this port + 100 + i.
        package var basePort: Int

        package init(directory: String, replicas: Int = 3, spares: Int = 0, basePort: Int = 7400) {
            self.directory = directory
            self.replicas = replicas
            self.spares = spares
            self.basePort = basePort
        }

        /// - Throws: when it cannot be carried out anywhere.
        func check() throws(ServerError) {
            guard Self.replicasAllowed.contains(replicas) else {
                throw ServerError("A cluster has 1, 3 or 5 replicas: an even number bears no more losses.", exitCode: 2)
            }
            guard Self.sparesAllowed.contains(spares) else {
                throw ServerError("A store is made with 0 to 3 spares.", exitCode: 2)
            }
            guard (1...65_000).contains(basePort) else {
                throw ServerError("The base port must be from 1 to 65000.", exitCode: 2)
            }
        }

        /// The replicas first, then the spares.
        var peers: [Configuration.Peer] {
            (1...replicas + spares).map { id in
                Configuration.Peer(
                    id: id, address: "127.0.0.1", peerPort: basePort + 100 + id, clientPort: basePort + id)
            }
        }

        /// Of the replicas; a spare answers nobody.
        var endpoints: [String] { peers.prefix(replicas).map { "https://\($0.address):\($0.clientPort)" } }

        /// An even number needs as many for a majority as the odd one above it and bears no more losses.
        package static let replicasAllowed = [1, 3, 5]
        package static let sparesAllowed = 0...3
    }

    /// What was made, for the command line to tell.
    package struct Made: Sendable {
        package var layout: StoreLayout
        /// Of the replicas; a spare answers nobody.
        package var endpoints: [String]
        package var spares: [Int]
        /// 32 hexadecimal digits.
        package var clusterID: String
    }

    /// Makes everything, or throws and leaves what it had made by then for the operator to look at.
    package static func make(_ plan: Plan) throws(ServerError) -> Made {
        try plan.check()
        let layout = StoreLayout(plan.directory)
        try layout.makeDirectory()
        var dice = SystemDice()
        let clusterID = dice.bytes(16)
        let root = SecretKey.random(dice: &dice)
        let peers = plan.peers
        let endpoints = plan.endpoints
        let credentials = credentials(&dice)
        let genesis = GenesisPlan(
            clusterID: clusterID, members: Array(1...plan.replicas), createdAt: LinuxClock.wall(),
            credentials: [credentials.admin, credentials.service])
        try write(layout, plan, clusterID: clusterID, root: root, credentials, hasFirst: false)
        try writeGenesis(layout.data(1), genesis, root)
        for id in peers.map(\.id).dropFirst() {
            try copyStore(from: layout.data(1), to: layout.data(id), as: id, clusterID, term: 0)
        }
        return Made(
            layout: layout, endpoints: endpoints, spares: peers.map(\.id).filter { $0 > plan.replicas },
            clusterID: Hex.text(of: clusterID))
    }

    /// The first credentials, drawn anew: who administers, and who appends, reads and audits.
    static func credentials(_ dice: inout SystemDice) -> (admin: PlannedCredential, service: PlannedCredential) {
        (
            PlannedCredential(
                id: "admin-\(name(&dice))", name: "admin", scopes: [.administer], secret: secret(&dice)),
            PlannedCredential(
                id: "service-\(name(&dice))", name: "service", scopes: [.append, .read, .audit], secret: secret(&dice))
        )
    }

    /// Writes all that stands around the replicas' data: root key, authority, certificates, contexts, configurations.
    /// - Parameter hasFirst: The directory of replica 1 is there already, with its data.
    static func write(
        _ layout: StoreLayout, _ plan: Plan, clusterID: [UInt8], root: SecretKey,
        _ credentials: (admin: PlannedCredential, service: PlannedCredential), hasFirst: Bool
    ) throws(ServerError) {
        let peers = plan.peers
        do {
            try SmallFile.create(layout.rootKey, RootKey.fileBytes(of: root))
            try makeCertificates(layout, peers.map(\.id), clusterID)
            let endpoints = plan.endpoints
            try SmallFile.create(layout.adminContext, context(endpoints, credentials.admin, purpose: "HSYSADMIN"))
            try SmallFile.create(layout.serviceContext, context(endpoints, credentials.service, purpose: "TREAT"))
            for id in peers.map(\.id) {
                if !hasFirst || id > 1 {
                    try SmallFile.makeDirectory(layout.replica(id))
                    try SmallFile.makeDirectory(layout.data(id))
                }
                try SmallFile.create(
                    layout.configuration(id), Configuration.text(replica: id, cluster: clusterID, peers: peers))
                try SmallFile.syncDirectory(layout.replica(id))
            }
            try SmallFile.syncDirectory(layout.directory)
        } catch is LinuxError {
            throw ServerError("The store cannot be written: see whether the disk has room and who owns it.")
        } catch {
            throw ServerError("The certificates cannot be made.")
        }
    }

    private static func makeCertificates(_ layout: StoreLayout, _ ids: [Int], _ clusterID: [UInt8]) throws {
        let authority = try Certificates.authority(named: "Chartlog store authority")
        try SmallFile.create(layout.authorityCertificate, authority.certificate)
        try SmallFile.create(layout.authorityKey, authority.key)
        try SmallFile.makeDirectory(layout.tls)
        for id in ids {
            let leaf = try Certificates.leaf(
                named: "replica-\(id)", names: ["localhost"], addresses: ["127.0.0.1", "::1"],
                uris: [Configuration.peerURI(cluster: clusterID, replica: id)], signedBy: authority)
            try SmallFile.create(layout.certificate(id), leaf.certificate)
            try SmallFile.create(layout.certificateKey(id), leaf.key)
        }
        try SmallFile.syncDirectory(layout.tls)
    }

    /// The text of a context file.
    private static func context(_ endpoints: [String], _ credential: PlannedCredential, purpose: String) -> [UInt8] {
        context(
            endpoints, key: "\(credential.id).\(String(decoding: credential.secret, as: UTF8.self))",
            purpose: purpose)
    }

    /// - Parameter key: `ID.SECRET`.
    static func context(_ endpoints: [String], key: String, purpose: String?) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { object in
            object.array("endpoints") { array in
                for endpoint in endpoints { array.string(endpoint) }
            }
            object.member("ca", "ca.pem")
            object.member("key", key)
            if let purpose { object.member("purpose", purpose) }
        }
        writer.endLine()
        return writer.bytes
    }

    /// 256 random bits as base64url.
    private static func secret(_ dice: inout SystemDice) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var text: [UInt8] = []
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for byte in dice.bytes(32) {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(alphabet[Int(bits >> count & 63)])
            }
        }
        text.append(alphabet[Int(bits << (6 - count) & 63)])
        return text
    }

    /// Eight random hexadecimal digits, so that ids of two stores differ.
    private static func name(_ dice: inout SystemDice) -> String { Hex.text(of: dice.bytes(4)) }
}
