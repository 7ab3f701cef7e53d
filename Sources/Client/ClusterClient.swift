private import JSON
private import Linux

/// A client of a whole cluster: asks whichever replica answers, and another one when that one cannot.
///
/// Any replica answers any request, so an endpoint is as good as the next. What surely did not happen (nobody took it,
/// or 503) is asked of the next one; what may have happened (a broken connection, 504) only where the request may be
/// repeated: a read, or an append, whose ids make a repeat harmless.
package final class ClusterClient {
    /// From the first attempt to the last; a reply that has begun is not cut by it. Nobody reachable at all is told
    /// after one round.
    package var overallMilliseconds: UInt64 = 30_000
    package var context: ContextFile { client.context }
    private let client: HTTPClient

    private static let pauseFirst = 20
    private static let pauseMax = 250
    /// How long one replica's silence is borne where there are others, in the first round; twice as long in each
    /// next one. A paused replica takes requests and says nothing.
    private static let silenceOfChangeFirst = 3_000
    private static let silenceOfReadFirst = 8_000
    private static let silenceMax = 40_000
    private var isFollowing = false

    /// - Parameter first: which endpoint is asked first; any, so that many clients spread, unless it is said.
    package init(_ context: ContextFile, startingAt first: Int? = nil) throws(ClientError) {
        client = try HTTPClient(context, startingAt: first ?? Int(ThisProcess.id))
        if context.endpoints.count > 1 { client.patience.connectMilliseconds = 1_500 }
    }

    /// How long a follower waits for a sign of life: two of them may be late.
    package func expectsSlowStream() { isFollowing = true }

    /// Sends a request and waits for its whole reply. Whatever the status: it is the caller's.
    package func send(_ request: ClientRequest) throws(ClientError) -> ClientResponse {
        var body: [UInt8] = []
        var response = try stream(request) { piece in
            body.append(contentsOf: piece)
            return true
        }
        if !body.isEmpty { response.body = body }
        return response
    }

    /// As `send`, but the body goes to `piece` as it comes, `head` seeing status and fields first. Once a reply has
    /// begun it is not asked for again: where it broke off is the caller's to go on from.
    package func stream(
        _ request: ClientRequest, head: ((ClientResponse) -> Void)? = nil, _ piece: ([UInt8]) -> Bool
    ) throws(ClientError) -> ClientResponse {
        var search = Search(until: LinuxClock.monotonicMilliseconds() + overallMilliseconds, context.endpoints.count)
        while true {
            if context.endpoints.count > 1 {
                client.patience.replyMilliseconds = isFollowing ? Self.silenceMax : search.silence(of: request)
            }
            var hasBegun = false
            var held: [UInt8] = []
            var verdict: Verdict
            do throws(ClientError) {
                var response = try client.stream(request) { response in
                    hasBegun = response.status != 503 && response.status != 504
                    if hasBegun { head?(response) }
                } _: { bytes in
                    if hasBegun { return piece(bytes) }
                    held.append(contentsOf: bytes)
                    return held.count <= 1 << 20
                }
                if hasBegun { return response }
                response.body = held
                verdict = .refused(response)
            } catch {
                if hasBegun {
                    client.moveOn()
                    throw error
                }
                verdict = .failed(error)
            }
            guard search.goesOn(after: verdict, request) else {
                switch search.outcome(verdict, request) {
                case .failed(let error): throw error
                case .refused(let response):
                    head?(response)
                    if !response.body.isEmpty { _ = piece(response.body) }
                    return ClientResponse(headOf: response)
                }
            }
            if search.movesOn { client.moveOn() }
        }
    }

    /// Gives up the connection; the next request makes another, with the next replica.
    package func drop() { client.moveOn() }

    /// What one attempt came to, if it was not the end.
    private enum Verdict {
        /// 503 or 504.
        case refused(ClientResponse)
        case failed(ClientError)
    }

    /// The way from replica to replica for one request.
    private struct Search {
        private let deadline: UInt64
        private let endpoints: Int
        private var attempts = 0
        private var pause = pauseFirst
        /// Somebody took a connection.
        private var hasMetSomebody = false
        /// Some attempt may have been carried out.
        private var mayBeDone = false
        /// Whether the next attempt is another replica's. One that says 504 lives, and knows by then who leads: it is
        /// asked once more.
        private(set) var movesOn = true

        init(until deadline: UInt64, _ endpoints: Int) {
            self.deadline = deadline
            self.endpoints = endpoints
        }

        /// Milliseconds of silence that the next attempt bears.
        func silence(of request: ClientRequest) -> Int {
            if request.isLong { return silenceMax }
            let first = request.changes ? silenceOfChangeFirst : silenceOfReadFirst
            return min(first << min(attempts / endpoints, 4), silenceMax)
        }

        /// Whether to try again, after the pause that each round is followed by.
        mutating func goesOn(after verdict: Verdict, _ request: ClientRequest) -> Bool {
            attempts += 1
            let stayed = !movesOn
            movesOn = true
            let isRoundOver: Bool
            switch verdict {
            case .refused(let response):
                hasMetSomebody = true
                isRoundOver = attempts % endpoints == 0
                if response.status == 504 {
                    mayBeDone = true
                    movesOn = stayed
                    guard request.mayRepeat else { return false }
                } else if attempts >= endpoints, !ClusterClient.isPassing(response) {
                    return false
                }
            case .failed(.unknown):
                hasMetSomebody = true
                mayBeDone = true
                isRoundOver = attempts % endpoints == 0
                guard request.mayRepeat else { return false }
            case .failed(.unreachable):
                // Every endpoint was tried for this one attempt.
                isRoundOver = true
                guard hasMetSomebody else { return false }
            case .failed: return false
            }
            let now = LinuxClock.monotonicMilliseconds()
            guard now < deadline else { return false }
            guard isRoundOver else { return true }
            LinuxClock.pause(milliseconds: min(pause, Int(deadline - now)))
            pause = min(pause * 2, pauseMax)
            return true
        }

        /// What is told in the end. A change that may have been carried out once is unknown, whatever came later.
        func outcome(_ last: Verdict, _ request: ClientRequest) -> Verdict {
            guard mayBeDone, request.changes else { return last }
            if case .refused(let response) = last, response.status == 504 { return last }
            return .failed(.unknown)
        }
    }

    /// A 503 that another moment or another replica may turn into an answer.
    private static func isPassing(_ response: ClientResponse) -> Bool {
        guard let view = try? JSONText(parsing: response.body).view else { return false }
        let name = view["type"]?.string ?? view["issue"]?[0]?["details"]?["coding"]?[0]?["code"]?.string
        let told = name?.split(separator: ":").last.map(String.init)
        return ["no-primary", "retired", "unavailable", "overloaded"].contains(told)
    }
}
