/// Why a request has no answer. What a server answered, be it a refusal, is no error here.
package enum ClientError: Error, Equatable, Sendable {
    /// The context file, or a file it names, cannot be read or is not as it must be. The sentence is a constant.
    case badContext(String)
    /// Nobody could be reached; nothing was asked of anybody.
    case unreachable
    /// Somebody is there, but not whom the context trusts; nothing was asked.
    case untrusted
    /// The request went out and no whole reply came back: it may or may not have been carried out.
    case unknown
    /// The reply is no HTTP/1.1.
    case badReply

    /// What the command line exits with (design: 3 nobody reachable, 4 outcome unknown).
    package var exitCode: Int32 {
        switch self {
        case .badContext: 2
        case .unreachable, .untrusted: 3
        case .unknown, .badReply: 4
        }
    }
}
