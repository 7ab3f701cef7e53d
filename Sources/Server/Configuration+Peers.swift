internal import Bytes
internal import JSON
internal import Linux
package import Records
internal import Replica

extension Configuration {
    /// A replica or spare of the cluster, as `peers` in each config.json lists it and as the log has it.
    package typealias Peer = Place

    /// What `peers` says of this replica: its peer port is where it listens for the others.
    package var own: Peer? { peers.first { $0.id == replica.id } }

    /// All but this replica, ascending by id.
    package var others: [Peer] { peers.filter { $0.id != replica.id } }

    /// What stands in every peer's certificate beside its name: whose replica it is.
    package static func peerURI(cluster: [UInt8], replica: Int) -> String {
        "urn:chartlog:\(Hex.text(of: cluster)):replica:\(replica)"
    }

    /// Ids that no cluster goes beyond; they are used once each.
    static let peerIDMax: Int64 = 1 << 20
    static let peersMax = 64

    /// Reads `peers`; none in a file of a cluster of one is no fault.
    static func peers(_ view: JSONView?, of replica: Int) throws(ServerError) -> [Peer] {
        guard let view else { return [] }
        var peers: [Peer] = []
        for element in view.elements {
            guard let id = element["id"]?.integer, (1...peerIDMax).contains(id),
                let address = element["address"]?.string,
                Place.isNumeric(address), let peerPort = port(element["peerPort"]),
                let clientPort = port(element["clientPort"])
            else {
                throw ServerError(
                    "A peer in the configuration needs an id, a numeric address, a peerPort and a clientPort.",
                    exitCode: 2)
            }
            peers.append(Peer(id: Int(id), address: address, peerPort: peerPort, clientPort: clientPort))
        }
        peers.sort { $0.id < $1.id }
        guard peers.count <= peersMax, !zip(peers, peers.dropFirst()).contains(where: { $0.id == $1.id }) else {
            throw ServerError("The peers in the configuration are too many, or two have one id.", exitCode: 2)
        }
        guard peers.contains(where: { $0.id == replica }) else {
            throw ServerError("The peers in the configuration must name this replica too.", exitCode: 2)
        }
        return peers
    }

    private static func port(_ view: JSONView?) -> Int? {
        guard let number = view?.integer, (1...65_535).contains(number) else { return nil }
        return Int(number)
    }

    /// The file's text, as `init` writes it for replica `id` of a layout.
    static func text(replica id: Int, cluster: [UInt8], peers: [Peer]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { object in
            object.member("replica", id)
            object.member("cluster", Hex.text(of: cluster))
            for own in peers where own.id == id {
                object.member("address", own.address)
                object.member("port", own.clientPort)
            }
            object.member("rootKey", "../root.key")
            object.member("certificate", "../tls/replica-\(id).pem")
            object.member("certificateKey", "../tls/replica-\(id).key")
            object.member("ca", "../ca.pem")
            object.array("peers") { array in
                for peer in peers {
                    array.object { object in
                        object.member("id", peer.id)
                        object.member("address", peer.address)
                        object.member("peerPort", peer.peerPort)
                        object.member("clientPort", peer.clientPort)
                    }
                }
            }
        }
        writer.endLine()
        return writer.bytes
    }
}
