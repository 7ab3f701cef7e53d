import Glibc

/// The options of one command: `--name value` or `--name=value`, and what stands free.
struct Options {
    private var values: [String: String] = [:]
    private(set) var flags: [String] = []
    private(set) var free: [String] = []

    /// - Parameters:
    ///   - valued: names (without dashes) that take a value.
    ///   - flags: names that take none.
    init(_ arguments: [String], valued: [String], flags known: [String] = []) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--") else {
                free.append(argument)
                continue
            }
            let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1).map(String.init)
            let name = parts.first ?? ""
            if known.contains(name), parts.count == 1 {
                flags.append(name)
            } else if valued.contains(name), let value = parts.count == 2 ? parts[1] : rest.popFirst() {
                values[name] = value
            } else {
                Exit.usage("unknown option, or one without its value: \(argument)")
            }
        }
    }

    func text(_ name: String) -> String? { values[name] }

    func number(_ name: String, or normal: Int) -> Int {
        guard let text = values[name] else { return normal }
        guard let number = Int(text), number >= 0 else { Exit.usage("--\(name) takes a number, 0 or more") }
        return number
    }

    func has(_ flag: String) -> Bool { flags.contains(flag) }
}

/// Ways out.
enum Exit {
    static func usage(_ why: String) -> Never {
        Terminal.complain(why)
        exit(2)
    }

    static func failed(_ why: String) -> Never {
        Terminal.complain(why)
        exit(1)
    }
}
