package import Bytes
package import Consensus
package import Records
package import SegmentedLog

/// What an operator may turn on one replica.
package struct ReplicaConfiguration: Sendable {
    /// Ids are used once in the life of a cluster; the first is 1.
    package var id: Int
    /// The other replicas that there are links to, spares among them; none in a cluster of one.
    package var peers: [Int] = []
    /// Where all of them are that the configuration lists, this replica among them, for one that joins.
    package var places: [Place] = []
    /// How long agreement waits, and how much it sends ahead.
    package var timings = RaftTimings()
    /// A voter not heard of for so long is lost, and a spare takes its place.
    package var lostMilliseconds: UInt64 = 300_000
    /// Between two replacements that nobody ordered.
    package var replacementMilliseconds: UInt64 = 3_600_000
    /// Between two segments that the scrub reads; each is read within 7 days.
    package var scrubMilliseconds: UInt64 = 60_000
    /// 16 bytes, as `GenesisPlan` had them.
    package var clusterID: [UInt8]
    /// Sizes of the log, and the free space it keeps.
    package var log = LogConfiguration()
    /// Events and records between two snapshots of the views, at least; a sixteenth of all where that is more, since a
    /// snapshot is of all of them.
    package var snapshotEvery: UInt64 = 50_000
    /// Requests of one credential a second, in the long run; twice as many in a burst.
    package var requestsPerSecond: Double = 2_000
    /// Appends that may wait for the disk; beyond it 503 `overloaded`.
    package var waitingAppendsMax = 4_096
    /// Bytes of events that may wait for the disk.
    package var waitingBytesMax = 64 << 20
    /// Bytes of the log that are taken apart for a reader of events in one turn of the loop, and what one frame has beyond.
    package var slicedBytesMax = 1 << 20
    /// Streams that a rewind looks up in one turn of the loop.
    package var rewoundSliceMax = 128
    /// Streams that a rewind may touch: others wait while it is folded. Beyond it a branch is the way.
    package var rewoundStreamsMax = 400_000
    /// Whether the search terms of patients that were folded from the log are made ready beside all else. Who serves nobody
    /// leaves that to the next start.
    package var indexesTerms = true
    /// Keeps the book as it stood at this position while the log is folded at opening: a rewind to there needs to read
    /// nothing then. Nil: none.
    package var rememberedPosition: UInt64?
    /// Where backups go that are due by the schedule, or ordered without a place: directories, the first written, the others
    /// copies of it.
    package var backupDestinations: [String] = []
    /// Between two backups; nil: none is due by itself.
    package var backupMilliseconds: UInt64?

    package init(id: Int, clusterID: [UInt8]) {
        self.id = id
        self.clusterID = clusterID
    }
}

/// What `create` puts into the genesis entry.
package struct GenesisPlan: Sendable {
    /// 16 random bytes.
    package var clusterID: [UInt8]
    /// The replicas that vote at first.
    package var members: [Int]
    package var createdAt: Instant
    package var tenantName: String
    package var credentials: [PlannedCredential]

    package init(
        clusterID: [UInt8], members: [Int] = [1], createdAt: Instant, tenantName: String = "default",
        credentials: [PlannedCredential]
    ) {
        self.clusterID = clusterID
        self.members = members
        self.createdAt = createdAt
        self.tenantName = tenantName
        self.credentials = credentials
    }
}
