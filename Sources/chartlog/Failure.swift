import Linux

/// How the program ends (design 12).
enum ExitCode: Int32, Sendable {
    case done = 0
    /// Refused or failed.
    case failed = 1
    case usage = 2
    /// Nobody reachable.
    case unreachable = 3
    /// The outcome is unknown: the same request may be sent again.
    case unknown = 4
}

/// Why a command ends without having done what it was asked, and what to do next.
struct Failure: Error {
    var code: ExitCode
    /// Empty when everything has been said already.
    var message: String
    var hint: String?

    init(_ code: ExitCode, _ message: String, _ hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    func tell() {
        guard !message.isEmpty else { return }
        Output.complaint("\(Screen.complaintStyle("chartlog:")) \(message)")
        if let hint { Output.complaint("  \(hint)") }
    }
}
