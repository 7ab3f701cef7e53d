package import Linux
package import Transport

/// One connection that never blocks: request bytes in, parsed replies out. For loops that hold many of them; see
/// `HTTPClient` for one that waits.
package final class ClientConnection {
    package enum State: Equatable, Sendable {
        case connecting
        case open
        /// No request goes out any more; replies that came are whole.
        case closed
        case failed(ClientError)
    }

    package let endpoint: Endpoint
    private let channel: Channel
    private var parser = ResponseParser()
    private var plain: [UInt8] = []
    /// Requests that wait for the handshake.
    private var held: [UInt8] = []
    private var isConnected = false
    /// Requests sent whose replies have not been read to their end.
    package private(set) var inFlight = 0
    package private(set) var state = State.connecting
    /// Anything of a request may have left this machine.
    package private(set) var hasSent = false

    /// Begins to connect to the `choice`-th address of the endpoint's host.
    /// - Throws: `.unreachable` when it has none, or refuses at once.
    package init(_ context: TLSContext, to endpoint: Endpoint, choice: Int = 0) throws(ClientError) {
        self.endpoint = endpoint
        do {
            let socket = try Socket.connecting(to: endpoint.host, port: endpoint.port, choice: choice)
            channel = Channel(socket, try TLSSession(connecting: context, to: endpoint.host))
        } catch {
            throw .unreachable
        }
    }

    package var socket: Socket { channel.socket }

    /// Whose replica the other side is, as its certificate proves; nil when that does not say.
    package var replica: Int? {
        let parts = channel.session.peerURI?.split(separator: ":", omittingEmptySubsequences: false) ?? []
        guard parts.count == 5, parts[..<2] == ["urn", "chartlog"], parts[3] == "replica" else { return nil }
        return Int(parts[4])
    }

    /// Whether to wait for the socket to be writable, besides readable.
    package var wantsWriting: Bool { !isConnected || channel.waitingBytes > 0 }

    /// Sends a request's bytes, or keeps them until the connection stands.
    package func send(_ request: [UInt8], isHead: Bool = false) {
        parser.expects(isHead: isHead)
        inFlight += 1
        guard channel.session.isEstablished else {
            held.append(contentsOf: request)
            return
        }
        hasSent = true
        if channel.send(request) != .open { fail() }
    }

    /// To be called when the socket is readable or writable. Steps of replies go to `handle`, in order; a body comes
    /// in pieces.
    package func ready(scratch: inout [UInt8], _ handle: (ResponseParser.Step) -> Void) {
        guard isConnected || connect() else { return }
        if channel.flush() != .open { return fail() }
        plain.removeAll(keepingCapacity: true)
        let received = channel.receive(scratch: &scratch, onto: &plain)
        if !plain.isEmpty { parser.feed(plain) }
        if channel.session.isEstablished, state == .connecting {
            state = .open
            if !held.isEmpty {
                hasSent = true
                if channel.send(held) != .open { return fail() }
                held = []
            }
        }
        do throws(ClientError) { try parse(handle) } catch {
            state = .failed(error)
            return
        }
        switch received {
        case .open: break
        case .closed:
            if parser.ended() { try? parse(handle) }
            if inFlight > 0 { return fail() }
            state = .closed
        case .failed(.untrusted): state = .failed(.untrusted)
        case .failed, .broken: fail()
        }
    }

    /// Says farewell.
    package func close() {
        channel.close()
        if state == .open || state == .connecting { state = .closed }
    }

    private func connect() -> Bool {
        guard socket.wait(writing: true, milliseconds: 0) else { return false }
        do throws(LinuxError) { try socket.connected() } catch {
            state = .failed(.unreachable)
            return false
        }
        isConnected = true
        return true
    }

    private func parse(_ handle: (ResponseParser.Step) -> Void) throws(ClientError) {
        while true {
            let step = try parser.next()
            switch step {
            case .needsMore: return
            case .head, .body: handle(step)
            case .end:
                inFlight -= 1
                handle(step)
                if parser.closes, inFlight == 0 { state = .closed }
            }
        }
    }

    private func fail() { state = .failed(hasSent && inFlight > 0 ? .unknown : .unreachable) }
}
