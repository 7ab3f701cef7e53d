internal import Glibc

/// A system call that failed: which one, and why. Neither names a file nor a person.
package struct LinuxError: Error, Equatable, Sendable {
    /// The errno of the failed call.
    package let number: Int32
    /// The call, a constant.
    package let call: String

    @inline(never)
    package init(_ call: StaticString, _ number: Int32) {
        self.call = "\(call)"
        self.number = number
    }

    package var isMissing: Bool { number == ENOENT }
    package var isExisting: Bool { number == EEXIST }
    package var isAddressInUse: Bool { number == EADDRINUSE }
    package var isDenied: Bool { number == EACCES || number == EPERM }
    package var isLocked: Bool { number == EAGAIN }

    /// The system's own sentence for the number.
    package var reason: String {
        switch number {
        case ENOENT: "no such file or directory"
        case EEXIST: "it exists already"
        case EACCES, EPERM: "permission denied"
        case ENOSPC: "no space left on the device"
        case EADDRINUSE: "the address is in use"
        case EADDRNOTAVAIL: "no such address"
        case ECONNREFUSED: "connection refused"
        case EMFILE, ENFILE: "too many open files"
        case ENOTDIR: "not a directory"
        case EISDIR: "a directory"
        case EAGAIN: "held by another process"
        default: "error \(number)"
        }
    }
}

/// Turns the helpers' `-errno` into an error.
@inline(__always)
func checked<Number: SignedInteger>(_ call: StaticString, _ result: Number) throws(LinuxError) -> Number {
    guard result >= 0 else { throw LinuxError(call, Int32(truncatingIfNeeded: -result)) }
    return result
}
