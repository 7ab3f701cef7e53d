import Bytes
import JSON
package import Records

/// Problems on the wire: RFC 9457 `application/problem+json`, or an OperationOutcome of FHIR R4.
package enum ProblemWriter {
    package static let typePrefix = "urn:chartlog:problem:"

    /// The problem as one JSON object.
    package static func json(_ problem: Problem, requestID: String? = nil) -> [UInt8] {
        var writer = JSONWriter(reserving: 256)
        write(problem, requestID: requestID, into: &writer)
        return writer.bytes
    }

    static func write(_ problem: Problem, requestID: String? = nil, into writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("type", typePrefix + problem.kind.rawValue)
            writer.member("title", title(problem.kind))
            writer.member("status", problem.kind.status)
            writer.member("detail", problem.detail)
            writer.member("requestid", ifPresent: requestID)
            for field in problem.fields { write(field, into: &writer) }
        }
    }

    /// Members of a problem beside those of RFC 9457, as openapi.json describes them.
    static func write(_ field: ProblemField, into writer: inout JSONWriter) {
        switch field {
        case .conflicts(let conflicts):
            writer.array("conflicts") { writer in
                for conflict in conflicts {
                    writer.object { writer in
                        writer.member("subject", conflict.subject)
                        writer.member("expected", conflict.expected)
                        writer.member("actual", conflict.actual)
                    }
                }
            }
        case .eventIndex(let index): writer.member("eventindex", index)
        case .position(let position): writer.member("position", position)
        case .neighbours(let before, let after):
            writer.object("neighbours") { writer in
                writer.member("before", before)
                writer.member("after", after)
            }
        case .member(let name): writer.member("member", name)
        case .limit(let limit): writer.member("limit", limit)
        case .retryAfterSeconds(let seconds): writer.member("retryafter", seconds)
        case .busy(let actor, let start, let end):
            writer.object("busy") { writer in
                writer.member("actor", actor)
                writer.member("start", start.text)
                writer.member("end", end.text)
            }
        case .status(let from, let to):
            writer.object("transition") { writer in
                writer.member("from", from)
                writer.member("to", to)
            }
        case .allow(let methods):
            writer.array("allow") { writer in
                for method in methods { writer.string(method) }
            }
        case .offset(let offset): writer.member("offset", offset)
        case .index(let index): writer.member("index", index)
        case .segment(let segment): writer.member("segment", segment)
        }
    }

    /// The problem as an OperationOutcome; its fields stand in `diagnostics` as the JSON above.
    package static func operationOutcome(_ problem: Problem, requestID: String? = nil) -> [UInt8] {
        var writer = JSONWriter(reserving: 512)
        writer.object { writer in
            writer.member("resourceType", "OperationOutcome")
            writer.array("issue") { writer in
                writer.object { writer in
                    writer.member("severity", "error")
                    writer.member("code", issueCode(problem.kind))
                    writer.object("details") { writer in
                        writer.array("coding") { writer in
                            writer.object { writer in
                                writer.member("system", "urn:chartlog:problem")
                                writer.member("code", problem.kind.rawValue)
                                writer.member("display", title(problem.kind))
                            }
                        }
                        writer.member("text", problem.detail)
                    }
                    writer.member(
                        "diagnostics", String(decoding: json(problem, requestID: requestID), as: UTF8.self))
                }
            }
        }
        return writer.bytes
    }

    /// The name as words: `version-conflict` is "Version conflict".
    package static func title(_ kind: ProblemKind) -> String {
        let words = kind.rawValue.split(separator: "-").joined(separator: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }

    /// issue-type of FHIR R4.
    static func issueCode(_ kind: ProblemKind) -> String {
        switch kind {
        case .malformedRequest, .badHost, .badFraming, .badTarget, .badHeader, .badJSON, .httpVersion: "structure"
        case .badParameter, .badEvent, .serverAttribute, .repeatedEvent, .badInstant, .badPosition,
            .insideTransaction, .badCursor, .badPurpose, .ifMatch, .invalidResource, .invalidInterval:
            "invalid"
        case .unknownParameter, .notImplemented, .methodNotAllowed, .notAcceptable, .unsupportedMediaType,
            .expectationUnknown:
            "not-supported"
        case .unauthenticated: "login"
        case .forbidden, .purposeRequired: "forbidden"
        case .notFound, .missingStream: "not-found"
        case .gone: "deleted"
        case .versionConflict, .doubleBooking, .partialRepeat, .stillRunning, .orderRefused: "conflict"
        case .eventReused, .keyReused, .alreadyExists: "duplicate"
        case .tooLarge, .targetTooLong, .headersTooLarge: "too-long"
        case .unknownCategory, .reservedType, .typeAndSubject, .invalidStatus, .twoSubjects: "business-rule"
        case .tooMany, .overloaded: "throttled"
        case .tooSlow, .outcomeUnknown: "timeout"
        case .unavailable, .noPrimary, .retired, .clockAhead: "transient"
        case .diskFull: "no-store"
        case .damaged, .keyMissing, .internalError: "exception"
        }
    }

    /// Header fields that go with a problem.
    static func fields(_ problem: Problem) -> [(name: String, value: [UInt8])] {
        var fields: [(name: String, value: [UInt8])] = []
        if problem.kind == .unauthenticated {
            fields.append(("WWW-Authenticate", Array(PresentedKey.challenge.utf8)))
        }
        var retryAfter: Int?
        for field in problem.fields {
            switch field {
            case .allow(let methods): fields.append(("Allow", Array(methods.joined(separator: ", ").utf8)))
            case .retryAfterSeconds(let seconds): retryAfter = seconds
            default: break
            }
        }
        if retryAfter == nil, problem.kind.status == 503 || problem.kind.status == 429 { retryAfter = 1 }
        if let retryAfter { fields.append(("Retry-After", Array(String(retryAfter).utf8))) }
        return fields
    }
}
