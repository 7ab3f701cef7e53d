/// What the first message of a TLS connection says before anything is answered: which application protocols the other
/// side offers (RFC 8446 section 4.1.2, RFC 7301). Whoever serves several on one port chooses by it who serves.
package enum ClientHello: Equatable, Sendable {
    /// Its end has not come.
    case needsMore
    /// This is no TLS, or a greeting in a form that nobody sends.
    case malformed
    /// The names offered, in the order of preference; none when the other side names none.
    case offers([[UInt8]])

    /// Most bytes that are worth collecting.
    package static let bytesMax = 5 + 16_384

    private static let handshakeRecord: UInt8 = 22
    private static let clientHello: UInt8 = 1
    private static let applicationProtocols = 16

    /// Reads a greeting that stands in one record, from the first byte of a connection on.
    package init(_ bytes: [UInt8]) {
        guard let first = bytes.first else {
            self = .needsMore
            return
        }
        guard first == Self.handshakeRecord else {
            self = .malformed
            return
        }
        guard bytes.count >= 5 else {
            self = .needsMore
            return
        }
        let length = Int(bytes[3]) << 8 | Int(bytes[4])
        guard bytes[1] == 3, length >= 4, length <= 16_384 else {
            self = .malformed
            return
        }
        guard bytes.count >= 5 + length else {
            self = .needsMore
            return
        }
        var fields = Fields(bytes: bytes, at: 5, end: 5 + length)
        self = fields.offers().map { .offers($0) } ?? .malformed
    }

    /// Walks over length-prefixed fields; every step answers nil beyond the end.
    private struct Fields {
        let bytes: [UInt8]
        var at: Int
        let end: Int

        mutating func number(_ count: Int) -> Int? {
            guard count <= end - at else { return nil }
            var value = 0
            for _ in 0..<count {
                value = value << 8 | Int(bytes[at])
                at += 1
            }
            return value
        }

        mutating func skip(_ count: Int) -> Bool {
            guard count <= end - at else { return false }
            at += count
            return true
        }

        /// A field whose length stands before it in so many bytes.
        mutating func part(_ count: Int) -> Fields? {
            guard let length = number(count), length <= end - at else { return nil }
            defer { at += length }
            return Fields(bytes: bytes, at: at, end: at + length)
        }

        mutating func offers() -> [[UInt8]]? {
            guard number(1) == Int(ClientHello.clientHello), var hello = part(3), at == end else { return nil }
            // legacy_version and random, session id, cipher suites, compression methods.
            guard hello.skip(34), hello.part(1) != nil, hello.part(2) != nil, hello.part(1) != nil,
                var extensions = hello.part(2), hello.at == hello.end
            else { return nil }
            while extensions.at < extensions.end {
                guard let kind = extensions.number(2), var value = extensions.part(2) else { return nil }
                guard kind == ClientHello.applicationProtocols else { continue }
                guard var names = value.part(2), value.at == value.end else { return nil }
                var offers: [[UInt8]] = []
                while names.at < names.end {
                    guard let name = names.part(1), name.at < name.end else { return nil }
                    offers.append(Array(bytes[name.at..<name.end]))
                }
                return offers
            }
            return []
        }
    }
}

extension ApplicationProtocol {
    /// As ALPN names it.
    package var name: [UInt8] {
        switch self {
        case .http: Array("http/1.1".utf8)
        case .peer: Array("chartlog-peer/1".utf8)
        case .forward: Array("chartlog-forward/1".utf8)
        }
    }
}
