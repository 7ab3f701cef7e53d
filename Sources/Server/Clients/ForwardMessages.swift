internal import Bytes

/// A client's request as the replica that received it hands it on to the primary, over a connection of
/// `chartlog-forward/1`, one at a time. It is told whole, the raw credential in it, and nothing of what the client
/// says about itself is believed: who received it is proved by a certificate, and the primary asks for the key again.
///
///     length u32 · version 1 · address: count u8, text · receiving replica u32 · head: count u32, bytes · body
struct ForwardedRequest: Equatable {
    static let version: UInt8 = 1
    /// Everything but head and body.
    static let overheadBytesMax = 128
    private static let addressBytesMax = 64

    /// Numeric address of the client.
    var address: String
    /// The replica that the client asked.
    var replica: Int
    /// From the request line to the empty line, as it came.
    var head: [UInt8]
    /// Without its framing.
    var body: [UInt8]

    /// Adds the request with its length before it.
    func write(onto out: inout [UInt8]) {
        let address = Array(address.utf8.prefix(Self.addressBytesMax))
        var writer = ByteWriter(reserving: Self.overheadBytesMax)
        writer.u8(Self.version)
        writer.u8(UInt8(address.count))
        writer.append(address)
        writer.u32(UInt32(clamping: replica))
        writer.u32(UInt32(head.count))
        LengthFrames.appendLength(writer.count + head.count + body.count, onto: &out)
        out.reserveCapacity(out.count + writer.count + head.count + body.count)
        out += writer.bytes
        out += head
        out += body
    }

    init(address: String, replica: Int, head: [UInt8], body: [UInt8]) {
        self.address = address
        self.replica = replica
        self.head = head
        self.body = body
    }

    /// Reads what `write` made, without the length.
    init(_ bytes: [UInt8]) throws(ByteError) {
        var reader = ByteReader(bytes)
        guard try reader.u8() == Self.version else { throw .malformed }
        let count = Int(try reader.u8())
        guard count <= Self.addressBytesMax else { throw .malformed }
        guard let address = String(validating: try reader.array(count), as: UTF8.self) else { throw .malformed }
        self.address = address
        replica = Int(try reader.u32())
        let headCount = Int(try reader.u32())
        guard headCount <= reader.remaining else { throw .malformed }
        head = try reader.array(headCount)
        body = try reader.array(reader.remaining)
    }
}

/// What the primary answers to a request handed on: the bytes for the client in pieces, then how it ended.
///
///     length u32 · 1 · bytes      length u32 · 2 · closes u8      length u32 · 3
enum ForwardedAnswer: Equatable {
    /// Bytes of one piece.
    static let pieceBytesMax = 1 << 18

    /// The next bytes of the answer.
    case piece([UInt8])
    /// The answer is whole; whether the client's connection ends with it.
    case end(closes: Bool)
    /// Nothing was done: this replica does not lead.
    case declined

    /// Adds any number of bytes as pieces.
    static func write(_ bytes: [UInt8], onto out: inout [UInt8]) {
        var at = 0
        while at < bytes.count {
            let end = min(at + pieceBytesMax, bytes.count)
            LengthFrames.appendLength(1 + end - at, onto: &out)
            out.append(1)
            out.append(contentsOf: bytes[at..<end])
            at = end
        }
    }

    /// The bytes of one message, its length before it.
    var bytes: [UInt8] {
        var out: [UInt8] = []
        switch self {
        case .piece(let bytes): Self.write(bytes, onto: &out)
        case .end(let closes): LengthFrames.append([2, closes ? 1 : 0], onto: &out)
        case .declined: LengthFrames.append([3], onto: &out)
        }
        return out
    }

    /// Reads a message without its length.
    init(_ message: [UInt8]) throws(ByteError) {
        switch (message.first, message.count) {
        case (1, 2...): self = .piece(Array(message[1...]))
        case (2, 2) where message[1] <= 1: self = .end(closes: message[1] == 1)
        case (3, 1): self = .declined
        default: throw .malformed
        }
    }
}
