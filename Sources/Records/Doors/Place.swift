/// Where a replica is found: by the others, and by clients.
package struct Place: Equatable, Sendable {
    /// Of the replica that is there.
    package var id: Int
    /// Numeric, for nobody waits while a name is looked up.
    package var address: String
    /// For replicas.
    package var peerPort: Int
    /// For clients.
    package var clientPort: Int

    /// - Parameter address: numeric; whoever dials it finds out whether it is.
    package init(id: Int, address: String, peerPort: Int, clientPort: Int) {
        self.id = id
        self.address = address
        self.peerPort = peerPort
        self.clientPort = clientPort
    }

    /// Whether somebody would be found where the other is.
    package func overlaps(_ other: Place) -> Bool {
        address == other.address
            && [peerPort, clientPort].contains { $0 == other.peerPort || $0 == other.clientPort }
    }
}

/// What a new replica begins with; without the root key it opens nothing.
package struct Seed: Equatable, Sendable {
    /// The key file, sealed under the root key.
    package var keys: [UInt8]
    /// The log's first frame, header and sealed body.
    package var first: [UInt8]
    /// All replicas and spares that are known, the new one among them, ascending by id.
    package var places: [Place]

    package init(keys: [UInt8], first: [UInt8], places: [Place]) {
        self.keys = keys
        self.first = first
        self.places = places
    }
}
