package import Bytes
internal import SegmentedLog

/// An operator's word that a backup stays, whatever any policy says: an object of its own in the destination, so that it
/// holds for whoever expires there.
package struct BackupHold: Equatable, Sendable {
    package let name: String
    /// Of the manifest.
    package let number: UInt64
    package let placedAt: Instant

    static let count = 64
    /// "CHARTHLD".
    private static let magic: UInt64 = 0x444c_4854_5241_4843
    private static let version: UInt16 = 1
    private static let checksumAt = 60

    /// Places a hold. Placing the same again is fine.
    ///
    /// - Parameter name: Letters, digits, `-`, `_`, `.`; it holds no patient's word.
    /// - Precondition: `BackupLayout.isPlain(name)`.
    /// - Throws: `.missing` when no manifest has the number; `.occupied` when another hold has the name.
    package static func place(
        _ name: String, on number: UInt64, at placedAt: Instant, in destination: some BackupDestination
    ) throws(BackupError) {
        precondition(BackupLayout.isPlain(name))
        guard let marker = try BackupMarker.find(in: destination) else { throw .empty }
        let manifest = BackupLayout.manifest(number)
        guard try destination.size(manifest) != nil else { throw .missing(object: manifest) }
        var writer = ByteWriter(reserving: count)
        writer.u64(magic)
        writer.u16(version)
        writer.zeros(6)
        writer.append(marker.cluster.bytes)
        writer.u64(number)
        writer.u64(UInt64(bitPattern: placedAt.microseconds))
        writer.zeros(checksumAt - writer.count)
        writer.u32(Checksum.crc32c(writer.bytes))
        try destination.put(BackupLayout.hold(name), writer.bytes)
    }

    /// Releases a hold.
    ///
    /// - Throws: `.missing` when there is none of the name.
    package static func release(
        _ name: String, in destination: some BackupDestination
    ) throws(BackupError) {
        precondition(BackupLayout.isPlain(name))
        guard try destination.size(BackupLayout.hold(name)) != nil else {
            throw .missing(object: BackupLayout.hold(name))
        }
        try destination.remove(BackupLayout.hold(name))
    }

    /// - Throws: `.hold` when it is not whole, or another cluster's.
    init(_ object: String, _ bytes: [UInt8], cluster: ClusterIdentity) throws(BackupError) {
        name = String(object.dropFirst(BackupLayout.holds.count + 1))
        guard bytes.count == Self.count else { throw .hold(name: name) }
        do throws(ByteError) {
            var reader = ByteReader(bytes)
            guard try reader.u64() == Self.magic, try reader.u16() == Self.version,
                try reader.array(6).allSatisfy({ $0 == 0 }),
                try reader.array(ClusterIdentity.count) == cluster.bytes
            else { throw .malformed }
            number = try reader.u64()
            placedAt = Instant(microseconds: Int64(bitPattern: try reader.u64()))
            guard try reader.array(Self.checksumAt - reader.offset).allSatisfy({ $0 == 0 }),
                try reader.u32() == Checksum.crc32c(bytes, in: 0..<Self.checksumAt)
            else { throw .malformed }
        } catch {
            throw .hold(name: name)
        }
    }
}
