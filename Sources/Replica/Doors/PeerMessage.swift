package import Consensus
package import SegmentedLog

/// What one replica says to another. `PeerCodec` makes bytes of it; who says it is known from the link it came by.
package enum PeerMessage: Equatable, Sendable {
    /// First on every new link, in both directions.
    case hello(PeerHello)
    /// Agreement. An append brings the frames it speaks of, as the bytes that are on the sender's disk.
    case raft(RaftMessage, frames: [StoredFrame])
    /// Where the sender stands, a few times a second.
    case figures(PeerFigures)
    /// Asks for frames that the sender cannot read on its own disk.
    case fetch(FrameRequest)
    /// Those of the frames asked for that this replica can read, from `first` on; none when it has none. Through
    /// `committed` they are decided for ever, as the sender knows.
    case fetched(first: UInt64, committed: UInt64, frames: [StoredFrame])
    /// The receiver's id was retired, by a configuration that is committed: it gets nothing more of the log, so nobody
    /// else would tell it.
    case retired
    /// The sender made a backup: the primary is to record it.
    case saved(BackupNotice)
    /// The backup of this id is recorded.
    case savedNoted(UInt64)
    /// To the primary: how far is the log decided? Named by a token of the sender's.
    case readIndexAsked(token: UInt64)
    /// The sender leads still, and whatever was acknowledged before it was asked is within this index (Raft, section 6.4).
    case readIndex(token: UInt64, UInt64)

    /// Whether it may be lost without harm and should never wait behind frames: the link may send it ahead of others. An
    /// append without frames is not: ahead of those that it speaks of, it would be refused, and they would be sent again.
    package var isSmall: Bool {
        switch self {
        case .raft(let message, let frames): frames.isEmpty && !message.isAppend
        case .fetched(_, _, let frames): frames.isEmpty
        case .hello, .figures, .fetch, .retired, .saved, .savedNoted, .readIndexAsked, .readIndex: true
        }
    }
}

/// What a replica has promised or acknowledged, as far as somebody saw it. None of it ever falls on one disk.
package struct PeerSighting: Equatable, Sendable {
    package var id: Int
    /// How often it was started.
    package var boot: UInt64
    package var term: UInt64
    /// Through here it held, on its disk, entries that are committed.
    package var held: UInt64

    package init(id: Int, boot: UInt64, term: UInt64, held: UInt64) {
        self.id = id
        self.boot = boot
        self.term = term
        self.held = held
    }
}

/// How a replica names itself to another, and what it remembers of the rest: a disk that was rolled back is known by
/// having less than somebody saw (design 8).
package struct PeerHello: Equatable, Sendable {
    package var boot: UInt64
    package var term: UInt64
    /// Last index on its disk.
    package var durable: UInt64
    /// Ascending by id.
    package var sightings: [PeerSighting]

    package init(boot: UInt64, term: UInt64, durable: UInt64, sightings: [PeerSighting]) {
        self.boot = boot
        self.term = term
        self.durable = durable
        self.sightings = sightings
    }
}

/// Frames that a replica needs from another to repair its own.
package struct FrameRequest: Equatable, Sendable {
    package var first: UInt64
    package var last: UInt64

    package init(first: UInt64, last: UInt64) {
        self.first = first
        self.last = last
    }
}

extension RaftMessage {
    fileprivate var isAppend: Bool { if case .append = kind { true } else { false } }
}
