package import Records

/// Writes the answer to one request, piece by piece: head, framing and body as the request asked for them.
///
/// Memory stays bounded by the piece: nothing is kept between pieces but flags. Once `isDone`, the next request of the
/// connection may be answered, unless `mustClose`; then its bytes are flushed and the connection is closed.
package struct AnswerRenderer: Sendable {
    /// What the request asked to be answered in.
    enum Form: Sendable {
        case append
        case events(EventsFormat)
        case resource(ReadConditions)
        case page
        case cluster
        case order(OrderKind)
        /// Nothing but a problem is expected.
        case problem
    }

    let form: Form
    let isFHIR: Bool
    let isHead: Bool
    /// HTTP/1.0: no chunks.
    let isOld: Bool
    let requestID: String
    /// For the links of pages: the host that was asked, and the path of the request without its parameters.
    let host: String?
    let path: String

    private var hasBegun = false
    private var isFirstElement = true
    private var scratch: [UInt8] = []
    /// The answer is whole.
    package private(set) var isDone = false
    /// Close after what was written is flushed.
    package private(set) var mustClose: Bool
    /// The status of the answer, once begun; 0 before.
    package private(set) var status = 0

    init(form: Form, route: Route, head: RequestHead, requestID: String) {
        self.form = form
        isFHIR = route.isFHIR
        isHead = head.method == .head
        isOld = head.isOld
        self.requestID = requestID
        host = route.isFHIR ? head.text(.host) : nil
        path = route.isFHIR ? head.text(in: head.path) : ""
        mustClose = !head.keepsAlive
    }

    /// - Parameter isLast: nothing follows.
    package mutating func render(_ answer: Answer, isLast: Bool, date: [UInt8], onto out: inout [UInt8]) {
        guard !isDone else { return }
        switch answer {
        case .problem(let problem): render(problem, date, &out)
        case .appended(let appended):
            scratch.removeAll(keepingCapacity: true)
            EventWriter.appended(appended, onto: &scratch)
            whole(
                status: appended.isRepeat || appended.events.isEmpty ? 200 : 201, "application/json", date,
                position: appended.position, &out)
        case .events(let piece): render(piece, isLast, date, &out)
        case .resource(let resource, let position): render(resource, position, date, &out)
        case .page(let page):
            scratch = FHIRWriter.bundle(page, base: host.map { "https://" + $0 + "/fhir" } ?? "/fhir", path: path)
            whole(status: 200, "application/fhir+json", date, position: page.position, &out)
        case .backups(let status):
            scratch = BackupWriter.json(status)
            var isUnderWay = false
            if case .order(.backups) = form { isUnderWay = true }
            whole(
                status: isUnderWay ? 202 : 200, "application/json", date, position: nil,
                fields: isUnderWay ? [("Location", Array("/v1/backups".utf8))] : [], &out)
        case .restore(let plan):
            scratch = RestoreWriter.json(plan)
            whole(status: 200, "application/json", date, position: plan.appliedAt ?? plan.position, &out)
        case .cluster(let status):
            scratch = ClusterWriter.json(status)
            var isUnderWay = false
            if case .order(let kind) = form { isUnderWay = kind.isLong }
            whole(
                status: isUnderWay ? 202 : 200, "application/json", date, position: status.position,
                fields: isUnderWay ? [("Location", Array("/v1/cluster".utf8))] : [], &out)
        }
    }

    /// Tells a reader that the server is going away: an answer already begun ends with the problem where its form can
    /// say so, else it is cut off, which its framing shows.
    package mutating func interrupt(_ problem: Problem, date: [UInt8], onto out: inout [UInt8]) {
        guard !isDone else { return }
        mustClose = true
        render(problem, date, &out)
    }

    private mutating func render(_ problem: Problem, _ date: [UInt8], _ out: inout [UInt8]) {
        guard hasBegun else {
            scratch =
                isFHIR
                ? ProblemWriter.operationOutcome(problem, requestID: requestID)
                : ProblemWriter.json(problem, requestID: requestID)
            whole(
                status: problem.kind.status, isFHIR ? "application/fhir+json" : "application/problem+json", date,
                position: nil, fields: ProblemWriter.fields(problem), &out)
            return
        }
        isDone = true
        guard case .events(let format) = form,
            let line = EventWriter.problem(problem, format, requestID: requestID)
        else {
            // An array cannot end with an error: the chunk that would end it well is not sent.
            mustClose = true
            return
        }
        scratch = line
        body(isLast: true, &out)
    }

    private mutating func render(_ piece: EventsPiece, _ isLast: Bool, _ date: [UInt8], _ out: inout [UInt8]) {
        guard case .events(let format) = form else { return }
        scratch.removeAll(keepingCapacity: true)
        let begins = !hasBegun
        switch format {
        case .lines: EventWriter.lines(piece, onto: &scratch)
        case .serverSent:
            if begins { scratch.append("retry: 2000\n\n") }
            EventWriter.serverSent(piece, onto: &scratch)
        case .batch, .array:
            if begins { scratch.append("[") }
            EventWriter.elements(piece, isFirst: &isFirstElement, onto: &scratch)
            if isLast { scratch.append("]\n") }
        }
        if begins {
            let types = [
                EventsFormat.lines: "application/x-ndjson", .serverSent: "text/event-stream",
                .batch: "application/cloudevents-batch+json", .array: "application/json",
            ]
            if isLast {
                whole(status: 200, types[format] ?? "", date, position: piece.position, &out)
                return
            }
            begin(
                status: 200, types[format], date, framing: isOld ? .untilClose : .chunked, position: piece.position,
                &out)
            if isHead {
                isDone = true
                return
            }
        }
        body(isLast: isLast, &out)
    }

    private mutating func render(
        _ resource: ShownResource, _ position: UInt64, _ date: [UInt8], _ out: inout [UInt8]
    ) {
        let fields: [(name: String, value: [UInt8])] = [
            ("ETag", Array("W/\"\(resource.version)\"".utf8)),
            ("Last-Modified", HTTPDate.bytes(of: resource.lastUpdated)),
        ]
        if case .resource(let conditions) = form, conditions.isUnchanged(resource) {
            begin(status: 304, nil, date, framing: .none, fields: fields, position: position, &out)
            isDone = true
            return
        }
        guard let json = FHIRWriter.resource(resource) else {
            render(
                Problem(.gone, "Read an earlier version from _history; this one was deleted.", [.position(position)]),
                date, &out)
            return
        }
        scratch = json
        whole(status: 200, "application/fhir+json", date, position: position, fields: fields, &out)
    }

    /// An answer whose body, in `scratch`, is known whole.
    private mutating func whole(
        status: Int, _ contentType: String, _ date: [UInt8], position: UInt64?,
        fields: [(name: String, value: [UInt8])] = [], _ out: inout [UInt8]
    ) {
        begin(
            status: status, contentType, date, framing: .length(scratch.count), fields: fields, position: position, &out
        )
        if !isHead { out.append(contentsOf: scratch) }
        isDone = true
        scratch = []
    }

    private mutating func begin(
        status: Int, _ contentType: String?, _ date: [UInt8], framing: BodyFraming,
        fields: [(name: String, value: [UInt8])] = [], position: UInt64?, _ out: inout [UInt8]
    ) {
        hasBegun = true
        self.status = status
        if framing == .untilClose { mustClose = true }
        ResponseWriter.head(
            status: status, date: date, contentType: contentType, framing: framing, close: mustClose,
            fields: fields, position: position, requestID: requestID, onto: &out)
    }

    /// What `scratch` holds, as the next part of a body of unknown length.
    private mutating func body(isLast: Bool, _ out: inout [UInt8]) {
        if isOld {
            out.append(contentsOf: scratch)
        } else {
            ResponseWriter.chunk(scratch, onto: &out)
            if isLast { ResponseWriter.lastChunk(onto: &out) }
        }
        if isLast { isDone = true }
    }
}
