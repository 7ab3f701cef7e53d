internal import Bytes

/// An age file as text (strict PEM, RFC 7468, section 3, figure 3): what a mail or a terminal leaves whole.
enum AgeArmor {
    private static let firstLine = Array("-----BEGIN AGE ENCRYPTED FILE-----".utf8)
    private static let lastLine = Array("-----END AGE ENCRYPTED FILE-----".utf8)
    private static let lineBytes = 48

    /// Whether the bytes begin as such a text, after white space.
    static func isArmored(_ bytes: [UInt8]) -> Bool { bytes.drop(while: isSpace).starts(with: firstLine) }

    /// The bytes that the text stands for. White space may stand before and after it; lines end in LF or CR LF.
    ///
    /// - Throws: `.malformed` when a line but the last is not of 64 characters, or anything is not exactly of the form.
    static func bytes(of text: [UInt8]) throws(KeyError) -> [UInt8] {
        guard let end = text.lastIndex(where: { !isSpace($0) }) else { throw .malformed }
        let body = text[...end].drop(while: isSpace)
        let lines = body.split(separator: 0x0a, omittingEmptySubsequences: false).map { line in
            line.last == 0x0d ? line.dropLast() : line
        }
        guard lines.count >= 3, lines[0].elementsEqual(firstLine), lines[lines.count - 1].elementsEqual(lastLine)
        else { throw .malformed }
        var bytes: [UInt8] = []
        bytes.reserveCapacity((lines.count - 2) * lineBytes)
        for (number, line) in lines.enumerated().dropFirst().dropLast() {
            guard let part = Base64.bytes(of: line), !part.isEmpty, part.count <= lineBytes,
                part.count == lineBytes || number == lines.count - 2
            else { throw .malformed }
            bytes.append(contentsOf: part)
        }
        return bytes
    }

    private static func isSpace(_ character: UInt8) -> Bool { [0x20, 0x09, 0x0a, 0x0d].contains(character) }
}
