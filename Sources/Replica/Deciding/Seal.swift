internal import Bytes
internal import Compression
internal import Keys
internal import Records

/// What values of several patients are sealed under, beside keys of subjects.
enum KeyName {
    /// The tenant's sealing key.
    static let tenant: UInt64 = 0
    /// A key derived from those of all the event's subjects.
    static let together: UInt64 = .max
}

// Compress, then seal, each value alone (design 7).
extension Replica {
    /// Seals a decided transaction into the entry being gathered.
    func seal(_ transaction: PendingTransaction, _ decided: Decided, header: AuditValue) throws(KeyError) {
        if let gathering, gathering.builder.writer.count >= EntryFormat.bodyBytesMax { close(gathering) }
        var gathering = self.gathering ?? newGathering(stamp: transaction.facts.stamp)
        self.gathering = nil
        do throws(KeyError) {
            try seal(transaction, decided, header: header, into: &gathering)
        } catch {
            // Half of it is in the entry: nothing of that entry can be proposed any more.
            lost += gathering.items
            failed(.internalError)
            throw error
        }
        gathering.items.append(.transaction(transaction))
        waitingBytes += gathering.builder.writer.count - gathering.countedBytes
        gathering.countedBytes = gathering.builder.writer.count
        self.gathering = gathering
    }

    private func seal(
        _ transaction: PendingTransaction, _ decided: Decided, header: AuditValue, into gathering: inout Gathering
    ) throws(KeyError) {
        let tenant = transaction.facts.tenant
        try gathering.builder.beginTransaction(
            transaction.facts, idempotency: transaction.idempotency, keys: transaction.newKeys,
            eventCount: decided.events.count,
            header: try sealing(
                header,
                bound: Binding.transaction(
                    cluster: ring.clusterID, tenant: tenant, position: gathering.builder.nextPosition)),
            crypto: crypto)
        transaction.facts.events.reserveCapacity(decided.events.count)
        var room: [UInt8] = []
        let stamp = transaction.facts.stamp
        // Spans lend what they hold; a loop over the arrays would copy it.
        let incoming = transaction.events
        let events = incoming.span
        let ones = decided.events.span
        precondition(events.count == ones.count)
        for at in ones.indices {
            var facts = ones[at].facts
            if facts.subjects.count < 2 {
                gathering.builder.beginEvent(facts, stamp: stamp, before: ones[at].before, partCount: 1)
                let name = facts.subjects.first ?? KeyName.tenant
                try gathering.builder.addPart(
                    sealing(events[at].bytes, of: facts, part: 0, under: name, decided, in: &room), crypto: crypto)
            } else {
                let parts = parts(of: events[at], facts, decided)
                gathering.builder.beginEvent(facts, stamp: stamp, before: ones[at].before, partCount: parts.count)
                for (at, part) in parts.enumerated() {
                    try gathering.builder.addPart(
                        sealing(part.bytes, of: facts, part: at, under: part.key, decided, in: &room), crypto: crypto)
                }
            }
            facts.leafPrefix = gathering.builder.endEvent().words.0
            transaction.facts.events.append(facts)
        }
    }

    /// The values of an event of several subjects and what each is sealed under: what is common, each patient's own in
    /// the order of their key ids, and what opens only with all of them.
    private func parts(
        of event: IncomingEvent, _ facts: EventFacts, _ decided: Decided
    ) -> [(key: UInt64, bytes: [UInt8])] {
        guard let tenant = tenant(facts.tenant), let patients = event.patients, patients.count == facts.subjects.count,
            let split = try? SubjectSplit.split(event: event.bytes, patients: patients)
        else { return [(KeyName.together, event.bytes)] }
        var own: [(key: UInt64, bytes: [UInt8])] = []
        for part in split.perPatient {
            let token = tenant.stream(.patient, id: part.patient)
            guard let bytes = part.bytes,
                let id = overlay.keys[token]?.id ?? subjectKeys.id(of: token, tenant: tenant.id)
            else { return [(KeyName.together, event.bytes)] }
            own.append((id, bytes))
        }
        guard own.count == facts.subjects.count else { return [(KeyName.together, event.bytes)] }
        own.sort { $0.key < $1.key }
        return [(KeyName.tenant, split.common)] + own + [(KeyName.together, split.rest)]
    }

    /// - Parameter room: what the value before stood in compressed, and this one will.
    private func sealing(
        _ plain: [UInt8], of facts: EventFacts, part: Int, under name: UInt64, _ decided: Decided,
        in room: inout [UInt8]
    ) throws(KeyError) -> Sealing {
        room.removeAll(keepingCapacity: true)
        room.reserveCapacity(plain.count + 8)
        compressor.compress(plain, in: 0..<plain.count, dictionary: .events, onto: &room)
        return Sealing(
            plain: room,
            key: try key(name, tenant: facts.tenant, subjects: facts.subjects) { decided.keys[$0] },
            nonce: dice.bytes(Crypto.nonceBytes),
            associated: Binding.event(
                cluster: ring.clusterID, tenant: facts.tenant, stream: facts.stream, version: facts.version,
                position: facts.position, part: part, typeCode: facts.typeCode, typeToken: facts.typeToken, key: name))
    }

    /// The key that `name` stands for in an event of these subjects.
    func key(
        _ name: UInt64, tenant id: UInt32, subjects: [UInt64], of subject: (UInt64) -> SecretKey?
    ) throws(KeyError) -> SecretKey {
        switch name {
        case KeyName.tenant:
            guard let tenant = tenant(id) else { throw .missing }
            return tenant.sealingKey
        case KeyName.together:
            var together: SecretKey?
            for id in subjects {
                guard let key = subject(id) else { throw .missing }
                let info = Array("chartlog together 1".utf8)
                together =
                    together.map {
                        crypto.hkdf(secret: $0, salt: crypto.hmac(info, key: MACKey(key)).bytes, info: info)
                    }
                    ?? crypto.hkdf(secret: key, salt: [], info: info)
            }
            guard let together else { throw .missing }
            return together
        default:
            guard let key = subject(name) else { throw .missing }
            return key
        }
    }

    /// An audit value, compressed, ready to be sealed under the audit key in use.
    func sealing(_ value: AuditValue, bound associated: [UInt8]) throws(KeyError) -> Sealing {
        try auditUses.spend()
        var writer = ByteWriter(reserving: 256)
        value.write(onto: &writer)
        var compressed: [UInt8] = []
        compressed.reserveCapacity(writer.count + 8)
        compressor.compress(writer.bytes, in: 0..<writer.count, dictionary: .records, onto: &compressed)
        return Sealing(
            plain: compressed, key: auditKey, nonce: dice.bytes(Crypto.nonceBytes), associated: associated)
    }
}
