internal import API
internal import Linux
internal import Records
internal import Replica
internal import Transport

/// One client's connection, from its greeting to its farewell.
///
/// Its life: requests are read one at a time; while one is answered nothing of the next is parsed, so replies go out in
/// the order of requests. After an error that leaves unread bytes, and after the last reply, it says farewell and
/// lingers: a socket closed with unread bytes would take the reply away from the client.
final class ClientSession {
    enum Phase {
        /// Between requests, or within a head.
        case reading
        /// The head has come, its body comes.
        case receiving(RequestHead, Route, credential: String)
        case answering
        /// Nobody is known to lead; the request waits.
        case holding
        /// The primary answers, and its bytes are passed on.
        case forwarding
        /// Everything is said; what comes is thrown away until the client ends or the time is up.
        case closing
    }

    /// An answer under way.
    struct Answering {
        var number: UInt64
        var renderer: AnswerRenderer
        var template: String
        var method: Method
        var startedAt: UInt64
        /// Nanoseconds, for the histogram.
        var startedExactly: UInt64
        /// Asked twice it does no more than asked once.
        var isSafe: Bool
        /// The replica waits to hear that the client has taken the last piece.
        var wantsDrained = false
        var hasBegun = false
    }

    /// Of a connection over which another replica hands on requests.
    struct Relay {
        var frames = LengthFrames()
        /// The other replica, once its certificate was looked at.
        var replica = 0
    }

    let id: UInt64
    let channel: Channel
    /// The client's, also where another replica speaks for it.
    var address: String
    /// nil for a client's own connection.
    var relay: Relay?
    /// The request, until somebody begins to answer it; only where there are peers.
    var held: HeldRequest?
    /// Where it was handed on to.
    var forward: ForwardLink?
    /// The answer that is passed on has begun.
    var hasBegun = false
    /// It was dropped: nothing is done with it any more.
    var isGone = false
    /// How far a list that is passed on has come, so that it can be ended when it breaks off.
    var tail: AnswerTail?
    /// Requests are being read: whoever answers one at once does not read on.
    var isPumping = false
    /// Questions asked of the replica.
    var askCount: UInt64 = 0
    var parser: RequestParser
    var phase = Phase.reading
    /// The body that is being received, and then the bytes it is counted for until the answer is done.
    var body: [UInt8] = []
    var reservedBytes = 0
    var answering: Answering?
    var requestCount: UInt64 = 0
    /// When the phase began; in `.reading` when the first byte of a request came, or the last request was done.
    var since: UInt64
    /// Bytes sent when the sweep last looked, and when they last grew.
    var sentBytesSeen: UInt64 = 0
    var lastTakenAt: UInt64
    /// The client will send nothing more.
    var inputEnded = false
    /// The last byte is on its way, and nothing will follow.
    var hasEndedSending = false
    /// Bytes thrown away since the last word was said.
    var discardedBytes = 0
    /// What the poller was last told.
    var interest: Poller.Interest = .reading

    init(id: UInt64, channel: Channel, address: String, limits: RequestLimits, now: UInt64) {
        self.id = id
        self.channel = channel
        self.address = address
        parser = RequestParser(limits: limits)
        since = now
        lastTakenAt = now
    }

    /// Idle in the sense that nobody loses anything when it is closed.
    var isIdle: Bool {
        if case .reading = phase { relay == nil && parser.isBetweenRequests } else { false }
    }

    var askID: AskID? { answering.map { AskID(connection: id, number: $0.number) } }

    /// A request is being answered, or waits for it.
    var isBusy: Bool { answering != nil || held != nil || forward != nil }

    /// Whether more should be read: not while much waits to be parsed behind a request that is being answered.
    var wantsReading: Bool {
        !inputEnded && (!isBusy || parser.buffered + (relay?.frames.waitingBytes ?? 0) < 1 << 16)
    }
}
