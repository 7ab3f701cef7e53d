// The audit view's lists, and the terms by which patients are found.
extension Book {
    /// How many items a scope has through a cut. Items are numbered from 0 in log order and never renumbered, so a
    /// page is a range and a later cut only appends.
    package func auditCount(_ scope: AuditScope, through cut: Cut) -> Int {
        let end = min(cut.position + cut.record, UInt64(order.count))
        return switch scope {
        case .all: Int(end)
        case .subject(let keyID): itemsOfSubject.count(of: keyID, below: UInt32(end))
        case .actor(let token): itemsOfActor.count(of: token, below: UInt32(end))
        }
    }

    /// The items numbered `range`, in log order.
    ///
    /// - Precondition: `range` lies within the scope's count.
    package func auditItems(_ scope: AuditScope, in range: Range<Int>) -> [AuditItem] {
        switch scope {
        case .all: range.map { order[$0] }
        case .subject(let keyID): itemsOfSubject.values(of: keyID, in: range).map { order[Int($0)] }
        case .actor(let token): itemsOfActor.values(of: token, in: range).map { order[Int($0)] }
        }
    }

    /// Whether an event is among the audit items of a subject.
    ///
    /// - Precondition: the event is folded.
    package func concerns(event position: UInt64, subject keyID: UInt64) -> Bool {
        itemsOfSubject.contains(item(ofEvent: position), in: keyID)
    }

    /// The number of an event among events and records: the first item through which there are so many events.
    private func item(ofEvent position: UInt64) -> UInt32 {
        var low = 0
        var high = order.count
        while low < high {
            let middle = (low + high) / 2
            let events =
                switch order[middle] {
                case .event(let number): number
                case .record(let number): UInt64(middle + 1) - number
                }
            if events < position { low = middle + 1 } else { high = middle }
        }
        return UInt32(low)
    }

    /// Adds search keys of a patient's current resource; keys it has already are passed over. Keys of earlier versions
    /// stay: a search as of an earlier position needs them, and every candidate is checked against its resource.
    package mutating func index(patient: StreamOrdinal, keys: [UInt64]) {
        index(patient: patient, keys: keys, isNew: false)
    }

    /// - Parameter isNew: the patient is in no list yet, and `keys` has no repeats: the lists need not be looked at.
    mutating func index(patient: StreamOrdinal, keys: [UInt64], isNew: Bool) {
        for key in keys where isNew || !patientsOfTerm.contains(patient.raw, in: key) {
            patientsOfTerm.append(patient.raw, to: key)
        }
    }

    /// Patients indexed under `key`: ascending, without repeats, of all tenants.
    package func patients(key: UInt64) -> [StreamOrdinal] {
        patientsOfTerm.values(of: key).sorted().map { StreamOrdinal(raw: $0) }
    }

    package func patientCount(key: UInt64) -> Int { patientsOfTerm.count(of: key) }

    /// How many patients' terms are behind.
    package var staleCount: Int { stale.count - staleFirst }

    /// Takes up to `limit` of them, longest behind first; the caller indexes each before the book is searched.
    package mutating func takeStale(limit: Int) -> [StalePatient] {
        let end = staleFirst + min(staleCount, max(0, limit))
        let taken = stale[staleFirst..<end].map {
            StalePatient(stream: StreamOrdinal(raw: UInt32(truncatingIfNeeded: $0 >> 32)), from: $0 & 0xffff_ffff)
        }
        for patient in taken { streams[Int(patient.stream.raw)].isStale = false }
        staleFirst = end
        if staleFirst == stale.count {
            stale = []
            staleFirst = 0
        }
        return taken
    }
}
