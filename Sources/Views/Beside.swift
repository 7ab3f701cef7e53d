/// Does something beside the caller's own work, if it can.
package protocol Beside: Sendable {
    /// Begins the work.
    ///
    /// - Returns: what waits for its end and gives what came of it; to be called once.
    func begin<Value: Sendable>(_ work: @escaping @Sendable () -> Value) -> () -> Value
}

/// One thing after the other.
package struct InTurn: Beside {
    package init() {}

    package func begin<Value: Sendable>(_ work: @escaping @Sendable () -> Value) -> () -> Value {
        let value = work()
        return { value }
    }
}
