import Bytes
import Linux
import Testing

@Suite struct WaitingTests {
    @Test func `threads count together under a lock`() throws {
        let count = Guarded(0)
        let threads = try (0..<4).map { number in
            try Thread.start("count-\(number)") {
                for _ in 0..<1000 { count.withLock { $0 += 1 } }
            }
        }
        for thread in threads { thread.join() }
        #expect(count.withLock { $0 } == 4000)
    }

    @Test func `a bell wakes a poller and is silent once cleared`() throws {
        let bell = try Bell()
        let poller = try Poller()
        try poller.add(bell.descriptor, .reading, token: 42)
        var events: [Poller.Event] = []
        try poller.wait(milliseconds: 0, into: &events)
        #expect(events.isEmpty)
        let thread = try Thread.start("ringer") {
            bell.ring()
            bell.ring()
        }
        try poller.wait(milliseconds: 5000, into: &events)
        thread.join()
        #expect(events.map(\.token) == [42])
        bell.clear()
        try poller.wait(milliseconds: 0, into: &events)
        #expect(events.isEmpty)
        #expect(!bell.wait(milliseconds: 1))
    }

    @Test func `a thread has a deep stack`() throws {
        let reached = Guarded(0)
        let thread = try Thread.start("deep") {
            func sink(_ depth: Int) -> Int { depth == 0 ? 0 : 1 + sink(depth - 1) }
            let depth = sink(20_000)
            reached.withLock { $0 = depth }
        }
        thread.join()
        #expect(reached.withLock { $0 } == 20_000)
    }

    @Test func `the clock of the machine runs forward`() {
        let first = LinuxClock.monotonicNanoseconds()
        LinuxClock.pause(milliseconds: 2)
        #expect(LinuxClock.monotonicNanoseconds() > first + 1_000_000)
        #expect(LinuxClock.wall().microseconds > 1_700_000_000_000_000)
    }

    @Test func `a socket listens, connects and tells who comes`() throws {
        let listener = try Socket.listening(at: "127.0.0.1", port: 0)
        let port = try listener.port()
        #expect(try listener.accept() == nil)
        let client = try Socket.connecting(to: "127.0.0.1", port: port, choice: 0)
        #expect(client.wait(writing: true, milliseconds: 5000))
        try client.connected()
        #expect(listener.wait(writing: false, milliseconds: 5000))
        let accepted = try #require(try listener.accept())
        #expect(accepted.address == "127.0.0.1")
        #expect(client.send([1, 2, 3], from: 1, to: 3) == .bytes(2))
        #expect(accepted.0.wait(writing: false, milliseconds: 5000))
        var buffer = [UInt8](repeating: 0, count: 10)
        #expect(accepted.0.receive(into: &buffer) == .bytes(2))
        #expect(buffer.prefix(2) == [2, 3])
        #expect(accepted.0.receive(into: &buffer) == .later)
        client.endSending()
        #expect(accepted.0.wait(writing: false, milliseconds: 5000))
        #expect(accepted.0.receive(into: &buffer) == .ended)
        #expect(throws: LinuxError.self) { try Socket.listening(at: "127.0.0.1", port: port) }
    }

    @Test func `a socket given away is the taker's, and ends when it ends`() throws {
        let listener = try Socket.listening(at: "127.0.0.1", port: 0)
        let client = try Socket.connecting(to: "127.0.0.1", port: try listener.port(), choice: 0)
        #expect(client.wait(writing: true, milliseconds: 5000))
        try client.giveUp(afterMilliseconds: 1500)
        var given: Socket? = try #require(try listener.accept()).0
        let descriptor = try #require(given?.release())
        given = nil
        var taken: Socket? = Socket(taking: descriptor)
        #expect(taken?.send([7], from: 0, to: 1) == .bytes(1))
        var buffer = [UInt8](repeating: 0, count: 10)
        #expect(client.wait(writing: false, milliseconds: 5000))
        #expect(client.receive(into: &buffer) == .bytes(1))
        taken = nil
        #expect(client.wait(writing: false, milliseconds: 5000))
        #expect(client.receive(into: &buffer) == .ended)
    }

    @Test func `an address is connected to, and what would be looked up is refused at once`() throws {
        let listener = try Socket.listening(at: "127.0.0.1", port: 0)
        let client = try Socket.connecting(to: "127.0.0.1", port: try listener.port())
        #expect(client.wait(writing: true, milliseconds: 5000))
        try client.connected()
        for name in ["localhost", "", "127.0.0.1 ", "[::1]", "10.0.0.1:7401"] {
            #expect(throws: LinuxError.self) { try Socket.connecting(to: name, port: 1) }
        }
    }

    @Test func `a connection nobody takes is refused`() throws {
        let port = try Socket.listening(at: "127.0.0.1", port: 0).port()
        let client = try Socket.connecting(to: "127.0.0.1", port: port, choice: 0)
        #expect(client.wait(writing: true, milliseconds: 5000))
        #expect(throws: LinuxError.self) { try client.connected() }
        #expect(throws: LinuxError.self) { try Socket.connecting(to: "127.0.0.1", port: port, choice: 9) }
    }
}
