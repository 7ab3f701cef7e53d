/// What a server counts, as plain numbers; whoever serves /metrics fills it in. No label ever names a patient, a
/// stream, a credential or an address.
package struct Counters: Sendable {
    /// A histogram of seconds: how many observations lay at or under each bound, not yet summed up.
    package struct Histogram: Equatable, Sendable {
        /// Upper bounds in seconds.
        package static let bounds: [Double] = [
            0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
        ]

        /// One count a bound, and a last one for what lay above all.
        package private(set) var counts: [UInt64]
        package private(set) var sumSeconds: Double

        package init() {
            counts = Array(repeating: 0, count: Self.bounds.count + 1)
            sumSeconds = 0
        }

        package mutating func observe(seconds: Double) {
            var index = 0
            while index < Self.bounds.count, seconds > Self.bounds[index] { index += 1 }
            counts[index] += 1
            sumSeconds += seconds
        }
    }

    /// Requests by route template, method and class of status (2 for 2xx).
    package struct RequestKind: Hashable, Comparable, Sendable {
        package var route: String
        package var method: String
        package var statusClass: Int

        package init(route: String, method: String, statusClass: Int) {
            self.route = route
            self.method = method
            self.statusClass = statusClass
        }

        /// There are a few dozen kinds: lengths tell most of them apart without hashing their letters.
        package func hash(into hasher: inout Hasher) {
            hasher.combine(route.utf8.count << 16 | method.utf8.count << 8 | statusClass)
        }

        package static func < (a: RequestKind, b: RequestKind) -> Bool {
            (a.route, a.method, a.statusClass) < (b.route, b.method, b.statusClass)
        }
    }

    /// The links between replicas.
    package struct Peers: Sendable {
        /// Peers that messages go to and come from now.
        package var linked: UInt64 = 0
        package var sentMessages: UInt64 = 0
        package var receivedMessages: UInt64 = 0
        /// Messages for which there was no link.
        package var droppedMessages: UInt64 = 0
        /// Inside TLS.
        package var sentBytes: UInt64 = 0
        package var receivedBytes: UInt64 = 0
        package var reconnects: UInt64 = 0
        /// Connections refused at the peer port or given up by who dialled, by reason.
        package var refused: [(reason: String, count: UInt64)] = []

        package init() {}
    }

    /// nil in a cluster of one.
    package var peers: Peers?
    /// Requests that this replica handed on to the primary, and those that others handed on to it.
    package var forwardedRequests: UInt64 = 0
    package var servedForOthers: UInt64 = 0
    /// Requests that wait to hear who leads.
    package var heldRequests: UInt64 = 0
    package var requests: [RequestKind: UInt64] = [:]
    /// From the last byte of a request to the last byte of its answer's first piece.
    package var latency = Histogram()
    package var fsync = Histogram()
    package var appendedEvents: UInt64 = 0
    /// Bytes of event JSON appended.
    package var appendedBytes: UInt64 = 0
    /// Bytes received and sent inside TLS.
    package var receivedBytes: UInt64 = 0
    package var sentBytes: UInt64 = 0
    /// Requests refused before a credential was known, by problem name.
    package var refused: [String: UInt64] = [:]
    package var connections: UInt64 = 0
    package var acceptedConnections: UInt64 = 0
    package var followers: UInt64 = 0
    package var position: UInt64 = 0
    package var record: UInt64 = 0
    package var index: UInt64 = 0
    package var term: UInt64 = 0
    /// Entries appended and not yet durable.
    package var undurableEntries: UInt64 = 0
    /// Entries decided and not folded here yet.
    package var unfoldedEntries: UInt64 = 0
    /// Disks that hold all that was acknowledged, but for the last second; 0 unless it leads.
    package var minDurableCopies: UInt64 = 0
    /// Of the newest backup that the replica knows of; nil: of none.
    package var backupAgeSeconds: UInt64?
    /// Frames from a primary that did not fit or were not whole.
    package var refusedFrames: UInt64 = 0
    package var isPrimary = false
    package var isReady = false
    package var residentBytes: UInt64 = 0
    package var logBytes: UInt64 = 0
    package var freeBytes: UInt64 = 0
    package var uptimeSeconds: Double = 0
    package var version = ""

    package init() {}
}
