import Client
import JSON
import Linux

/// The cluster of a context file, as a command asks it.
struct Cluster {
    let context: ContextFile
    let client: ClusterClient
    private let fields: [(name: String, value: String)]

    /// - Parameter replica: the only one to ask, wherever it is among the endpoints; any, where it is nil.
    init(_ arguments: Arguments, only replica: Int? = nil) throws(Failure) {
        guard let path = arguments.text("context") ?? ThisProcess.environment("CHARTLOG_CONTEXT"), !path.isEmpty else {
            throw Failure(
                .usage, "which cluster? Give --context FILE or set CHARTLOG_CONTEXT",
                "chartlog init DIR writes DIR/service.context")
        }
        var context: ContextFile
        do throws(ClientError) { context = try ContextFile.read(path) } catch { throw Cluster.failure(error) }
        if let purpose = arguments.text("purpose") { context.purpose = purpose }
        if let replica { context.endpoints = [try Self.endpoint(of: replica, in: context)] }
        try self.init(context, arguments)
        if replica != nil { client.overallMilliseconds = 5_000 }
    }

    /// One replica of the cluster of a context that was read already.
    init(_ context: ContextFile, _ arguments: Arguments, only replica: Int) throws(Failure) {
        var context = context
        context.endpoints = [try Self.endpoint(of: replica, in: context)]
        try self.init(context, arguments)
        client.overallMilliseconds = 5_000
    }

    /// The cluster of a context that was read already.
    init(_ context: ContextFile, _ arguments: Arguments) throws(Failure) {
        self.context = context
        do throws(ClientError) { client = try ClusterClient(context) } catch { throw Cluster.failure(error) }
        var fields: [(name: String, value: String)] = []
        if let behalf = arguments.text("on-behalf-of") {
            guard behalf.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
                throw Failure(.usage, "--on-behalf-of takes a FHIR reference such as Practitioner/pr-7")
            }
            fields.append(("Chartlog-On-Behalf-Of", behalf))
        }
        if let purpose = context.purpose, !purpose.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) {
            throw Failure(.usage, "--purpose takes a PurposeOfUse code such as TREAT")
        }
        self.fields = fields
    }

    private static func endpoint(of replica: Int, in context: ContextFile) throws(Failure) -> Endpoint {
        let finder: ReplicaFinder
        do throws(ClientError) { finder = try ReplicaFinder(replica, in: context) } catch { throw failure(error) }
        guard let endpoint = finder.endpoint else {
            let met = finder.others.map(String.init).joined(separator: ", ")
            throw Failure(
                .unreachable, "replica \(replica) answers at no endpoint of the context",
                met.isEmpty ? "those that answer are of an older version" : "those that answer are of \(met)")
        }
        return endpoint
    }

    /// The headers that say for whom.
    var callerFields: [(name: String, value: String)] { fields }

    func get(_ target: String, accept: String? = nil) throws(Failure) -> ClientResponse {
        try send(ClientRequest("GET", target, fields: fields + Self.accept(accept)))
    }

    /// A FHIR search by form, so that nobody's name stands in a URL.
    func search(_ kind: String, _ parameters: [(String, String)]) throws(Failure) -> ClientResponse {
        let form = parameters.map { "\(ClientRequest.encoded($0.0))=\(ClientRequest.encoded($0.1))" }
        return try send(
            ClientRequest(
                "POST", "/fhir/\(kind)/_search",
                fields: fields + [("Content-Type", "application/x-www-form-urlencoded")],
                body: Array(form.joined(separator: "&").utf8), changes: false))
    }

    func send(_ request: ClientRequest) throws(Failure) -> ClientResponse {
        do throws(ClientError) {
            return try client.send(request)
        } catch {
            throw Self.failure(error)
        }
    }

    /// The body comes in pieces; `head` tells of the status before the first.
    func stream(
        _ target: String, accept: String?, head: @escaping (ClientResponse) -> Void, _ piece: ([UInt8]) -> Bool
    ) throws(Failure) {
        do throws(ClientError) {
            _ = try client.stream(
                ClientRequest("GET", target, fields: fields + Self.accept(accept)), head: head, piece)
        } catch {
            throw Self.failure(error)
        }
    }

    private static func accept(_ type: String?) -> [(name: String, value: String)] {
        type.map { [("Accept", $0)] } ?? []
    }

    static func failure(_ error: ClientError) -> Failure {
        switch error {
        case .badContext(let why): Failure(.usage, why)
        case .unreachable:
            Failure(.unreachable, "no replica could be reached", "is it running? chartlog start DIR")
        case .untrusted:
            Failure(
                .unreachable, "whoever answers is not the cluster of this context",
                "its certificate is not signed by the authority that the context trusts")
        case .unknown:
            Failure(.unknown, "no answer came: whether it was done is unknown", "the same command may be run again")
        case .badReply: Failure(.unknown, "what came back is no HTTP/1.1 reply")
        }
    }
}

/// What a server answered, read as JSON.
enum Replies {
    /// The body as JSON when the status is 2xx; else what the problem says, as a failure.
    static func json(_ response: ClientResponse) throws(Failure) -> JSONText {
        guard (200..<300).contains(response.status) else { throw refusal(response) }
        do throws(JSONError) {
            return try JSONText(parsing: response.body)
        } catch {
            throw Failure(.unknown, "the server's answer is not JSON")
        }
    }

    /// RFC 9457 or an OperationOutcome as a failure.
    static func refusal(_ response: ClientResponse) -> Failure { refusal(response.status, response.body) }

    static func refusal(_ status: Int, _ body: [UInt8]) -> Failure {
        let code: ExitCode = status == 504 ? .unknown : .failed
        guard let view = try? JSONText(parsing: body).view else {
            return Failure(code, "the server answered \(status)")
        }
        if view["resourceType"]?.string == "OperationOutcome" {
            let issue = view["issue"]?[0]
            let text = issue?["details"]?["text"]?.string ?? issue?["diagnostics"]?.string
            let name = issue?["details"]?["coding"]?[0]?["code"]?.string ?? issue?["code"]?.string ?? "refused"
            return Failure(code, "\(Screen.safe(name)) (\(status))", text.map(Screen.safe))
        }
        let name = view["type"]?.string?.split(separator: ":").last.map(String.init) ?? "refused"
        return Failure(code, "\(Screen.safe(name)) (\(status))", problemHint(view))
    }

    private static func problemHint(_ view: JSONView) -> String? {
        var hint = view["detail"]?.string
        for conflict in view["conflicts"]?.elements ?? [] {
            let subject = conflict["subject"]?.string ?? ""
            let expected = conflict["expected"]?.numberText ?? "?"
            let actual = conflict["actual"]?.numberText ?? "?"
            hint = (hint ?? "") + "\n  \(subject): expected version \(expected), it is at \(actual)"
        }
        if let before = view["neighbours"]?["before"]?.numberText, let after = view["neighbours"]?["after"]?.numberText
        {
            hint = (hint ?? "") + "\n  before it \(before), after it \(after)"
        } else if let position = view["position"]?.numberText, view["conflicts"] == nil {
            hint = (hint ?? "") + "\n  position \(position)"
        }
        // The lines stay lines; everything else that steers a terminal does not.
        return hint?.split(separator: "\n").map { Screen.safe(String($0)) }.joined(separator: "\n  ")
    }

    /// Prints a body as it came, with a line's end.
    static func show(_ body: [UInt8]) {
        Output.write(body.last == 0x0a ? body : body + [0x0a], to: 1)
    }

    /// For --json: prints the body whatever the status, and fails without a word when it was a refusal.
    static func showRaw(_ response: ClientResponse) throws(Failure) { try showRaw(response.status, response.body) }

    static func showRaw(_ status: Int, _ body: [UInt8]) throws(Failure) {
        show(body)
        guard (200..<300).contains(status) else { throw Failure(status == 504 ? .unknown : .failed, "") }
    }
}
