private import Bytes
private import JSON
private import Keys
private import Linux
private import Replica
private import Transport

/// `chartlog init DIR`: makes a store that `start` can run. What it writes is of mode 0600 in directories of mode 0700.
package enum StoreMaker {
    package struct Plan: Sendable {
        package var directory: String
        /// This version makes clusters of one.
        package var replicas: Int
        /// Replica i listens for clients on this port + i.
        package var basePort: Int

        package init(directory: String, replicas: Int = 1, basePort: Int = 7400) {
            self.directory = directory
            self.replicas = replicas
            self.basePort = basePort
        }
    }

    /// What was made, for the command line to tell.
    package struct Made: Sendable {
        package var layout: StoreLayout
        package var endpoints: [String]
        /// 32 hexadecimal digits.
        package var clusterID: String
    }

    /// Makes everything, or throws and leaves what it had made by then for the operator to look at.
    package static func make(_ plan: Plan) throws(ServerError) -> Made {
        guard plan.replicas == 1 else {
            throw ServerError("This version makes clusters of one replica: --replicas 1.", exitCode: 2)
        }
        guard (1...65_000).contains(plan.basePort) else {
            throw ServerError("The base port must be from 1 to 65000.", exitCode: 2)
        }
        let layout = StoreLayout(plan.directory)
        do throws(LinuxError) { try SmallFile.makeDirectory(layout.directory) } catch {
            throw error.isExisting
                ? ServerError("The directory exists already; nothing was changed.")
                : ServerError("The directory cannot be made.")
        }
        var dice = SystemDice()
        let clusterID = dice.bytes(16)
        let root = SecretKey.random(dice: &dice)
        let endpoints = (1...plan.replicas).map { "https://127.0.0.1:\(plan.basePort + $0)" }
        let admin = PlannedCredential(
            id: "admin-\(name(&dice))", name: "admin", scopes: [.administer], secret: secret(&dice))
        let service = PlannedCredential(
            id: "service-\(name(&dice))", name: "service", scopes: [.append, .read, .audit], secret: secret(&dice))
        let genesis = GenesisPlan(
            clusterID: clusterID, members: Array(1...plan.replicas), createdAt: LinuxClock.wall(),
            credentials: [admin, service])
        do {
            try SmallFile.create(layout.rootKey, RootKey.fileBytes(of: root))
            try makeCertificates(layout, replicas: plan.replicas)
            try SmallFile.create(layout.adminContext, context(endpoints, admin, purpose: "HSYSADMIN"))
            try SmallFile.create(layout.serviceContext, context(endpoints, service, purpose: "TREAT"))
            for id in 1...plan.replicas {
                try SmallFile.makeDirectory(layout.replica(id))
                try SmallFile.makeDirectory(layout.data(id))
                try SmallFile.create(
                    layout.configuration(id),
                    Configuration.text(replica: id, cluster: clusterID, address: "127.0.0.1", port: plan.basePort + id))
                try SmallFile.syncDirectory(layout.replica(id))
            }
            try SmallFile.syncDirectory(layout.directory)
        } catch is LinuxError {
            throw ServerError("The store cannot be written: see whether the disk has room and who owns it.")
        } catch {
            throw ServerError("The certificates cannot be made.")
        }
        for id in 1...plan.replicas { try writeGenesis(layout.data(id), genesis, root) }
        return Made(layout: layout, endpoints: endpoints, clusterID: Hex.text(of: clusterID))
    }

    private static func makeCertificates(_ layout: StoreLayout, replicas: Int) throws {
        let authority = try Certificates.authority(named: "Chartlog store authority")
        try SmallFile.create(layout.authorityCertificate, authority.certificate)
        try SmallFile.create(layout.authorityKey, authority.key)
        try SmallFile.makeDirectory(layout.tls)
        for id in 1...replicas {
            let leaf = try Certificates.leaf(
                named: "replica-\(id)", names: ["localhost"], addresses: ["127.0.0.1", "::1"], signedBy: authority)
            try SmallFile.create(layout.certificate(id), leaf.certificate)
            try SmallFile.create(layout.certificateKey(id), leaf.key)
        }
        try SmallFile.syncDirectory(layout.tls)
    }

    /// The text of a context file.
    private static func context(_ endpoints: [String], _ credential: PlannedCredential, purpose: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { object in
            object.array("endpoints") { array in
                for endpoint in endpoints { array.string(endpoint) }
            }
            object.member("ca", "ca.pem")
            object.member("key", "\(credential.id).\(String(decoding: credential.secret, as: UTF8.self))")
            object.member("purpose", purpose)
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
