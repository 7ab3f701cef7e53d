package import Bytes

/// What is kept in escrow: every key that the root key wraps, with which store and which moment they are of. Who opens
/// it has the store's keys without its root key.
///
/// Its plain bytes (format 1, Keys.md has the table) stand in memory alone, and are wiped; what leaves is an age file.
package struct EscrowBundle: Sendable {
    /// As many as a key file has slots.
    package static let keysMax = KeySlot.countMax
    private static let magic = Array("CLESCROW".utf8)
    private static let format: UInt16 = 1
    private static let headBytes = 40
    private static let entryBytes = 8 + SecretKey.count
    private static let digestBytes = 32

    /// 16 bytes.
    package let clusterID: [UInt8]
    /// When it was made, by the clock of who made it.
    package let madeAt: Instant
    /// In use at that moment; its key is among `held`.
    package let registryEpoch: UInt32
    /// The live keys, oldest first of each kind.
    package let held: [HeldKey]

    /// - Precondition: `clusterID` has 16 bytes; `held` has 1 to 64 keys, of which no two are of one kind and epoch and
    ///   one is the registry epoch's; `madeAt` is of the years 1 to 9999.
    package init(clusterID: [UInt8], madeAt: Instant, registryEpoch: UInt32, held: [HeldKey]) {
        self.clusterID = clusterID
        self.madeAt = madeAt
        self.registryEpoch = registryEpoch
        self.held = held.sorted { ($0.kind.rawValue, $0.epoch) < ($1.kind.rawValue, $1.epoch) }
        precondition(isWhole, "an escrow without a key that it speaks of")
    }

    /// What both writing and reading insist on.
    private var isWhole: Bool {
        clusterID.count == KeyRing.clusterIDBytes && madeAt >= Instant.first && madeAt <= Instant.last
            && (1...Self.keysMax).contains(held.count)
            && zip(held, held.dropFirst()).allSatisfy { ($0.kind.rawValue, $0.epoch) < ($1.kind.rawValue, $1.epoch) }
            && held.contains { $0.kind == .registryEpoch && $0.epoch == registryEpoch }
    }
}

/// The plain bytes. Every bundle has one form.
extension EscrowBundle {
    /// At most 2,632 bytes. Wiping them is the caller's.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: Self.headBytes + held.count * Self.entryBytes + Self.digestBytes)
        writer.append(Self.magic)
        writer.u16(Self.format)
        writer.u16(UInt16(held.count))
        writer.u32(registryEpoch)
        writer.append(clusterID)
        writer.u64(UInt64(bitPattern: madeAt.microseconds))
        for held in held {
            writer.u32(UInt32(held.kind.rawValue))
            writer.u32(held.epoch)
            unsafe held.key.withBytes { unsafe writer.bytes.append(contentsOf: $0) }
        }
        writer.digest(SHA256.digest(writer.bytes))
        return writer.bytes
    }

    /// The bundle that the bytes are of. Wiping them is the caller's.
    ///
    /// - Throws: `.malformed` for another format, a digest that does not fit, and any other length, order or number.
    package init(decoding bytes: [UInt8]) throws(KeyError) {
        do throws(ByteError) {
            var reader = ByteReader(bytes)
            guard try reader.array(Self.magic.count) == Self.magic, try reader.u16() == Self.format else {
                throw .malformed
            }
            let count = Int(try reader.u16())
            registryEpoch = try reader.u32()
            clusterID = try reader.array(KeyRing.clusterIDBytes)
            madeAt = Instant(microseconds: Int64(bitPattern: try reader.u64()))
            guard reader.remaining == count * Self.entryBytes + Self.digestBytes else { throw .malformed }
            let checked = bytes.count - Self.digestBytes
            var tail = ByteReader(bytes, in: checked..<bytes.count)
            guard try tail.digest() == SHA256.digest(bytes, in: 0..<checked) else { throw .malformed }
            var held: [HeldKey] = []
            for _ in 0..<count {
                guard let kind = KeyKind(rawValue: UInt8(clamping: try reader.u32())) else { throw .malformed }
                let epoch = try reader.u32()
                held.append(HeldKey(kind: kind, epoch: epoch, key: SecretKey(try reader.array(SecretKey.count))))
            }
            self.held = held
        } catch {
            throw .malformed
        }
        guard isWhole else { throw .malformed }
    }
}

/// On its way out and back.
extension EscrowBundle {
    /// The age file that the recipients open.
    ///
    /// - Precondition: as `AgeFile.seal` has it.
    /// - Throws: as `AgeFile.seal` does.
    package func sealed(
        to recipients: [AgeRecipient], log2Work: Int = Scrypt.log2WorkDefault, dice: inout some Dice
    ) throws(KeyError) -> [UInt8] {
        var plain = encoded()
        defer { Wipe.bytes(&plain) }
        return try AgeFile.seal(plain, to: recipients, log2Work: log2Work, dice: &dice)
    }

    /// The bundle in an age file.
    ///
    /// - Throws: as `AgeFile.open` does; `.malformed` too when what it holds is no bundle.
    package static func open(_ file: [UInt8], with identities: [AgeIdentity]) throws(KeyError) -> EscrowBundle {
        var plain = try AgeFile.open(file, with: identities)
        defer { Wipe.bytes(&plain) }
        return try EscrowBundle(decoding: plain)
    }
}
