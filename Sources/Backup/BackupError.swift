package import Files
package import Keys
package import SegmentedLog

/// Why a backup could not be made, read or restored. Nothing was changed but for whole objects that were added; running
/// it again goes on from there.
package enum BackupError: Error, Equatable, Sendable {
    /// The destination, or where a restore writes, failed. "" is its root.
    case file(FileError, object: String)
    /// The log that is backed up cannot be read where it should be.
    case log(LogError)
    case key(KeyError)
    /// An object that should be there is not.
    case missing(object: String)
    /// Other bytes than those to be written have the name. They were left as they are.
    case occupied(object: String)
    /// An object is not what its manifest says.
    case damaged(BackupFinding)
    /// A signed object cannot be believed.
    case flawed(object: String, ManifestFlaw)
    /// Backups, or parts of them, lie there without a marker that says whose they are.
    case unmarked
    /// The marker is damaged.
    case marker
    /// A later version wrote it.
    case laterVersion(object: String)
    /// The destination is another cluster's. An ancestor's backups are not gone on with by its branch: the two part at
    /// the branch, and each needs its own.
    case otherCluster(ClusterIdentity, isAncestor: Bool)
    /// The newest backup there ends behind this log's end, at this index.
    case ahead(index: UInt64)
    /// The newest backup there holds another entry at this index.
    case otherHistory(index: UInt64)
    /// A second destination holds another backup of this number than the first, or the first has none of it.
    case otherChain(number: UInt64)
    /// The destination has seen these registers further than they are here.
    case olderRegisters([RegisterKind])
    /// There is no backup in the destination.
    case empty
    /// What stands there says that the manifest of this number is not to be removed, or cannot be read.
    case hold(name: String)
    /// Somebody else makes a backup at the destination, copies to it, or expires or holds backups there.
    case busy
}

extension BackupError {
    /// The object it is about, if it is about one.
    package var object: String? {
        switch self {
        case .file(_, let object), .missing(let object), .occupied(let object), .flawed(let object, _),
            .laterVersion(let object):
            object
        case .damaged(let finding): finding.object
        case .unmarked, .marker: BackupLayout.marker
        case .hold(let name): BackupLayout.hold(name)
        case .log, .key, .otherCluster, .ahead, .otherHistory, .otherChain, .olderRegisters, .empty, .busy:
            nil
        }
    }

    /// What to do next, in words that name nobody.
    package var advice: String {
        switch self {
        case .file(.full, _): "Make room at the destination, then run it again: it goes on where it stopped."
        case .file: "See to the destination, then run it again: it goes on where it stopped."
        case .log(.damaged): "Repair the log first (a replica with peers does so by itself), then run it again."
        case .log, .key: "Run chartlog verify on the replica."
        case .missing(let object) where BackupLayout.manifestNumber(object) != nil:
            "It was never made or is expired, or its manifest is lost: chartlog backup list shows which there are."
        case .missing, .damaged, .flawed:
            "Run chartlog backup verify; bring the object back from another copy of the destination."
        case .occupied:
            "Run chartlog backup verify; move the object away if it is damaged, and run the backup again, or name "
                + "another destination if another replica writes to this one."
        case .unmarked: "Name an empty directory, or bring the marker back from another copy of the destination."
        case .marker: "Bring the marker back from another copy of the destination."
        case .laterVersion: "Use the version of Chartlog that wrote it, or a later one."
        case .otherCluster(_, isAncestor: true):
            "Name a destination of its own for the branch: its parent's ends where the branch begins."
        case .otherCluster: "Name this cluster's own destination, or an empty directory."
        case .ahead, .otherHistory:
            "This log is not the one that was backed up last, or lost its end: name an empty directory, and keep the "
                + "old destination until it is known which of them is right."
        case .otherChain:
            "Name an empty directory in its place; or, if the first began anew, move the first away and make a backup: it "
                + "goes on from the second."
        case .olderRegisters:
            "Take the newest backup and the instant wanted, so that no erasure, withdrawal or hold is undone."
        case .empty: "Make a backup first, or name another destination."
        case .busy: "Wait until that is done (chartlog backup status shows backups), then try again."
        case .hold: "Release the hold, or bring its object back from another copy of the destination."
        }
    }
}

/// One thing that is not as it should be in a destination. Holds names of objects and numbers only.
package struct BackupFinding: Error, Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        /// The object is not there.
        case missing
        /// It has another length than the manifest says; what is there of it, is right.
        case length
        /// Its bytes are others than the manifest says, and nothing tells more of where.
        case content
        /// What in the segment is not right.
        case segment(Fault.Kind)
        /// A signed object: a manifest, register heads, an expiry.
        case signed(ManifestFlaw)
        case marker
        /// An operator's hold cannot be read, or holds a manifest that is not there.
        case hold
        /// The log folds to other digests than the manifest says.
        case digests
        /// The log ends elsewhere than the manifest says.
        case head
    }

    package var object: String
    package var kind: Kind
    /// The first byte in the object, as far as it can be told: the very byte, or the start of the header, body or leaf
    /// it lies in.
    package var offset: Int
    /// Segment, entry and event from which on nothing of the log can be had from this object; nil where it holds none.
    package var segment: UInt64?
    package var index: UInt64?
    package var position: UInt64?

    package init(
        object: String, kind: Kind, offset: Int = 0, segment: UInt64? = nil, index: UInt64? = nil,
        position: UInt64? = nil
    ) {
        self.object = object
        self.kind = kind
        self.offset = offset
        self.segment = segment
        self.index = index
        self.position = position
    }
}
