package import Bytes

/// What a replica answers. A long answer comes as several, each asked for by the reader's readiness.
package enum Answer: Sendable {
    case problem(Problem)
    case appended(Appended)
    case events(EventsPiece)
    case resource(ShownResource, position: UInt64)
    case page(ResourcePage)
    case cluster(ClusterStatus)
    case restore(RestorePlan)
    case backups(BackupStatus)
}

/// What an append gets: where its events stand.
package struct Appended: Equatable, Sendable {
    /// Position of the last event of the request; of an empty batch the last committed one.
    package var position: UInt64
    package var events: [AppendedEvent]
    /// True: nothing new was written, this is what the first request got.
    package var isRepeat: Bool

    package init(position: UInt64, events: [AppendedEvent], isRepeat: Bool) {
        self.position = position
        self.events = events
        self.isRepeat = isRepeat
    }
}

/// Where one event stands.
package struct AppendedEvent: Equatable, Sendable {
    package var id: String
    package var subject: StreamName
    package var version: UInt64
    package var position: UInt64
    package var recorded: Instant
    /// The position of the rewind by which the event does not count any more; nil when it does. Of repeats alone.
    package var rewoundBy: UInt64?

    package init(id: String, subject: StreamName, version: UInt64, position: UInt64, recorded: Instant) {
        self.id = id
        self.subject = subject
        self.version = version
        self.position = position
        self.recorded = recorded
    }
}

/// Events in the order asked for, their access record durable.
package struct EventsPiece: Sendable {
    package var events: [ShownEvent]
    /// The position this piece stands on: the last committed one when it was read.
    package var position: UInt64
    package var mark: Mark

    package enum Mark: Equatable, Sendable {
        /// More pieces follow.
        case none
        /// The answer ends; `more` when the limit cut it. `position` is the last one looked at.
        case end(position: UInt64, more: Bool)
        /// A follower has seen all there is.
        case caughtUp(position: UInt64)
        /// A follower's sign of life, every 15 s.
        case alive(position: UInt64)
    }

    package init(events: [ShownEvent], position: UInt64, mark: Mark) {
        self.events = events
        self.position = position
        self.mark = mark
    }
}

/// One event as it came, and what the server knows of it.
package struct ShownEvent: Sendable {
    /// The CloudEvent as one compact JSON object, as sent less `expectedversion`.
    package var json: [UInt8]
    package var position: UInt64
    /// In its stream; nil of a rewind that is shown for no stream.
    package var version: UInt64?
    package var recorded: Instant
    /// The name of the credential that appended it.
    package var actor: String

    package init(json: [UInt8], position: UInt64, version: UInt64?, recorded: Instant, actor: String) {
        self.json = json
        self.position = position
        self.version = version
        self.recorded = recorded
        self.actor = actor
    }
}

/// A FHIR resource at one version, or the audit detail from which API writes an AuditEvent.
package struct ShownResource: Sendable {
    package enum Content: Sendable {
        /// The folded resource without `meta.versionId` and `meta.lastUpdated`, which API sets.
        case json([UInt8])
        /// entered-in-error or rewound away: a history entry without resource.
        case deleted
        case audit(AuditDetail)
    }

    package var kind: ViewKind
    package var id: String
    package var version: UInt64
    package var lastUpdated: Instant
    package var content: Content
    /// The HTTP method that a history entry names.
    package var method: String

    package init(
        kind: ViewKind, id: String, version: UInt64, lastUpdated: Instant, content: Content, method: String = "PUT"
    ) {
        self.kind = kind
        self.id = id
        self.version = version
        self.lastUpdated = lastUpdated
        self.content = content
        self.method = method
    }
}

/// A page of a history or a search.
package struct ResourcePage: Sendable {
    package var isHistory: Bool
    package var kind: ViewKind
    package var resources: [ShownResource]
    /// How many match in all; nil when counting them would mean folding more than one page.
    package var total: Int?
    /// Opaque, expires; nil on the last page.
    package var next: String?
    package var position: UInt64

    package init(
        isHistory: Bool, kind: ViewKind, resources: [ShownResource], total: Int?, next: String?, position: UInt64
    ) {
        self.isHistory = isHistory
        self.kind = kind
        self.resources = resources
        self.total = total
        self.next = next
        self.position = position
    }
}

/// Who, what, when, from where, why and with what outcome: one event (`e-N`) or one record (`r-N`).
package struct AuditDetail: Sendable {
    /// The event's type or the record's reserved type.
    package var type: String
    /// C R U D E.
    package var action: String
    package var recorded: Instant
    /// The name and id of the credential; both empty for strangers.
    package var actorName: String
    package var actorID: String
    package var onBehalfOf: String?
    package var purpose: String?
    package var address: String
    package var requestID: String
    package var traceParent: String?
    package var replica: Int
    package var outcome: AuditOutcome
    /// The problem's NAME when it was refused.
    package var outcomeName: String?
    /// Ids of the patients whose data it is; an erased one is absent.
    package var patients: [String]
    /// Streams and versions made or shown, e.g. ("Appointment/a-1", 3).
    package var entities: [Entity]
    /// A query as it was asked, for searches; it is PHI and leaves only in the audit view.
    package var query: String?
    /// How many were shown, of positions from…to.
    package var count: Int?
    package var range: ClosedRange<UInt64>?

    package struct Entity: Equatable, Sendable {
        package var reference: String
        package var version: UInt64

        package init(reference: String, version: UInt64) {
            self.reference = reference
            self.version = version
        }
    }

    package init(
        type: String, action: String, recorded: Instant, actorName: String, actorID: String, onBehalfOf: String?,
        purpose: String?, address: String, requestID: String, traceParent: String?, replica: Int,
        outcome: AuditOutcome, outcomeName: String?, patients: [String], entities: [Entity], query: String?,
        count: Int?, range: ClosedRange<UInt64>?
    ) {
        self.type = type
        self.action = action
        self.recorded = recorded
        self.actorName = actorName
        self.actorID = actorID
        self.onBehalfOf = onBehalfOf
        self.purpose = purpose
        self.address = address
        self.requestID = requestID
        self.traceParent = traceParent
        self.replica = replica
        self.outcome = outcome
        self.outcomeName = outcomeName
        self.patients = patients
        self.entities = entities
        self.query = query
        self.count = count
        self.range = range
    }
}

/// What `GET /v1/cluster` and `chartlog status` show. No PHI.
package struct ClusterStatus: Sendable {
    package struct Member: Sendable {
        package var id: Int
        package var role: String
        package var state: String
        package var position: UInt64
        package var lagEvents: UInt64
        package var lagSeconds: Double
        /// 64 hexadecimal digits each.
        package var patientDigest: String
        package var appointmentDigest: String
        package var auditDigest: String
        /// Positions (audit: of events; records beside) at which the digests stand.
        package var digestPosition: UInt64
        package var digestRecord: UInt64
        /// The last entry on its disk.
        package var durableIndex: UInt64 = 0
        /// Bytes free on its disk; 0 when it did not say.
        package var freeBytes: UInt64 = 0
        /// Milliseconds since it was last heard of; nil: never by the replica that answers.
        package var silentMilliseconds: UInt64?

        package init(
            id: Int, role: String, state: String, position: UInt64, lagEvents: UInt64, lagSeconds: Double,
            patientDigest: String, appointmentDigest: String, auditDigest: String, digestPosition: UInt64,
            digestRecord: UInt64
        ) {
            self.id = id
            self.role = role
            self.state = state
            self.position = position
            self.lagEvents = lagEvents
            self.lagSeconds = lagSeconds
            self.patientDigest = patientDigest
            self.appointmentDigest = appointmentDigest
            self.auditDigest = auditDigest
            self.digestPosition = digestPosition
            self.digestRecord = digestRecord
        }
    }

    package var clusterID: String
    package var primary: Int?
    package var term: UInt64
    package var index: UInt64
    package var position: UInt64
    package var record: UInt64
    package var minDurableCopies: Int
    package var lastStamp: Instant
    package var members: [Member]
    /// Ids that are used up, ascending; those that nobody has a place of any more are not among `members`.
    package var retired: [Int] = []
    /// Sentences an operator should read, constants; empty when all is well.
    package var warnings: [String]
    /// How the primary came to lead; nil of one that leads since it was made.
    package var lastFailover: LastFailover?
    /// A change of replicas that is under way.
    package var change: Change?
    /// For who ordered that a new replica joins, and for nobody else.
    package var seed: Seed?

    package struct LastFailover: Sendable {
        package var at: Instant
        /// `started`, `link-closed`, `silence` or `handover`.
        package var reason: String
        package var from: Int?
        package var to: Int
        /// From the last word of the one before to the first acknowledged append; nil before that.
        package var milliseconds: UInt64?

        package init(at: Instant, reason: String, from: Int?, to: Int, milliseconds: UInt64?) {
            self.at = at
            self.reason = reason
            self.from = from
            self.to = to
            self.milliseconds = milliseconds
        }
    }

    package struct Change: Sendable {
        package var joining: Int?
        package var leaving: Int?
        /// `copying`, `joint` or `settling`.
        package var state: String
        /// Why it does not go on, a constant sentence.
        package var hold: String?
        package var isAutomatic: Bool
        package var begun: Instant

        package init(
            joining: Int?, leaving: Int?, state: String, hold: String?, isAutomatic: Bool, begun: Instant
        ) {
            self.joining = joining
            self.leaving = leaving
            self.state = state
            self.hold = hold
            self.isAutomatic = isAutomatic
            self.begun = begun
        }
    }

    package init(
        clusterID: String, primary: Int?, term: UInt64, index: UInt64, position: UInt64, record: UInt64,
        minDurableCopies: Int, lastStamp: Instant, members: [Member], warnings: [String]
    ) {
        self.clusterID = clusterID
        self.primary = primary
        self.term = term
        self.index = index
        self.position = position
        self.record = record
        self.minDurableCopies = minDurableCopies
        self.lastStamp = lastStamp
        self.members = members
        self.warnings = warnings
    }
}
