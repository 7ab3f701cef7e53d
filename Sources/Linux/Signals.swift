private import CLinux
internal import Glibc

/// SIGTERM, SIGINT, SIGHUP and SIGCHLD as a descriptor to wait for. Made by the first thread before it starts others:
/// the signals are blocked in every thread from then on, and only this tells of them.
package final class Signals {
    package enum Told: Sendable {
        /// Somebody wants the process to end.
        case stop
        /// A child ended.
        case child
    }

    package let descriptor: Int32

    package init() throws(LinuxError) {
        descriptor = try checked("signalfd", clinux_signals())
    }

    deinit { _ = clinux_close(descriptor) }

    /// The next signal; nil when there is none.
    package func next() -> Told? {
        switch clinux_next_signal(descriptor) {
        case 0: nil
        case SIGCHLD: .child
        default: .stop
        }
    }
}
