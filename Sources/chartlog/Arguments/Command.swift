/// One command: its name, what it takes, and what it does.
struct Command: Sendable {
    /// One word, or two: what it is about and what is done.
    let name: String
    /// What follows the name on the usage line.
    let synopsis: String
    /// One line for the overview.
    let summary: String
    /// What else a newcomer should know.
    let story: String
    let options: [Option]
    /// How many operands it takes, and what they are called.
    let operands: ClosedRange<Int>
    let run: @Sendable (Arguments) throws(Failure) -> Void

    init(
        _ name: String, _ synopsis: String, summary: String, story: String = "", options: [Option],
        operands: ClosedRange<Int> = 0...0, run: @escaping @Sendable (Arguments) throws(Failure) -> Void
    ) {
        self.name = name
        self.synopsis = synopsis
        self.summary = summary
        self.story = story
        self.options = options
        self.operands = operands
        self.run = run
    }

    static let all: [Command] = [
        .initialise, .start, .serve, .append, .events, .patient, .appointments, .audit, .status, .handover,
        .replace, .spares, .clock, .restoreRewind, .restorePreview, .restoreBranch, .drill, .backupCreate,
        .backupStatus, .backupList, .backupVerify, .backupExpire, .backupHold, .keysEscrow, .keysNewIdentity, .verify,
    ]
}

/// One option of a command.
struct Option: Sendable {
    /// What its value must be.
    enum Kind: Sendable {
        /// Takes no value.
        case flag
        case text
        case number(ClosedRange<Int>)
        /// A decimal position of the log.
        case position
        /// RFC 3339 with an offset.
        case instant
        /// An instant or a position.
        case asOf
        /// A civil day, YYYY-MM-DD.
        case day
    }

    let name: String
    let kind: Kind
    /// What stands for the value in the help.
    let value: String
    let help: String
    let isRepeatable: Bool

    init(_ name: String, _ kind: Kind, _ value: String = "", _ help: String, isRepeatable: Bool = false) {
        self.name = name
        self.kind = kind
        self.value = value
        self.help = help
        self.isRepeatable = isRepeatable
    }
}

extension Option {
    static let json = Option("json", .flag, "", "print the server's answer as it came")
    static let asOf = Option(
        "asof", .asOf, "INSTANT", "as it stood then: an instant with offset, or a position of the log")
    static let progress = Option("progress", .flag, "", "show progress even when this is no terminal")

    /// What every command that talks to a cluster takes.
    static let cluster: [Option] = [
        Option("context", .text, "FILE", "where the cluster is and who asks (default $CHARTLOG_CONTEXT)"),
        Option("purpose", .text, "CODE", "why: a PurposeOfUse code such as TREAT (default from the context)"),
        Option("on-behalf-of", .text, "REF", "for whom, such as Practitioner/pr-7"),
        json,
    ]
}
