private import CLinux

/// An eventfd: any thread rings it, one thread waits for it, alone or among other descriptors.
///
/// Rings before a `clear` are one ring: what they tell of stands elsewhere, under a lock.
package final class Bell: Sendable {
    /// To be watched by a `Poller` for reading; owned by the bell.
    package let descriptor: Int32

    package init() throws(LinuxError) {
        descriptor = try checked("eventfd", clinux_eventfd())
    }

    deinit { _ = clinux_close(descriptor) }

    package func ring() { clinux_event_ring(descriptor) }

    package func clear() { clinux_event_clear(descriptor) }

    /// Waits for a ring and clears it; false when the time is up first. Negative milliseconds wait for ever.
    @discardableResult
    package func wait(milliseconds: Int = -1) -> Bool {
        guard clinux_poll(descriptor, 0, Int32(clamping: milliseconds)) == 1 else { return false }
        clinux_event_clear(descriptor)
        return true
    }
}
