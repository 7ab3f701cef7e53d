import Linux
import Server

/// `chartlog`: the one binary that people use. What each command does is in `Commands`; here only the way in and the
/// ways out.
@main enum Main {
    static func main() {
        do throws(LinuxError) {
            try ThisProcess.closeCurtains()
        } catch {
            Output.complaint("chartlog: this machine does not let the process hide its memory (\(error.reason))")
            ThisProcess.exit(ExitCode.failed.rawValue)
        }
        let arguments = Array(CommandLine.arguments.dropFirst())
        do throws(Failure) {
            try run(arguments)
        } catch {
            error.tell()
            ThisProcess.exit(error.code.rawValue)
        }
        ThisProcess.exit(ExitCode.done.rawValue)
    }

    private static func run(_ arguments: [String]) throws(Failure) {
        guard let first = arguments.first else {
            Output.complaint(Help.overview)
            throw Failure(.usage, "")
        }
        if ["--help", "-h", "help"].contains(first) {
            guard first == "help", arguments.count > 1 else { return Output.line(Help.overview) }
            return Output.line(Help.text(try command(Array(arguments.dropFirst())).command))
        }
        if first == "--version" { return Output.line("chartlog \(Version.text)") }
        let (command, rest) = try command(arguments)
        if rest.contains("--help") || rest.contains("-h") { return Output.line(Help.text(command)) }
        try command.run(try Arguments(rest, of: command))
    }

    /// The command that the first word, or the first two, name, and what follows.
    private static func command(_ words: [String]) throws(Failure) -> (command: Command, rest: [String]) {
        for count in [2, 1] where words.count >= count {
            let name = words.prefix(count).joined(separator: " ")
            if let command = Command.all.first(where: { $0.name == name }) {
                return (command, Array(words.dropFirst(count)))
            }
        }
        let name = words[0]
        let group = Command.all.filter { $0.name.hasPrefix(name + " ") }
        if !group.isEmpty {
            let lines = group.map { "  chartlog \($0.name) \($0.synopsis)" }.joined(separator: "\n")
            if words.dropFirst().contains(where: { $0 == "--help" || $0 == "-h" }) {
                Output.line("usage:\n" + lines)
                ThisProcess.exit(ExitCode.done.rawValue)
            }
            throw Failure(.usage, "\(name) needs a word more", "usage:\n" + lines)
        }
        let guess = Nearness.guess(name, among: Command.all.map(\.name)).map { "did you mean chartlog \($0)?" }
        throw Failure(.usage, "there is no command \(Screen.safe(name))", guess ?? "chartlog --help lists the commands")
    }

}
