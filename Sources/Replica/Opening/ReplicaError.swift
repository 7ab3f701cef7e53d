package import Bytes
package import Files
package import Keys
package import Records
package import SegmentedLog
package import Views

/// Why a replica could not be made or opened.
package enum ReplicaError: Error, Equatable, Sendable {
    case file(FileError)
    case key(KeyError)
    case log(LogError)
    case views(ViewError)
    /// The genesis entry, or one that was folded, is not of the form it should be, though its seal is whole.
    case entry(ByteError, index: UInt64)
    /// A store stands there already.
    case exists
    /// What was asked for does not exist there; the problem says why.
    case refused(Problem)
}

/// Where a replica keeps what, within its store.
package enum ReplicaPaths {
    /// The key file.
    package static let keys = "keys"
    /// A second copy of the log's first frame.
    package static let first = "first"
    /// Which clusters wrote which part of the log; only a store that descends from another has it.
    package static let lineage = "lineage"
    /// Term and vote.
    package static let terms = "terms"
    /// From which segment on a copied log is no more as it was copied; only a branch that is being made has it.
    package static let cut = "cut"
    /// The directory of segments.
    package static let log = "log"
    /// The directory of snapshots and identity runs.
    package static let views = "views"
}
