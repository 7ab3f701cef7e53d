import Simulator
import Testing

/// Histories with a rewind in them. Stream 0 has two events, the second by one that expected the first; stream 1 has one;
/// then the store goes back to where stream 0 had one event and stream 1 was not there, and stream 1 is begun anew.
@Suite struct RewindHistoryTests {
    private static let log = [
        LoggedEvent(event: 1, stream: 0, version: 1, stamp: 10),
        LoggedEvent(event: 2, stream: 0, version: 2, stamp: 20),
        LoggedEvent(event: 3, stream: 1, version: 1, stamp: 30),
        LoggedEvent(RewindMade(order: 0, target: 1, streams: 2), stamp: 40),
        LoggedEvent(event: 4, stream: 1, version: 3, stamp: 50),
    ]

    private static func at(
        _ time: UInt64, _ call: HistoryOperation.Call, _ outcome: HistoryOperation.Outcome
    ) -> HistoryOperation {
        HistoryOperation(client: 0, invoked: time, completed: time + 1, call: call, outcome: outcome)
    }

    private static func append(
        _ time: UInt64, _ event: UInt64, _ stream: Int, expected: UInt64?, _ begins: SentEvent.Beginning,
        at position: UInt64, version: UInt64, again: Bool = false, rewoundBy: UInt64? = nil
    ) -> HistoryOperation {
        var standing = Standing(
            event: event, version: version, position: position, stamp: log[Int(position) - 1].stamp)
        standing.rewoundBy = rewoundBy
        return at(
            time, .append([SentEvent(event: event, stream: stream, expected: expected, begins: begins)]),
            .appended([standing], again: again))
    }

    private static func rewind(_ outcome: HistoryOperation.Outcome, to moment: Moment = .stamp(19)) -> HistoryOperation
    {
        at(40, .rewind(order: 0, to: moment, applies: true), outcome)
    }

    private static func told(_ position: UInt64 = 4, target: UInt64 = 1, streams: Int = 2, vanishing: Int = 1)
        -> HistoryOperation.Outcome
    {
        .restored(
            Restored(
                target: target, position: position - 1, streams: streams, vanishing: vanishing, appliedAt: position))
    }

    private static func look(
        _ time: UInt64, _ stream: Int, asOf moment: Moment? = nil, _ outcome: HistoryOperation.Outcome
    ) -> HistoryOperation { at(time, .look(stream: stream, asOf: moment), outcome) }

    private static func shown(_ version: UInt64, at position: UInt64, _ word: UInt64, stamp: Int64)
        -> HistoryOperation.Outcome
    {
        .shown(version: version, stamp: stamp, position: position, words: [word])
    }

    private static func listed(
        _ time: UInt64, _ moment: Moment, _ versions: [(version: UInt64, stamp: Int64, word: UInt64?)],
        at position: UInt64
    ) -> HistoryOperation {
        at(
            time, .versions(stream: 1, asOf: moment, count: 100),
            .listed(
                versions.map { one in
                    ShownVersion(version: one.version, stamp: one.stamp, words: one.word.map { [$0] })
                }, position: position))
    }

    private static func found(
        _ moment: Moment, _ streams: [(stream: Int, version: UInt64, stamp: Int64, word: UInt64)], total: Int? = nil,
        at position: UInt64
    ) -> HistoryOperation {
        at(
            70, .search(of: 0..<2, asOf: moment),
            .found(
                streams.map { one in
                    FoundStream(
                        stream: one.stream,
                        shown: ShownVersion(version: one.version, stamp: one.stamp, words: [one.word]))
                }, total: total, position: position))
    }

    private static let writes = [
        append(10, 1, 0, expected: 0, .always, at: 1, version: 1),
        append(20, 2, 0, expected: 1, .never, at: 2, version: 2),
        append(30, 3, 1, expected: nil, .always, at: 3, version: 1), rewind(told()),
    ]
    private static let anew = append(50, 4, 1, expected: 0, .always, at: 5, version: 3)

    /// What somebody is told beside the writes, and whether that can be.
    static let told: [(name: String, isRight: Bool, operation: HistoryOperation)] = [
        ("the content that was, one version up", true, look(45, 0, shown(3, at: 4, 1, stamp: 40))),
        ("what was undone", false, look(45, 0, shown(3, at: 4, 2, stamp: 40))),
        ("the old version", false, look(45, 0, shown(1, at: 4, 1, stamp: 10))),
        ("the stamp of what came back", false, look(45, 0, shown(3, at: 4, 1, stamp: 10))),
        ("a stream made since is gone", true, look(45, 1, .gone)),
        ("a stream made since was never there", false, look(45, 1, .missing)),
        ("a stream that stays is gone", false, look(45, 0, .gone)),
        ("a stream is gone before it goes", false, look(35, 1, .gone)),
        ("as of just before", true, look(70, 0, asOf: .stamp(39), shown(2, at: 3, 2, stamp: 20))),
        ("as of just before, with the rewind", false, look(70, 0, asOf: .stamp(39), shown(3, at: 4, 1, stamp: 40))),
        ("as of the rewind", true, look(70, 0, asOf: .stamp(40), shown(3, at: 4, 1, stamp: 40))),
        ("as of the rewind, without it", false, look(70, 0, asOf: .stamp(40), shown(2, at: 3, 2, stamp: 20))),
        ("as of a position before", true, look(70, 0, asOf: .position(2), shown(2, at: 2, 2, stamp: 20))),
        ("as of a position, from another", false, look(70, 0, asOf: .position(2), shown(2, at: 3, 2, stamp: 20))),
        ("as of what nobody had sent yet", false, look(30, 0, asOf: .position(4), shown(3, at: 4, 1, stamp: 40))),
        ("missing as of when it was not made", true, look(70, 1, asOf: .position(2), .missing)),
        ("missing as of when it was there", false, look(70, 1, asOf: .position(3), .missing)),
        ("gone as of when it was", true, look(70, 1, asOf: .stamp(49), .gone)),
        ("gone as of when it was back", false, look(70, 1, asOf: .stamp(50), .gone)),
        ("begun anew", true, look(70, 1, shown(3, at: 5, 4, stamp: 50))),
        ("all versions", true, listed(70, .position(5), [(3, 50, 4), (2, 40, nil), (1, 30, 3)], at: 5)),
        ("all versions, as of an instant", true, listed(70, .stamp(49), [(2, 40, nil), (1, 30, 3)], at: 4)),
        ("one version too few", false, listed(70, .position(5), [(3, 50, 4), (2, 40, nil)], at: 5)),
        ("a version that was gone and is shown", false, listed(70, .stamp(49), [(2, 40, 3), (1, 30, 3)], at: 4)),
        ("a version with other words", false, listed(70, .stamp(49), [(2, 40, nil), (1, 30, 2)], at: 4)),
        ("whatever is there", true, found(.position(5), [(0, 3, 40, 1), (1, 3, 50, 4)], total: 2, at: 5)),
        ("whatever was there", true, found(.stamp(39), [(0, 2, 20, 2), (1, 1, 30, 3)], at: 3)),
        ("what was gone is not found", true, found(.stamp(49), [(0, 3, 40, 1)], at: 4)),
        ("what was gone is found", false, found(.stamp(49), [(0, 3, 40, 1), (1, 1, 30, 3)], at: 4)),
        ("what was there is not found", false, found(.stamp(39), [(0, 2, 20, 2)], at: 3)),
        ("found in another order", false, found(.stamp(39), [(1, 1, 30, 3), (0, 2, 20, 2)], at: 3)),
        ("found as it was before", false, found(.stamp(49), [(0, 2, 20, 2)], at: 4)),
        ("found with a total of its own", false, found(.stamp(49), [(0, 3, 40, 1)], total: 2, at: 4)),
        ("found at another place", false, found(.stamp(39), [(0, 3, 40, 1)], at: 4)),
        ("an instant before everything", true, look(70, 0, asOf: .stamp(9), .noMoment(.instant))),
        ("no such instant, which there is", false, look(70, 0, asOf: .stamp(10), .noMoment(.instant))),
        ("a position to come", true, look(70, 0, asOf: .position(6), .noMoment(.position))),
        ("a position to come that was known", false, look(70, 0, asOf: .position(5), .noMoment(.position))),
        ("inside a transaction that there is not", false, look(70, 0, asOf: .position(5), .noMoment(.inside))),
        (
            "what was undone, sent again", true,
            append(70, 2, 0, expected: 1, .never, at: 2, version: 2, again: true, rewoundBy: 4)
        ),
        (
            "what was undone, sent again, as if it counted", false,
            append(70, 2, 0, expected: 1, .never, at: 2, version: 2, again: true)
        ),
        (
            "what counts, sent again, as if it was undone", false,
            append(70, 1, 0, expected: 0, .always, at: 1, version: 1, again: true, rewoundBy: 4)
        ),
        ("what counts, sent again", true, append(70, 1, 0, expected: 0, .always, at: 1, version: 1, again: true)),
        ("what counts, sent again, done anew", false, append(70, 1, 0, expected: 0, .always, at: 1, version: 1)),
        (
            "refused for what is gone", true,
            at(
                45, .append([SentEvent(event: 9, stream: 1, expected: 2, begins: .never)]), .refused(.gone))
        ),
        (
            "refused for what is gone, which is not", false,
            at(45, .append([SentEvent(event: 9, stream: 0, expected: 3, begins: .never)]), .refused(.gone))
        ),
        (
            "refused for the version that the rewind left", true,
            at(
                45, .append([SentEvent(event: 9, stream: 0, expected: 2, begins: .never)]),
                .refused(.conflicts([Refusal.Conflict(stream: 0, expected: 2, actual: 3)])))
        ),
        (
            "what the rewind would do", true,
            at(
                35, .rewind(order: 7, to: .position(1), applies: false),
                .restored(Restored(target: 1, position: 3, streams: 2, vanishing: 1, appliedAt: nil)))
        ),
        (
            "what the rewind would do, told too late", false,
            at(
                60, .rewind(order: 7, to: .position(1), applies: false),
                .restored(Restored(target: 1, position: 3, streams: 2, vanishing: 1, appliedAt: nil)))
        ),
    ]

    @Test(arguments: told.indices) func `what somebody is told beside a rewind is judged`(index: Int) {
        let one = Self.told[index]
        let history = History(operations: Self.writes + [Self.anew, one.operation])
        #expect((HistoryCheck(history, log: Self.log).violation == nil) == one.isRight, "\(one.name)")
    }

    /// What whoever ordered it was told, and whether that can be, with the rewind in the log and without.
    static let ordered: [(name: String, isRight: Bool, inLog: Bool, operation: HistoryOperation)] = [
        ("done as told", true, true, rewind(told())),
        ("done and lost", false, false, rewind(told())),
        ("unknown and done", true, true, rewind(.unknown)),
        ("unknown and not done", true, false, rewind(.unknown)),
        ("not done, and done", false, true, rewind(.nothing)),
        ("not done", true, false, rewind(.nothing)),
        ("done elsewhere", false, true, rewind(told(3))),
        ("done with other streams", false, true, rewind(told(streams: 1))),
        ("done with others vanishing", false, true, rewind(told(vanishing: 2))),
        ("done to another place than was asked", false, true, rewind(told(target: 2), to: .position(2))),
        ("done to what was asked, the log says otherwise", false, true, rewind(told(), to: .stamp(20))),
        ("ordered after it was done", false, true, at(48, .rewind(order: 0, to: .stamp(19), applies: true), .unknown)),
    ]

    @Test(arguments: ordered.indices) func `what an operator is told of a rewind is judged`(index: Int) {
        let one = Self.ordered[index]
        let before = Self.writes.dropLast() + [one.operation]
        let seen = Self.look(45, 0, Self.shown(3, at: 4, 1, stamp: 40))
        let history = History(operations: before + (one.inLog ? [seen] : []))
        let violation = HistoryCheck(history, log: Array(Self.log.prefix(one.inLog ? 4 : 3))).violation
        #expect((violation == nil) == one.isRight, "\(one.name): \(violation ?? "-")")
    }

    @Test func `a rewind can be rewound, and what it undid counts again`() {
        let log =
            Self.log.prefix(4) + [
                LoggedEvent(RewindMade(order: 1, target: 3, streams: 2), stamp: 45),
                LoggedEvent(RewindMade(order: 2, target: 2, streams: 2), stamp: 46),
            ]
        let back = Restored(target: 3, position: 4, streams: 2, vanishing: 0, appliedAt: 5)
        let last = Restored(target: 2, position: 5, streams: 2, vanishing: 1, appliedAt: 6)
        let history = History(
            operations: Self.writes + [
                Self.at(45, .rewind(order: 1, to: .position(3), applies: true), .restored(back)),
                Self.look(47, 0, Self.shown(4, at: 5, 2, stamp: 45)),
                Self.look(47, 1, Self.shown(3, at: 5, 3, stamp: 45)),
                Self.append(50, 2, 0, expected: 1, .never, at: 2, version: 2, again: true),
                Self.at(60, .rewind(order: 2, to: .position(2), applies: true), .restored(last)),
                Self.look(70, 0, Self.shown(5, at: 6, 2, stamp: 46)), Self.look(70, 1, .gone),
                Self.append(80, 3, 1, expected: nil, .always, at: 3, version: 1, again: true, rewoundBy: 6),
            ])
        #expect(HistoryCheck(history, log: Array(log)).violation == nil)
    }
}
