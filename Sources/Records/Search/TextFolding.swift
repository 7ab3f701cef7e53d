// Canonical decomposition is in the standard library, behind this door alone; nothing else of it is used.
@_spi(_Unicode) import Swift

/// Text as a search compares it: without case, without accents, words apart by one space.
///
/// Each scalar is decomposed canonically and put in lower case; marks that are accents (combining classes 10 to 36 and
/// 200 to 240: Latin, Greek, Cyrillic and Vietnamese diacritics, Hebrew points, Arabic vowel marks) are dropped, marks
/// that are letters of their own (Indic and Thai vowels, kana voicing) are kept. Letters that Unicode does not
/// decompose, such as `ø` or `ß`, have a small table. Apostrophes vanish, any other punctuation parts words.
package enum TextFolding {
    package static func folded(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var isApart = false
        for scalar in text._nfd {
            if isASCIIWord(scalar) || isLetter(scalar) {
                if isApart, !result.isEmpty { result.append(" ") }
                isApart = false
                append(scalar, to: &result)
            } else if !isAccent(scalar) && !isApostrophe(scalar) {
                isApart = true
            }
        }
        return String(result)
    }

    package static func words(_ text: String) -> [String] {
        folded(text).split(separator: " ").map(String.init)
    }

    private static func isASCIIWord(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: false
        }
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value >= 0x80 else { return false }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber:
            return !isApostrophe(scalar)
        case .nonspacingMark, .spacingMark, .enclosingMark: return !isAccent(scalar)
        default: return false
        }
    }

    private static func isAccent(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.canonicalCombiningClass.rawValue {
        case 10...36, 200...240: true
        default: false
        }
    }

    private static func isApostrophe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x27, 0x60, 0xb4, 0x2b9, 0x2bb, 0x2bc, 0x2018, 0x2019: true
        default: false
        }
    }

    private static func append(_ scalar: Unicode.Scalar, to result: inout String.UnicodeScalarView) {
        if scalar.value < 0x80 {
            result.append(
                Unicode.Scalar(UInt8(scalar.value) | (scalar.value >= 0x41 && scalar.value <= 0x5a ? 0x20 : 0)))
            return
        }
        // Most scripts have no case: asking first spares them the making of a text.
        guard scalar.properties.changesWhenLowercased else { return append(lower: scalar, to: &result) }
        for lower in scalar.properties.lowercaseMapping.unicodeScalars { append(lower: lower, to: &result) }
    }

    private static func append(lower: Unicode.Scalar, to result: inout String.UnicodeScalarView) {
        switch lower.value {
        case 0xff01...0xff5e:
            // Full-width forms of ASCII.
            result.append(Unicode.Scalar(UInt8(truncatingIfNeeded: lower.value - 0xfee0)))
        default:
            if let letters = undecomposed[lower.value] {
                result.append(contentsOf: letters.unicodeScalars)
            } else if !isAccent(lower) {
                result.append(lower)
            }
        }
    }

    private static let undecomposed: [UInt32: String] = [
        0xdf: "ss", 0xe6: "ae", 0xf0: "d", 0xf8: "o", 0xfe: "th", 0x111: "d", 0x127: "h", 0x131: "i", 0x138: "k",
        0x142: "l", 0x14b: "n", 0x153: "oe", 0x167: "t", 0x180: "b", 0x19a: "l", 0x1dd: "e", 0x259: "e", 0x3c2: "σ",
        0xfb00: "ff", 0xfb01: "fi", 0xfb02: "fl", 0xfb03: "ffi", 0xfb04: "ffl", 0xfb05: "st", 0xfb06: "st",
    ]
}
