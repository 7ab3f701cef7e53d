private import Linux
private import Transport

/// A client that waits: one connection at a time, kept open between requests, to the first endpoint that answers.
package final class HTTPClient {
    package struct Patience: Sendable {
        /// Until a connection stands.
        package var connectMilliseconds = 5_000
        /// Between two signs of life of a reply. A follower hears every 15 s.
        package var replyMilliseconds = 60_000

        package init() {}
    }

    package let context: ContextFile
    package var patience: Patience
    private let trust: TLSContext
    private var connection: ClientConnection?
    private var lastGood = 0
    private var scratch = [UInt8](repeating: 0, count: 65_536)

    /// - Parameter first: which endpoint is tried first, by its place in the context.
    package init(
        _ context: ContextFile, patience: Patience = Patience(), startingAt first: Int = 0
    ) throws(ClientError) {
        self.context = context
        self.patience = patience
        lastGood = first % context.endpoints.count
        do throws(TLSError) { trust = try TLSContext(trusting: context.authority) } catch {
            throw .badContext("The ca file holds no certificate in PEM text.")
        }
    }

    deinit { connection?.close() }

    /// Sends a request and waits for its whole reply. Whatever the status: it is the caller's.
    package func send(_ request: ClientRequest) throws(ClientError) -> ClientResponse {
        var body: [UInt8] = []
        var response = try stream(request) { piece in
            body.append(contentsOf: piece)
            return true
        }
        response.body = body
        return response
    }

    /// As `send`, but the body of the reply goes to `piece` as it comes; where that answers false the rest is
    /// abandoned with the connection. `head` sees the status and fields first.
    package func stream(
        _ request: ClientRequest, head: ((ClientResponse) -> Void)? = nil, _ piece: ([UInt8]) -> Bool
    ) throws(ClientError) -> ClientResponse {
        let connection = try standing()
        connection.send(
            request.bytes(to: connection.endpoint, as: context), isHead: request.method == "HEAD")
        var response: ClientResponse?
        var isWhole = false
        var goesOn = true
        while !isWhole && goesOn {
            try waitOn(connection, milliseconds: patience.replyMilliseconds, otherwise: .unknown) { step in
                switch step {
                case .head(let read):
                    response = read
                    head?(read)
                case .body(let bytes): goesOn = goesOn && piece(bytes)
                case .end: isWhole = true
                case .needsMore: break
                }
            }
        }
        if !isWhole || connection.state != .open { drop() }
        guard let response else { throw .unknown }
        return response
    }

    /// Which replica is at the first endpoint that answers, as its certificate proves; nil when that does not say.
    package func replica() throws(ClientError) -> Int? { try standing().replica }

    /// Gives up the connection; the next request makes another.
    package func drop() {
        connection?.close()
        connection = nil
    }

    /// As `drop`, and the next request begins with the next endpoint.
    package func moveOn() {
        drop()
        lastGood = (lastGood + 1) % context.endpoints.count
    }

    /// The kept connection if it still stands, or a new one to whoever answers first.
    private func standing() throws(ClientError) -> ClientConnection {
        if let kept = connection {
            // What can be read between two requests is the server's farewell.
            if kept.state == .open, !kept.socket.wait(writing: false, milliseconds: 0) { return kept }
            drop()
        }
        var worst = ClientError.unreachable
        for turn in 0..<context.endpoints.count {
            let index = (lastGood + turn) % context.endpoints.count
            for choice in 0..<4 {
                do throws(ClientError) {
                    let made = try ClientConnection(trust, to: context.endpoints[index], choice: choice)
                    while made.state == .connecting {
                        try waitOn(made, milliseconds: patience.connectMilliseconds, otherwise: .unreachable) { _ in }
                    }
                    guard made.state == .open else { throw .unreachable }
                    lastGood = index
                    connection = made
                    return made
                } catch {
                    if error == .untrusted { worst = .untrusted }
                }
            }
        }
        throw worst
    }

    /// Waits for one sign of life.
    private func waitOn(
        _ connection: ClientConnection, milliseconds: Int, otherwise late: ClientError,
        _ handle: (ResponseParser.Step) -> Void
    ) throws(ClientError) {
        let deadline = LinuxClock.monotonicMilliseconds() + UInt64(milliseconds)
        while true {
            let now = LinuxClock.monotonicMilliseconds()
            guard now < deadline else {
                drop()
                throw late
            }
            let rest = Int(deadline - now)
            let came =
                connection.wantsWriting
                ? connection.socket.waitEither(milliseconds: rest)
                : connection.socket.wait(writing: false, milliseconds: rest)
            guard came else { continue }
            var hadStep = false
            connection.ready(scratch: &scratch) { step in
                hadStep = true
                handle(step)
            }
            if case .failed(let error) = connection.state {
                drop()
                throw error
            }
            if hadStep || connection.state != .connecting { return }
        }
    }
}
