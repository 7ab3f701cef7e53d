package import API
package import Linux
package import Records
package import Replica
package import Transport

/// What the threads of one replica tell each other: values through bounded boxes, and numbers under a lock.
package struct NodeMail: Sendable {
    /// To the loop, which owns the replica.
    package let toLoop: Mailbox<ReplicaInput>
    /// To the thread that serves clients.
    package let toClients: Mailbox<ClientsInput>
    /// To the first thread, which waits for signals and for these.
    package let toMain: Mailbox<MainInput>
    /// Read by /metrics, written by the loop and the log writer.
    package let gauges: Guarded<Counters>

    package init() throws(LinuxError) {
        // A request has its connection, so the requests in flight bound these; what is a promise is never refused.
        toLoop = Mailbox(limit: 1 << 16, bell: try Bell())
        toClients = Mailbox(limit: 1 << 16, bell: try Bell())
        toMain = Mailbox(limit: 1 << 10, bell: try Bell())
        gauges = Guarded(Counters())
    }
}

/// What the thread that serves clients is told.
package enum ClientsInput: Sendable {
    case answer(AskID, Answer, isLast: Bool)
    case credentials([CredentialRow])
    case ready
    /// Who leads, as far as this replica knows; this replica itself only once it acknowledges appends.
    case primary(Int?)
    /// There are these replicas too.
    case places([Configuration.Peer])
    /// Another replica wants to hand on requests.
    case handed(HandedConnection)
    /// Requests cannot be answered, and why; what can be answered nevertheless the replica says itself.
    case unready(Problem)
    /// This replica takes part no more; requests are refused so.
    case retired(Problem)
    /// Take no more connections, answer what is in flight, then say `.clientsGone`.
    case stop
}

/// What the first thread is told.
package enum MainInput: Sendable {
    case opened(Result<OpenedReplica, ServerError>)
    case ready(term: UInt64)
    /// Who leads, as far as this replica knows.
    case primary(Int?)
    case clientsGone
    /// Its place was taken, for ever.
    case retired(Problem)
    /// The replica has stopped in peace.
    case stopped
    /// It cannot go on: say so and exit 1.
    case failed(Problem)
}

/// What opening found, for the operator.
package struct OpenedReplica: Sendable {
    /// Where the log is damaged; nil when it is whole.
    package var damage: Damage?
    package var milliseconds: UInt64

    package struct Damage: Sendable {
        package var index: UInt64
        package var segment: UInt64
        package var position: UInt64
    }
}
