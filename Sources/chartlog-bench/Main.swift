/// `chartlog-bench`: makes input, and measures. Every figure that the project states comes from here.
@main enum Main {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch arguments.first {
        case "generate": Generate.run(Array(arguments.dropFirst()))
        default: Exit.usage("chartlog-bench generate …")
        }
    }
}
