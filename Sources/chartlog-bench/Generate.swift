import Clinic
import Linux

/// `generate`: events of the seeded clinic as NDJSON on standard output.
enum Generate {
    static let help = """
        chartlog-bench generate [--seed N] [--patients N] [--events N]

          Writes structured CloudEvents of a believable clinic, one a line: valid in this order, the same for the
          same numbers. 200 patients give 5,000 events in about a year of the clinic's life.
        """

    static func run(_ arguments: [String]) {
        let options = Options(arguments, valued: ["seed", "patients", "events"], flags: ["help"])
        if options.has("help") { return print(help) }
        let patients = options.number("patients", or: 200)
        guard (1...10_000_000).contains(patients) else { Exit.usage("--patients takes 1 to 10000000") }
        var clinic = ClinicGenerator(
            seed: UInt64(options.number("seed", or: 1)), patients: patients, events: options.number("events", or: 5000))
        var block: [UInt8] = []
        while let event = clinic.next() {
            block.append(contentsOf: event)
            block.append(0x0a)
            if block.count >= 1 << 18 {
                Output.write(block, to: 1)
                block.removeAll(keepingCapacity: true)
            }
        }
        Output.write(block, to: 1)
    }
}
