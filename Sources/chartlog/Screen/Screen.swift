import Glibc
import Linux

/// What a terminal shows: colour only where it is welcome, and nothing that came from outside may steer it.
enum Screen {
    static let isOutputTerminal = isatty(1) == 1
    static let isComplaintTerminal = isatty(2) == 1
    private static let mayColour =
        (ThisProcess.environment("NO_COLOR") ?? "").isEmpty && ThisProcess.environment("TERM") != "dumb"

    static func heading(_ text: String) -> String { styled(text, "1", isOutputTerminal) }
    static func faint(_ text: String) -> String { styled(text, "2", isOutputTerminal) }
    static func complaintStyle(_ text: String) -> String { styled(text, "31", isComplaintTerminal) }

    private static func styled(_ text: String, _ code: String, _ isTerminal: Bool) -> String {
        isTerminal && mayColour ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }

    /// `text` with control characters made visible: a name with an escape sequence in it moves no cursor.
    static func safe(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isSteering) else { return text }
        var safe = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { safe.append(isSteering(scalar) ? "\u{fffd}" : scalar) }
        return String(safe)
    }

    /// Control characters, and those that turn the direction of all that follows.
    private static func isSteering(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1f, 0x7f...0x9f, 0x202a...0x202e, 0x2066...0x2069, 0x2028, 0x2029: true
        default: false
        }
    }

    /// 1234567 as 1,234,567.
    static func grouped(_ number: some BinaryInteger) -> String {
        var text = ""
        for (place, digit) in String(number).reversed().enumerated() {
            if place > 0, place % 3 == 0, digit != "-" { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }
}
