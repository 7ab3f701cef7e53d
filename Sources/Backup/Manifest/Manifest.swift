package import Bytes
package import Keys
package import SegmentedLog
package import Views

/// What one backup is: where the log stood, what its views said there, and the objects that hold it.
///
/// It is written last and signed. A backup without its manifest does not exist; one with it is whole, or damaged.
package struct Manifest: Equatable, Sendable {
    package var cluster: ClusterIdentity
    /// 1, 2, 3 … in one destination, and in the copies of it.
    package var number: UInt64
    /// SHA-256 of all bytes of the manifest before; zero in the first.
    package var previous: Digest
    /// When it was made, by the clock of the replica that made it.
    package var madeAt: Instant
    package var replica: Int
    package var head: LogHead
    /// The views' digests, folded through the head.
    package var digests: ViewDigests
    /// Heads of the registers that are never rewound, in the order of their kinds, each kind once at most.
    package var registers: [RegisterHead]
    /// The epochs of the keys without which something in it does not open, by kind and epoch.
    package var epochs: [EpochUse]
    /// Whose keys the segments derive from: the cluster's own last, before it the ancestors'.
    package var lineage: [LineagePart]
    /// The segments from 1 on without a gap, then the views' files by name.
    package var objects: [ManifestObject]

    /// The objects that are the log, in its order.
    package var segments: [ManifestObject] { objects.filter { $0.kind != .view } }
    package var views: [ManifestObject] { objects.filter { $0.kind == .view } }
    /// Of all objects.
    package var bytes: Int { objects.reduce(0) { $0 + $1.bytes } }

    /// The cluster under which a segment was written.
    package func cluster(of segment: UInt64) -> ClusterIdentity {
        lineage.last { $0.firstSegment <= segment }?.cluster ?? cluster
    }

    /// What the bytes of a segment's object must be.
    package func claim(_ object: ManifestObject) -> SegmentClaim {
        SegmentClaim(
            cluster: cluster(of: object.segment), segment: object.segment, firstIndex: object.firstIndex,
            lastIndex: object.lastIndex, isClosed: object.kind == .closed)
    }
}

/// Where a log stands: its last frame.
package struct LogHead: Equatable, Sendable {
    package var index: UInt64
    package var term: UInt64
    /// The last event and the last record; 0 when there is none.
    package var position: UInt64
    package var record: UInt64
    /// Of the log's first frame.
    package var firstStamp: Instant
    /// Of the last transaction; not before `firstStamp`.
    package var stamp: Instant
    /// Of the last frame: by it two logs are known to be the same through there.
    package var hash: Digest

    package init(
        index: UInt64, term: UInt64, position: UInt64, record: UInt64, firstStamp: Instant, stamp: Instant,
        hash: Digest
    ) {
        self.index = index
        self.term = term
        self.position = position
        self.record = record
        self.firstStamp = firstStamp
        self.stamp = stamp
        self.hash = hash
    }
}

/// What no restore goes back behind.
package enum RegisterKind: UInt8, CaseIterable, Sendable, Comparable {
    case erasures = 1
    /// Withdrawn consents, and restrictions.
    case withdrawals = 2
    /// Credentials that were revoked.
    case revocations = 3
    /// Legal holds.
    case holds = 4
    case audit = 5

    package static func < (a: RegisterKind, b: RegisterKind) -> Bool { a.rawValue < b.rawValue }
}

/// How far a register goes. It only grows: of two heads the one with fewer entries is the older.
package struct RegisterHead: Equatable, Sendable {
    package var kind: RegisterKind
    /// Its entries so far.
    package var count: UInt64
    /// Of all of them in order, as whoever keeps the register hashes them.
    package var hash: Digest

    package init(kind: RegisterKind, count: UInt64, hash: Digest) {
        self.kind = kind
        self.count = count
        self.hash = hash
    }
}

/// A key that something in a backup is sealed under.
package struct EpochUse: Equatable, Sendable {
    package var kind: KeyKind
    package var epoch: UInt32

    package init(kind: KeyKind, epoch: UInt32) {
        self.kind = kind
        self.epoch = epoch
    }
}

/// From which segment on a log was written under which cluster's id.
package struct LineagePart: Equatable, Sendable {
    package var cluster: ClusterIdentity
    package var firstSegment: UInt64

    package init(cluster: ClusterIdentity, firstSegment: UInt64) {
        self.cluster = cluster
        self.firstSegment = firstSegment
    }
}

/// One object that a backup needs.
package struct ManifestObject: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// A closed segment's file: the same bytes on every replica, for ever.
        case closed = 1
        /// The first frames of a segment that was not closed, or goes on behind the head.
        case tail = 2
        /// A file of a sealed snapshot of the views: for a faster start, never needed.
        case view = 3
    }

    package var kind: Kind
    /// As the destination names it.
    package var name: String
    package var bytes: Int
    /// SHA-256 of its bytes.
    package var hash: Digest
    /// Segment, first and last index, and the position that the first event from there on has; all 0 of a view.
    package var segment: UInt64
    package var firstIndex: UInt64
    package var lastIndex: UInt64
    package var firstPosition: UInt64

    package init(
        kind: Kind, name: String, bytes: Int, hash: Digest, segment: UInt64 = 0, firstIndex: UInt64 = 0,
        lastIndex: UInt64 = 0, firstPosition: UInt64 = 0
    ) {
        self.kind = kind
        self.name = name
        self.bytes = bytes
        self.hash = hash
        self.segment = segment
        self.firstIndex = firstIndex
        self.lastIndex = lastIndex
        self.firstPosition = firstPosition
    }
}
