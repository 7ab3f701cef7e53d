package import Records

/// A request understood: what to ask the replica, and how to write its answer.
package struct Inquiry: Sendable {
    package var ask: Ask
    /// What an operator orders, to be done before the ask, which is then for the cluster as it stands.
    package var order: OperatorOrder?
    package var renderer: AnswerRenderer

    /// Reads a whole request that came by a route needing a credential, the credential being good.
    ///
    /// A request that cannot be understood becomes `Request.refused`: the replica records that, then answers it.
    /// - Parameters:
    ///   - drawnID: the request's id unless the client sent a usable one.
    ///   - receivedBy: the replica that the client asked, where that is not the one that answers.
    package init(
        _ request: HTTPRequest, route: Route, credential: String, address: String, drawnID: String,
        receivedBy: Int? = nil, limits: EventLimits = EventLimits()
    ) {
        let requestID = RequestFields.requestID(request.head) ?? drawnID
        var caller = Caller(
            credential: credential, address: address, requestID: requestID,
            traceParent: RequestFields.traceParent(request.head))
        caller.receivedBy = receivedBy
        var form = AnswerRenderer.Form.problem
        var asked: Request
        var atLeast: UInt64?
        do throws(Problem) {
            atLeast = try RequestFields.position(request.head)
            caller.purpose = try RequestFields.purpose(request.head)
            caller.onBehalfOf = try RequestFields.onBehalfOf(request.head)
            if case .order(let kind) = route.endpoint {
                order = try OrderReader.read(kind, request)
                (asked, form) = (.cluster, .order(kind))
            } else {
                (asked, form) = try Self.read(request, route, limits)
            }
        } catch {
            asked = .refused(error)
        }
        ask = Ask(caller: caller, request: asked, needed: route.endpoint.right)
        ask.atLeast = atLeast
        renderer = AnswerRenderer(form: form, route: route, head: request.head, requestID: requestID)
    }

    private static func read(
        _ request: HTTPRequest, _ route: Route, _ limits: EventLimits
    ) throws(Problem) -> (Request, AnswerRenderer.Form) {
        let head = request.head
        switch route.endpoint {
        case .append:
            return (.append(try AppendReader.read(request, limits: limits)), .append)
        case .events:
            try refuseIfMatch(head)
            let parameters = try query(head)
            let format = try Negotiation.events(head.list(.accept))
            var lastEventID: String?
            if case .serverSent = format { lastEventID = try RequestFields.single(.lastEventID, head) }
            return (
                .events(try EventsParameters.read(parameters, format: format, lastEventID: lastEventID)),
                .events(format)
            )
        case .cluster:
            try query(head).refuseLeft()
            try Negotiation.json(head.list(.accept))
            return (.cluster, .cluster)
        case .backups:
            try query(head).refuseLeft()
            try Negotiation.json(head.list(.accept))
            return (.backups, .cluster)
        case .read(let kind, let id):
            var parameters = try fhirQuery(head)
            let asOf = try SearchParameters.asOf(&parameters)
            try SearchParameters.finish(parameters, isLenient: RequestFields.isLenient(head))
            return (.read(kind, id: id, asOf: asOf), .resource(ReadConditions(head)))
        case .readVersion(let kind, let id, let version):
            var parameters = try fhirQuery(head)
            let asOf = try SearchParameters.asOf(&parameters)
            try SearchParameters.finish(parameters, isLenient: RequestFields.isLenient(head))
            return (.readVersion(kind, id: id, version: version, asOf: asOf), .resource(ReadConditions(head)))
        case .history(let kind, let id):
            var parameters = try fhirQuery(head)
            let page = try SearchParameters.page(&parameters)
            let asOf = try SearchParameters.asOf(&parameters)
            try SearchParameters.finish(parameters, isLenient: RequestFields.isLenient(head))
            return (.history(kind, id: id, asOf: asOf, page: page), .page)
        case .search(let kind):
            var parameters = try fhirQuery(head)
            if head.method == .post { parameters.append(contentsOf: try form(request)) }
            let search = try SearchParameters.search(kind, parameters, isLenient: RequestFields.isLenient(head))
            return (.search(search), .page)
        case .refused(let problem):
            throw problem
        case .live, .ready, .metrics, .openAPI, .capabilities, .order, .options:
            throw Problem(.internalError, "Report this with the request's id.")
        }
    }

    static func query(_ head: RequestHead) throws(Problem) -> QueryParameters {
        guard let range = head.query else { return QueryParameters() }
        return try QueryParameters(head.bytes, in: range, isForm: false)
    }

    private static func fhirQuery(_ head: RequestHead) throws(Problem) -> QueryParameters {
        try Negotiation.fhir(head.list(.accept))
        var parameters = try query(head)
        try SearchParameters.takeCommon(&parameters)
        return parameters
    }

    /// The body of `POST _search`.
    private static func form(_ request: HTTPRequest) throws(Problem) -> QueryParameters {
        guard !request.body.isEmpty else { return QueryParameters() }
        try refuseCoded(request.head)
        guard
            MediaType.essence(try RequestFields.single(.contentType, request.head) ?? "")
                == "application/x-www-form-urlencoded"
        else {
            throw Problem(.unsupportedMediaType, "Send parameters as application/x-www-form-urlencoded.")
        }
        return try QueryParameters(request.body, in: 0..<request.body.count, isForm: true)
    }

    static func refuseIfMatch(_ head: RequestHead) throws(Problem) {
        guard head.count(.ifMatch) == 0 else {
            throw Problem(.ifMatch, "State versions as expectedversion in each event.", [.member("If-Match")])
        }
    }

    static func refuseCoded(_ head: RequestHead) throws(Problem) {
        guard head.count(.contentEncoding) == 0 || head.list(.contentEncoding)?.lowercased() == "identity" else {
            throw Problem(.unsupportedMediaType, "Send the body as it is.", [.member("Content-Encoding")])
        }
    }
}
