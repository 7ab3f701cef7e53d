package import Bytes
package import Files
package import Keys

/// The ordered, sealed, chained entries of one replica, in segment files of one directory.
///
/// Appending makes bytes and orders; nothing is written by this type once it is open. The shell carries out each
/// `DiskBatch` in order and tells `persisted(batch:)`: durability is a fact that comes back. Reading goes to the store
/// at once, on the caller's thread. Made for one thread.
///
/// Invariants: `durableIndex <= lastIndex`; every frame in `durableIndex + 1 ... lastIndex` is in `recent`; once
/// `fault` is set nothing at or after its index is served and nothing is appended.
package final class EntryLog<Store: FileStore, Leaves: LeafReader> {
    /// Which cluster each segment was written by.
    package let lineage: Lineage
    package let directory: String
    package private(set) var configuration: LogConfiguration
    /// The epochs held may change while the log runs; the next roll takes the newest.
    package var keys: KeyRing
    let store: Store
    let crypto: Crypto
    let leafReader: Leaves

    /// The first damage known, if any: the log ends before it. With peers that is only what was found when it was
    /// opened; `repair` and `giveUp` get the log past it.
    package internal(set) var fault: Fault?
    /// With peers: damaged frames found since, by index. Only they are not served, until they are repaired.
    package internal(set) var wounds: [Fault] = []
    /// Everything through here is on this disk.
    package internal(set) var durableIndex: UInt64
    /// Copies that follow from where the log ends in damage, until something on the disk names one of them.
    var run: HeaderRun?
    /// Segment files behind `fault`, which were not judged, and what is said of the end in an election.
    var beyond: [UInt64]
    var claim: LogClaim?
    /// All segments, oldest first; the last one is the tail.
    var segments: [SegmentState]
    var tailKey: SecretKey

    // What waits to be written, and what is being written.
    var staged = Staging()
    var inFlight: [Flight] = []
    var batches: UInt64 = 0
    var watermark: WatermarkState
    var ahead: AheadState
    /// The frames after `durableIndex`, oldest first.
    var recent: [OpenedFrame] = []
    /// The newest frames as stored, all that are not durable among them.
    var window = StoredWindow()
    var cache: FrameCache
    var readers: [SegmentReader<Store>] = []
    var indexes: [FrameIndex] = []
    var scrubbing = ScrubState()

    init(
        opened: OpenedLog, store: Store, directory: String, lineage: Lineage, keys: KeyRing, crypto: Crypto,
        leafReader: Leaves, configuration: LogConfiguration
    ) {
        self.lineage = lineage
        self.directory = directory
        self.configuration = configuration
        self.keys = keys
        self.store = store
        self.crypto = crypto
        self.leafReader = leafReader
        fault = opened.fault
        beyond = opened.beyond
        claim = opened.claim
        segments = opened.segments
        tailKey = opened.tailKey
        durableIndex = opened.segments.last.map(\.lastIndex) ?? 0
        watermark = opened.watermark
        ahead = AheadState(tailFilled: opened.tailBytes)
        cache = FrameCache(countMax: configuration.cachedFrames, bytesMax: configuration.cachedBytes)
    }

    /// The cluster that writes this log now.
    package var identity: ClusterIdentity { lineage.current }
    /// Index of the last frame appended, durable or not; of a damaged log the last one before the damage.
    package var lastIndex: UInt64 { end.nextIndex - 1 }
    /// What the next frame must follow from.
    package var end: ChainEnd { segments[segments.count - 1].end }
    /// The last event's position; 0 when there is none.
    package var lastPosition: UInt64 { end.nextPosition - 1 }
    package var lastRecord: UInt64 { end.nextRecord - 1 }
    package var lastStamp: Instant { end.stamp }

    /// The last segment.
    package var lastSegment: UInt64 { segments[segments.count - 1].header.description.segment }

    /// Bytes from the start of each segment to the end of its last frame, summed up.
    package var bytes: Int { segments.reduce(0) { $0 + $1.end.bodyOffset } }

    /// The description of a segment, for what is derived from its salt; nil when there is no such segment.
    package func description(of segment: UInt64) -> SegmentDescription? {
        let place = segments.partitioningIndex { $0.header.description.segment >= segment }
        guard place < segments.count, segments[place].header.description.segment == segment else { return nil }
        return segments[place].header.description
    }

    /// There are others from now on: what is damaged is for them to mend, not for this log to cut.
    package func gainsPeers() { configuration.hasPeers = true }

    func path(of segment: UInt64) -> String { directory + "/" + SegmentFormat.name(of: segment) }

    /// What may still be written with as much space as the disk has now.
    package func headRoom() throws(LogError) -> HeadRoom {
        do throws(FileError) {
            return configuration.headRooms.verdict(free: try store.freeSpace())
        } catch {
            throw .file(error)
        }
    }

    /// Remembers damage. Alone the one with the lowest index counts, and nothing from there on is served or appended;
    /// with peers each frame counts for itself.
    func note(_ found: Fault) {
        if configuration.hasPeers, found.index <= lastIndex {
            let place = wounds.partitioningIndex { $0.index >= found.index }
            if place == wounds.count || wounds[place].index != found.index { wounds.insert(found, at: place) }
            return
        }
        if let fault, fault.index <= found.index { return }
        fault = found
    }
}

/// What was appended and is in no batch yet.
struct Staging {
    /// Finished orders for segments before the tail.
    var orders: [DiskOrder] = []
    var bodies: [UInt8] = []
    var bodiesAt = 0
    var headers: [UInt8] = []
    var headersAt = 0
    var frames = 0
}

/// A batch handed out and not yet known to be durable.
struct Flight {
    let number: UInt64
    let lastIndex: UInt64
    let hash: Digest
    /// Of the tail through there; 0 when it is not known.
    let headersSum: UInt32
}

/// What the tail's slots say, and where the next word goes.
struct WatermarkState {
    /// The newest that was ordered.
    var through: UInt64
    var sequence: UInt64
    /// Both slots say `through`.
    var isSettled: Bool
    /// Hash of the frame at `durableIndex`.
    var durableHash: Digest
    /// Of the frames through `durableIndex`; 0 when it is not known.
    var durableSum: UInt32
    /// Since when (in milliseconds) nothing was staged or in flight.
    var idleSince: UInt64?
}

/// Zeros ahead of the tail, and the file that will be the next segment.
struct AheadState {
    /// Size of the tail's file as far as ordered.
    var tailFilled: Int
    /// The tail still has its temporary name.
    var tailIsNew = false
    /// The next segment's file was ordered to be made.
    var hasSpare = false
}

extension Array {
    /// The first place whose element belongs; those that belong stand last.
    func partitioningIndex(where belongs: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if belongs(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
