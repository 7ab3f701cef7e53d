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
            return Output.line(Help.text(try command(arguments[1])))
        }
        if first == "--version" { return Output.line("chartlog \(Version.text)") }
        let command = try command(first)
        let rest = Array(arguments.dropFirst())
        if rest.contains("--help") || rest.contains("-h") { return Output.line(Help.text(command)) }
        try command.run(try Arguments(rest, of: command))
    }

    private static func command(_ name: String) throws(Failure) -> Command {
        if let command = Command.all.first(where: { $0.name == name }) { return command }
        let guess = Nearness.guess(name, among: Command.all.map(\.name)).map { "did you mean chartlog \($0)?" }
        throw Failure(.usage, "there is no command \(Screen.safe(name))", guess ?? "chartlog --help lists the commands")
    }

}
