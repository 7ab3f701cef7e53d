import JSON
import Records

extension OpenAPI {
    /// What the document says of one path and method.
    struct Operation {
        var id: String
        var summary: String
        var parameters: [String] = []
        var requestTypes: [(String, String)] = []
        var answerTypes: [(String, String)] = []
        var successes: [(String, String)] = [("200", "Done.")]
        var problemStatuses: [Int]
        var needsCredential = true
        var isFHIR = false

        /// What any request may meet with, whoever sends it.
        static let always = [400, 405, 408, 413, 414, 417, 431, 429, 500, 501, 503, 505]
        static let callerFields = ["purpose", "onBehalfOf", "requestID", "traceparent"]

        init(_ path: String, _ method: String) {
            id = method.lowercased() + path.map { $0.isLetter ? String($0) : "-" }.joined()
            summary = ""
            problemStatuses = Self.always
            switch (path, method) {
            case ("/v1/events", "POST"): append()
            case ("/v1/events", _): events()
            case ("/v1/cluster", _): cluster()
            case ("/v1/backups", "GET"): backups()
            case (_, "POST") where OrderKind.allCases.contains { Router.path(of: $0) == path }:
                OrderKind.allCases.first { Router.path(of: $0) == path }.map { order($0) }
            case (_, _) where path.hasPrefix("/fhir/") && path != "/fhir/metadata": view(path, method)
            default: open(path)
            }
            problemStatuses.sort()
        }

        private mutating func open(_ path: String) {
            needsCredential = false
            switch path {
            case "/livez":
                summary = "The process runs."
                answerTypes = [("text/plain", "text")]
            case "/readyz":
                summary = "Appends are acknowledged."
                answerTypes = [("text/plain", "text")]
            case "/metrics":
                summary = "Metrics, as OpenMetrics 1.0 or Prometheus text by Accept."
                answerTypes = [("text/plain", "text"), ("application/openmetrics-text", "text")]
            case "/fhir/metadata":
                summary = "The FHIR CapabilityStatement."
                answerTypes = [("application/fhir+json", "Resource")]
                isFHIR = true
            default:
                summary = "This document."
                answerTypes = [("application/json", "any")]
            }
        }

        private mutating func cluster() {
            summary = "What an operator sees of the cluster; no PHI."
            answerTypes = [("application/json", "Cluster")]
            problemStatuses += [401, 406]
        }

        private mutating func order(_ kind: OrderKind) {
            requestTypes = [("application/json", "Order-" + kind.rawValue)]
            answerTypes = [("application/json", kind.answered)]
            problemStatuses += [401, 403, 404, 406, 409, 415, 504]
            switch kind {
            case .handover: summary = "Let another replica lead; answered once it does. Needs the scope administer."
            case .takeover:
                summary =
                    "Let the replica that is asked lead, though another hangs; never forwarded, and answered once it "
                    + "leads. Needs the scope administer."
            case .drills: summary = "Record what came of a restore that was tried out. Needs the scope administer."
            case .backups:
                summary =
                    "Let the replica that is asked make a backup of its log into a directory of its machine; never "
                    + "forwarded. Needs the scope administer."
            case .restores:
                summary =
                    "Let the store go back to an instant or a position, by an event that is appended; or, unless apply is "
                    + "true, say what that would do. Needs the scope administer."
            case .clock: summary = "Accept a clock that jumped ahead as right. Needs the scope administer."
            case .replacements:
                summary = "Let a spare take a replica's place. Needs the scope administer."
            case .members:
                summary =
                    "Let one more, or one fewer, replica vote. One that is new to the cluster joins with the place where "
                    + "it will be; ordered again it is answered again. Needs the scope administer."
            }
            let place = kind.isOfCluster ? "/v1/cluster" : "/v1/" + kind.rawValue
            if kind.isLong { successes = [("202", "Begun; GET \(place) shows how far it is.")] }
        }

        private mutating func backups() {
            summary = "The backups that the replica that is asked makes and made; never forwarded, no PHI."
            answerTypes = [("application/json", "Backups")]
            problemStatuses += [401, 406]
        }

        private mutating func append() {
            summary = "Append events: one, or a batch that is one transaction."
            parameters = Self.callerFields + ["idempotencyKey"]
            requestTypes = [
                ("application/cloudevents+json", "CloudEvent"),
                ("application/cloudevents-batch+json", "CloudEvents"), ("*/*", "any"),
            ]
            answerTypes = [("application/json", "Appended")]
            successes = [("201", "Durable."), ("200", "A repeat of what was appended before, or an empty batch.")]
            problemStatuses += [401, 403, 409, 410, 415, 422, 504]
        }

        private mutating func events() {
            summary = "Read events in the order of the log, and follow it."
            parameters =
                Self.callerFields
                + [
                    "subject", "type", "after", "before", "since", "until", "asof", "order", "limit", "follow",
                    "lastEventID",
                ]
            answerTypes = [
                ("application/x-ndjson", "EventLine"), ("text/event-stream", "text"),
                ("application/cloudevents-batch+json", "ShownEvents"), ("application/json", "ShownEvents"),
            ]
            problemStatuses += [401, 403, 404, 406, 410, 504]
        }

        private mutating func view(_ path: String, _ method: String) {
            isFHIR = true
            parameters = Self.callerFields + ["asof", "format"]
            answerTypes = [("application/fhir+json", "Resource")]
            problemStatuses += [401, 403, 404, 406, 410, 504]
            let kind = ViewKind.allCases.first { path.hasPrefix("/fhir/" + $0.rawValue) } ?? .patient
            if path.contains("{id}") { parameters.append("id") }
            if path.hasSuffix("{version}") {
                summary = "One version of a resource, if it was there as of an instant or position."
                parameters.append("version")
            } else if path.hasSuffix("_history") {
                summary = "All versions of a resource, newest first."
                parameters += ["count", "cursor"]
            } else if path.hasSuffix("{id}") {
                summary = "A resource, now or as of an instant or position."
            } else {
                summary = "Search; parameters that are PHI belong into POST _search."
                let filters = SearchParameters.names(kind).map { "search-\(kind.rawValue)-\($0.name)" }
                parameters += ["count", "cursor", "sort", "summary", "prefer"] + filters
                if method == "POST" {
                    requestTypes = [("application/x-www-form-urlencoded", "Form")]
                    problemStatuses.append(415)
                }
            }
            if path.hasSuffix("{id}") || path.hasSuffix("{version}") {
                parameters += ["ifNoneMatch", "ifModifiedSince"]
                successes.append(("304", "Unchanged."))
            }
        }
    }

    /// A parameter of the document.
    struct Parameter {
        var key: String
        var name: String
        var place: String
        var description: String
        var schema: String

        init(_ key: String, _ name: String, _ place: String, _ schema: String, _ description: String) {
            self.key = key
            self.name = name
            self.place = place
            self.schema = schema
            self.description = description
        }

        static let all: [Parameter] =
            [
                Parameter("purpose", "X-Purpose-Of-Use", "header", string, "A v3-PurposeOfUse code; PHI needs one."),
                Parameter(
                    "onBehalfOf", "Chartlog-On-Behalf-Of", "header", string,
                    "Whom the caller acts for, e.g. Practitioner/pr-7."),
                Parameter("requestID", "X-Request-Id", "header", string, "1 to 128 visible characters; echoed."),
                Parameter("traceparent", "traceparent", "header", string, "W3C Trace Context."),
                Parameter(
                    "idempotencyKey", "Idempotency-Key", "header", string,
                    "1 to 255 visible characters, quoted or bare; kept for 7 days with the reply."),
                Parameter("lastEventID", "Last-Event-ID", "header", position, "With SSE; beats after."),
                Parameter("ifNoneMatch", "If-None-Match", "header", string, "Entity tags; 304 when one fits."),
                Parameter("ifModifiedSince", "If-Modified-Since", "header", string, "An IMF-fixdate."),
                Parameter("prefer", "Prefer", "header", string, "handling=lenient passes over unknown parameters."),
                Parameter("subject", "subject", "query", string, "A stream, or a prefix that ends in /."),
                Parameter("type", "type", "query", #"{"type":"array","items":{"type":"string"}}"#, "Any of these."),
                Parameter("after", "after", "query", position, "Exclusive."),
                Parameter("before", "before", "query", position, "Exclusive."),
                Parameter("since", "since", "query", instant, "Inclusive."),
                Parameter("until", "until", "query", instant, "Inclusive."),
                Parameter("asof", "asof", "query", string, "An instant with offset, or a position."),
                Parameter("order", "order", "query", #"{"type":"string","enum":["asc","desc"]}"#, "By position."),
                Parameter(
                    "limit", "limit", "query",
                    #"{"type":"integer","minimum":1,"maximum":10000,"default":1000}"#, "Most events."),
                Parameter("follow", "follow", "query", #"{"type":"boolean","default":false}"#, "Go on for ever."),
                Parameter("count", "_count", "query", #"{"type":"integer","minimum":0}"#, "Most entries; 0 counts."),
                Parameter("cursor", "_cursor", "query", string, "From a next link; opaque, expires."),
                Parameter("sort", "_sort", "query", #"{"type":"string","enum":["date","-date"]}"#, "By date."),
                Parameter("summary", "_summary", "query", #"{"type":"string","enum":["count","false"]}"#, "count."),
                Parameter("format", "_format", "query", string, "json."),
                Parameter("id", "id", "path", #"{"type":"string","pattern":"^[A-Za-z0-9.-]{1,64}$"}"#, "A FHIR id."),
                Parameter("version", "version", "path", position, "From meta.versionId."),
            ]
            + ViewKind.allCases.flatMap { kind in
                SearchParameters.names(kind).map { search in
                    Parameter(
                        "search-\(kind.rawValue)-\(search.name)", search.name, "query", string,
                        "FHIR R4 \(search.type); commas are OR, repetition is AND."
                            + (search.type == "string" ? " :exact and :contains are understood." : ""))
                }
            }

        private static let string = #"{"type":"string"}"#
        private static let position = #"{"type":"string","pattern":"^(0|[1-9][0-9]*)$"}"#
        private static let instant = #"{"type":"string","format":"date-time"}"#

        func write(_ writer: inout JSONWriter) {
            writer.object(key) { writer in
                writer.member("name", name)
                writer.member("in", place)
                writer.member("description", description)
                if place == "path" { writer.member("required", true) }
                writer.member("schema", raw: Array(schema.utf8))
            }
        }
    }
}

extension OrderKind {
    /// The schema of what it is answered with.
    fileprivate var answered: String {
        switch self {
        case .handover, .takeover, .replacements, .members, .clock, .drills: "Cluster"
        case .restores: "Restore"
        case .backups: "Backups"
        }
    }
}
