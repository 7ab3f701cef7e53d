private import Files
private import Linux

/// Where what stands in a store directory that `chartlog init` makes.
///
///     DIR/ca.pem  ca.key  root.key  admin.context  service.context        0600 (ca.pem too, it costs nothing)
///     DIR/tls/replica-1.pem  replica-1.key
///     DIR/replica-1/config.json  pid  log  lock  data/…                   nothing readable without root.key
package struct StoreLayout: Sendable {
    package let directory: String

    package init(_ directory: String) {
        var path = directory
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.directory = path
    }

    package var authorityCertificate: String { "\(directory)/ca.pem" }
    package var authorityKey: String { "\(directory)/ca.key" }
    package var rootKey: String { "\(directory)/root.key" }
    package var adminContext: String { "\(directory)/admin.context" }
    package var serviceContext: String { "\(directory)/service.context" }
    package var tls: String { "\(directory)/tls" }
    /// Held by the supervisor while it runs.
    package var startLock: String { "\(directory)/start.lock" }

    /// Makes the directory itself, empty, which nobody has made before.
    func makeDirectory() throws(ServerError) {
        do throws(LinuxError) { try SmallFile.makeDirectory(directory) } catch {
            throw error.isExisting
                ? ServerError("The directory exists already; nothing was changed.")
                : ServerError("The directory cannot be made.")
        }
    }

    package func replica(_ id: Int) -> String { "\(directory)/replica-\(id)" }
    package func certificate(_ id: Int) -> String { "\(tls)/replica-\(id).pem" }
    package func certificateKey(_ id: Int) -> String { "\(tls)/replica-\(id).key" }
    package func configuration(_ id: Int) -> String { "\(replica(id))/config.json" }
    package func processID(_ id: Int) -> String { "\(replica(id))/pid" }
    package func log(_ id: Int) -> String { "\(replica(id))/log" }
    package func lock(_ id: Int) -> String { "\(replica(id))/lock" }

    /// The root of a replica's store: the log, the keys and the snapshots.
    package func data(_ id: Int) -> String { "\(replica(id))/data" }

    /// Ids of the replicas that have a configuration here, ascending.
    package var replicas: [Int] {
        let names = (try? LinuxFiles(root: directory).list("")) ?? []
        return names.compactMap { name in
            guard let id = Int(name.dropFirst("replica-".count)), "replica-\(id)" == name else { return nil }
            return SmallFile.exists(configuration(id)) ? id : nil
        }.sorted()
    }

    /// Whether some process serves this replica now.
    package func isServed(_ id: Int) -> Bool { SmallFile.isLocked(lock(id)) }
}
