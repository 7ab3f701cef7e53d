/// What --help prints.
enum Help {
    static var overview: String {
        var lines = [
            "chartlog: a records store for clinics. Every change is a sealed event; every view can be asked as of any instant.",
            "",
            "usage: chartlog COMMAND …",
            "",
        ]
        let width = Command.all.map { Width.of($0.name) }.max() ?? 0
        for command in Command.all { lines.append("  \(Width.padded(command.name, to: width))  \(command.summary)") }
        lines += [
            "",
            "chartlog COMMAND --help says more. A first session:",
            "",
            "  chartlog init clinic && chartlog start clinic",
            "  export CHARTLOG_CONTEXT=clinic/service.context",
            "  chartlog append Fixtures/clinic.ndjson",
            "",
            "exits: 0 done, 1 refused or failed, 2 usage, 3 nobody reachable, 4 outcome unknown",
        ]
        return lines.joined(separator: "\n")
    }

    static func text(_ command: Command) -> String {
        var lines = ["usage: chartlog \(command.name) \(command.synopsis)", "", command.summary + "."]
        if !command.story.isEmpty { lines += ["", command.story] }
        guard !command.options.isEmpty else { return lines.joined(separator: "\n") }
        lines += ["", "options:"]
        let names = command.options.map { "--\($0.name)\($0.value.isEmpty ? "" : " \($0.value)")" }
        let width = names.map { Width.of($0) }.max() ?? 0
        for (name, option) in zip(names, command.options) {
            let again = option.isRepeatable ? "; may be repeated" : ""
            lines.append("  \(Width.padded(name, to: width))  \(option.help)\(again)")
        }
        return lines.joined(separator: "\n")
    }
}
