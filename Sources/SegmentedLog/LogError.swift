package import Files
package import Keys

/// Why the log cannot do what it was asked for.
package enum LogError: Error, Equatable, Sendable {
    case file(FileError)
    case key(KeyError)
    /// What was asked for is damaged or lies behind what is damaged. Also the answer to appends, once the log knows.
    case damaged(Fault)
    /// No such index: 0, or after the last.
    case absent
    /// There is no log in the directory.
    case missing
    /// There is one already.
    case exists
    /// The log belongs to another cluster.
    case otherCluster
    /// The directory is that of another replica of this cluster.
    case otherReplica
    /// A body larger than a segment takes.
    case tooLarge
    /// A stored frame that is not whole, or not the one that comes next here. Nothing was changed.
    case refusedFrame(FrameFlaw)
    /// A copy offered for repair is another frame than the one that stood there. Nothing was changed.
    case otherFrame
    /// The file that says which clusters the log descends from cannot be read, or does not fit the log.
    case lineage(LineageFlaw)
}

/// The first thing found wrong in a log, by its places on all lines. Holds numbers only: it may be printed.
package struct Fault: Error, Equatable, Sendable {
    /// Index of the first frame that cannot be trusted.
    package var index: UInt64
    package var segment: UInt64
    /// Position that the first event from there on has.
    package var position: UInt64
    package var kind: Kind

    package enum Kind: Equatable, Sendable {
        case frame(FrameFlaw)
        /// Both copies of the segment's header are unreadable, or do not fit its name, its predecessor, or whose it should be.
        case segmentHeader
        /// The file is not there, though what stands before or after it says that it was.
        case segmentMissing
        /// The footer does not fit the frames, which are whole: it can be made anew from them.
        case footer
        /// Bytes that the format reserves are not zero, or a spare copy is unreadable; every frame is whole.
        case spare
    }

    package init(index: UInt64, segment: UInt64, position: UInt64, kind: Kind) {
        self.index = index
        self.segment = segment
        self.position = position
        self.kind = kind
    }
}

/// What opening found. A verdict, not an error: a torn tail is how a crash looks.
package enum Recovery: Equatable, Sendable {
    case whole
    /// What was being written when the process or the machine stopped was cut away, from this index on.
    case tornTail(cutFrom: UInt64)
    /// Damage at or below what was durable: everything before it can be read, nothing can be appended.
    case faulty(Fault)
}
