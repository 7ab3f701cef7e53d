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
        /// The present version of one stream.
        case look(stream: Int)
        /// All events, or those of a stream, after a position.
        case scan(stream: Int?, after: UInt64)
        /// The audit item of the event at a position.
        case audit(position: UInt64)
    }

    /// What came of it.
    package enum Outcome: Equatable, Sendable {
        /// Nobody knows: done once or not at all.
        case unknown
        /// Surely nothing happened.
        case nothing
        case appended([Standing])
        case refused(Refusal)
        /// The stream at a version, as of a position, with the event whose words it bore; of an audit item the stamp.
        case shown(version: UInt64, stamp: Int64, position: UInt64, event: UInt64?)
        /// The stream or the item did not exist.
        case missing
        case scanned(Scan)
    }
}

/// An event as it was sent. Its number is unique over all clients.
package struct SentEvent: Equatable, Sendable {
    package var event: UInt64
    package var stream: Int
    package var expected: UInt64?
    package var begins: Beginning

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
        /// It goes on with a stream that is there.
        case never
    }
}

/// Where an event stands, as the answer to its append said.
package struct Standing: Equatable, Sendable {
    package var event: UInt64
    package var version: UInt64
    package var position: UInt64
    package var stamp: Int64

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

/// The events that a reader was shown, oldest first.
package struct Scan: Equatable, Sendable {
    package var shown: [Standing] = []
    /// The position that the first piece stood on, and the one that the last did.
    package var firstStand: UInt64 = 0
    package var lastStand: UInt64 = 0
    /// Everything through here was looked at; nil when the answer broke off.
    package var through: UInt64?

    package init() {}
}

/// One event of the log that the cluster ended with.
package struct LoggedEvent: Equatable, Sendable {
    package var event: UInt64
    package var stream: Int
    package var version: UInt64
    package var stamp: Int64

    package init(event: UInt64, stream: Int, version: UInt64, stamp: Int64) {
        self.event = event
        self.stream = stream
        self.version = version
        self.stamp = stamp
    }
}
