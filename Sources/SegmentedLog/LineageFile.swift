internal import Bytes
package import Files

/// A lineage as bytes: 16, 48 for each generation, and a checksum. Format.md has the table.
extension Lineage {
    /// "CHARTLIN", read as a little-endian word.
    static let magic: UInt64 = 0x4e49_4c54_5241_4843
    static let version: UInt16 = 1
    private static let headBytes = 16
    private static let rowBytes = ClusterIdentity.count + 4 * 8
    /// No lineage takes more bytes.
    package static let bytesMax = headBytes + generationsMax * rowBytes + 4

    package var bytes: [UInt8] {
        var writer = ByteWriter(reserving: Self.headBytes + generations.count * Self.rowBytes + 4)
        writer.u64(Self.magic)
        writer.u16(Self.version)
        writer.u16(0)
        writer.u32(UInt32(generations.count))
        for generation in generations {
            writer.append(generation.identity.bytes)
            writer.u64(generation.firstSegment)
            writer.u64(generation.firstIndex)
            writer.u64(generation.firstPosition)
            writer.u64(generation.firstRecord)
        }
        writer.u32(Checksum.crc32c(writer.bytes))
        return writer.bytes
    }

    /// - Throws: `.damaged` when the bytes are not exactly those of a lineage of this version.
    package init(_ bytes: [UInt8]) throws(LineageFlaw) {
        do throws(ByteError) {
            self = try Self.decoded(bytes)
        } catch {
            throw .damaged
        }
    }

    private static func decoded(_ bytes: [UInt8]) throws(ByteError) -> Lineage {
        guard bytes.count > headBytes, bytes.count <= bytesMax else { throw .malformed }
        var reader = ByteReader(bytes)
        guard try reader.u64() == magic, try reader.u16() == version, try reader.u16() == 0 else { throw .malformed }
        let count = Int(try reader.u32())
        guard bytes.count == headBytes + count * rowBytes + 4 else { throw .malformed }
        var generations: [Generation] = []
        for _ in 0..<count {
            generations.append(
                Generation(
                    identity: ClusterIdentity(try reader.array(ClusterIdentity.count)),
                    firstSegment: try reader.u64(), firstIndex: try reader.u64(), firstPosition: try reader.u64(),
                    firstRecord: try reader.u64()))
        }
        guard try reader.u32() == Checksum.crc32c(bytes, in: 0..<(bytes.count - 4)), let found = Lineage(generations)
        else { throw .malformed }
        return found
    }

    /// What a store says of its descent. A store without the file descends from no other.
    ///
    /// - Parameter current: the cluster that the store is configured for.
    /// - Throws: `.lineage(.damaged)` when the file is there and not whole; `.otherCluster` when its newest generation is
    ///   not `current`; `.file`.
    package static func read(
        _ store: some FileStore, path: String, current: ClusterIdentity
    ) throws(LogError) -> Lineage {
        let bytes: [UInt8]
        do throws(FileError) {
            guard try store.exists(path) else { return Lineage(current) }
            let file = try store.open(path, .read)
            defer { store.close(file) }
            bytes = try store.read(file, at: 0, count: bytesMax + 1)
        } catch {
            throw .file(error)
        }
        let found: Lineage
        do throws(LineageFlaw) { found = try Lineage(bytes) } catch { throw .lineage(error) }
        guard found.current == current else { throw .otherCluster }
        return found
    }

    /// Writes the file of a new branch, durable with its name on return. A crash leaves the file or none.
    ///
    /// - Throws: `.exists` when the store has one: it is never changed; `.file`.
    package func write(_ store: some FileStore, path: String) throws(LogError) {
        let temporary = path + SegmentFormat.temporarySuffix
        let hand = DiskHand(store)
        defer { hand.release() }
        do throws(FileError) {
            if try store.exists(path) { throw .exists }
            if try store.exists(temporary) { try store.remove(temporary) }
            let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
            try hand.carryOut([
                .make(temporary), .write(temporary, at: 0, bytes: bytes), .sync(temporary),
                .rename(temporary, to: path), .syncDirectory(directory),
            ])
        } catch {
            throw error == .exists ? .exists : .file(error)
        }
    }
}

/// What can be wrong with a lineage, though the log may be whole.
package enum LineageFlaw: Error, Equatable, Sendable {
    /// The file `lineage` is not whole, or a later version wrote it.
    case damaged
    /// It is another log's: this one's segments do not change hands where it says.
    case other
    /// The log ends before the store's own cluster wrote anything, and there is nobody to get that from.
    case unreached
}
