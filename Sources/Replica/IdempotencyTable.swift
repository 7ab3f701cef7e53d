internal import Bytes

/// Idempotency keys of the last seven days and the first position each got. The reply is rebuilt from the log, so
/// nothing of a request's content is kept (a fingerprint would survive erasure).
struct IdempotencyTable {
    static let lifetime: Int64 = 7 * 86_400_000_000
    private static let hour: Int64 = 3_600_000_000

    /// By the first half of the token; the transaction at the position names the whole.
    private var positions: [UInt64: UInt64] = [:]
    /// Tokens by the hour they came in, oldest first.
    private var hours: [(hour: Int64, tokens: [UInt64])] = []

    var count: Int { positions.count }

    mutating func add(_ token: Token128, position: UInt64, stamp: Instant) {
        let hour = stamp.microseconds / Self.hour
        if hours.last?.hour != hour {
            hours.append((hour, []))
            expire(at: stamp)
        }
        positions[token.low] = position
        hours[hours.count - 1].tokens.append(token.low)
    }

    /// First position of the transaction that may have carried the key.
    func position(of token: Token128) -> UInt64? { positions[token.low] }

    private mutating func expire(at now: Instant) {
        let oldest = (now.microseconds - Self.lifetime) / Self.hour
        while let first = hours.first, first.hour < oldest {
            for token in first.tokens { positions[token] = nil }
            hours.removeFirst()
        }
    }

    func encode(onto writer: inout ByteWriter) {
        writer.varint(hours.count)
        for (hour, tokens) in hours {
            writer.u64(UInt64(bitPattern: hour))
            writer.varint(tokens.count)
            for token in tokens {
                writer.u64(token)
                writer.varint(positions[token] ?? 0)
            }
        }
    }

    mutating func decode(_ reader: inout ByteReader) throws(ByteError) {
        for _ in 0..<(try reader.count(atMost: reader.remaining / 9)) {
            let hour = Int64(bitPattern: try reader.u64())
            var tokens: [UInt64] = []
            for _ in 0..<(try reader.count(atMost: reader.remaining / 9)) {
                let token = try reader.u64()
                positions[token] = try reader.varint()
                tokens.append(token)
            }
            hours.append((hour, tokens))
        }
    }
}
