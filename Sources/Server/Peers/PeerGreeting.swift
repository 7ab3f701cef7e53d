internal import Bytes

/// What two replicas say to each other first on every connection, before anything is believed.
///
/// The words up to and with the version never change, so that replicas of any two versions can tell that they are of
/// two versions. All numbers have their lowest byte first.
///
///     CLPG  version u16  word u8   hello 1, welcome 2:  cluster 16 bytes, from u32, to u32, lane u8
///                                  refusal 3:           reason u8
enum PeerGreeting: Equatable {
    static let version: UInt16 = 1
    static let bytesMax = 64
    private static let magic = Array("CLPG".utf8)

    struct Names: Equatable {
        /// 16 bytes.
        var cluster: [UInt8]
        var from: Int
        var to: Int
        var lane: PeerLane.Kind
    }

    /// Who dials says who it is and whom it wants.
    case hello(Names)
    /// Who was dialled agrees, and says who it is.
    case welcome(Names)
    /// Who was dialled does not agree.
    case refusal(PeerRefusal)
    /// Said in another version of the protocol.
    case otherVersion(UInt16)

    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: Self.bytesMax)
        writer.append(Self.magic)
        var version = Self.version
        if case .otherVersion(let other) = self { version = other }
        writer.u16(version)
        switch self {
        case .hello(let names): Self.write(1, names, &writer)
        case .welcome(let names): Self.write(2, names, &writer)
        case .refusal(let reason):
            writer.u8(3)
            writer.u8(reason.rawValue)
        case .otherVersion: writer.u8(0)
        }
        return writer.bytes
    }

    private static func write(_ word: UInt8, _ names: Names, _ writer: inout ByteWriter) {
        precondition(names.cluster.count == 16)
        writer.u8(word)
        writer.append(names.cluster)
        writer.u32(UInt32(clamping: names.from))
        writer.u32(UInt32(clamping: names.to))
        writer.u8(names.lane.rawValue)
    }

    init(_ bytes: [UInt8]) throws(ByteError) {
        var reader = ByteReader(bytes)
        guard try reader.array(4) == Self.magic else { throw .malformed }
        let version = try reader.u16()
        guard version == Self.version else {
            self = .otherVersion(version)
            return
        }
        switch try reader.u8() {
        case 1: self = .hello(try Self.names(&reader))
        case 2: self = .welcome(try Self.names(&reader))
        case 3:
            guard let reason = PeerRefusal(rawValue: try reader.u8()) else { throw .malformed }
            self = .refusal(reason)
        default: throw .malformed
        }
        guard reader.isAtEnd else { throw .malformed }
    }

    private static func names(_ reader: inout ByteReader) throws(ByteError) -> Names {
        let cluster = try reader.array(16)
        let from = Int(try reader.u32())
        let to = Int(try reader.u32())
        guard let lane = PeerLane.Kind(rawValue: try reader.u8()) else { throw .malformed }
        return Names(cluster: cluster, from: from, to: to, lane: lane)
    }
}

/// Why a connection between replicas is not one. The raw value goes over the wire and never changes its meaning.
enum PeerRefusal: UInt8, CaseIterable {
    /// It speaks another version of the protocol.
    case version = 1
    /// It belongs to another cluster.
    case cluster = 2
    /// Its certificate is not the one of the replica that it says it is.
    case identity = 3
    /// No replica of that id is in the configuration.
    case unknown = 4
    /// It looked for another replica than the one that listens here.
    case misdirected = 5
    /// What it says has no meaning.
    case malformed = 6
    /// It has no certificate of this store, or a broken one.
    case untrusted = 7
    /// It did not say who it is in time.
    case late = 8
    /// Too many do not say who they are.
    case crowded = 9

    /// For metrics.
    var name: String {
        switch self {
        case .version: "version"
        case .cluster: "cluster"
        case .identity: "identity"
        case .unknown: "unknown"
        case .misdirected: "misdirected"
        case .malformed: "malformed"
        case .untrusted: "untrusted"
        case .late: "late"
        case .crowded: "crowded"
        }
    }

    /// For the journal.
    var sentence: StaticString {
        switch self {
        case .version: "it speaks another version of the protocol: run one version, or two that follow each other"
        case .cluster: "it belongs to another cluster: see the peers in config.json"
        case .identity: "its certificate is not the one of the replica it says it is"
        case .unknown: "its id is not among the peers in config.json"
        case .misdirected: "it looks for another replica: see the peers in its config.json"
        case .malformed: "what it says has no meaning"
        case .untrusted: "it has no valid certificate of this store's authority"
        case .late: "it did not say who it is in time"
        case .crowded: "too many connections do not say who they are"
        }
    }
}
