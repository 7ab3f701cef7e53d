package import Bytes

/// A refusal or a failure as a caller sees it: RFC 9457 `application/problem+json`, or an OperationOutcome under
/// /fhir. Texts are constants; whatever varies is a typed field, and no field ever holds a patient's words.
package struct Problem: Error, Equatable, Sendable {
    package var kind: ProblemKind
    /// What to do next, a constant sentence.
    package var detail: String
    package var fields: [ProblemField]

    package init(_ kind: ProblemKind, _ detail: StaticString, _ fields: [ProblemField] = []) {
        self.kind = kind
        self.detail = "\(detail)"
        self.fields = fields
    }
}

/// What varies in a problem. Names of members on the wire are API's affair.
package enum ProblemField: Equatable, Sendable {
    /// Failed expectations, all of them, in the order of the request.
    case conflicts([VersionConflict])
    /// Which event of the request, from 0.
    case eventIndex(Int)
    case position(UInt64)
    case neighbours(before: UInt64, after: UInt64)
    /// A member, attribute, header or parameter by its name in the specification.
    case member(String)
    /// Where in the body a JSON text goes wrong, in bytes from its beginning.
    case offset(Int)
    case limit(Int)
    case retryAfterSeconds(Int)
    /// The busy interval and who is busy, never the other patient.
    case busy(actor: String, start: Instant, end: Instant)
    case status(from: String, to: String)
    case allow([String])
    case index(UInt64)
    case segment(UInt64)
}

/// One failed `expectedversion`.
package struct VersionConflict: Equatable, Sendable {
    package var subject: String
    package var expected: UInt64
    /// 0 when there is no such stream.
    package var actual: UInt64

    package init(subject: String, expected: UInt64, actual: UInt64) {
        self.subject = subject
        self.expected = expected
        self.actual = actual
    }
}

/// Every problem there is. The raw value is the NAME in `urn:chartlog:problem:NAME`; all are listed in openapi.json.
package enum ProblemKind: String, CaseIterable, Sendable {
    // 400: the request itself is wrong
    case malformedRequest = "malformed-request"
    case badHost = "bad-host"
    case badFraming = "bad-framing"
    case badTarget = "bad-target"
    case badHeader = "bad-header"
    case badParameter = "bad-parameter"
    case unknownParameter = "unknown-parameter"
    case badJSON = "bad-json"
    case badEvent = "bad-event"
    case serverAttribute = "server-attribute"
    case repeatedEvent = "repeated-event"
    case badInstant = "bad-instant"
    case badPosition = "bad-position"
    case insideTransaction = "inside-transaction"
    case badCursor = "bad-cursor"
    case badPurpose = "bad-purpose"
    case ifMatch = "if-match-not-used"
    // 401, 403
    case unauthenticated = "unauthenticated"
    case forbidden = "forbidden"
    case purposeRequired = "purpose-required"
    // 404, 405, 406, 408, 410
    case notFound = "not-found"
    case methodNotAllowed = "method-not-allowed"
    case notAcceptable = "not-acceptable"
    case tooSlow = "too-slow"
    case gone = "gone"
    // 409
    case versionConflict = "version-conflict"
    case doubleBooking = "double-booking"
    case eventReused = "event-reused"
    case partialRepeat = "partial-repeat"
    case stillRunning = "still-running"
    /// An operator's order that the cluster could not carry out without harm as it stands.
    case orderRefused = "order-refused"
    // 413, 414, 415, 417, 431
    case tooLarge = "too-large"
    case targetTooLong = "target-too-long"
    case unsupportedMediaType = "unsupported-media-type"
    case expectationUnknown = "expectation-unknown"
    case headersTooLarge = "headers-too-large"
    // 422
    case unknownCategory = "unknown-category"
    case reservedType = "reserved-type"
    case typeAndSubject = "type-does-not-fit-subject"
    case invalidResource = "invalid-resource"
    case invalidStatus = "invalid-status"
    case invalidInterval = "invalid-interval"
    case alreadyExists = "already-exists"
    case missingStream = "missing-stream"
    case twoSubjects = "two-subjects"
    case keyReused = "idempotency-key-reused"
    // 429, 501, 505, 503, 504, 500
    case tooMany = "too-many-requests"
    case notImplemented = "not-implemented"
    case httpVersion = "http-version-not-supported"
    case unavailable = "unavailable"
    case noPrimary = "no-primary"
    /// The replica that was asked has lost its place for good.
    case retired = "retired"
    case diskFull = "disk-full"
    case damaged = "damaged"
    case keyMissing = "key-missing"
    case clockAhead = "clock-ahead"
    case overloaded = "overloaded"
    case outcomeUnknown = "outcome-unknown"
    case internalError = "internal-error"

    /// The status code that goes with it.
    package var status: Int {
        switch self {
        case .malformedRequest, .badHost, .badFraming, .badTarget, .badHeader, .badParameter, .unknownParameter,
            .badJSON, .badEvent, .serverAttribute, .repeatedEvent, .badInstant, .badPosition, .insideTransaction,
            .badCursor, .badPurpose, .ifMatch:
            400
        case .unauthenticated: 401
        case .forbidden, .purposeRequired: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .notAcceptable: 406
        case .tooSlow: 408
        case .versionConflict, .doubleBooking, .eventReused, .partialRepeat, .stillRunning, .orderRefused:
            409
        case .gone: 410
        case .tooLarge: 413
        case .targetTooLong: 414
        case .unsupportedMediaType: 415
        case .expectationUnknown: 417
        case .unknownCategory, .reservedType, .typeAndSubject, .invalidResource, .invalidStatus, .invalidInterval,
            .alreadyExists, .missingStream, .twoSubjects, .keyReused:
            422
        case .tooMany: 429
        case .headersTooLarge: 431
        case .internalError: 500
        case .notImplemented: 501
        case .httpVersion: 505
        case .unavailable, .noPrimary, .retired, .diskFull, .damaged, .keyMissing, .clockAhead, .overloaded: 503
        case .outcomeUnknown: 504
        }
    }
}
