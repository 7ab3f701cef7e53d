package import Bytes

/// What the first frame of a segment says about it, agreed like everything in the log: 64 bytes, in the clear.
package struct SegmentDescription: Equatable, Sendable {
    package static let count = 64

    package var segment: UInt64
    package var firstIndex: UInt64
    package var keyEpoch: UInt32
    /// Places in the header table.
    package var slots: Int
    package var bodyCapacity: Int
    /// Random; the segment's key is derived with it.
    package var salt: Digest

    /// Bytes of the header table, in whole pages.
    package var tableBytes: Int { SegmentFormat.wholePages(slots * FrameHeader.count) }
    /// Where the second control page begins.
    package var secondControlAt: Int { SegmentFormat.tableAt + tableBytes }
    /// Where the first body begins.
    package var bodiesAt: Int { secondControlAt + SegmentFormat.pageBytes }
    package var bodiesEnd: Int { bodiesAt + bodyCapacity }

    package func headerOffset(of index: UInt64) -> Int {
        SegmentFormat.tableAt + Int(index - firstIndex) * FrameHeader.count
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(reserving: Self.count)
        writer.u64(segment)
        writer.u64(firstIndex)
        writer.u32(keyEpoch)
        writer.u32(UInt32(slots))
        writer.u32(UInt32(bodyCapacity))
        writer.u32(0)
        writer.digest(salt)
        return writer.bytes
    }

    /// The description in `bytes` from `offset` on; nil when it is not one.
    package init?(_ bytes: [UInt8], at offset: Int) {
        guard offset >= 0, bytes.count - offset >= Self.count else { return nil }
        var reader = ByteReader(bytes, in: offset..<(offset + Self.count))
        do {
            segment = try reader.u64()
            firstIndex = try reader.u64()
            keyEpoch = try reader.u32()
            slots = Int(try reader.u32())
            bodyCapacity = Int(try reader.u32())
            guard try reader.u32() == 0, Self.areInBounds(slots: slots, bodyCapacity: bodyCapacity) else { return nil }
            salt = try reader.digest()
        } catch {
            return nil
        }
    }

    static func areInBounds(slots: Int, bodyCapacity: Int) -> Bool {
        slots > 0 && slots <= 1 << 20 && bodyCapacity > 0 && bodyCapacity <= 1 << 30
    }

    package init(
        segment: UInt64, firstIndex: UInt64, keyEpoch: UInt32, slots: Int, bodyCapacity: Int, salt: Digest
    ) {
        self.segment = segment
        self.firstIndex = firstIndex
        self.keyEpoch = keyEpoch
        self.slots = slots
        self.bodyCapacity = bodyCapacity
        self.salt = salt
    }
}

/// Sizes, places and names in a log directory. Format.md has the tables.
package enum SegmentFormat {
    package static let pageBytes = 4096
    /// The header table follows the first control page.
    package static let tableAt = pageBytes
    /// In each control page: the segment's header, and from here on the watermark's slot.
    package static let watermarkInPage = 512

    static func wholePages(_ bytes: Int) -> Int { (bytes + pageBytes - 1) / pageBytes * pageBytes }

    static let suffix = ".segment"
    package static let temporarySuffix = ".tmp"

    /// `000000000001.segment`, so that names sort as numbers do.
    package static func name(of segment: UInt64) -> String {
        let digits = String(segment)
        return String(repeating: "0", count: max(0, 12 - digits.count)) + digits + suffix
    }

    /// The segment that a file name stands for; nil for other names and for another spelling of the number.
    package static func segment(named name: String) -> UInt64? {
        guard name.hasSuffix(suffix), let segment = UInt64(name.dropLast(suffix.count)) else { return nil }
        return Self.name(of: segment) == name ? segment : nil
    }
}

/// The head of a segment file, in both control pages: 160 bytes.
package struct SegmentHeader: Equatable, Sendable {
    package static let count = 160
    /// "CHARTSEG".
    static let magic: UInt64 = 0x4745_5354_5241_4843
    static let version: UInt16 = 1
    static let checksumAt = 156

    package var cluster: ClusterIdentity
    package var description: SegmentDescription
    /// What the first frame's header says of the lines, and the frame before it.
    package var firstPosition: UInt64
    package var firstRecord: UInt64
    package var stampBefore: Instant
    package var previousHash: Digest

    package init(
        cluster: ClusterIdentity, description: SegmentDescription, firstPosition: UInt64, firstRecord: UInt64,
        stampBefore: Instant, previousHash: Digest
    ) {
        self.cluster = cluster
        self.description = description
        self.firstPosition = firstPosition
        self.firstRecord = firstRecord
        self.stampBefore = stampBefore
        self.previousHash = previousHash
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(reserving: Self.count)
        writer.u64(Self.magic)
        writer.u16(Self.version)
        writer.u16(0)
        writer.u32(description.keyEpoch)
        writer.u64(cluster.low)
        writer.u64(cluster.high)
        writer.u64(description.segment)
        writer.u64(description.firstIndex)
        writer.u64(firstPosition)
        writer.u64(firstRecord)
        writer.u32(UInt32(description.slots))
        writer.u32(UInt32(description.bodyCapacity))
        writer.u64(UInt64(bitPattern: stampBefore.microseconds))
        writer.digest(description.salt)
        writer.digest(previousHash)
        writer.zeros(Self.checksumAt - writer.count)
        writer.u32(Checksum.crc32c(writer.bytes))
        return writer.bytes
    }

    /// The header in `bytes` from `offset` on; nil when it is not whole or of a version not known here.
    package init?(_ bytes: [UInt8], at offset: Int) {
        guard offset >= 0, bytes.count - offset >= Self.count else { return nil }
        var reader = ByteReader(bytes, in: offset..<(offset + Self.count))
        do {
            guard try reader.u64() == Self.magic, try reader.u16() == Self.version, try reader.u16() == 0 else {
                return nil
            }
            let keyEpoch = try reader.u32()
            cluster = ClusterIdentity(low: try reader.u64(), high: try reader.u64())
            let segment = try reader.u64()
            let firstIndex = try reader.u64()
            firstPosition = try reader.u64()
            firstRecord = try reader.u64()
            let slots = Int(try reader.u32())
            let bodyCapacity = Int(try reader.u32())
            stampBefore = Instant(microseconds: Int64(bitPattern: try reader.u64()))
            let salt = try reader.digest()
            previousHash = try reader.digest()
            let reserved = (try reader.u64(), try reader.u32())
            guard reserved == (0, 0), SegmentDescription.areInBounds(slots: slots, bodyCapacity: bodyCapacity),
                try reader.u32() == Checksum.crc32c(bytes, in: offset..<(offset + Self.checksumAt))
            else { return nil }
            description = SegmentDescription(
                segment: segment, firstIndex: firstIndex, keyEpoch: keyEpoch, slots: slots,
                bodyCapacity: bodyCapacity, salt: salt)
        } catch {
            return nil
        }
    }
}
