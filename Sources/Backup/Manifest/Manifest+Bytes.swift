internal import Bytes
internal import Keys
internal import SegmentedLog
internal import Views

/// A manifest as it lies in a destination.
struct SignedManifest: Equatable, Sendable {
    let manifest: Manifest
    let bytes: [UInt8]
    /// SHA-256 of `bytes`: what the next one names.
    let hash: Digest
    let epoch: UInt32
    let publicKey: [UInt8]

    /// "CHARTBAK".
    static let magic: UInt64 = 0x4b41_4254_5241_4843

    init(_ manifest: Manifest, signer: some BackupSigner) throws(BackupError) {
        self.manifest = manifest
        bytes = try SignedForm.seal(
            magic: Self.magic, cluster: manifest.cluster.bytes, body: manifest.body, signer: signer)
        hash = SHA256.digest(bytes)
        epoch = signer.epoch
        publicKey = signer.publicKey
    }

    /// The manifest that the bytes are, if somebody trusted signed them; whether it is the one that is looked for, and
    /// follows from the one before, is for others to see.
    ///
    /// - Throws: `.form`, `.version`, `.signature`, `.key`.
    init(_ bytes: [UInt8], trust: BackupTrust) throws(ManifestFlaw) {
        let form = try SignedForm(bytes, magic: Self.magic, trust: trust)
        do throws(ByteError) {
            manifest = try Manifest(
                ByteReader(bytes, in: form.body), cluster: ClusterIdentity(form.cluster))
        } catch {
            throw .form
        }
        self.bytes = bytes
        hash = SHA256.digest(bytes)
        epoch = form.epoch
        publicKey = form.publicKey
    }
}

extension Manifest {
    /// Indexes, positions and numbers above this are no manifest's.
    private static var numberMax: UInt64 { BackupLayout.numberMax }

    /// All between the common head and the common tail.
    var body: [UInt8] {
        var writer = ByteWriter(reserving: 512 + objects.count * 128)
        writer.u64(number)
        writer.digest(previous)
        writer.u64(UInt64(bitPattern: madeAt.microseconds))
        writer.u64(UInt64(replica))
        for value in [head.index, head.term, head.position, head.record] { writer.u64(value) }
        writer.u64(UInt64(bitPattern: head.firstStamp.microseconds))
        writer.u64(UInt64(bitPattern: head.stamp.microseconds))
        writer.digest(head.hash)
        for digest in [digests.patient, digests.appointment, digests.audit] { writer.digest(digest) }
        for count in [registers.count, epochs.count, lineage.count, objects.count] { writer.u32(UInt32(count)) }
        RegisterHead.write(registers, to: &writer)
        for use in epochs {
            writer.u32(UInt32(use.kind.rawValue))
            writer.u32(use.epoch)
        }
        for part in lineage {
            writer.append(part.cluster.bytes)
            writer.u64(part.firstSegment)
        }
        for object in objects { object.write(to: &writer) }
        return writer.bytes
    }

    fileprivate init(_ reader: ByteReader, cluster: ClusterIdentity) throws(ByteError) {
        var reader = reader
        self.cluster = cluster
        number = try reader.u64()
        previous = try reader.digest()
        madeAt = try Self.instant(&reader)
        let replica = try reader.u64()
        guard replica <= Self.numberMax else { throw .malformed }
        self.replica = Int(replica)
        head = LogHead(
            index: try reader.u64(), term: try reader.u64(), position: try reader.u64(), record: try reader.u64(),
            firstStamp: try Self.instant(&reader), stamp: try Self.instant(&reader), hash: try reader.digest())
        digests = ViewDigests(
            patient: try reader.digest(), appointment: try reader.digest(), audit: try reader.digest())
        let counts = (try reader.u32(), try reader.u32(), try reader.u32(), try reader.u32())
        registers = try RegisterHead.read(Int(counts.0), &reader)
        (epochs, lineage, objects) = ([], [], [])
        for _ in 0..<counts.1 {
            let word = try reader.u32()
            guard word <= 0xff, let kind = KeyKind(rawValue: UInt8(word)) else { throw .malformed }
            epochs.append(EpochUse(kind: kind, epoch: try reader.u32()))
        }
        for _ in 0..<counts.2 {
            lineage.append(
                LineagePart(cluster: ClusterIdentity(try reader.array(16)), firstSegment: try reader.u64()))
        }
        for _ in 0..<counts.3 { objects.append(try ManifestObject(&reader)) }
        guard reader.isAtEnd, isInOrder else { throw .malformed }
    }

    private static func instant(_ reader: inout ByteReader) throws(ByteError) -> Instant {
        Instant(microseconds: Int64(bitPattern: try reader.u64()))
    }

    /// Whether it says nothing that contradicts itself. Whoever makes one keeps to it as well.
    var isInOrder: Bool {
        guard (1...Self.numberMax).contains(number), (previous == .zero) == (number == 1),
            (1...Self.numberMax).contains(head.index), head.position <= Self.numberMax,
            head.record <= Self.numberMax, head.stamp >= head.firstStamp, madeAt >= .first, madeAt <= .last
        else { return false }
        return isEachEpochOnce && isLineageInOrder && areSegmentsWithoutGap && areViewsInOrder
            && zip(registers, registers.dropFirst()).allSatisfy { $0.kind < $1.kind }
    }

    private var isEachEpochOnce: Bool {
        zip(epochs, epochs.dropFirst()).allSatisfy {
            ($0.kind.rawValue, $0.epoch) < ($1.kind.rawValue, $1.epoch)
        }
    }

    private var isLineageInOrder: Bool {
        lineage.first?.firstSegment == 1 && lineage.last?.cluster == cluster
            && zip(lineage, lineage.dropFirst()).allSatisfy { $0.firstSegment < $1.firstSegment }
    }

    private var areSegmentsWithoutGap: Bool {
        var next = (segment: UInt64(1), index: UInt64(1))
        for object in objects.prefix(while: { $0.kind != .view }) {
            guard object.segment == next.segment, object.firstIndex == next.index,
                object.lastIndex >= object.firstIndex, object.lastIndex <= head.index, object.isNamedRight
            else { return false }
            next = (object.segment + 1, object.lastIndex + 1)
        }
        return next.index == head.index + 1
    }

    private var areViewsInOrder: Bool {
        let views = objects.drop { $0.kind != .view }
        return views.allSatisfy { $0.kind == .view && $0.isNamedRight }
            && zip(views, views.dropFirst()).allSatisfy { $0.name < $1.name }
    }
}

extension RegisterHead {
    static func write(_ heads: [RegisterHead], to writer: inout ByteWriter) {
        for head in heads {
            writer.u64(UInt64(head.kind.rawValue))
            writer.u64(head.count)
            writer.digest(head.hash)
        }
    }

    static func read(_ count: Int, _ reader: inout ByteReader) throws(ByteError) -> [RegisterHead] {
        var heads: [RegisterHead] = []
        for _ in 0..<count {
            let word = try reader.u64()
            guard word <= 0xff, let kind = RegisterKind(rawValue: UInt8(word)) else { throw .malformed }
            heads.append(RegisterHead(kind: kind, count: try reader.u64(), hash: try reader.digest()))
        }
        return heads
    }
}

extension ManifestObject {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.u8(kind.rawValue)
        writer.u8(UInt8(name.utf8.count))
        writer.u16(0)
        writer.u64(segment)
        writer.u64(firstIndex)
        writer.u64(lastIndex)
        writer.u64(firstPosition)
        writer.u64(UInt64(bytes))
        writer.digest(hash)
        writer.append(Array(name.utf8))
    }

    fileprivate init(_ reader: inout ByteReader) throws(ByteError) {
        guard let kind = Kind(rawValue: try reader.u8()) else { throw .malformed }
        let nameBytes = try reader.u8()
        guard try reader.u16() == 0 else { throw .malformed }
        let segment = try reader.u64()
        let firstIndex = try reader.u64()
        let lastIndex = try reader.u64()
        let firstPosition = try reader.u64()
        let bytes = try reader.u64()
        guard (1...UInt64(Int32.max)).contains(bytes) || (kind == .view && bytes <= UInt64(1) << 50) else {
            throw .malformed
        }
        let hash = try reader.digest()
        let name = try reader.array(Int(nameBytes))
        self.init(
            kind: kind, name: String(decoding: name, as: UTF8.self), bytes: Int(bytes), hash: hash,
            segment: segment, firstIndex: firstIndex, lastIndex: lastIndex, firstPosition: firstPosition)
        guard Array(self.name.utf8) == name else { throw .malformed }
    }

    /// The name is one of its kind, and agrees with what it says.
    fileprivate var isNamedRight: Bool {
        switch kind {
        case .closed: BackupLayout.isSegment(name, segment)
        case .tail: BackupLayout.isTail(name, segment, through: lastIndex)
        case .view:
            segment == 0 && firstIndex == 0 && lastIndex == 0 && firstPosition == 0
                && BackupLayout.viewFile(name).map { BackupLayout.view($0, hash: hash) } == name
        }
    }
}
