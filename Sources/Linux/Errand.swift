/// Something done on a thread of its own, and what came of it. Whoever lets it go waits for its end.
package final class Errand<Value: Sendable> {
    private let thread: Thread
    private let outcome: Guarded<Value?>
    private var isJoined = false

    /// Begins.
    ///
    /// - Parameter name: As `Thread.start` takes it.
    package init(_ name: String, _ body: @escaping @Sendable () -> Value) throws(LinuxError) {
        let outcome = Guarded<Value?>(nil)
        self.outcome = outcome
        thread = try Thread.start(name) {
            let value = body()
            outcome.withLock { $0 = value }
        }
    }

    deinit { join() }

    /// Waits for its end; asked again it says the same.
    @discardableResult
    package func wait() -> Value {
        join()
        guard let value = outcome.withLock({ $0 }) else { preconditionFailure("the body has returned") }
        return value
    }

    private func join() {
        if !isJoined { thread.join() }
        isJoined = true
    }
}
