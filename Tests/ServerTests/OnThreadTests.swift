import Linux
@testable import Server
import Testing

/// Work beside one's own.
@Suite struct `Work on a thread` {
    @Test func `gives what came of it, however late it is asked for`() {
        let waits = (0..<20).map { number in OnThread().begin { number * number } }
        #expect(waits.reversed().map { $0() } == (0..<20).reversed().map { $0 * $0 })
    }

    @Test func `is done beside who began it, and waited for where nobody asks`() {
        let said = Guarded<[String]>([])
        let gate = Guarded(false)
        do {
            let wait = OnThread().begin {
                while !gate.withLock({ $0 }) {}
                said.withLock { $0.append("beside") }
            }
            said.withLock { $0.append("own") }
            gate.withLock { $0 = true }
            wait()
        }
        do {
            let forgotten = OnThread().begin { said.withLock { $0.append("forgotten") } }
            withExtendedLifetime(forgotten) {}
        }
        #expect(said.withLock { $0 } == ["own", "beside", "forgotten"])
    }
}
