internal import Bytes

/// What a key of the key file is for.
package enum KeyKind: UInt8, Sendable, CaseIterable {
    /// Segment keys derive from it: everything at rest.
    case logEpoch = 1
    /// Wraps subject keys and tenants' keys; snapshot, index and staging keys derive from it.
    case registryEpoch = 2
    /// The values of access records are sealed under keys that derive from it.
    case audit = 3
}

/// One slot of a key file: 512 bytes, so that it is written whole or not at all where the disk keeps to its grain, and
/// a checksum for where it does not. Keys.md has the table.
struct KeySlot: Equatable {
    static let bytesCount = 512
    /// How many slots a key file has.
    static let countMax = 64
    private static let magic: UInt32 = 0x534b_4c43  // "CLKS"
    private static let format: UInt16 = 1
    /// nonce ‖ key ‖ tag
    static let wrappedBytes = SecretKey.count + Crypto.overheadBytes

    enum State: UInt8 {
        case live = 1
        case destroyed = 2
    }

    var number: UInt16
    var kind: KeyKind
    var state: State
    var epoch: UInt32
    /// Goes up with every write to the file: of two copies the higher one is the later.
    var sequence: UInt64
    var clusterID: [UInt8]
    /// The key under the root key; zeros once destroyed.
    var wrapped: [UInt8]

    /// The first 40 bytes, which the wrapping authenticates.
    var header: [UInt8] {
        var writer = ByteWriter(reserving: Self.bytesCount)
        writer.u32(Self.magic)
        writer.u16(Self.format)
        writer.u16(number)
        writer.u8(kind.rawValue)
        writer.u8(state.rawValue)
        writer.u16(0)
        writer.u32(epoch)
        writer.u64(sequence)
        writer.append(clusterID)
        return writer.bytes
    }

    var encoded: [UInt8] {
        var writer = ByteWriter(reserving: Self.bytesCount)
        writer.append(header)
        writer.append(wrapped)
        writer.zeros(Self.bytesCount - 4 - writer.count)
        writer.u32(Checksum.crc32c(writer.bytes))
        return writer.bytes
    }

    /// The slot that stands in `range`, which is 512 bytes long.
    init(_ bytes: [UInt8], in range: Range<Int>) throws(ByteError) {
        var reader = ByteReader(bytes, in: range)
        guard try reader.u32() == Self.magic, try reader.u16() == Self.format else { throw .malformed }
        number = try reader.u16()
        guard let kind = KeyKind(rawValue: try reader.u8()), let state = State(rawValue: try reader.u8()),
            try reader.u16() == 0
        else { throw .malformed }
        self.kind = kind
        self.state = state
        epoch = try reader.u32()
        sequence = try reader.u64()
        clusterID = try reader.array(KeyRing.clusterIDBytes)
        wrapped = try reader.array(Self.wrappedBytes)
        let checked = range.lowerBound..<(range.upperBound - 4)
        var tail = ByteReader(bytes, in: checked.upperBound..<range.upperBound)
        guard try tail.u32() == Checksum.crc32c(bytes, in: checked) else { throw .malformed }
    }

    init(
        number: UInt16, kind: KeyKind, state: State, epoch: UInt32, sequence: UInt64, clusterID: [UInt8],
        wrapped: [UInt8]
    ) {
        self.number = number
        self.kind = kind
        self.state = state
        self.epoch = epoch
        self.sequence = sequence
        self.clusterID = clusterID
        self.wrapped = wrapped
    }
}

/// Both copies of every slot as they stood in the file, and what must be written to make them alike.
struct KeySlotCopies {
    /// By slot number; nil where nothing was ever written.
    private(set) var slots: [KeySlot?] = []
    /// What to write where, so that both copies say the same.
    private(set) var repairs: [(offset: Int, bytes: [UInt8])] = []

    private enum Copy: Equatable {
        case blank
        case damaged
        case whole(KeySlot)
    }

    /// Of two whole copies the later one holds. Where one is damaged the other does: it was being overwritten, or is
    /// the one not reached yet. Where the other is blank the slot was never written, or for the first time just now.
    ///
    /// - Throws: `.malformed` for another length, and when neither copy of a slot can be read.
    init(bytes: [UInt8], slots count: Int) throws(KeyError) {
        let half = count * KeySlot.bytesCount
        guard bytes.count == 2 * half else { throw .malformed }
        for number in 0..<count {
            let offset = number * KeySlot.bytesCount
            let first = Self.copy(of: bytes, at: offset, number: number)
            let second = Self.copy(of: bytes, at: half + offset, number: number)
            let slot = try Self.settled(first, second)
            slots.append(slot)
            let wanted = slot?.encoded ?? [UInt8](repeating: 0, count: KeySlot.bytesCount)
            for (copy, place) in [(first, offset), (second, half + offset)] {
                if copy != slot.map(Copy.whole) ?? .blank { repairs.append((place, wanted)) }
            }
        }
    }

    private static func settled(_ first: Copy, _ second: Copy) throws(KeyError) -> KeySlot? {
        switch (first, second) {
        case (.whole(let a), .whole(let b)): a.sequence >= b.sequence ? a : b
        case (.whole(let slot), _), (_, .whole(let slot)): slot
        case (.blank, .blank), (.damaged, .blank), (.blank, .damaged): nil
        case (.damaged, .damaged): throw .malformed
        }
    }

    private static func copy(of bytes: [UInt8], at offset: Int, number: Int) -> Copy {
        let range = offset..<(offset + KeySlot.bytesCount)
        if bytes[range].allSatisfy({ $0 == 0 }) { return .blank }
        guard let slot = try? KeySlot(bytes, in: range), slot.number == number else { return .damaged }
        return .whole(slot)
    }
}
