package import Linux
internal import Records
internal import Transport

/// What the two threads of a replica run that others talk to. Each makes what it owns, in itself.
package enum NodeThreads {
    /// The loop: gets the root key, opens the replica, says so or why not, and runs until it has stopped.
    package static func runReplica(_ configuration: Configuration, _ mail: NodeMail) {
        do throws(ServerError) {
            ReplicaLoop.run(configuration, root: try RootKeyReader.read(configuration.rootKey), mail: mail)
        } catch {
            mail.toMain.mustPost(.opened(.failure(error)))
        }
    }

    /// The front: serves clients at the socket that was handed over, until told to stop.
    package static func serveClients(
        _ configuration: Configuration, _ handed: Guarded<Socket?>, _ mail: NodeMail, _ journal: Journal
    ) {
        let listener = handed.withLock { held -> Socket? in
            defer { held = nil }
            return held
        }
        guard let listener else { return }
        do {
            let tls = try TLSContext(
                serverChain: try SmallFile.read(configuration.certificate),
                key: try SmallFile.readSecret(configuration.certificateKey))
            let loop = try ClientsLoop(
                limits: configuration.limits, mail: mail, journal: journal, tls: tls, listener: listener)
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
