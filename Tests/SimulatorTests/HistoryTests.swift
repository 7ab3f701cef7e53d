import Bytes
import Simulator
import Testing

/// One client's operation, told shortly.
private func append(
    _ client: Int, _ times: ClosedRange<UInt64>, _ event: UInt64, stream: Int = 0, at position: UInt64?,
    version: UInt64? = nil, expected: UInt64? = nil
) -> HistoryOperation {
    HistoryOperation(
        client: client, invoked: times.lowerBound, completed: times.upperBound,
        call: .append([SentEvent(event: event, stream: stream, expected: expected, begins: .whenMissing)]),
        outcome: position.map {
            .appended([Standing(event: event, version: version ?? $0, position: $0, stamp: 0)], again: false)
        } ?? .unknown)
}

private func look(_ client: Int, _ times: ClosedRange<UInt64>, version: UInt64, position: UInt64) -> HistoryOperation {
    HistoryOperation(
        client: client, invoked: times.lowerBound, completed: times.upperBound, call: .look(stream: 0, asOf: nil),
        outcome: version == 0 ? .missing : .shown(version: version, stamp: 0, position: position, words: nil))
}

private func refused(_ client: Int, _ times: ClosedRange<UInt64>, _ event: UInt64, actual: UInt64) -> HistoryOperation {
    HistoryOperation(
        client: client, invoked: times.lowerBound, completed: times.upperBound,
        call: .append([SentEvent(event: event, stream: 0, expected: actual + 1, begins: .whenMissing)]),
        outcome: .refused(.conflicts([Refusal.Conflict(stream: 0, expected: actual + 1, actual: actual)])))
}

private func logged(_ events: UInt64...) -> [LoggedEvent] {
    events.enumerated().map { LoggedEvent(event: $1, stream: 0, version: UInt64($0) + 1, stamp: 0) }
}

@Suite struct `Histories` {
    /// Histories as the literature labels them, with one stream as the register.
    static let labelled: [(name: String, isRight: Bool, operations: [HistoryOperation], log: [LoggedEvent])] = [
        ("nothing happened", true, [], []),
        ("one after another", true, [append(0, 1...2, 1, at: 1), look(1, 3...4, version: 1, position: 1)], logged(1)),
        ("a stale read", false, [append(0, 1...2, 1, at: 1), look(1, 3...4, version: 0, position: 0)], logged(1)),
        (
            "a read that overlaps a write may see either", true,
            [
                append(0, 1...9, 1, at: 1), look(1, 2...3, version: 0, position: 0),
                look(2, 4...5, version: 1, position: 1),
            ],
            logged(1)
        ),
        (
            "time runs back between two readers", false,
            [
                append(0, 1...9, 1, at: 1), look(1, 2...3, version: 1, position: 1),
                look(2, 4...5, version: 0, position: 0),
            ],
            logged(1)
        ),
        (
            "two writes in the order of their answers", true,
            [append(0, 1...4, 1, at: 2), append(1, 2...3, 2, at: 1)], logged(2, 1)
        ),
        (
            "two writes against the order of real time", false,
            [append(0, 1...2, 1, at: 2), append(1, 3...4, 2, at: 1)], logged(2, 1)
        ),
        ("an acknowledged write is lost", false, [append(0, 1...2, 1, at: 1)], []),
        (
            "an unknown write happened", true, [append(0, 1...2, 1, at: nil), look(1, 9...9, version: 1, position: 1)],
            logged(1)
        ),
        (
            "an unknown write did not happen", true,
            [append(0, 1...2, 1, at: nil), look(1, 9...9, version: 0, position: 0)], []
        ),
        (
            "an unknown write is seen and then not", false,
            [
                append(0, 1...2, 1, at: nil), look(1, 3...4, version: 1, position: 1),
                look(1, 5...6, version: 0, position: 0),
            ], logged(1)
        ),
        (
            "a refusal by what was there", true,
            [append(0, 1...2, 1, at: 1), refused(1, 3...4, 2, actual: 1)], logged(1)
        ),
        (
            "a refusal by what was not there yet", false,
            [refused(1, 1...2, 2, actual: 1), append(0, 3...4, 1, at: 1)], logged(1)
        ),
        (
            "a refusal by what had been overtaken", false,
            [append(0, 1...2, 1, at: 1), append(0, 3...4, 2, at: 2), refused(1, 5...6, 3, actual: 1)], logged(1, 2)
        ),
        (
            "a read of a write before it is sent", false,
            [look(1, 1...2, version: 1, position: 1), append(0, 3...4, 1, at: 1)], logged(1)
        ),
    ]

    @Test(arguments: labelled.indices) func `a labelled history is judged as its label says`(index: Int) {
        let one = Self.labelled[index]
        let history = History(operations: one.operations)
        #expect((HistoryCheck(history, log: one.log).violation == nil) == one.isRight, "\(one.name), by the log")
        // The search is not told the log, so a loss shows only in what others see.
        if one.name != "an acknowledged write is lost" {
            #expect(ExhaustiveSearch.holds(history) == one.isRight, "\(one.name), by search")
        }
    }

    @Test func `histories of a single store are found right, by the log and by search`() {
        for seed in UInt64(1)...150 {
            let made = HistoryMaker(seed: seed, operations: 16, clients: 4, streams: 3)
            let violation = HistoryCheck(made.history, log: made.log).violation
            #expect(violation == nil, "seed \(seed)")
            let holds = ExhaustiveSearch.holds(made.history)
            #expect(holds, "seed \(seed)")
        }
        for seed in UInt64(1)...20 {
            let made = HistoryMaker(seed: seed, operations: 600, clients: 12, streams: 5)
            #expect(HistoryCheck(made.history, log: made.log).violation == nil, "seed \(seed)")
        }
    }

    @Test func `two reads that change places are refused, unless they may`() {
        var refused = 0
        for seed in UInt64(1)...300 {
            let made = HistoryMaker(seed: seed, operations: 16, clients: 2, streams: 1)
            var dice = SeededDice(seed: seed)
            var history = made.history
            let reads = history.operations.indices.filter {
                if case .look(_, nil) = history.operations[$0].call { true } else { false }
            }
            guard reads.count >= 2, let one = reads.randomElement(using: &dice),
                let other = reads.randomElement(using: &dice), one != other
            else { continue }
            let outcome = history.operations[one].outcome
            history.operations[one].outcome = history.operations[other].outcome
            history.operations[other].outcome = outcome
            let isRight = HistoryCheck(history, log: made.log).violation == nil
            let holds = ExhaustiveSearch.holds(history)
            #expect(isRight == holds, "seed \(seed)")
            if !isRight { refused += 1 }
        }
        #expect(refused > 50)
    }

    @Test func `an acknowledged append that is lost or doubled is refused`() throws {
        var tried = 0
        for seed in UInt64(1)...60 {
            let made = HistoryMaker(seed: seed, operations: 24, clients: 3, streams: 2)
            guard let last = made.log.last, case .event(let event, let stream, let version) = last.what else {
                continue
            }
            let isTold = made.history.operations.contains {
                if case .appended(let standings, _) = $0.outcome {
                    standings.contains { $0.event == event }
                } else {
                    false
                }
            }
            guard isTold else { continue }
            tried += 1
            #expect(HistoryCheck(made.history, log: made.log.dropLast()).violation != nil)
            var doubled = made.log
            doubled.append(
                LoggedEvent(event: event, stream: stream, version: version + 1, stamp: last.stamp))
            #expect(HistoryCheck(made.history, log: doubled).violation != nil)
        }
        #expect(tried > 30)
    }

    @Test func `answers made wrong are refused wherever the search refuses them`() {
        var refused = 0
        for seed in UInt64(1)...400 {
            let made = HistoryMaker(seed: seed, operations: 14, clients: 3, streams: 2)
            var history = made.history
            var dice = SeededDice(seed: seed &* 31)
            guard let at = history.operations.indices.randomElement(using: &dice) else { continue }
            switch history.operations[at].outcome {
            case .shown(let version, let stamp, let position, _):
                let by: UInt64 = Bool.random(using: &dice) ? 1 : 0
                history.operations[at].outcome = .shown(
                    version: version + 1 - by, stamp: stamp, position: position + by, words: nil)
            case .missing, .gone:
                history.operations[at].outcome = .shown(version: 1, stamp: 0, position: 1, words: nil)
            case .scanned(var scan):
                if scan.shown.isEmpty { scan.firstStand += 1 } else { scan.shown.removeFirst() }
                history.operations[at].outcome = .scanned(scan)
            case .refused: history.operations[at].outcome = .refused(.missing)
            case .restored(var told):
                if told.appliedAt == nil { told.streams += 1 } else { told.vanishing += 1 }
                history.operations[at].outcome = .restored(told)
            case .appended, .unknown, .nothing, .noMoment, .listed, .found: continue
            }
            guard HistoryCheck(history, log: made.log).violation == nil else {
                refused += 1
                continue
            }
            let holds = ExhaustiveSearch.holds(history)
            #expect(holds, "seed \(seed): only the search refuses it")
        }
        #expect(refused > 100)
    }
}
