package import Linux
internal import Records
internal import Replica
internal import Transport

/// What the two threads of a replica run that others talk to. Each makes what it owns, in itself.
package enum NodeThreads {
    /// The loop: gets the root key, opens the replica, says so or why not, and runs until it has stopped.
    /// - Parameter handed: The socket at which peers dial; none where there are no peers.
    package static func runReplica(
        _ configuration: Configuration, _ handed: Guarded<Socket?>, _ mail: NodeMail, _ journal: Journal
    ) {
        do throws(ServerError) {
            ReplicaLoop.run(
                configuration, root: try RootKeyReader.read(configuration.rootKey), listener: taken(handed), mail: mail,
                journal: journal)
        } catch {
            mail.toMain.mustPost(.opened(.failure(error)))
        }
    }

    /// What was handed over once is nobody else's.
    private static func taken(_ handed: Guarded<Socket?>) -> Socket? {
        handed.withLock { held -> Socket? in
            defer { held = nil }
            return held
        }
    }

    /// The front: serves clients at the socket that was handed over, until told to stop.
    package static func serveClients(
        _ configuration: Configuration, _ handed: Guarded<Socket?>, _ mail: NodeMail, _ journal: Journal
    ) {
        guard let listener = taken(handed) else { return }
        do {
            let certificate = try SmallFile.read(configuration.certificate)
            let key = try SmallFile.readSecret(configuration.certificateKey)
            var forwarding: Forwarding?
            if let authority = configuration.authority {
                func known() throws -> Forwarding {
                    try Forwarding(
                        own: configuration.replica.id, cluster: configuration.replica.clusterID,
                        peers: configuration.others, certificate: certificate, key: key,
                        authority: try SmallFile.read(authority))
                }
                // A cluster of one needs none of it before it grows.
                forwarding = configuration.others.isEmpty ? try? known() : try known()
            }
            let loop = try ClientsLoop(
                limits: configuration.limits, mail: mail, journal: journal,
                tls: try TLSContext(serverChain: certificate, key: key), listener: listener, forwarding: forwarding)
            try loop.run()
        } catch {
            mail.toMain.mustPost(
                .failed(
                    Problem(
                        .internalError,
                        "Clients cannot be served: see the certificate, its key and its mode (chmod 600).")))
        }
    }
}
