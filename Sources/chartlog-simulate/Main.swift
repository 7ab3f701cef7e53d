import Simulator

/// `chartlog-simulate`: whole clusters from seeds, in virtual time, with everything going wrong; and what they broke.
@main enum Main {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard let options = Options(arguments) else { Terminal.usage(Options.help) }
        if options.wantsHelp { return Terminal.say(Options.help) }
        if options.listsMutants { return Terminal.say(Plan.mutants.joined(separator: "\n")) }
        if let mutant = options.mutant, !Plan.mutants.contains(mutant) {
            Terminal.usage("This build has no such bug to plant; build with CHARTLOG_MUTANTS=1.")
        }
        if let path = options.history {
            guard let bytes = Terminal.bytes(path) else { Terminal.usage("\(path) cannot be read.") }
            return Runs.judge(bytes, path)
        }
        if let path = options.plan {
            guard let text = Terminal.bytes(path).map({ String(decoding: $0, as: UTF8.self) }),
                let plan = Plan(text: text)
            else {
                Terminal.usage("\(path) is no plan that can be read.")
            }
            return Runs.replay(plan, options)
        }
        Runs.campaign(options)
    }
}
