package import Records

/// The API key of a request, `Authorization: Bearer ID.SECRET` (RFC 6750), before anybody has verified it.
package struct PresentedKey: Sendable {
    package var id: String
    package var secret: [UInt8]

    /// What is sent with a 401.
    package static let challenge = "Bearer realm=\"chartlog\""

    package static let refusal = Problem(
        .unauthenticated, "Send a valid API key: Authorization: Bearer ID.SECRET.")

    /// - Throws: `refusal` when there is no key, more than one, or none of this form.
    package init(_ head: RequestHead) throws(Problem) {
        guard head.count(.authorization) == 1, let range = head.value(.authorization), range.count > 7,
            range.count <= 512
        else { throw Self.refusal }
        let bytes = head.bytes
        for (offset, letter) in "bearer ".utf8.enumerated() {
            let byte = bytes[range.lowerBound + offset]
            guard byte | (offset < 6 ? 0x20 : 0) == letter else { throw Self.refusal }
        }
        var at = range.lowerBound + 7
        while at < range.upperBound, bytes[at] == 0x20 { at += 1 }
        guard let dot = bytes[at..<range.upperBound].firstIndex(of: 0x2e), (1...64).contains(dot - at),
            (1...256).contains(range.upperBound - dot - 1),
            bytes[at..<dot].allSatisfy(Self.isKeyByte), bytes[(dot + 1)..<range.upperBound].allSatisfy(Self.isKeyByte)
        else { throw Self.refusal }
        id = String(decoding: bytes[at..<dot], as: UTF8.self)
        secret = Array(bytes[(dot + 1)..<range.upperBound])
    }

    /// base64url.
    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x5f: true
        default: false
        }
    }
}
