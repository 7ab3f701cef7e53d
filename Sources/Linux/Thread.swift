private import CLinux
internal import Glibc

/// A running thread of the process. Whoever starts it joins it.
package struct Thread: Sendable {
    private let handle: pthread_t

    /// Starts a thread. `name` is what `ps -T` shows, cut after 15 bytes; the stack is 8 MiB of address space.
    package static func start(
        _ name: String, stackBytes: Int = 8 << 20, _ body: @escaping @Sendable () -> Void
    ) throws(LinuxError) -> Thread {
        let start = ThreadStart(name: String(decoding: Array(name.utf8.prefix(15)), as: UTF8.self), body: body)
        let passed = unsafe Unmanaged.passRetained(start).toOpaque()
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        unsafe pthread_attr_setstacksize(&attributes, stackBytes)
        var handle = pthread_t()
        let failed = unsafe pthread_create(
            &handle, &attributes,
            { passed in
                guard let passed = unsafe passed else { return nil }
                let start = unsafe Unmanaged<ThreadStart>.fromOpaque(passed).takeRetainedValue()
                _ = unsafe clinux_name_thread(start.name)
                start.body()
                return nil
            }, passed)
        guard failed == 0 else {
            unsafe Unmanaged<ThreadStart>.fromOpaque(passed).release()
            throw LinuxError("pthread_create", failed)
        }
        return Thread(handle: handle)
    }

    /// Waits until the body has returned. Once only.
    package func join() { _ = pthread_join(handle, nil) }
}

private final class ThreadStart: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}
