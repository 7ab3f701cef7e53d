/// What `TextFolding` makes of single characters, for those whose neighbours have no say in it: ASCII, Latin, Greek,
/// Cyrillic, Armenian, Hebrew and Arabic letters, and Han ideographs, which fold to themselves.
struct FoldTable {
    static let standard = FoldTable()

    enum Folding: Equatable {
        /// The UTF-8 of the letters, first byte lowest.
        case letters(UInt64)
        /// Vanishes.
        case nothing
        /// Parts words.
        case gap
        /// A mark that may change places with others, or a character that is not in the table.
        case unknown
    }

    private let table: [Folding]

    private init() { table = (0..<0x700).map { Self.folding(measured: $0) } }

    @inline(__always)
    func folding(of scalar: UInt32) -> Folding {
        if scalar < table.count { return table[Int(scalar)] }
        return (0x4e00...0x9fa5).contains(scalar) ? .letters(Self.ideograph(scalar)) : .unknown
    }

    private static func ideograph(_ scalar: UInt32) -> UInt64 {
        UInt64(0xe0 | scalar >> 12) | UInt64(0x80 | scalar >> 6 & 0x3f) << 8 | UInt64(0x80 | scalar & 0x3f) << 16
    }

    /// What a text shows in which the character stands between two letters.
    private static func folding(measured value: UInt32) -> Folding {
        guard let scalar = Unicode.Scalar(value), scalar.properties.canonicalCombiningClass == .notReordered else {
            return .unknown
        }
        switch scalar.properties.generalCategory {
        // A mark joins the character before it, even a space.
        case .nonspacingMark, .spacingMark, .enclosingMark: return .unknown
        default: break
        }
        let around = Array(TextFolding.folded("a\(scalar)a").utf8)
        switch around {
        case [0x61, 0x61]: return .nothing
        case [0x61, 0x20, 0x61]: return .gap
        default:
            let letters = around.dropFirst().dropLast()
            guard letters.count <= 8, !letters.contains(0x20) else { return .unknown }
            return .letters(letters.reversed().reduce(0) { $0 << 8 | UInt64($1) })
        }
    }
}
