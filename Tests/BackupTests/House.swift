@testable import Backup
import Bytes
import Files
import Keys
import SegmentedLog
import Views

/// Entries of a test: each event and record is a run of bytes; the body is their counts and lengths.
struct PlainEntries: LeafReader {
    func leaves(of frame: OpenedFrame, crypto: Crypto) throws(ByteError) -> FrameLeaves {
        var reader = ByteReader(frame.body)
        var leaves = FrameLeaves.none
        let events = try reader.count(atMost: 1000)
        let records = try reader.count(atMost: 1000)
        for _ in 0..<events { leaves.events.append(try leaf(&reader)) }
        for _ in 0..<records { leaves.records.append(try leaf(&reader)) }
        guard reader.isAtEnd else { throw .malformed }
        return leaves
    }

    private func leaf(_ reader: inout ByteReader) throws(ByteError) -> Digest {
        SHA256.digest([0] + (try reader.array(try reader.count(atMost: 1 << 20))))
    }
}

/// Signs with a hash: whoever knows the public key can do it, which the tests do not try.
struct TestSigner: BackupSigner {
    var epoch: UInt32 = 1
    var seed: UInt8 = 1

    var publicKey: [UInt8] { SHA256.digest([seed]).bytes }

    func sign(_ bytes: [UInt8]) throws(KeyError) -> [UInt8] { Self.signature(bytes, publicKey) }

    static func signature(_ bytes: [UInt8], _ key: [UInt8]) -> [UInt8] {
        let half = SHA256.digest(key + SHA256.digest(bytes).bytes).bytes
        return half + SHA256.digest(half).bytes
    }

    static let trust = BackupTrust(isSigned: { $0 == signature($1, $2) })
}

/// A small log of its own with everything seeded, and the backups made of it.
final class House {
    typealias Log = EntryLog<MemoryFiles, PlainEntries>

    let files: MemoryFiles
    let cluster: ClusterIdentity
    private(set) var log: Log
    private var dice: SeededDice
    private var configuration = LogConfiguration()
    var wall = Instant(microseconds: 1_790_000_000_000_000)
    var erasures: UInt64 = 0

    /// - Parameter segments: There are so many; all but the last are closed.
    init(segments: UInt64 = 3, cluster: UInt64 = 0x1111, seed: UInt64 = 1) throws {
        files = MemoryFiles()
        self.cluster = ClusterIdentity(low: cluster, high: 0x2222)
        dice = SeededDice(seed: seed)
        configuration.bodyCapacity = 400
        configuration.slotsMin = 8
        configuration.slotsMax = 28
        configuration.fillStep = 512
        let (keys, crypto) = (House.keys(self.cluster), try Crypto())
        let body = House.body([], [])
        let stamp = Instant(microseconds: 1_789_000_000_000_000)
        try Log.create(
            store: files, directory: "log", identity: self.cluster,
            genesis: FrameDraft(
                term: 1, firstStamp: stamp, lastStamp: stamp, firstPosition: 1, eventCount: 0, firstRecord: 1,
                recordCount: 0, body: body, leaves: .none),
            keys: keys, crypto: crypto, dice: &dice, configuration: configuration)
        log = try Log.open(
            store: files, directory: "log", identity: self.cluster, keys: keys, crypto: crypto, leaves: PlainEntries(),
            configuration: configuration
        ).log
        try fill(through: segments)
    }

    static func keys(_ cluster: ClusterIdentity) -> KeyRing {
        let key = SecretKey([UInt8](repeating: 5, count: 31) + [6])
        return KeyRing(clusterID: cluster.bytes, held: [HeldKey(kind: .logEpoch, epoch: 1, key: key)])
    }

    private static func body(_ events: [[UInt8]], _ records: [[UInt8]]) -> [UInt8] {
        var writer = ByteWriter()
        writer.varint(events.count)
        writer.varint(records.count)
        for item in events + records { writer.counted(item) }
        return writer.bytes
    }

    /// Appends until the segment is begun, and closes those before it.
    func fill(through segment: UInt64) throws {
        while log.description(of: segment) == nil { try append() }
        try append()
        try close()
    }

    func append(_ count: Int = 1) throws {
        for _ in 0..<count {
            let events = (0..<(1 + log.lastIndex % 2)).map { _ in dice.bytes(30) }
            let records = log.lastIndex % 3 == 0 ? [dice.bytes(20)] : []
            let end = log.end
            let stamp = Instant(microseconds: end.stamp.microseconds + 1_000_000)
            try log.append(
                FrameDraft(
                    term: 1, firstStamp: stamp, lastStamp: stamp, firstPosition: end.nextPosition,
                    eventCount: events.count, firstRecord: end.nextRecord, recordCount: records.count,
                    body: Self.body(events, records),
                    leaves: FrameLeaves(
                        events: events.map { SHA256.digest([0] + $0) },
                        records: records.map { SHA256.digest([0] + $0) })),
                dice: &dice)
            guard let batch = log.takeBatch() else { continue }
            try batch.carryOut(on: files)
            log.persisted(batch: batch.number)
        }
    }

    func close() throws {
        for work in try log.closable(committedThrough: log.durableIndex) {
            log.closed(work.segment, try work.carryOut(on: files, crypto: try Crypto(), leaves: PlainEntries()))
        }
    }

    /// The log through an entry, by default all of it.
    func stand(through index: UInt64? = nil) throws -> BackupStand {
        wall.microseconds += 3_600_000_000
        let index = index ?? log.durableIndex
        return BackupStand(
            cluster: cluster, lineage: [LineagePart(cluster: cluster, firstSegment: 1)], replica: 2, madeAt: wall,
            slices: try log.slices(through: index), digests: Self.digests(index),
            registers: [
                RegisterHead(kind: .erasures, count: erasures, hash: SHA256.digest([UInt8(erasures)])),
                RegisterHead(kind: .audit, count: index, hash: SHA256.digest([UInt8(truncatingIfNeeded: index)])),
            ],
            epochs: [EpochUse(kind: .audit, epoch: 1), EpochUse(kind: .logEpoch, epoch: 1)])
    }

    static func digests(_ index: UInt64) -> ViewDigests {
        func digest(_ view: UInt8) -> Digest { SHA256.digest([view, UInt8(truncatingIfNeeded: index)]) }
        return ViewDigests(patient: digest(1), appointment: digest(2), audit: digest(3))
    }

    /// A backup to a store's root, from beginning to end.
    @discardableResult
    func backUp(
        to store: some FileStore, through index: UInt64? = nil, views: [BackupView] = []
    ) throws -> Manifest {
        try Self.finish(try run(stand(through: index), views: views, to: store))
    }

    func run<Store: FileStore>(
        _ stand: BackupStand, views: [BackupView] = [], to store: Store
    ) -> BackupRun<MemoryFiles, DirectoryDestination<Store>> {
        BackupRun(
            stand, views: views, from: files, to: DirectoryDestination(store), signer: TestSigner(),
            trust: TestSigner.trust)
    }

    static func finish<Store, Destination>(_ run: BackupRun<Store, Destination>) throws(BackupError) -> Manifest {
        var run = run
        while true {
            if case .finished(let manifest) = try run.step() { return manifest }
        }
    }
}

extension MemoryFiles {
    var destination: DirectoryDestination<MemoryFiles> { DirectoryDestination(self) }

    /// Every file, for comparing two destinations.
    var all: [String: [UInt8]] {
        var all: [String: [UInt8]] = [:]
        for path in paths { all[path] = contents(path) }
        return all
    }
}
