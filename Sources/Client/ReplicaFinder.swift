/// Which of a context's endpoints is which replica. Nobody has to answer a request for it, and no word is taken for it:
/// the certificate says whose it is.
package struct ReplicaFinder {
    /// Where the replica that is looked for answers; nil when it was not met.
    package private(set) var endpoint: Endpoint?
    /// The others that were met on the way, ascending.
    package private(set) var others: [Int] = []

    /// Asks one endpoint after the other. A store that was made whole lists them in the order of the ids, so the one of
    /// that place is the first: who hangs elsewhere costs no time then.
    /// - Throws: `.untrusted` or `.unreachable` when nobody was met.
    package init(_ replica: Int, in context: ContextFile, connectMilliseconds: Int = 1_500) throws(ClientError) {
        var failure = ClientError.unreachable
        var hasMetSomebody = false
        let first = context.endpoints.indices.contains(replica - 1) ? replica - 1 : 0
        for turn in context.endpoints.indices {
            let at = turn == 0 ? first : turn <= first ? turn - 1 : turn
            var alone = context
            alone.endpoints = [context.endpoints[at]]
            let client = try HTTPClient(alone)
            client.patience.connectMilliseconds = connectMilliseconds
            do throws(ClientError) {
                let found = try client.replica()
                hasMetSomebody = true
                if found == replica {
                    endpoint = alone.endpoints[0]
                    return
                }
                if let found { others.append(found) }
            } catch {
                if error == .untrusted { failure = error }
            }
        }
        others.sort()
        if !hasMetSomebody { throw failure }
    }
}
