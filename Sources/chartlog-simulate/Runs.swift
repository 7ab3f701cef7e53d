import Linux
import Simulator

/// The runs that the command line asks for.
enum Runs {
    /// Worlds from a range of seeds, until one breaks a promise.
    static func campaign(_ options: Options) {
        var campaign = Campaign()
        let began = LinuxClock.monotonicMilliseconds()
        var told = began
        for seed in options.seeds {
            var plan = Plan(seed: seed, replicas: options.replicas, safetySeconds: options.seconds)
            plan.mutant = options.mutant
            // A planted bug may end the program; the last line then says where.
            if options.mutant != nil { Terminal.say("seed \(seed)") }
            let outcome = campaign.add(
                plan, narrator: options.traces ? { Terminal.say($0) } : nil, tellsMessages: options.tellsMessages)
            if options.printsSums { Terminal.say("seed \(seed) sum \(outcome.trace)") }
            if options.runsTwice, World.run(plan).trace != outcome.trace {
                Terminal.fail("seed \(seed): two runs of one world differ")
            }
            if campaign.failure != nil { break }
            let now = LinuxClock.monotonicMilliseconds()
            if !options.isQuiet, now > told + 5_000 {
                told = now
                Terminal.say(summary(campaign, milliseconds: now - began))
            }
        }
        Terminal.say(summary(campaign, milliseconds: LinuxClock.monotonicMilliseconds() - began))
        Terminal.say("  faults: \(campaign.faultText)")
        if let failure = campaign.failure { report(failure, options) }
        guard options.hasFloor else { return }
        let shortfalls = campaign.shortfalls
        for shortfall in shortfalls { Terminal.say("  too seldom: \(shortfall)") }
        if !shortfalls.isEmpty { Terminal.fail("the worlds did not meet enough") }
    }

    /// One world as it was written down.
    static func replay(_ plan: Plan, _ options: Options) {
        var campaign = Campaign()
        let outcome = campaign.add(
            plan, narrator: options.traces ? { Terminal.say($0) } : nil, tellsMessages: options.tellsMessages)
        if let failure = campaign.failure { report(failure, options) }
        Terminal.say("seed \(plan.seed): no promise was broken; \(outcome.events) events, sum \(outcome.trace)")
    }

    /// What clients of real processes were told.
    static func judge(_ bytes: [UInt8], _ path: String) {
        do throws(HistoryText.BadLine) {
            let text = try HistoryText(bytes)
            if let violation = HistoryCheck(text.history, log: text.log).violation { Terminal.fail(violation) }
            Terminal.say(
                "\(text.history.operations.count) operations, \(text.log.count) events: one order explains them all")
        } catch {
            Terminal.usage("\(path), line \(error.number): no operation that can be read")
        }
    }

    private static func report(_ failure: Campaign.Failure, _ options: Options) -> Never {
        Terminal.say("seed \(failure.plan.seed) breaks \(told(failure.violation))")
        if options.shrinks {
            var shrinking = Shrinking(failure)
            shrinking.run()
            Terminal.say("after \(shrinking.tries) smaller worlds it breaks \(told(shrinking.violation))")
            Terminal.say(shrinking.plan.text)
        }
        Terminal.fail("a promise was broken")
    }

    private static func told(_ violation: Violation) -> String {
        "\(violation.invariant) at \(violation.time) us: \(violation.detail)"
    }

    private static func summary(_ campaign: Campaign, milliseconds: UInt64) -> String {
        let took = max(1, milliseconds)
        return """
              \(campaign.worlds) seeds, \(campaign.events) events (\(campaign.events * 1000 / took)/s), \
            \(campaign.operations) operations (\(campaign.acknowledged) appends acknowledged, \
            \(campaign.rewinds) rewinds, \(campaign.pastAnswers) answers of the past), \
            \(campaign.microseconds / 1_000_000) virtual seconds in \(took) ms
            """
    }
}
