import Bytes
import JSON
package import Records

/// Answers that need no replica: probes, documents, and refusals before anybody is known.
package enum LocalAnswers {
    /// What the probes and metrics tell of.
    package struct Facts: Sendable {
        /// Appends are acknowledged and reads answered.
        package var isReady: Bool
        /// Why not, when not.
        package var unready: Problem?
        package var counters: Counters

        package init(isReady: Bool, unready: Problem? = nil, counters: Counters = Counters()) {
            self.isReady = isReady
            self.unready = unready
            self.counters = counters
        }
    }

    /// The answer to a route without credential; nil for one that a replica must answer.
    package static func write(
        _ route: Route, _ head: RequestHead, facts: Facts, requestID: String, date: [UInt8], onto out: inout [UInt8]
    ) -> Int? {
        switch route.endpoint {
        case .live:
            return whole(200, "text/plain; charset=utf-8", Array("alive\n".utf8), head, requestID, date, &out)
        case .ready:
            guard facts.isReady else {
                let problem = facts.unready ?? Problem(.unavailable, "Ask again in a second.")
                return write(problem, route: route, head: head, requestID: requestID, date: date, onto: &out)
            }
            return whole(200, "text/plain; charset=utf-8", Array("ready\n".utf8), head, requestID, date, &out)
        case .metrics:
            let format = MetricsFormat.chosen(by: head.list(.accept))
            return whole(
                200, format.contentType, MetricsWriter.text(facts.counters, format), head, requestID, date, &out)
        case .openAPI:
            return whole(200, "application/json", OpenAPI.document, head, requestID, date, &out)
        case .capabilities:
            return whole(200, "application/fhir+json", CapabilityStatement.document, head, requestID, date, &out)
        case .options:
            ResponseWriter.head(
                status: 204, date: date, contentType: nil, framing: .none, close: !head.keepsAlive,
                fields: [
                    ("Allow", Array(route.allow.joined(separator: ", ").utf8)),
                    ("X-Request-Id", Array(requestID.utf8)),
                ], onto: &out)
            return 204
        case .refused(let problem) where !route.needsCredential:
            return write(problem, route: route, head: head, requestID: requestID, date: date, onto: &out)
        case .refused, .cluster, .backups, .order, .append, .events, .read, .readVersion, .history, .search:
            return nil
        }
    }

    /// A problem answered at once: framing errors, 401, 408, 413, 429.
    /// - Parameter head: nil when there is none, after a framing error; then the connection closes, as after every
    ///   problem whose request was not read to its end (`close`).
    @discardableResult
    package static func write(
        _ problem: Problem, route: Route?, head: RequestHead?, requestID: String, date: [UInt8],
        close: Bool = false, onto out: inout [UInt8]
    ) -> Int {
        let isFHIR = route?.isFHIR ?? false
        let body =
            isFHIR
            ? ProblemWriter.operationOutcome(problem, requestID: requestID)
            : ProblemWriter.json(problem, requestID: requestID)
        return whole(
            problem.kind.status, isFHIR ? "application/fhir+json" : "application/problem+json", body, head, requestID,
            date, fields: ProblemWriter.fields(problem), close: close, &out)
    }

    private static func whole(
        _ status: Int, _ contentType: String, _ body: [UInt8], _ head: RequestHead?, _ requestID: String,
        _ date: [UInt8], fields: [(name: String, value: [UInt8])] = [], close: Bool = false, _ out: inout [UInt8]
    ) -> Int {
        ResponseWriter.head(
            status: status, date: date, contentType: contentType, framing: .length(body.count),
            close: close || !(head?.keepsAlive ?? false),
            fields: fields + [("X-Request-Id", Array(requestID.utf8))], onto: &out)
        if head?.method != .head { out.append(contentsOf: body) }
        return status
    }
}
