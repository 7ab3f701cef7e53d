package import Bytes

/// One request to a replica, after HTTP is forgotten and its credential verified. A value: it crosses threads, and
/// in time the link between replicas.
package struct Ask: Sendable {
    package var caller: Caller
    package var request: Request
    /// What a `refused` request would have needed, so that a caller who may not ask at all is told that first; nil where
    /// any credential will do, and not looked at for other requests.
    package var needed: Right?
    /// A position that the client has seen: what it reads must stand there or later. The primary has committed all that
    /// was ever acknowledged, so only a position that nobody was told is beyond it (400 `bad-position`, as for `after`).
    package var atLeast: UInt64?

    package init(caller: Caller, request: Request, needed: Right? = nil) {
        self.caller = caller
        self.request = request
        self.needed = needed
    }
}

/// What a credential may do with PHI; a purpose is needed for each.
package enum Right: Sendable {
    case append
    case read
    case audit
}

/// Who asks, from where, for whom and why.
package struct Caller: Sendable {
    /// The public half of an API key; the replica looks up its scopes and tenant in committed state.
    package var credential: String
    /// Numeric address of the client, without port.
    package var address: String
    /// `Chartlog-On-Behalf-Of`, a FHIR reference such as `Practitioner/pr-7`; nil when not sent.
    package var onBehalfOf: String?
    /// A v3-PurposeOfUse code; nil when not sent.
    package var purpose: Purpose?
    /// Given by the client (`X-Request-Id`) or drawn by the server; at most 128 visible ASCII characters.
    package var requestID: String
    /// A valid W3C traceparent, or nil.
    package var traceParent: String?
    /// The replica that the client asked, where another one answers.
    package var receivedBy: Int?

    package init(
        credential: String, address: String, onBehalfOf: String? = nil, purpose: Purpose? = nil,
        requestID: String = "", traceParent: String? = nil
    ) {
        self.credential = credential
        self.address = address
        self.onBehalfOf = onBehalfOf
        self.purpose = purpose
        self.requestID = requestID
        self.traceParent = traceParent
    }
}

/// What is asked for.
package enum Request: Sendable {
    case append(AppendRequest)
    case events(EventsQuery)
    case read(ViewKind, id: String, asOf: AsOf?)
    case readVersion(ViewKind, id: String, version: UInt64, asOf: AsOf? = nil)
    case history(ViewKind, id: String, asOf: AsOf?, page: PageRequest)
    case search(SearchQuery)
    /// What an operator sees; needs any valid credential and leaves no access record.
    case cluster
    /// The backups of the replica that is asked; likewise.
    case backups
    /// Refused before it could be understood, after authentication: recorded, then answered.
    case refused(Problem)
}

/// Events to append as one transaction, in the order they came.
package struct AppendRequest: Sendable {
    package var events: [IncomingEvent]
    /// 1 to 255 visible characters, unquoted.
    package var idempotencyKey: String?

    package init(events: [IncomingEvent], idempotencyKey: String? = nil) {
        self.events = events
        self.idempotencyKey = idempotencyKey
    }
}

/// An instant or a position to which a view is folded.
package enum AsOf: Equatable, Sendable {
    case instant(Instant)
    case position(UInt64)

    /// As it is written in a query: an instant in UTC, or a decimal position.
    package var text: String {
        switch self {
        case .instant(let instant): instant.text
        case .position(let position): String(position)
        }
    }
}

/// Which events to read, and in which order.
package struct EventsQuery: Equatable, Sendable {
    package enum Subject: Equatable, Sendable {
        case all
        case stream(StreamName)
        case category(Category)
        /// A prefix that no stream name can have: nothing is found, which is an answer.
        case nothing
    }

    package var subject: Subject = .all
    /// Any of these types; empty: all.
    package var types: [String] = []
    package var after: UInt64?
    package var before: UInt64?
    package var since: Instant?
    package var until: Instant?
    package var asOf: AsOf?
    package var isDescending = false
    /// 1 to 10,000.
    package var limit = 1000
    package var follow = false

    package init() {}
}

/// The views, by the FHIR type they are shown as.
package enum ViewKind: String, CaseIterable, Sendable {
    case patient = "Patient"
    case appointment = "Appointment"
    case auditEvent = "AuditEvent"
}

/// `_count` and where to go on. The cursor is opaque to everybody but the replica.
package struct PageRequest: Equatable, Sendable {
    /// 0 to 1000; 0 asks for the total alone.
    package var count: Int
    package var cursor: String?

    package init(count: Int = 100, cursor: String? = nil) {
        self.count = count
        self.cursor = cursor
    }
}

/// One search of one view.
package struct SearchQuery: Equatable, Sendable {
    package var kind: ViewKind
    /// All must hold (AND); within one, any value may (OR).
    package var parameters: [SearchParameter]
    package var sort: SearchSort
    package var asOf: AsOf?
    package var page: PageRequest

    package init(
        kind: ViewKind, parameters: [SearchParameter], sort: SearchSort = .none, asOf: AsOf? = nil,
        page: PageRequest = PageRequest()
    ) {
        self.kind = kind
        self.parameters = parameters
        self.sort = sort
        self.asOf = asOf
        self.page = page
    }
}

/// The order in which a search shows what it finds.
package enum SearchSort: Equatable, Sendable {
    /// The view's own order: patients and appointments by creation, audit newest first.
    case none
    case date(descending: Bool)
}

/// One condition of a search; any of its values will do.
package enum SearchParameter: Equatable, Sendable {
    case id([String])
    // Patient
    case identifier([IdentifierSearch])
    case name([TextSearch])
    case family([TextSearch])
    case given([TextSearch])
    case birthDate([DateSearch])
    /// Compared by digits alone.
    case phone([String])
    // Appointment
    /// Ids of patients, without `Patient/`. On AuditEvent too.
    case patient([String])
    /// References such as `Practitioner/pr-7`.
    case practitioner([String])
    case location([String])
    case actor([String])
    case status([AppointmentStatus])
    /// Appointment.start, or AuditEvent.recorded.
    case date([DateSearch])
    // AuditEvent
    /// The name of a credential, or an on-behalf-of reference.
    case agent([String])
    /// C R U D E.
    case action([String])
    case outcome([AuditOutcome])
}

/// `system|value` as FHIR writes a token.
package struct IdentifierSearch: Equatable, Sendable {
    /// nil: any system; empty: none.
    package var system: String?
    package var value: String

    package init(system: String?, value: String) {
        self.system = system
        self.value = value
    }
}

/// A text and how it is compared with names.
package struct TextSearch: Equatable, Sendable {
    package enum Mode: Sendable {
        /// Case- and accent-insensitive beginning of a word (FHIR's default).
        case startsWith
        case exact
        case contains
    }

    package var mode: Mode
    package var text: String

    package init(_ text: String, mode: Mode = .startsWith) {
        self.mode = mode
        self.text = text
    }
}

/// A FHIR date search: a prefix and the interval [lower, upper) that the written precision spans. For birthDate the
/// interval lies on UTC days.
package struct DateSearch: Equatable, Sendable {
    package enum Comparison: String, CaseIterable, Sendable {
        case eq, ne, gt, ge, lt, le, sa, eb
    }

    package var comparison: Comparison
    package var lower: Instant
    package var upper: Instant

    package init(_ comparison: Comparison, from lower: Instant, to upper: Instant) {
        self.comparison = comparison
        self.lower = lower
        self.upper = upper
    }

    /// Whether a value that is a single instant satisfies this.
    package func holds(for instant: Instant) -> Bool {
        switch comparison {
        case .eq: instant >= lower && instant < upper
        case .ne: instant < lower || instant >= upper
        case .gt, .sa: instant >= upper
        case .ge: instant >= lower
        case .lt, .eb: instant < lower
        case .le: instant < upper
        }
    }
}

/// v3-PurposeOfUse (HL7), the codes a request may carry.
package struct Purpose: Hashable, Sendable {
    package let code: String

    /// nil when the code is none of the value set.
    package init?(code: String) {
        guard Self.codes.contains(code) else { return nil }
        self.code = code
    }

    package static let codes: Set<String> = [
        "PurposeOfUse", "HMARKT", "HOPERAT", "CAREMGT", "DONAT", "FRAUD", "GOV", "HACCRED", "HCOMPL", "HDECD",
        "HDIRECT", "HDM", "HLEGAL", "HOUTCOMS", "HPRGRP", "HQUALIMP", "HSYSADMIN", "LABELING", "METAMGT", "MEMADMIN",
        "MILCDM", "PATADMIN", "PATSFTY", "PERFMSR", "RECORDMGT", "SYSDEV", "HTEST", "TRAIN", "HPAYMT", "CLMATTCH",
        "COVAUTH", "COVERAGE", "ELIGDTRM", "ELIGVER", "ENROLLM", "MILDCRG", "REMITADV", "HRESCH", "BIORCH", "CLINTRCH",
        "CLINTRCHNPC", "CLINTRCHPC", "PRECLINTRCH", "DSRCH", "POARCH", "TRANSRCH", "PATRQT", "FAMRQT", "PWATRNY",
        "SUPNWK", "PUBHLTH", "DISASTER", "THREAT", "TREAT", "CLINTRL", "COC", "ETREAT", "BTG", "ERTREAT", "POPHLTH",
    ]
}
