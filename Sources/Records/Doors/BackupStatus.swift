package import Bytes

/// What `GET /v1/backups` shows of the replica that is asked: the backups it makes and made since it started. No PHI.
package struct BackupStatus: Sendable {
    package enum State: String, Sendable {
        case running
        case done
        case failed
    }

    /// One backup, from its order to its end.
    package struct Job: Sendable {
        /// Drawn at random: names it in answers and in the audit trail's records.
        package var id: UInt64
        package var state: State
        /// Directories; the first is written from the log, the others are copies of it.
        package var destinations: [String]
        /// The name of the credential that ordered it; nil when it was due by the schedule.
        package var orderedBy: String?
        package var begun: Instant
        package var ended: Instant?
        /// The last entry and event in it.
        package var index: UInt64
        package var position: UInt64
        package var progress = Progress()
        /// Number of its manifest, and hash of the last entry in it, once it is made.
        package var manifest: UInt64?
        package var hash: Digest?
        /// Why it failed, and what to do: a sentence, and the object it is about.
        package var problem: String?

        package init(
            id: UInt64, destinations: [String], orderedBy: String?, begun: Instant, index: UInt64, position: UInt64
        ) {
            self.id = id
            state = .running
            self.destinations = destinations
            self.orderedBy = orderedBy
            self.begun = begun
            self.index = index
            self.position = position
        }
    }

    /// How far it is: of what has to be written; what is there already does not count.
    package struct Progress: Equatable, Sendable {
        package var bytesDone = 0
        package var bytesOf = 0
        package var objectsDone = 0
        package var objectsOf = 0

        package init() {}
    }

    package var replica: Int
    /// The newest last.
    package var jobs: [Job]
    /// Seconds since the newest backup that this replica knows of; nil when it knows of none.
    package var ageSeconds: UInt64?
    /// Between two backups by the schedule; nil without one.
    package var everySeconds: UInt64?
    /// Whether a copy of the keys is where config.json says; nil when it says nothing.
    package var isEscrowed: Bool?

    package init(replica: Int, jobs: [Job]) {
        self.replica = replica
        self.jobs = jobs
    }
}
