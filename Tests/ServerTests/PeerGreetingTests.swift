import Bytes
import Testing

@testable import Server

@Suite struct PeerGreetingTests {
    static let names = PeerGreeting.Names(
        cluster: Array(0x10...0x1f), from: 2, to: 3, lane: .data)

    @Test func `a greeting is these bytes and no others`() throws {
        let hello = PeerGreeting.hello(Self.names)
        #expect(
            Hex.text(of: hello.bytes)
                == "434c5047" + "0100" + "01" + "101112131415161718191a1b1c1d1e1f" + "02000000" + "03000000" + "02")
        #expect(Hex.text(of: PeerGreeting.refusal(.identity).bytes) == "434c5047" + "0100" + "03" + "03")
        for greeting in [hello, .welcome(Self.names), .refusal(.version), .otherVersion(9)] {
            #expect(try PeerGreeting(greeting.bytes) == greeting)
        }
        for count in 0..<hello.bytes.count {
            #expect(throws: ByteError.self) { try PeerGreeting(Array(hello.bytes[..<count])) }
        }
        #expect(throws: ByteError.self) { try PeerGreeting(hello.bytes + [0]) }
    }

    @Test func `a later version is known as one whatever follows`() throws {
        #expect(try PeerGreeting(Array("CLPG".utf8) + [2, 0, 77, 1, 2, 3]) == .otherVersion(2))
    }

    @Test func `messages are cut out of any pieces, and one too long is not waited for`() {
        let messages = [[], [1], Array(repeating: UInt8(7), count: 1000), [2, 3]]
        var wire: [UInt8] = []
        for message in messages { LengthFrames.append(message, onto: &wire) }
        for piece in [1, 3, 5, 400, wire.count] {
            var frames = LengthFrames()
            var found: [[UInt8]] = []
            var at = 0
            while at < wire.count {
                frames.buffer += wire[at..<min(at + piece, wire.count)]
                at += piece
                while case .frame(let frame) = frames.next(atMost: 1000) { found.append(frame) }
            }
            #expect(found == messages)
            #expect(frames.waitingBytes == 0)
        }
        var frames = LengthFrames()
        frames.buffer = [0xe9, 3, 0, 0]
        #expect(frames.next(atMost: 1000) == .tooLong)
    }
}
