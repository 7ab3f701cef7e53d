package import Linux

/// A socket with its secure session: moves bytes between the two, never blocks, and holds at most what was written
/// since the socket was last full.
///
/// Whoever writes looks at `waitingBytes` first and stops at its own bound: the channel cannot refuse.
package final class Channel {
    package let socket: Socket
    package let session: TLSSession
    /// Sealed bytes on their way to the socket, from `sent` on.
    private var out: [UInt8] = []
    private var sent = 0
    /// The socket has sent its last byte.
    package private(set) var hasEnded = false
    package private(set) var bytesReceived: UInt64 = 0
    package private(set) var bytesSent: UInt64 = 0

    package init(_ socket: Socket, _ session: TLSSession) {
        self.socket = socket
        self.session = session
    }

    /// What became of an attempt to move bytes.
    package enum State: Equatable, Sendable {
        case open
        /// The other side said farewell, or ended in peace.
        case closed
        case failed(TLSError)
        case broken
    }

    /// Receives what the socket has, at most one `scratch` full, and adds its plain bytes to `plain`.
    package func receive(scratch: inout [UInt8], onto plain: inout [UInt8]) -> State {
        switch socket.receive(into: &scratch) {
        case .bytes(let count):
            bytesReceived += UInt64(count)
            do {
                try session.received(scratch, count: count)
            } catch {
                flush()
                return .failed(error)
            }
        case .later: break
        case .ended: hasEnded = true
        case .broken: return .broken
        }
        do {
            let outcome = try session.read(onto: &plain, atMost: Int.max)
            if session.outputCount > 0 { flush() }
            if outcome == .closed { return .closed }
            if hasEnded, case .wantsMore = outcome {
                try session.ended()
                return .closed
            }
            return .open
        } catch {
            flush()
            return .failed(error)
        }
    }

    /// Seals `plain` and sends what the socket takes.
    package func send(_ plain: [UInt8]) -> State {
        do { try session.write(plain) } catch { return .failed(error) }
        return flush()
    }

    /// Sends what waits, as far as the socket takes it.
    @discardableResult
    package func flush() -> State {
        session.takeOutput(onto: &out)
        if out.isEmpty { return .open }
        while sent < out.count {
            switch socket.send(out, from: sent, to: out.count) {
            case .bytes(let count):
                sent += count
                bytesSent += UInt64(count)
            case .later:
                // Half or more at a time, so that what waits is not moved again and again.
                if sent > 1 << 18, sent * 2 >= out.count {
                    out.removeSubrange(0..<sent)
                    sent = 0
                }
                return .open
            case .ended, .broken: return .broken
            }
        }
        sent = 0
        // A long answer's buffer is not kept for an idle connection.
        out.removeAll(keepingCapacity: out.capacity <= 1 << 16)
        return .open
    }

    /// Says farewell.
    package func close() {
        session.close()
        flush()
    }

    /// Sealed bytes that the socket has not taken yet.
    package var waitingBytes: Int { out.count - sent + session.outputCount }
}
