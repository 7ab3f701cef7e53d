internal import Linux
internal import Views

/// Does something on a thread of its own, beside whoever asks for it.
struct OnThread: Beside {
    func begin<Value: Sendable>(_ work: @escaping @Sendable () -> Value) -> () -> Value {
        let running = Running<Value>()
        do throws(LinuxError) { try running.start(work) } catch {
            return InTurn().begin(work)
        }
        return { running.wait() }
    }
}

/// A thread with an outcome. Whoever lets it go waits for its end.
private final class Running<Value: Sendable> {
    private let outcome = Guarded<Value?>(nil)
    private var thread: Thread?

    func start(_ work: @escaping @Sendable () -> Value) throws(LinuxError) {
        let outcome = outcome
        thread = try Thread.start("beside") {
            let value = work()
            outcome.withLock { $0 = value }
        }
    }

    func wait() -> Value {
        thread?.join()
        thread = nil
        guard let value = outcome.withLock({ $0 }) else { preconditionFailure("the work is done") }
        return value
    }

    deinit { thread?.join() }
}
