import Client
import JSON

/// Members of answers that commands act on.
enum Problems {
    /// NAME of `urn:chartlog:problem:NAME`.
    static func name(_ response: ClientResponse) -> String? {
        view(response)?["type"]?.string?.split(separator: ":").last.map(String.init)
    }

    /// Which event of a batch a problem is about, from 0.
    static func eventIndex(_ response: ClientResponse) -> Int? {
        view(response)?["eventindex"]?.integer.map { Int($0) }
    }

    static func position(_ response: ClientResponse) -> UInt64? {
        let position = view(response)?["position"]
        return position?.unsigned ?? position?.string.flatMap { UInt64($0) }
    }

    private static func view(_ response: ClientResponse) -> JSONView? { try? JSONText(parsing: response.body).view }
}
