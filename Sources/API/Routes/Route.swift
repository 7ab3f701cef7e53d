package import Records

/// What a method and a path ask for.
package enum Endpoint: Sendable {
    case live
    case ready
    case metrics
    case openAPI
    case capabilities
    case cluster
    case backups
    /// An operator's order to the cluster.
    case order(OrderKind)
    case append
    case events
    case read(ViewKind, id: String)
    case readVersion(ViewKind, id: String, version: UInt64)
    case history(ViewKind, id: String)
    case search(ViewKind)
    /// OPTIONS: 204 and what is allowed.
    case options
    /// No such path, or not by this method. Answered with this once the credential, if one is needed, is good.
    case refused(Problem)

    /// What a credential must be allowed for it, beside being valid; nil where no PHI is touched.
    var right: Right? {
        switch self {
        case .append: .append
        case .read(.auditEvent, _), .readVersion(.auditEvent, _, _), .history(.auditEvent, _), .search(.auditEvent):
            .audit
        case .events, .read, .readVersion, .history, .search: .read
        case .live, .ready, .metrics, .openAPI, .capabilities, .cluster, .backups, .order, .options, .refused: nil
        }
    }
}

/// Where a head leads, known before any body is read.
package struct Route: Sendable {
    package var endpoint: Endpoint
    /// Without a valid credential the answer is 401, before any body is read.
    package var needsCredential: Bool
    /// Longest body in bytes; 0 where none belongs.
    package var bodyBytesMax: Int
    /// For the `Allow` field.
    package var allow: [String]
    /// Problems go out as OperationOutcome.
    package var isFHIR: Bool
    /// The path with names for its variable parts: what metrics and traces may show.
    package var template: String
    package var method: Method
}

/// The table of paths. What later versions add is simply not found yet.
package enum Router {
    package static func route(_ head: RequestHead, limits: RequestLimits = RequestLimits()) -> Route {
        if head.isAsterisk {
            return Route(
                endpoint: .options, needsCredential: false, bodyBytesMax: 0, allow: ["GET", "HEAD", "POST", "OPTIONS"],
                isFHIR: false, template: "*", method: head.method)
        }
        if head.method == .post, RequestLine.spells(head.bytes, head.path, "/v1/events") {
            var route = append
            route.bodyBytesMax = limits.bodyBytesMax
            return route
        }
        let segments: [String]
        do throws(Problem) {
            segments = try Path.segments(head.bytes, head.path)
        } catch {
            return refused(error, head, isFHIR: false, limits)
        }
        let isFHIR = segments.first == "fhir"
        guard let place = place(segments) else {
            return refused(
                Problem(.notFound, "Look into /openapi.json for the paths there are."), head, isFHIR: isFHIR, limits)
        }
        let allow = (place.isGot ? ["GET", "HEAD"] : []) + (place.isPosted ? ["POST"] : []) + ["OPTIONS"]
        var route = Route(
            endpoint: place.got, needsCredential: place.needsCredential, bodyBytesMax: 0, allow: allow, isFHIR: isFHIR,
            template: place.template, method: head.method)
        switch head.method {
        case .get where place.isGot: break
        case .head where place.isGot: break
        case .post where place.isPosted:
            route.endpoint = place.posted
            route.bodyBytesMax = place.isSmall ? 64 << 10 : limits.bodyBytesMax
        case .options:
            route.endpoint = .options
            route.needsCredential = false
        default:
            route.endpoint = .refused(
                Problem(.methodNotAllowed, "Use one of the methods in Allow.", [.allow(allow)]))
            route.bodyBytesMax = limits.bodyBytesMax
        }
        return route
    }

    /// Where most requests go, made once.
    private static let append = Route(
        endpoint: .append, needsCredential: true, bodyBytesMax: 0, allow: ["GET", "HEAD", "POST", "OPTIONS"],
        isFHIR: false, template: "/v1/events", method: .post)

    private static func refused(
        _ problem: Problem, _ head: RequestHead, isFHIR: Bool, _ limits: RequestLimits
    ) -> Route {
        Route(
            endpoint: .refused(problem), needsCredential: true, bodyBytesMax: limits.bodyBytesMax, allow: [],
            isFHIR: isFHIR, template: "unknown", method: head.method)
    }

    /// A path and what is behind it for GET and for POST.
    private struct Place {
        var template: String
        var got: Endpoint
        var posted: Endpoint
        var isGot = true
        var isPosted: Bool
        /// No more than a form or an order is posted there.
        var isSmall = false
        var needsCredential = true

        init(_ template: String, got: Endpoint, needsCredential: Bool = true) {
            self.template = template
            self.got = got
            posted = got
            isPosted = false
            self.needsCredential = needsCredential
        }

        init(_ template: String, got: Endpoint, posted: Endpoint, isSmall: Bool) {
            self.template = template
            self.got = got
            self.posted = posted
            isPosted = true
            self.isSmall = isSmall
        }

        /// Only posted to.
        init(_ kind: OrderKind) {
            self.init(Router.path(of: kind), got: .order(kind), posted: .order(kind), isSmall: true)
            isGot = false
        }
    }

    private static func place(_ segments: [String]) -> Place? {
        switch (segments.count, segments.first) {
        case (1, "livez"): Place("/livez", got: .live, needsCredential: false)
        case (1, "readyz"): Place("/readyz", got: .ready, needsCredential: false)
        case (1, "metrics"): Place("/metrics", got: .metrics, needsCredential: false)
        case (1, "openapi.json"): Place("/openapi.json", got: .openAPI, needsCredential: false)
        case (2, "v1") where segments[1] == "events":
            Place("/v1/events", got: .events, posted: .append, isSmall: false)
        case (2, "v1") where segments[1] == "cluster": Place("/v1/cluster", got: .cluster)
        case (2, "v1") where segments[1] == "restores": Place(.restores)
        case (2, "v1") where segments[1] == "backups":
            Place("/v1/backups", got: .backups, posted: .order(.backups), isSmall: true)
        case (3, "v1") where segments[1] == "cluster":
            OrderKind(rawValue: segments[2]).flatMap { $0.isOfCluster ? Place($0) : nil }
        case (2, "fhir") where segments[1] == "metadata":
            Place("/fhir/metadata", got: .capabilities, needsCredential: false)
        case (2..., "fhir"): ViewKind(rawValue: segments[1]).flatMap { view($0, segments.dropFirst(2)) }
        default: nil
        }
    }

    private static func view(_ kind: ViewKind, _ rest: ArraySlice<String>) -> Place? {
        let base = "/fhir/" + kind.rawValue
        let rest = Array(rest)
        if rest.isEmpty { return Place(base, got: .search(kind)) }
        if rest == ["_search"] {
            return Place(base + "/_search", got: .search(kind), posted: .search(kind), isSmall: true)
        }
        let id = rest[0]
        guard (1...64).contains(id.utf8.count), id.utf8.allSatisfy(StreamName.isIDByte) else { return nil }
        switch rest.count {
        case 1: return Place(base + "/{id}", got: .read(kind, id: id))
        case 2 where rest[1] == "_history": return Place(base + "/{id}/_history", got: .history(kind, id: id))
        case 3 where rest[1] == "_history":
            guard let version = Decimal.unsigned(rest[2]) else { return nil }
            return Place(base + "/{id}/_history/{version}", got: .readVersion(kind, id: id, version: version))
        default: return nil
        }
    }

    static func path(of kind: OrderKind) -> String {
        (kind.isOfCluster ? "/v1/cluster/" : "/v1/") + kind.rawValue
    }

    /// Every path template with its methods, for openapi.json to agree with.
    package static let templates: [(path: String, methods: [String])] =
        [
            ("/livez", ["GET"]), ("/readyz", ["GET"]), ("/metrics", ["GET"]), ("/openapi.json", ["GET"]),
            ("/v1/events", ["GET", "POST"]), ("/v1/cluster", ["GET"]), ("/fhir/metadata", ["GET"]),
        ]
        + OrderKind.allCases.map { (path(of: $0), $0 == .backups ? ["GET", "POST"] : ["POST"]) }
        + ViewKind.allCases.flatMap { kind in
            let base = "/fhir/" + kind.rawValue
            return [
                (base, ["GET"]), (base + "/_search", ["GET", "POST"]), (base + "/{id}", ["GET"]),
                (base + "/{id}/_history", ["GET"]), (base + "/{id}/_history/{version}", ["GET"]),
            ]
        }
}

/// Percent-encoding (RFC 3986 §2.1), undone once.
package enum Path {
    /// The segments of a path that begins with `/`, split before decoding, so that `%2F` stays data. `.` and `..`,
    /// NUL and ill-formed UTF-8 are refused.
    static func segments(_ bytes: [UInt8], _ range: Range<Int>) throws(Problem) -> [String] {
        var segments: [String] = []
        guard !range.isEmpty else { return segments }
        var first = range.lowerBound + 1
        var at = first
        while at <= range.upperBound {
            if at == range.upperBound || bytes[at] == 0x2f {
                guard let segment = Percent.decoded(bytes, first..<at, plusIsSpace: false), segment != ".",
                    segment != "..", !segment.utf8.contains(0)
                else { throw RequestTarget.malformed }
                segments.append(segment)
                first = at + 1
            }
            at += 1
        }
        return segments
    }
}

enum Percent {
    /// nil for a percent sign without two hexadecimal digits and for what is not UTF-8.
    static func decoded(_ bytes: [UInt8], _ range: Range<Int>, plusIsSpace: Bool) -> String? {
        var plain: [UInt8] = []
        plain.reserveCapacity(range.count)
        var at = range.lowerBound
        while at < range.upperBound {
            let byte = bytes[at]
            if byte == 0x25 {
                guard at + 2 < range.upperBound, let high = CharacterSets.hexDigit(bytes[at + 1]),
                    let low = CharacterSets.hexDigit(bytes[at + 2])
                else { return nil }
                plain.append(high << 4 | low)
                at += 3
            } else {
                plain.append(byte == 0x2b && plusIsSpace ? 0x20 : byte)
                at += 1
            }
        }
        return String(validating: plain, as: UTF8.self)
    }
}

enum Decimal {
    /// Digits alone, without leading zeros, that fit 64 bits.
    static func unsigned(_ text: String) -> UInt64? {
        let digits = text.utf8
        guard !digits.isEmpty, digits.count <= 20, digits.allSatisfy(RequestLine.isDigit),
            digits.count == 1 || digits.first != 0x30
        else { return nil }
        return UInt64(text)
    }
}
