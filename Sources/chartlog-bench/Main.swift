/// `chartlog-bench`: makes input, and measures. Every figure that the project states comes from here.
@main enum Main {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let rest = Array(arguments.dropFirst())
        switch arguments.first {
        case "generate": Generate.run(rest)
        case "load": Load.run(rest)
        case "--help", "-h": print([Generate.help, Load.help].joined(separator: "\n\n"))
        default: Exit.usage("generate or load? See chartlog-bench --help")
        }
    }
}
