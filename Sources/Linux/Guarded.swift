internal import Glibc

/// A value behind a `pthread_mutex_t`; the only way to it is `withLock`.
///
/// `Synchronization.Mutex` does the same, but ThreadSanitizer does not know it and reports races that are none.
/// This is the one type whose claim to be Sendable the compiler cannot check: the mutex makes it true.
@safe
package final class Guarded<State>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var state: State

    package init(_ state: sending State) {
        self.state = state
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        let failed = unsafe pthread_mutex_init(mutex, nil)
        precondition(failed == 0)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Runs `body` alone; never call out of the room from within.
    @inline(__always)
    package func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body(&state)
    }
}
