package import API
private import Bytes
private import JSON
private import Linux
internal import Records
package import Replica
private import SegmentedLog

/// Why a command of the server cannot go on: a constant sentence for whoever typed it, which says what to do.
package struct ServerError: Error, Equatable, Sendable {
    package var sentence: String
    /// 1 refused or failed, 2 usage.
    package var exitCode: Int32

    package init(_ sentence: StaticString, exitCode: Int32 = 1) {
        self.sentence = "\(sentence)"
        self.exitCode = exitCode
    }

    /// A sentence that begins with the port it is about: a number names nobody.
    init(port: Int, _ rest: StaticString) {
        sentence = "Port \(port) \(rest)"
        exitCode = 1
    }
}

/// What one replica is told by its `config.json`. Paths in the file are relative to it.
package struct Configuration: Sendable {
    /// Where the root key comes from.
    package enum RootKeySource: Equatable, Sendable {
        case file(String)
        /// A program and its arguments, whose output is the key.
        case command([String])
    }

    package var replica: ReplicaConfiguration
    /// Root of the store, below `directory`.
    package var data: String { "\(directory)/data" }
    package var lock: String { "\(directory)/lock" }
    /// The replica's own directory: pid, lock, and `data` below it.
    package var directory: String
    package var address: String
    package var port: Int
    package var rootKey: RootKeySource
    package var certificate: String
    package var certificateKey: String
    /// The store's authority, by which a peer is known; nil only where there are no peers.
    package var authority: String?
    /// All replicas and spares, this one among them, ascending by id; empty in a cluster of one that lists none.
    package var peers: [Peer] = []
    package var limits = Limits()
    package var backups = BackupSettings()

    /// Bounds that keep a slow, huge or malicious client from costing more than its share.
    package struct Limits: Sendable {
        package var request = RequestLimits()
        package var connectionsMax = 1024
        /// Bytes of all bodies that are being received or answered at once; beyond it 503.
        package var bodyBytesMax = 128 << 20
        /// From the first byte (or from connecting) to the end of the head.
        package var headMilliseconds: UInt64 = 10_000
        package var bodyMilliseconds: UInt64 = 60_000
        package var idleMilliseconds: UInt64 = 75_000
        /// Without a byte taken by a client that has bytes to take.
        package var stallMilliseconds: UInt64 = 30_000
        /// Without a first answer from the loop.
        package var answerMilliseconds: UInt64 = 30_000
        /// How long a refused request may go on sending before its connection is cut.
        package var lingerMilliseconds: UInt64 = 2_000
        /// Bytes that a client may go on to send after its answer before it is cut off.
        package var lingerBytes = 32 << 20

        package init() {}
    }

    /// Reads and checks a configuration file.
    package static func read(_ path: String) throws(ServerError) -> Configuration {
        guard let bytes = try? SmallFile.read(path) else {
            throw ServerError("The configuration file cannot be read.", exitCode: 2)
        }
        guard let text = try? JSONText(parsing: bytes) else {
            throw ServerError("The configuration file is not JSON.", exitCode: 2)
        }
        let view = text.view
        let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        func resolved(_ name: String) -> String? {
            view[name]?.string.map { $0.hasPrefix("/") ? $0 : "\(directory)/\($0)" }
        }
        guard let id = view["replica"]?.integer, (1...Int64(Int32.max)).contains(id) else {
            throw ServerError("The configuration needs a replica, a number from 1.", exitCode: 2)
        }
        guard let address = view["address"]?.string, let port = view["port"]?.integer, (0...65_535).contains(port)
        else { throw ServerError("The configuration needs an address and a port.", exitCode: 2) }
        guard let certificate = resolved("certificate"), let certificateKey = resolved("certificateKey") else {
            throw ServerError("The configuration needs a certificate and a certificateKey.", exitCode: 2)
        }
        guard let clusterID = view["cluster"]?.string.flatMap({ Hex.bytes(of: $0) }), clusterID.count == 16 else {
            throw ServerError("The configuration needs a cluster, 32 hexadecimal digits.", exitCode: 2)
        }
        let source: RootKeySource
        if let file = resolved("rootKey") {
            source = .file(file)
        } else if let words = view["rootKeyCommand"]?.elements.compactMap({ $0.string }), !words.isEmpty {
            source = .command(words)
        } else {
            throw ServerError("The configuration needs a rootKey or a rootKeyCommand.", exitCode: 2)
        }
        var configuration = Configuration(
            replica: ReplicaConfiguration(id: Int(id), clusterID: clusterID), directory: directory, address: address,
            port: Int(port),
            rootKey: source, certificate: certificate, certificateKey: certificateKey)
        configuration.peers = try peers(view["peers"], of: Int(id))
        configuration.replica.peers = configuration.others.map(\.id)
        configuration.replica.places = configuration.peers
        configuration.authority = resolved("ca")
        guard configuration.peers.count < 2 || configuration.authority != nil else {
            throw ServerError("The configuration needs a ca, by which peers are known.", exitCode: 2)
        }
        // One credential is often a whole service with many users behind it.
        configuration.replica.requestsPerSecond = 100_000
        if let limits = view["limits"] { try configuration.tighten(limits) }
        configuration.backups = try BackupSettings(view) { $0.hasPrefix("/") ? $0 : "\(directory)/\($0)" }
        configuration.replica.backupDestinations = configuration.backups.destinations
        configuration.replica.backupMilliseconds = configuration.backups.everyMilliseconds
        return configuration
    }

    /// Takes over the bounds that an operator has set.
    private mutating func tighten(_ view: JSONView) throws(ServerError) {
        func number(_ name: String, _ allowed: ClosedRange<Int64>) throws(ServerError) -> Int? {
            guard let member = view[name] else { return nil }
            guard let value = member.integer, allowed.contains(value) else {
                throw ServerError("A limit in the configuration is no number of the allowed range.", exitCode: 2)
            }
            return Int(value)
        }
        if let value = try number("connections", 1...100_000) { limits.connectionsMax = value }
        if let value = try number("requestBytes", 1024...(1 << 30)) { limits.request.bodyBytesMax = value }
        if let value = try number("bodyBytes", 1 << 20...(1 << 40)) { limits.bodyBytesMax = value }
        if let value = try number("headMilliseconds", 10...3_600_000) { limits.headMilliseconds = UInt64(value) }
        if let value = try number("bodyMilliseconds", 10...3_600_000) { limits.bodyMilliseconds = UInt64(value) }
        if let value = try number("idleMilliseconds", 10...3_600_000) { limits.idleMilliseconds = UInt64(value) }
        if let value = try number("stallMilliseconds", 10...3_600_000) { limits.stallMilliseconds = UInt64(value) }
        if let value = try number("snapshotEvery", 1...(1 << 40)) { replica.snapshotEvery = UInt64(value) }
        if let value = try number("segmentFrames", 512...16_384) { replica.log.slotsMax = value }
        if let value = try number("headRoomEvents", 0...(1 << 50)) { replica.log.headRooms.events = value }
        if let value = try number("headRoomRecords", 0...(1 << 50)) { replica.log.headRooms.records = value }
        if let value = try number("headRoomControl", 0...(1 << 50)) { replica.log.headRooms.control = value }
        let rooms = replica.log.headRooms
        guard rooms.control <= rooms.records, rooms.records <= rooms.events else {
            throw ServerError(
                "Head rooms fall from headRoomEvents over headRoomRecords to headRoomControl.", exitCode: 2)
        }
        if let value = try number("lostMilliseconds", 1000...(1 << 40)) { replica.lostMilliseconds = UInt64(value) }
        if let value = try number("replacementMilliseconds", 0...(1 << 40)) {
            replica.replacementMilliseconds = UInt64(value)
        }
        if let value = try number("requestsPerSecond", 1...1_000_000_000) { replica.requestsPerSecond = Double(value) }
    }
}
