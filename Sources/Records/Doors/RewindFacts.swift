/// A rewind as the log holds it: one event, by which every stream that changed after a position takes again the content
/// it had there, one version up (design 9). Nothing is taken out of the log, so a rewind can itself be rewound.
package struct RewindFacts: Equatable, Sendable {
    /// Its own position in the line of events.
    package var position: UInt64
    /// The last event of the store as it is to be again; at least 1, below `position`.
    package var target: UInt64
    /// Every stream that has an event or a rewind after `target`, ascending by its number in the book.
    package var streams: [RewoundStream]
    /// The first 64 bits of its Merkle leaf, which covers all of it.
    package var leafPrefix: UInt64

    package init(position: UInt64, target: UInt64, streams: [RewoundStream], leafPrefix: UInt64) {
        self.position = position
        self.target = target
        self.streams = streams
        self.leafPrefix = leafPrefix
    }

    /// Most streams that one rewind touches: its entry must fit into a segment, and each takes 10 bytes at least. A store
    /// that serves takes fewer (`ReplicaConfiguration.rewoundStreamsMax`).
    package static let streamsMax = 3_200_000
}

/// A stream as a rewind leaves it: the deciding facts it had at the target.
package struct RewoundStream: Equatable, Sendable {
    /// The stream's random tag.
    package var tag: UInt64
    /// One above the version that it had just before the rewind.
    package var version: UInt32
    /// `absent` when the stream was not made by then.
    package var state: StreamState
    /// Key ids of the patients whose data its content holds, ascending.
    package var subjects: [UInt64]
    /// The appointment as it stands again; nil on other streams and on one that is absent.
    package var appointment: AppointmentFacts?

    package init(
        tag: UInt64, version: UInt32, state: StreamState, subjects: [UInt64], appointment: AppointmentFacts?
    ) {
        self.tag = tag
        self.version = version
        self.state = state
        self.subjects = subjects
        self.appointment = appointment
    }
}
