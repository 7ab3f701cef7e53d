internal import Bytes

/// The header of an age file: text that wraps the file key for each recipient, and its MAC.
struct AgeHeader {
    static let firstLine = Array("age-encryption.org/v1\n".utf8)
    /// More recipients than any store has; each costs whoever opens the file an agreement.
    static let stanzasMax = 256
    private static let columns = 64

    let stanzas: [AgeStanza]
    /// What the MAC is over: all up to `---`, with it.
    let text: [UInt8]
    private let mac: Digest
    /// Bytes of the whole header, where the payload begins.
    let count: Int

    /// The header that a file begins with.
    ///
    /// - Throws: `.malformed` for anything that is not exactly of the form, another version than 1, more than 256
    ///   stanzas, and a passphrase's stanza beside any other, which would let whoever does not know it seal in its name.
    init(of file: [UInt8]) throws(KeyError) {
        guard file.starts(with: Self.firstLine) else { throw .malformed }
        var lines = Lines(bytes: file, at: Self.firstLine.count)
        var stanzas: [AgeStanza] = []
        var start = lines.at
        var line = try lines.next()
        while line.starts(with: Array("-> ".utf8)) {
            guard stanzas.count < Self.stanzasMax else { throw .malformed }
            stanzas.append(try Self.stanza(line.dropFirst(3), &lines))
            start = lines.at
            line = try lines.next()
        }
        let mark = Array("---".utf8)
        guard line.starts(with: mark + [0x20]), let mac = AgeBase64.bytes(of: line.dropFirst(4)), mac.count == 32,
            !stanzas.isEmpty, stanzas.count == 1 || !stanzas.contains(where: \.isPassphrase)
        else { throw .malformed }
        self.stanzas = stanzas
        self.mac = Digest(mac)
        text = Array(file[..<(start + mark.count)])
        count = lines.at
    }

    /// The stanza of which `line` holds the arguments; its body is taken from the lines that follow: whole ones of 64
    /// characters, then one that is shorter.
    private static func stanza(_ line: ArraySlice<UInt8>, _ lines: inout Lines) throws(KeyError) -> AgeStanza {
        let arguments = line.split(separator: 0x20, omittingEmptySubsequences: false).map(Array.init)
        guard arguments.allSatisfy({ !$0.isEmpty && $0.allSatisfy { (0x21...0x7e).contains($0) } }) else {
            throw .malformed
        }
        var body: [UInt8] = []
        while true {
            let part = try lines.next()
            guard part.count <= columns, let bytes = AgeBase64.bytes(of: part) else { throw .malformed }
            body.append(contentsOf: bytes)
            if part.count < columns { return try AgeStanza(arguments: arguments, body: body) }
        }
    }

    /// The bytes of a header with these stanzas.
    static func bytes(_ stanzas: [AgeStanza], fileKey: [UInt8]) -> [UInt8] {
        let text = firstLine + stanzas.flatMap { Array($0.text.utf8) } + Array("---".utf8)
        return text + Array(" \(AgeBase64.text(of: mac(of: text, fileKey: fileKey).bytes))\n".utf8)
    }

    /// Whether whoever made the header had the file key.
    func isProven(by fileKey: [UInt8]) -> Bool { Self.mac(of: text, fileKey: fileKey) == mac }

    private static func mac(of text: [UInt8], fileKey: [UInt8]) -> Digest {
        let key = SecretKey(
            HKDF.bytes(from: fileKey, salt: [], info: Array("header".utf8), count: SecretKey.count))
        var mac = MAC(key: MACKey(key))
        mac.update(text)
        return mac.finish()
    }

    /// Lines that end in LF.
    private struct Lines {
        let bytes: [UInt8]
        var at: Int

        /// - Throws: `.malformed` when the bytes end first.
        mutating func next() throws(KeyError) -> ArraySlice<UInt8> {
            guard let end = bytes[at...].firstIndex(of: 0x0a) else { throw .malformed }
            defer { at = end + 1 }
            return bytes[at..<end]
        }
    }
}

extension AgeStanza {
    /// Whether a passphrase opens it.
    fileprivate var isPassphrase: Bool {
        switch self {
        case .scrypt: true
        case .x25519, .other: false
        }
    }
}
