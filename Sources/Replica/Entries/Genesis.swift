internal import Bytes
internal import Keys

/// What the first entry of every replica says. Everything after it leans on it.
struct Genesis {
    struct Tenant {
        var id: UInt32
        var name: String
        /// Makes the tenant's tokens; wrapped.
        var indexKey: [UInt8]
        /// Seals the tenant's values that have no subject; wrapped.
        var sealingKey: [UInt8]
    }

    struct Credential {
        var id: String
        var name: String
        var tenant: UInt32
        var scopes: UInt8
        var secretMAC: Digest
    }

    var clusterID: [UInt8]
    /// Clusters this one descends from, oldest first.
    var lineage: [[UInt8]] = []
    var members: [Int]
    var logEpoch: UInt32
    var registryEpoch: UInt32
    var auditEpoch: UInt32
    /// The key of the credentials' MACs; wrapped.
    var credentialKey: [UInt8]
    var tenants: [Tenant]
    var credentials: [Credential]

    init(
        clusterID: [UInt8], members: [Int], logEpoch: UInt32, registryEpoch: UInt32, auditEpoch: UInt32,
        credentialKey: [UInt8], tenants: [Tenant], credentials: [Credential]
    ) {
        self.clusterID = clusterID
        self.members = members
        self.logEpoch = logEpoch
        self.registryEpoch = registryEpoch
        self.auditEpoch = auditEpoch
        self.credentialKey = credentialKey
        self.tenants = tenants
        self.credentials = credentials
    }

    var body: [UInt8] {
        var writer = ByteWriter(reserving: 1024)
        writer.u8(EntryFormat.version)
        writer.u8(EntryKind.genesis.rawValue)
        writer.append(clusterID)
        writer.varint(lineage.count)
        for parent in lineage { writer.append(parent) }
        writer.varint(members.count)
        for member in members { writer.varint(member) }
        writer.varint(UInt64(logEpoch))
        writer.varint(UInt64(registryEpoch))
        writer.varint(UInt64(auditEpoch))
        writer.append(credentialKey)
        writer.varint(tenants.count)
        for tenant in tenants {
            writer.varint(UInt64(tenant.id))
            writer.counted(Array(tenant.name.utf8))
            writer.append(tenant.indexKey)
            writer.append(tenant.sealingKey)
        }
        writer.varint(credentials.count)
        for credential in credentials { credential.write(onto: &writer) }
        return writer.bytes
    }

    init(body: [UInt8]) throws(ByteError) {
        var reader = ByteReader(body)
        guard try reader.u8() == EntryFormat.version, try reader.u8() == EntryKind.genesis.rawValue else {
            throw .malformed
        }
        func word() throws(ByteError) -> UInt32 { UInt32(try reader.count(atMost: Int(UInt32.max))) }
        clusterID = try reader.array(KeyRing.clusterIDBytes)
        for _ in 0..<(try reader.count(atMost: 1024)) { lineage.append(try reader.array(KeyRing.clusterIDBytes)) }
        members = []
        for _ in 0..<(try reader.count(atMost: 64)) { members.append(try reader.count(atMost: Int(Int32.max))) }
        logEpoch = try word()
        registryEpoch = try word()
        auditEpoch = try word()
        credentialKey = try reader.array(EntryFormat.wrappedBytes)
        tenants = []
        for _ in 0..<(try reader.count(atMost: 1 << 20)) {
            tenants.append(
                Tenant(
                    id: try word(), name: try reader.text(), indexKey: try reader.array(EntryFormat.wrappedBytes),
                    sealingKey: try reader.array(EntryFormat.wrappedBytes)))
        }
        credentials = []
        for _ in 0..<(try reader.count(atMost: 1 << 20)) {
            credentials.append(try Credential(&reader))
        }
        guard reader.isAtEnd, !tenants.isEmpty, !members.isEmpty else { throw .malformed }
    }
}

extension Genesis.Credential {
    func write(onto writer: inout ByteWriter) {
        writer.counted(Array(id.utf8))
        writer.counted(Array(name.utf8))
        writer.varint(UInt64(tenant))
        writer.u8(scopes)
        writer.digest(secretMAC)
    }

    init(_ reader: inout ByteReader) throws(ByteError) {
        id = try reader.text()
        name = try reader.text()
        tenant = UInt32(try reader.count(atMost: Int(UInt32.max)))
        scopes = try reader.u8()
        secretMAC = try reader.digest()
    }
}

extension ByteReader {
    /// A name of at most 1024 bytes after its length.
    fileprivate mutating func text() throws(ByteError) -> String {
        String(decoding: try array(try count(atMost: 1024)), as: UTF8.self)
    }
}
