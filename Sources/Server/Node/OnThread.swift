internal import Linux
internal import Views

/// Does something on a thread of its own, beside whoever asks for it.
struct OnThread: Beside {
    func begin<Value: Sendable>(_ work: @escaping @Sendable () -> Value) -> () -> Value {
        do throws(LinuxError) {
            let errand = try Errand("beside", work)
            return { errand.wait() }
        } catch {
            return InTurn().begin(work)
        }
    }
}
