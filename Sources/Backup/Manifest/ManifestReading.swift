internal import SegmentedLog

/// Manifests where they lie.
extension SignedManifest {
    /// The manifest with the highest number; nil when there is none.
    ///
    /// - Throws: `.flawed` when it cannot be believed.
    static func newest(
        in destination: some BackupDestination, cluster: ClusterIdentity, trust: BackupTrust
    ) throws(BackupError) -> SignedManifest? {
        guard let number = try numbers(in: destination).last else { return nil }
        return try read(number, in: destination, cluster: cluster, trust: trust)
    }

    /// The numbers of all that are there, rising.
    static func numbers(in destination: some BackupDestination) throws(BackupError) -> [UInt64] {
        try destination.list(BackupLayout.manifests).compactMap { BackupLayout.manifestNumber($0.name) }.sorted()
    }

    /// - Throws: `.flawed`, `.missing`.
    static func read(
        _ number: UInt64, in destination: some BackupDestination, cluster: ClusterIdentity, trust: BackupTrust
    ) throws(BackupError) -> SignedManifest {
        let name = BackupLayout.manifest(number)
        let bytes = try destination.read(name, atMost: BackupLayout.signedMax)
        do throws(ManifestFlaw) {
            return try SignedManifest(bytes, number: number, cluster: cluster, trust: trust)
        } catch {
            throw error == .version ? .laterVersion(object: name) : .flawed(object: name, error)
        }
    }

    /// As the other, and it is the one of that number and cluster.
    init(_ bytes: [UInt8], number: UInt64, cluster: ClusterIdentity, trust: BackupTrust) throws(ManifestFlaw) {
        try self.init(bytes, trust: trust)
        guard manifest.cluster == cluster else { throw .otherCluster }
        guard manifest.number == number else { throw .misplaced }
    }
}
