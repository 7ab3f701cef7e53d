/// What may go wrong in a world. Which kinds do, and how often, is drawn for each seed.
package enum FaultKind: Int, CaseIterable, Sendable {
    // Processes
    /// kill -9: the page cache survives.
    case crash
    /// The power goes: sectors not synced are lost, kept or mixed.
    case powerLoss
    /// Frozen, and later on again, with everything that came in between waiting.
    case pause
    /// The wall clock is set, by at most a few seconds.
    case clockStep
    /// The wall clock runs fast or slow.
    case clockDrift
    /// An operator lets another replica lead.
    case handover
    /// An operator gives the place of a voter to a spare.
    case replacement
    // Disks
    /// One read fails.
    case readError
    /// One sync fails and drops what it should have written.
    case syncError
    /// No room, for a while.
    case diskFull
    /// Every batch takes long, for a while.
    case slowDisk
    /// No batch ends, for a while.
    case hungDisk
    /// A bit of a synced sector goes over.
    case bitRot
    /// One write lands elsewhere in its file.
    case misdirectedWrite
    /// The disk is as it was a while ago.
    case rollback
    /// The disk is empty.
    case totalLoss
    // Links
    /// One direction of one link takes nothing.
    case oneWayCut
    /// One replica is alone.
    case isolation
    /// One link between two replicas is cut, while both reach the third.
    case partialMesh
    /// What is sent one way waits, and comes all at once later.
    case clog
    /// A connection breaks and is made anew.
    case reset
    case drop
    case duplicate
    case reorder
    /// A bit of a message goes over; the link's checksum finds it.
    case bitFlip
    // The store. It comes last, so that the dice of the others are what they were.
    /// An operator lets the store go back to an earlier instant or position, or asks what that would do.
    case rewind

    /// Needs somebody to talk to.
    package var needsPeers: Bool {
        switch self {
        case .handover, .replacement, .oneWayCut, .isolation, .partialMesh, .clog, .reset: true
        default: isOfMessages
        }
    }

    /// Takes away what was durable: only a minority's copies may suffer it.
    package var damages: Bool {
        switch self {
        case .bitRot, .misdirectedWrite, .rollback, .totalLoss: true
        default: false
        }
    }

    /// Takes a whole disk, or what it held last.
    package var losesDisk: Bool { self == .rollback || self == .totalLoss }

    /// Strikes single messages, at a rate.
    package var isOfMessages: Bool {
        switch self {
        case .drop, .duplicate, .reorder, .bitFlip: true
        default: false
        }
    }

    package var name: String { "\(self)" }

    package init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}
