/// What the clients of a world asked and got, in numbers: streams, events and times. What the check of linearizability
/// is made from; nothing in it says how the cluster works.
package struct History: Equatable, Sendable {
    package var operations: [HistoryOperation] = []

    package init(operations: [HistoryOperation] = []) { self.operations = operations }
}

/// One operation of one client, from the first time it was sent to the last word on it.
package struct HistoryOperation: Equatable, Sendable {
    package var client: Int
    package var invoked: UInt64
    /// When its outcome was known; meaningless while that is `.unknown`.
    package var completed: UInt64
    package var call: Call
    package var outcome: Outcome

    package init(client: Int, invoked: UInt64, completed: UInt64, call: Call, outcome: Outcome) {
        self.client = client
        self.invoked = invoked
        self.completed = completed
        self.call = call
        self.outcome = outcome
    }

    /// What was asked.
    package enum Call: Equatable, Sendable {
        case append([SentEvent])
        /// One stream, now or as it was.
        case look(stream: Int, asOf: Moment?)
        /// The newest versions of one stream as it was, so many at most.
        case versions(stream: Int, asOf: Moment, count: Int)
        /// Which of these streams are there, as it was: a search that each of them meets.
        case search(of: Range<Int>, asOf: Moment)
        /// All events, or those of a stream, after a position; now or as it was.
        case scan(stream: Int?, after: UInt64, asOf: Moment?)
        /// The audit item of what stands at a position.
        case audit(position: UInt64)
        /// A rewind, or what it would do. No two orders have one number, or name the same moment.
        case rewind(order: Int, to: Moment, applies: Bool)
    }

    /// What came of it.
    package enum Outcome: Equatable, Sendable {
        /// Nobody knows: done once or not at all.
        case unknown
        /// Surely nothing happened.
        case nothing
        /// `again`: it had been done before, and nothing was done now.
        case appended([Standing], again: Bool)
        case refused(Refusal)
        /// There is no such moment, or none to go back to.
        case noMoment(NoMoment)
        /// The stream at a version, as of a position, with the events whose words it bore, ascending (nil: nobody looked);
        /// of an audit item the stamp.
        case shown(version: UInt64, stamp: Int64, position: UInt64, words: [UInt64]?)
        /// The stream or the item did not exist.
        case missing
        /// The stream was rewound away.
        case gone
        case scanned(Scan)
        /// Versions of a stream, the newest first, as of a position.
        case listed([ShownVersion], position: UInt64)
        /// The streams that a search found, in the order it shows them, and how many it says there are.
        case found([FoundStream], total: Int?, position: UInt64)
        case restored(Restored)
    }
}

/// One version of a stream, and the events whose words it bore, ascending; nil: it was gone.
package struct ShownVersion: Equatable, Sendable {
    package var version: UInt64
    package var stamp: Int64
    package var words: [UInt64]?

    package init(version: UInt64, stamp: Int64, words: [UInt64]?) {
        self.version = version
        self.stamp = stamp
        self.words = words
    }
}

/// A stream that a search found, as it stood.
package struct FoundStream: Equatable, Sendable {
    package var stream: Int
    package var shown: ShownVersion

    package init(stream: Int, shown: ShownVersion) {
        self.stream = stream
        self.shown = shown
    }
}

/// An instant, as a stamp would say it, or a position.
package enum Moment: Hashable, Sendable {
    case stamp(Int64)
    case position(UInt64)
}

/// Why a moment was refused.
package enum NoMoment: Equatable, Sendable {
    /// An instant before the first event, or in the future.
    case instant
    /// A position that is not there yet.
    case position
    /// A position inside a transaction.
    case inside
}

/// What an operator was told of a rewind.
package struct Restored: Equatable, Sendable {
    /// What it went, or would go, back to.
    package var target: UInt64
    /// The last position before it.
    package var position: UInt64
    /// Streams that take the content they had, and those of them that are absent then and are not now.
    package var streams: Int
    package var vanishing: Int
    /// Its own position; nil of a preview.
    package var appliedAt: UInt64?

    package init(target: UInt64, position: UInt64, streams: Int, vanishing: Int, appliedAt: UInt64?) {
        self.target = target
        self.position = position
        self.streams = streams
        self.vanishing = vanishing
        self.appliedAt = appliedAt
    }
}

/// An event as it was sent. Its number is unique over all clients.
package struct SentEvent: Equatable, Sendable {
    package var event: UInt64
    package var stream: Int
    package var expected: UInt64?
    package var begins: Beginning
    /// It says all that there is to say of its stream; what was said before shows no more.
    package var isWhole = true
    /// The member of the resource that bears its number.
    package var member = 0

    package init(event: UInt64, stream: Int, expected: UInt64?, begins: Beginning) {
        self.event = event
        self.stream = stream
        self.expected = expected
        self.begins = begins
    }

    /// How an event stands to the beginning of its stream.
    package enum Beginning: Equatable, Sendable {
        /// It begins a stream and nothing else.
        case always
        case whenMissing
        /// It goes on with a stream that is there; one that was rewound away is gone.
        case never
        /// It goes on with a stream that is there; one that was rewound away is missing.
        case inPart
    }
}

/// Where an event stands, as an answer said.
package struct Standing: Equatable, Sendable {
    package var event: UInt64
    package var version: UInt64
    package var position: UInt64
    package var stamp: Int64
    /// The rewind by which it does not count any more; of appends that had been done before.
    package var rewoundBy: UInt64?

    package init(event: UInt64, version: UInt64, position: UInt64, stamp: Int64) {
        self.event = event
        self.version = version
        self.position = position
        self.stamp = stamp
    }
}

/// Why an append was refused.
package enum Refusal: Equatable, Sendable {
    /// Every failed expectation, with the version there was.
    case conflicts([Conflict])
    /// A stream to be begun was there.
    case exists
    /// A stream to go on with was not there.
    case missing
    /// A stream to go on with was rewound away.
    case gone

    package struct Conflict: Equatable, Sendable {
        package var stream: Int
        package var expected: UInt64
        package var actual: UInt64

        package init(stream: Int, expected: UInt64, actual: UInt64) {
            self.stream = stream
            self.expected = expected
            self.actual = actual
        }
    }
}

/// What a reader was shown, oldest first.
package struct Scan: Equatable, Sendable {
    package var shown: [Shown] = []
    /// The position that the first piece stood on, and the one that the last did.
    package var firstStand: UInt64 = 0
    package var lastStand: UInt64 = 0
    /// Everything through here was looked at; nil when the answer broke off.
    package var through: UInt64?

    package init() {}

    package enum Shown: Equatable, Sendable {
        case event(Standing)
        /// With the version that it is of the stream that was asked for; nil when all were.
        case rewind(RewindMade, version: UInt64?, position: UInt64, stamp: Int64)

        package var position: UInt64 {
            switch self {
            case .event(let standing): standing.position
            case .rewind(_, _, let position, _): position
            }
        }
    }
}

/// What a rewind's event says of it.
package struct RewindMade: Equatable, Sendable {
    /// The number of the order it was made by.
    package var order: Int
    package var target: UInt64
    /// How many streams it touched.
    package var streams: Int

    package init(order: Int, target: UInt64, streams: Int) {
        self.order = order
        self.target = target
        self.streams = streams
    }
}

/// What stands at one position of the log that the cluster ended with.
package struct LoggedEvent: Equatable, Sendable {
    package enum What: Equatable, Sendable {
        case event(UInt64, stream: Int, version: UInt64)
        case rewind(RewindMade)
    }

    package var what: What
    package var stamp: Int64

    package init(event: UInt64, stream: Int, version: UInt64, stamp: Int64) {
        what = .event(event, stream: stream, version: version)
        self.stamp = stamp
    }

    package init(_ rewind: RewindMade, stamp: Int64) {
        what = .rewind(rewind)
        self.stamp = stamp
    }
}
