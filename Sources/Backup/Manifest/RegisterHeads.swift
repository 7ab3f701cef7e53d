package import Bytes
internal import Keys
package import SegmentedLog

/// The registers' heads, apart from any backup: put into each destination as soon as an erasure or the like is
/// registered, so that no older backup there can be taken for all there is.
package struct RegisterNote: Equatable, Sendable {
    package var cluster: ClusterIdentity
    /// 1, 2, 3 … in one destination.
    package var number: UInt64
    /// The log's last entry when it was made.
    package var index: UInt64
    package var madeAt: Instant
    /// In the order of their kinds, each once at most.
    package var registers: [RegisterHead]

    /// "CHARTREG".
    static let magic: UInt64 = 0x4745_5254_5241_4843

    /// Puts the heads into a destination of the cluster, durably. Nothing when they stand there already.
    ///
    /// - Parameter index: The log's last entry.
    /// - Throws: `.otherCluster`, `.olderRegisters` when the destination has seen more, `.flawed` when what it saw last
    ///   cannot be believed.
    package static func post(
        _ registers: [RegisterHead], index: UInt64, madeAt: Instant, cluster: ClusterIdentity,
        to destination: some BackupDestination, signer: some BackupSigner, trust: BackupTrust
    ) throws(BackupError) {
        try BackupMarker.claim(destination, for: cluster, lineage: [])
        let newest = try newest(in: destination, cluster: cluster, trust: trust)
        if let newest {
            let older = registers.behind(newest.registers)
            guard older.isEmpty else { throw .olderRegisters(older) }
            if newest.registers == registers { return }
        }
        let note = RegisterNote(
            cluster: cluster, number: (newest?.number ?? 0) + 1, index: index, madeAt: madeAt, registers: registers)
        var writer = ByteWriter()
        writer.u64(note.number)
        writer.u64(index)
        writer.u64(UInt64(bitPattern: madeAt.microseconds))
        writer.u32(UInt32(registers.count))
        RegisterHead.write(registers, to: &writer)
        try destination.put(
            BackupLayout.registers(note.number),
            SignedForm.seal(magic: magic, cluster: cluster.bytes, body: writer.bytes, signer: signer))
    }

    /// The last one in a destination; nil when there is none.
    ///
    /// - Throws: `.flawed` when it cannot be believed.
    static func newest(
        in destination: some BackupDestination, cluster: ClusterIdentity, trust: BackupTrust
    ) throws(BackupError) -> RegisterNote? {
        let numbers = try destination.list(BackupLayout.registers).compactMap { BackupLayout.registersNumber($0.name) }
        guard let number = numbers.max() else { return nil }
        let name = BackupLayout.registers(number)
        let bytes = try destination.read(name, atMost: BackupLayout.signedMax)
        do throws(ManifestFlaw) {
            return try RegisterNote(bytes, number: number, cluster: cluster, trust: trust)
        } catch {
            throw .flawed(object: name, error)
        }
    }

    init(_ bytes: [UInt8], number: UInt64, cluster: ClusterIdentity, trust: BackupTrust) throws(ManifestFlaw) {
        let form = try SignedForm(bytes, magic: Self.magic, trust: trust)
        do throws(ByteError) {
            var reader = ByteReader(bytes, in: form.body)
            self.number = try reader.u64()
            index = try reader.u64()
            madeAt = Instant(microseconds: Int64(bitPattern: try reader.u64()))
            registers = try RegisterHead.read(Int(try reader.u32()), &reader)
            guard reader.isAtEnd, zip(registers, registers.dropFirst()).allSatisfy({ $0.kind < $1.kind }) else {
                throw .malformed
            }
        } catch {
            throw .form
        }
        guard form.cluster == cluster.bytes else { throw .otherCluster }
        guard self.number == number else { throw .misplaced }
        self.cluster = cluster
    }

    private init(
        cluster: ClusterIdentity, number: UInt64, index: UInt64, madeAt: Instant, registers: [RegisterHead]
    ) {
        self.cluster = cluster
        self.number = number
        self.index = index
        self.madeAt = madeAt
        self.registers = registers
    }
}

extension [RegisterHead] {
    /// The registers that another state has further than this one: more entries, or as many and not the same.
    package func behind(_ other: [RegisterHead]) -> [RegisterKind] {
        other.filter { seen in
            guard let own = first(where: { $0.kind == seen.kind }) else { return seen.count > 0 }
            return own.count < seen.count || (own.count == seen.count && own.hash != seen.hash)
        }.map(\.kind)
    }

    /// Each register as far as either state has it.
    package func furthest(_ other: [RegisterHead]) -> [RegisterHead] {
        RegisterKind.allCases.compactMap { kind in
            let found = (self + other).filter { $0.kind == kind }
            return found.max { $0.count < $1.count }
        }
    }
}
