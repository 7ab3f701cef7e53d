internal import Bytes
package import SegmentedLog

/// The first object of a destination: whose backups it holds, so that no other's ever get in between.
package struct BackupMarker: Equatable, Sendable {
    package static let count = 64
    /// "CHARTDST".
    private static let magic: UInt64 = 0x5453_4454_5241_4843
    private static let version: UInt16 = 1
    private static let checksumAt = 60

    package let cluster: ClusterIdentity

    package init(cluster: ClusterIdentity) { self.cluster = cluster }

    /// What a destination says of itself.
    ///
    /// - Returns: nil when it holds nothing at all: it may become one.
    /// - Throws: `.unmarked` when something is there and no marker; `.marker` when it is damaged; `.laterVersion`.
    package static func find(in destination: some BackupDestination) throws(BackupError) -> BackupMarker? {
        if try destination.size(BackupLayout.marker) != nil {
            return try BackupMarker(try destination.read(BackupLayout.marker, atMost: count))
        }
        for directory in BackupLayout.directories where !(try destination.list(directory)).isEmpty {
            throw .unmarked
        }
        return nil
    }

    /// Makes sure that a destination is this cluster's; a fresh one becomes so.
    ///
    /// - Parameter lineage: Of the cluster, so that a parent's destination is named as such.
    /// - Throws: `.otherCluster`, and as `find`.
    static func claim(
        _ destination: some BackupDestination, for cluster: ClusterIdentity, lineage: [LineagePart]
    ) throws(BackupError) {
        guard let found = try find(in: destination) else {
            return try destination.put(BackupLayout.marker, BackupMarker(cluster: cluster).bytes)
        }
        guard found.cluster == cluster else {
            throw .otherCluster(found.cluster, isAncestor: lineage.contains { $0.cluster == found.cluster })
        }
        // The last life may have ended before its name was durable.
        try destination.put(BackupLayout.marker, found.bytes)
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(reserving: Self.count)
        writer.u64(Self.magic)
        writer.u16(Self.version)
        writer.zeros(6)
        writer.append(cluster.bytes)
        writer.zeros(Self.checksumAt - writer.count)
        writer.u32(Checksum.crc32c(writer.bytes))
        return writer.bytes
    }

    package init(_ bytes: [UInt8]) throws(BackupError) {
        guard bytes.count == Self.count else { throw .marker }
        do throws(ByteError) {
            var reader = ByteReader(bytes)
            guard try reader.u64() == Self.magic else { throw .malformed }
            let version = try reader.u16()
            guard try reader.array(6).allSatisfy({ $0 == 0 }) else { throw .malformed }
            cluster = ClusterIdentity(try reader.array(ClusterIdentity.count))
            guard try reader.array(Self.checksumAt - reader.offset).allSatisfy({ $0 == 0 }),
                try reader.u32() == Checksum.crc32c(bytes, in: 0..<Self.checksumAt)
            else { throw .malformed }
            guard version == Self.version else { throw .overlong }
        } catch {
            throw error == .overlong ? .laterVersion(object: BackupLayout.marker) : .marker
        }
    }
}
