private import CLinux
internal import Glibc

/// A TCP socket with one owner, never blocking.
package final class Socket {
    /// What became of a receive or a send.
    package enum Moved: Equatable, Sendable {
        case bytes(Int)
        /// Nothing can move now: wait.
        case later
        /// The other side has sent all it will (receiving), or is gone.
        case ended
        case broken(Int32)
    }

    package let descriptor: Int32
    private var isReleased = false

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit {
        if !isReleased { _ = clinux_close(descriptor) }
    }

    /// Gives the descriptor away, to be taken by another thread; this object does nothing more with it.
    package func release() -> Int32 {
        isReleased = true
        return descriptor
    }

    /// Takes a descriptor that `release` gave away.
    package init(taking descriptor: Int32) { self.descriptor = descriptor }

    /// Listens at a numeric address; port 0 takes a free one.
    package static func listening(at address: String, port: Int, backlog: Int = 512) throws(LinuxError) -> Socket {
        Socket(descriptor: try checked("listen", unsafe clinux_listen(address, "\(port)", Int32(backlog))))
    }

    /// Begins to connect to the `choice`-th address of `host`; when writable, `connected` says what became of it.
    /// - Throws: EADDRNOTAVAIL when the host has no such address.
    package static func connecting(to host: String, port: Int, choice: Int) throws(LinuxError) -> Socket {
        Socket(descriptor: try checked("connect", unsafe clinux_connect(host, "\(port)", Int32(choice), 0)))
    }

    /// Begins to connect to a numeric address; nobody is asked for it, so this never waits.
    /// - Throws: EADDRNOTAVAIL when it is none.
    package static func connecting(to address: String, port: Int) throws(LinuxError) -> Socket {
        Socket(descriptor: try checked("connect", unsafe clinux_connect(address, "\(port)", 0, 1)))
    }

    package func connected() throws(LinuxError) {
        _ = try checked("connect", clinux_connect_result(descriptor))
    }

    /// Breaks the connection when the other side has not acknowledged anything for so long, or its machine is gone.
    package func giveUp(afterMilliseconds limit: Int) throws(LinuxError) {
        _ = try checked("setsockopt", clinux_give_up_after(descriptor, Int32(clamping: limit)))
    }

    /// The port this end is bound to.
    package func port() throws(LinuxError) -> Int { Int(try checked("getsockname", clinux_port(descriptor))) }

    /// The next connection with its client's numeric address; nil when there is none.
    /// - Throws: EMFILE and the like: wait a moment.
    package func accept() throws(LinuxError) -> (Socket, address: String)? {
        var text = [CChar](repeating: 0, count: 64)
        let number = unsafe clinux_accept(descriptor, &text, 64)
        if number == -EAGAIN || number == -ECONNABORTED { return nil }
        let accepted = Socket(descriptor: try checked("accept4", number))
        let address = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return (accepted, String(decoding: address, as: UTF8.self))
    }

    /// Receives into the start of `buffer`.
    package func receive(into buffer: inout [UInt8]) -> Moved {
        let count = buffer.count
        return Self.moved(
            unsafe buffer.withUnsafeMutableBytes { bytes in unsafe clinux_receive(descriptor, bytes.baseAddress, count)
            },
            none: .ended)
    }

    /// Sends what it can of `bytes` from `offset` up to `end`.
    package func send(_ bytes: [UInt8], from offset: Int, to end: Int) -> Moved {
        precondition(offset >= 0 && offset <= end && end <= bytes.count)
        return Self.moved(
            unsafe bytes.withUnsafeBytes { buffer in
                unsafe clinux_send(descriptor, buffer.baseAddress?.advanced(by: offset), end - offset)
            }, none: .later)
    }

    /// Says that nothing more will be sent.
    package func endSending() { _ = clinux_shutdown_writing(descriptor) }

    /// Waits until it can be read (or written); false when the time is up first.
    package func wait(writing: Bool, milliseconds: Int) -> Bool {
        clinux_poll(descriptor, writing ? 1 : 0, Int32(clamping: milliseconds)) == 1
    }

    /// Waits until it can be read or written; false when the time is up first.
    package func waitEither(milliseconds: Int) -> Bool {
        clinux_poll(descriptor, 2, Int32(clamping: milliseconds)) == 1
    }

    private static func moved(_ result: Int, none: Moved) -> Moved {
        if result > 0 { return .bytes(result) }
        if result == 0 { return none }
        switch Int32(-result) {
        case EAGAIN: return .later
        case ECONNRESET, EPIPE: return .ended
        default: return .broken(Int32(-result))
        }
    }
}
