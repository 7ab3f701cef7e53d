/// Sizes of a log. What shapes a file stands in its header, so that they may change between two starts.
package struct LogConfiguration: Sendable {
    /// Bytes for the bodies of one segment; a body and its seal must fit.
    package var bodyCapacity = 32 << 20
    /// Bounds of the header table. A new segment's table has room for a quarter more frames than the bodies of the
    /// segment before would have filled it with, so that neither many small nor few large frames waste space.
    package var slotsMin = 512
    package var slotsMax = 16_384
    /// How far ahead the tail is filled with zeros, so that a sync need not write file metadata.
    package var fillStep = 1 << 20
    /// Bounds of the cache of opened frames.
    package var cachedFrames = 64
    package var cachedBytes = 4 << 20
    /// Bounds of what is kept of the newest frames as stored, for sending: with peers. What is not durable yet is kept
    /// in any case.
    package var sendingBytes = 4 << 20
    package var sendingFrames = 4096
    /// With peers a frame above the watermark whose header survives is kept as faulty, for a quorum to judge;
    /// alone it is cut.
    package var hasPeers = false
    package var headRooms = HeadRooms()

    package init() {}
}

/// Free bytes below which the log refuses, one kind after the other. Between two looks at the disk, 0.1 s apart, far
/// less is written than lies between two of them.
package struct HeadRooms: Sendable {
    /// Below this no events.
    package var events = 64 << 20
    /// Below this no access records, so no reads of PHI either.
    package var records = 40 << 20
    /// Below this nothing at all.
    package var control = 8 << 20

    package init() {}

    /// What may still be written with so many bytes free.
    package func verdict(free: Int) -> HeadRoom {
        if free < control { return .nothing }
        if free < records { return .control }
        return free < events ? .records : .events
    }
}

/// What may still be written; each admits all that stand before it.
package enum HeadRoom: Int, Comparable, Sendable {
    case nothing
    /// Votes, no-ops, configuration and control records.
    case control
    /// Also access records.
    case records
    /// Also clinical events.
    case events

    package static func < (a: HeadRoom, b: HeadRoom) -> Bool { a.rawValue < b.rawValue }
}
