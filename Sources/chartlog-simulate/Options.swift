/// What the command line asks for.
struct Options {
    static let help = """
        chartlog-simulate --seeds A..B [--replicas N] [--seconds S] [--shrink] [--twice] [--floor] [--quiet]
        chartlog-simulate --seed A [--replicas N] [--seconds S] [--trace] [--messages] [--shrink]
        chartlog-simulate --plan FILE [--trace]
        chartlog-simulate --history FILE

          --seeds A..B   every world from seed A to seed B, both included
          --seed A       one world
          --plan FILE    one world as it was written down when it failed
          --history FILE what clients of real processes were told, and the log they ended with: is there one order?
          --replicas N   how many replicas there are; 3
          --seconds S    seconds of virtual time with faults, instead of the 20 to 50 that the seed draws
          --trace        tell what happens
          --messages     and every message of agreement, and what each replica then stands at
          --shrink       make a failing world smaller and print its plan
          --twice        run each world twice and compare the sums over all that happened
          --floor        fail as well if some fault, or some pair of faults, struck too seldom
          --sums         print each world's seed and sum, so that two processes can be compared
          --quiet        no progress
          --mutants      the bugs that can be planted, in a build that has them (CHARTLOG_MUTANTS=1)
          --mutant NAME  plant one

        Exit 0: no promise was broken. 1: one was, its seed and invariant are printed; or the floor was missed. 2: usage.
        """

    var seeds: ClosedRange<UInt64> = 1...1
    var replicas = 3
    var seconds: UInt64?
    var plan: String?
    var history: String?
    var mutant: String?
    var listsMutants = false
    var traces = false
    var tellsMessages = false
    var shrinks = false
    var runsTwice = false
    var printsSums = false
    var hasFloor = false
    var isQuiet = false
    var wantsHelp = false

    /// nil when they are not to be understood.
    init?(_ arguments: [String]) {
        var rest = arguments[...]
        var hasWork = false
        while let argument = rest.popFirst() {
            switch argument {
            case "--seeds":
                guard let range = rest.popFirst().flatMap(Self.range) else { return nil }
                seeds = range
                hasWork = true
            case "--seed":
                guard let seed = rest.popFirst().flatMap({ UInt64($0) }) else { return nil }
                seeds = seed...seed
                hasWork = true
            case "--plan":
                guard let path = rest.popFirst() else { return nil }
                plan = path
                hasWork = true
            case "--history":
                guard let path = rest.popFirst() else { return nil }
                history = path
                hasWork = true
            case "--replicas":
                guard let count = rest.popFirst().flatMap({ Int($0) }), (1...7).contains(count) else { return nil }
                replicas = count
            case "--seconds":
                guard let value = rest.popFirst().flatMap({ UInt64($0) }), value > 0, value < 1_000_000 else {
                    return nil
                }
                seconds = value
            case "--mutant":
                guard let name = rest.popFirst() else { return nil }
                mutant = name
            case "--mutants":
                listsMutants = true
                hasWork = true
            case "--trace": traces = true
            case "--messages":
                traces = true
                tellsMessages = true
            case "--shrink": shrinks = true
            case "--twice": runsTwice = true
            case "--sums": printsSums = true
            case "--floor": hasFloor = true
            case "--quiet": isQuiet = true
            case "--help", "-h":
                wantsHelp = true
                hasWork = true
            default: return nil
            }
        }
        guard hasWork else { return nil }
    }

    private static func range(_ text: String) -> ClosedRange<UInt64>? {
        let ends = text.split(separator: ".", omittingEmptySubsequences: true).map { UInt64($0) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last else { return nil }
        return first...last
    }
}
