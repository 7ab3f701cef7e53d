private import CLinux

/// An epoll instance, level-triggered: one thread waits for many descriptors.
package final class Poller {
    /// What is waited for.
    package struct Interest: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        package static let reading = Interest(rawValue: 1)
        package static let writing = Interest(rawValue: 2)
    }

    /// What happened at the descriptor that was added under `token`.
    package struct Event: Sendable {
        package var token: UInt64
        package var isReadable: Bool
        package var isWritable: Bool
        /// The other side hung up, or the descriptor is broken.
        package var isBroken: Bool
    }

    private let descriptor: Int32
    private var flags = [UInt32](repeating: 0, count: 256)
    private var tokens = [UInt64](repeating: 0, count: 256)

    package init() throws(LinuxError) {
        descriptor = try checked("epoll_create1", clinux_epoll_create())
    }

    deinit { _ = clinux_close(descriptor) }

    package func add(_ watched: Int32, _ interest: Interest, token: UInt64) throws(LinuxError) {
        _ = try checked("epoll_ctl", clinux_epoll_control(descriptor, EPOLL_CTL_ADD, watched, bits(interest), token))
    }

    package func change(_ watched: Int32, _ interest: Interest, token: UInt64) throws(LinuxError) {
        _ = try checked("epoll_ctl", clinux_epoll_control(descriptor, EPOLL_CTL_MOD, watched, bits(interest), token))
    }

    package func remove(_ watched: Int32) {
        _ = clinux_epoll_control(descriptor, EPOLL_CTL_DEL, watched, 0, 0)
    }

    /// Replaces `events` by what has happened, waiting at most so long; negative waits for ever. An interruption
    /// leaves `events` empty.
    package func wait(milliseconds: Int, into events: inout [Event]) throws(LinuxError) {
        events.removeAll(keepingCapacity: true)
        let count = try checked(
            "epoll_wait", unsafe clinux_epoll_wait(descriptor, &flags, &tokens, 256, Int32(clamping: milliseconds)))
        for index in 0..<Int(count) {
            let flag = flags[index]
            let broken = flag & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
            events.append(
                Event(
                    token: tokens[index], isReadable: broken || flag & EPOLLIN.rawValue != 0,
                    isWritable: flag & EPOLLOUT.rawValue != 0, isBroken: broken))
        }
    }

    private func bits(_ interest: Interest) -> UInt32 {
        (interest.contains(.reading) ? EPOLLIN.rawValue : 0) | (interest.contains(.writing) ? EPOLLOUT.rawValue : 0)
    }
}
