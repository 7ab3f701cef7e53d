import Bytes

/// The arguments of one command, every value checked against its option's kind.
struct Arguments: Sendable {
    private var values: [String: [String]] = [:]
    private(set) var operands: [String] = []

    init(_ arguments: [String], of command: Command) throws(Failure) {
        var rest = arguments[...]
        var onlyOperands = false
        while let argument = rest.popFirst() {
            if onlyOperands || !argument.hasPrefix("-") || argument == "-" {
                operands.append(argument)
            } else if argument == "--" {
                onlyOperands = true
            } else {
                try take(argument, &rest, of: command)
            }
        }
        guard command.operands.contains(operands.count) else {
            let what = operands.count < command.operands.lowerBound ? "too few arguments" : "too many arguments"
            throw Self.refusal(command, what)
        }
    }

    private mutating func take(
        _ argument: String, _ rest: inout ArraySlice<String>, of command: Command
    ) throws(Failure) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let name = String(parts[0].drop { $0 == "-" })
        guard argument.hasPrefix("--"), let option = command.options.first(where: { $0.name == name }) else {
            let guess = Nearness.guess(name, among: command.options.map(\.name)).map { "did you mean --\($0)?" }
            throw Self.refusal(command, "\(command.name) has no option \(Screen.safe(parts[0]))", guess)
        }
        guard values[name] == nil || option.isRepeatable else {
            throw Self.refusal(command, "--\(name) may stand once")
        }
        if case .flag = option.kind {
            guard parts.count == 1 else { throw Self.refusal(command, "--\(name) takes no value") }
            values[name] = [""]
            return
        }
        guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
            throw Self.refusal(command, "--\(name) needs a value: --\(name) \(option.value)")
        }
        if let complaint = Self.complaint(value, option.kind) {
            throw Self.refusal(command, "--\(name) \(complaint)")
        }
        values[name, default: []].append(Self.plain(value, option.kind))
    }

    /// A position as status and tables show it, 1,234,567, in digits alone: where it is seen it can be copied from.
    private static func plain(_ value: String, _ kind: Option.Kind) -> String {
        switch kind {
        case .position, .asOf: ungrouped(value)
        case .flag, .text, .number, .instant, .day: value
        }
    }

    /// The digits of a number that is grouped by threes; any other text as it is.
    private static func ungrouped(_ value: String) -> String {
        let groups = value.split(separator: ",", omittingEmptySubsequences: false)
        guard groups.count > 1, (1...3).contains(groups[0].count), groups.dropFirst().allSatisfy({ $0.count == 3 }),
            groups.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } })
        else { return value }
        return groups.joined()
    }

    /// What is wrong with a value; nil when nothing is.
    private static func complaint(_ value: String, _ kind: Option.Kind) -> String? {
        switch kind {
        case .flag: nil
        case .text: value.isEmpty ? "needs a value" : nil
        case .number(let range):
            Int(value).map(range.contains) == true
                ? nil : "takes a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .position: UInt64(Self.ungrouped(value)) == nil ? "takes a position: decimal digits" : nil
        case .instant: instantComplaint(value)
        case .asOf: UInt64(Self.ungrouped(value)) == nil ? instantComplaint(value) : nil
        case .day: CivilDay(text: value) == nil ? "takes a day such as 2026-03-02" : nil
        }
    }

    private static func instantComplaint(_ value: String) -> String? {
        do throws(Instant.Refusal) {
            _ = try Instant(value)
            return nil
        } catch .withoutOffset {
            return "needs an offset: \(Screen.safe(value))Z if that is UTC"
        } catch {
            return "takes an instant such as 2026-03-02T09:00:00+01:00"
        }
    }

    private static func refusal(_ command: Command, _ message: String, _ hint: String? = nil) -> Failure {
        Failure(.usage, message, hint ?? "usage: chartlog \(command.name) \(command.synopsis)")
    }

    func has(_ flag: String) -> Bool { values[flag] != nil }
    func text(_ name: String) -> String? { values[name]?.first }
    func all(_ name: String) -> [String] { values[name] ?? [] }
    func number(_ name: String, or normal: Int) -> Int { text(name).flatMap { Int($0) } ?? normal }
    func day(_ name: String) -> CivilDay? { text(name).flatMap { CivilDay(text: $0) } }
}

extension CivilDay {
    /// YYYY-MM-DD of a day that exists.
    init?(text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.utf8.count == 10, parts.count == 3, parts[0].utf8.count == 4, parts[1].utf8.count == 2,
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]), year >= 1,
            (1...12).contains(month), (1...CivilDay.days(inMonth: month, of: year)).contains(day)
        else { return nil }
        self.init(year: year, month: month, day: day)
    }
}
