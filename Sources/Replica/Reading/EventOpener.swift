internal import Bytes
internal import Compression
internal import Keys
internal import Records
internal import SegmentedLog
internal import Views

/// An event opened: its JSON as it was sent, and what the log knows of it.
struct StoredEvent {
    var position: UInt64
    var stamp: Instant
    var tenant: UInt32
    var category: Category
    /// 0 when the type is none of the vocabulary.
    var typeCode: UInt8
    var stream: UInt64
    var version: UInt32
    var form: DataForm
    var isGone: Bool
    /// Key ids of the patients whose data it is, ascending.
    var subjects: [UInt64]
    var json: [UInt8]
}

// Opening what the log holds: events, headers of transactions, records. The base of every read. What cannot be
// opened is a problem that names the position, never an absence.
extension Replica {
    /// The event at a committed position, decrypted and expanded.
    func openEvent(at position: UInt64) throws(Problem) -> StoredEvent {
        let (frame, place, transaction) = try event(at: position)
        guard let ordinal = book.stream(tag: place.stream) else { throw Self.damaged(position) }
        let row = book.row(ordinal)
        var subjects = try Self.read(position) { () throws(ByteError) in try place.namedSubjects(in: frame.body) }
        if subjects == nil && place.creation != nil { subjects = [] }
        let json: [UInt8]
        if let subjects {
            json = try open(place, in: frame, tenant: transaction.tenant, subjects: subjects)
        } else {
            // Nearly always the stream's subjects never changed; the seal says whether that is so.
            do throws(Problem) {
                json = try open(place, in: frame, tenant: transaction.tenant, subjects: row.subjects)
                subjects = row.subjects
            } catch {
                let told = try self.subjects(before: position, of: ordinal)
                guard told != row.subjects else { throw error }
                json = try open(place, in: frame, tenant: transaction.tenant, subjects: told)
                subjects = told
            }
        }
        return StoredEvent(
            position: position, stamp: transaction.stamp, tenant: transaction.tenant, category: row.category,
            typeCode: place.typeCode, stream: place.stream, version: place.version, form: place.form,
            isGone: place.shape.contains(.isGone), subjects: subjects ?? [], json: json)
    }

    /// Where the event at a committed position stands.
    func event(
        at position: UInt64
    ) throws(Problem) -> (frame: FrameParts, place: EventPlace, transaction: TransactionPlace) {
        let frame = try frame(ofPosition: position)
        let found = try Self.read(position) { () throws(ByteError) in try frame.event(at: position) }
        guard let found else { throw Self.damaged(position) }
        return (frame, found.place, found.transaction)
    }

    /// The transaction that a committed position belongs to.
    func transaction(at position: UInt64) throws(Problem) -> TransactionPlace {
        if let kept = opened.rewind(at: position) { return kept }
        let (_, place, transaction) = try event(at: position)
        if place.rewind != nil { opened.keep(transaction, ofRewind: position) }
        return transaction
    }

    /// Who appended the event at a position, why, and from where.
    func header(at position: UInt64) throws(Problem) -> AuditValue {
        let (frame, _, transaction) = try event(at: position)
        if let kept = opened.header, kept.position == transaction.firstPosition { return kept.value }
        let value = try open(
            transaction.sealedHeader, in: frame, position: position,
            bound: Binding.transaction(
                cluster: frame.cluster, tenant: transaction.tenant, position: transaction.firstPosition))
        opened.header = (transaction.firstPosition, value)
        return value
    }

    /// A committed record and what it says.
    func openRecord(_ number: UInt64) throws(Problem) -> (facts: RecordFacts, value: AuditValue) {
        let frame = try frame(ofRecord: number)
        guard let place = frame.record(number) else { throw Self.damaged(book.position) }
        let facts = try Self.read(book.position) { () throws(ByteError) in
            try place.facts(in: frame.body, leafPrefix: 0)
        }
        let value = try open(
            place.sealed, in: frame, position: book.position,
            bound: Binding.record(cluster: frame.cluster, tenant: place.tenant, number: number))
        return (facts, value)
    }

    /// The key of a subject.
    ///
    /// - Throws: `keyMissing` when there is no such key; that is never proof that it was destroyed.
    func subjectKey(_ id: UInt64) throws(Problem) -> SecretKey {
        if let key = subjectKeys.opened(id: id) { return key }
        guard let row = subjectKeys.row(id: id) else { throw Self.keyMissing }
        if subjectKeys.wrapped(id: id) == nil { try fetchKeys(ridingIn: row.index) }
        guard let wrapped = subjectKeys.wrapped(id: id) else { throw Self.keyMissing }
        do throws(KeyError) {
            let key = try ring.unwrap(
                wrapped.bytes, as: id, tenant: row.tenant, epoch: wrapped.epoch,
                clusterID: lineage.identity(ofIndex: row.index).bytes, crypto: crypto)
            subjectKeys.keep(key, id: id)
            return key
        } catch {
            throw Self.keyMissing
        }
    }

    private func fetchKeys(ridingIn index: UInt64) throws(Problem) {
        let parts = try self.parts(at: index)
        for transaction in parts.transactions {
            var reader = ByteReader(parts.body, in: transaction.keys)
            while !reader.isAtEnd {
                guard let key = try? NewKeyPlace(&reader) else { throw Self.keyMissing }
                subjectKeys.found(Array(parts.body[key.wrapped]), epoch: parts.registryEpoch, id: key.id)
            }
        }
    }

    /// The subjects of a stream just before the event at `position`, as the events before it name them.
    private func subjects(before position: UInt64, of stream: StreamOrdinal) throws(Problem) -> [UInt64] {
        var before = book.content(before: position, of: stream)
        while before > 0 {
            let (frame, place, _) = try event(at: before)
            let named = try Self.read(before) { () throws(ByteError) in try place.namedSubjects(in: frame.body) }
            if let named { return named }
            before = book.content(before: before, of: stream)
        }
        return []
    }

    func open(
        _ place: EventPlace, in frame: FrameParts, tenant: UInt32, subjects: [UInt64]
    ) throws(Problem) -> [UInt8] {
        var keys: [UInt64: SecretKey] = [:]
        for id in subjects { keys[id] = try subjectKey(id) }
        let ranges = try Self.read(place.position) { () throws(ByteError) in try place.partRanges(in: frame.body) }
        var parts: [[UInt8]] = []
        for (at, range) in ranges.enumerated() {
            let name = Self.keyName(part: at, of: ranges.count, subjects: subjects)
            parts.append(
                try open(
                    range, in: frame, position: place.position,
                    bound: Binding.event(
                        cluster: frame.cluster, tenant: tenant, stream: place.stream, version: place.version,
                        position: place.position, part: at, typeCode: place.typeCode, typeToken: place.typeToken,
                        key: name)
                ) { () throws(KeyError) in try key(name, tenant: tenant, subjects: subjects) { keys[$0] } })
        }
        guard parts.count > 1 else { return parts.first ?? [] }
        do {
            return try SubjectSplit.join(
                common: parts[0],
                perPatient: parts[1..<(parts.count - 1)].map { SubjectSplit.PatientPart(patient: "", bytes: $0) },
                rest: parts[parts.count - 1])
        } catch {
            throw Self.damaged(place.position)
        }
    }

    /// Under what a part is sealed: see `parts(of:)` in the sealing.
    static func keyName(part: Int, of count: Int, subjects: [UInt64]) -> UInt64 {
        guard count > 1 else {
            return subjects.count > 1 ? KeyName.together : subjects.first ?? KeyName.tenant
        }
        if part == 0 { return KeyName.tenant }
        return part - 1 < subjects.count && part < count - 1 ? subjects[part - 1] : KeyName.together
    }

    private func open(
        _ range: Range<Int>, in frame: FrameParts, position: UInt64, bound: [UInt8]
    ) throws(Problem) -> AuditValue {
        let bytes = try open(range, in: frame, position: position, bound: bound) {
            () throws(KeyError) in
            if frame.seed == auditSeed { return auditKey }
            if let key = auditKeys[frame.seed] { return key }
            if auditKeys.count >= 64 { auditKeys.removeAll() }
            let key = try ring.auditKey(
                clusterID: frame.cluster, segmentSalt: frame.seed.salt, epoch: frame.seed.epoch)
            auditKeys[frame.seed] = key
            return key
        }
        return try Self.read(position) { () throws(ByteError) in try AuditValue(bytes) }
    }

    private func open(
        _ range: Range<Int>, in frame: FrameParts, position: UInt64, bound: [UInt8],
        key: () throws(KeyError) -> SecretKey
    ) throws(Problem) -> [UInt8] {
        do {
            var compressed: [UInt8] = []
            try crypto.open(frame.body, in: range, key: try key(), associated: bound, onto: &compressed)
            var plain: [UInt8] = []
            try compressor.expand(compressed, in: 0..<compressed.count, onto: &plain)
            return plain
        } catch {
            throw Self.damaged(position)
        }
    }

    private func frame(ofPosition position: UInt64) throws(Problem) -> FrameParts {
        if let held = opened.holding(position: position) { return held }
        let index = try Self.locate(position) { () throws(LogError) in try log.index(ofPosition: position) }
        guard let index else { throw Self.damaged(position) }
        return try parts(at: index)
    }

    func frame(ofRecord number: UInt64) throws(Problem) -> FrameParts {
        if let held = opened.holding(record: number) { return held }
        let index = try Self.locate(book.position) { () throws(LogError) in try log.index(ofRecord: number) }
        guard let index else { throw Self.damaged(book.position) }
        return try parts(at: index)
    }

    /// The frame at an index, taken apart.
    func parts(at index: UInt64) throws(Problem) -> FrameParts {
        let frame = try Self.locate(book.position) { () throws(LogError) in try log.frame(at: index) }
        let parts = try Self.read(frame.header.firstPosition) { () throws(ByteError) in try FrameParts(frame) }
        opened.keep(parts)
        return parts
    }

    private static func locate<Value>(
        _ position: UInt64, _ work: () throws(LogError) -> Value
    ) throws(Problem) -> Value {
        do {
            return try work()
        } catch {
            guard case .damaged(let fault) = error else { throw damaged(position) }
            throw Problem(
                .damaged, "A part of the log is damaged: run chartlog verify, then restore from a backup.",
                [.position(position), .index(fault.index), .segment(fault.segment)])
        }
    }

    private static func read<Value>(
        _ position: UInt64, _ work: () throws(ByteError) -> Value
    ) throws(Problem) -> Value {
        do { return try work() } catch { throw damaged(position) }
    }

    static func damaged(_ position: UInt64) -> Problem {
        Problem(
            .damaged, "What stands at this position cannot be verified: run chartlog verify.", [.position(position)])
    }

    static var keyMissing: Problem {
        Problem(.keyMissing, "This replica lacks a patient's key; nothing says that the patient was erased.")
    }
}
