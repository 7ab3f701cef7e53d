import Bytes
import JSON

extension FHIRRules {
    /// What an Appointment or a patch of one says.
    ///
    /// - Throws: `invalidStatus` when it contradicts the status that the type implies, `invalidResource`.
    static func change(
        _ text: JSONText, _ data: JSONNode, type: EventType, isPatch: Bool, allowsOverlap: Bool
    ) throws(Problem) -> AppointmentChange {
        var change = AppointmentChange()
        change.isWhole = !isPatch
        change.allowsOverlap = allowsOverlap
        change.status = try status(text, data, type: type, isPatch: isPatch)
        change.start = try instant(text, text.member(Keys.start, of: data), "data.start", isPatch: isPatch)
        change.end = try instant(text, text.member(Keys.end, of: data), "data.end", isPatch: isPatch)
        if let reason = text.member(Keys.cancelationReason, of: data) {
            change.hasCancelationReason = !text.isNull(reason)
        } else if !isPatch {
            change.hasCancelationReason = false
        }
        let participant = text.member(Keys.participant, of: data)
        if participant != nil || !isPatch {
            change.practitioners = actors(text, participant, of: practitioner)
            change.locations = actors(text, participant, of: location)
        }
        return change
    }

    private static let practitioner = Array("Practitioner".utf8)
    private static let location = Array("Location".utf8)

    private static func status(
        _ text: JSONText, _ data: JSONNode, type: EventType, isPatch: Bool
    ) throws(Problem) -> AppointmentStatus? {
        let implied = type.kind?.statuses ?? []
        guard let node = text.member(Keys.status, of: data) else {
            guard isPatch else { throw invalid("An Appointment has a status.", "data.status") }
            return implied.first
        }
        guard let said = text.string(node).flatMap({ AppointmentStatus(code: $0) }) else {
            throw invalid("Give a status of FHIR R4 Appointment.", "data.status")
        }
        guard implied.isEmpty || implied.contains(said) else {
            throw Problem(.invalidStatus, "The type implies another status.", [.member("data.status")])
        }
        return said
    }

    private static func instant(
        _ text: JSONText, _ node: JSONNode?, _ member: String, isPatch: Bool
    ) throws(Problem) -> AppointmentChange.Said<Instant> {
        guard let node else { return .not }
        if isPatch, text.isNull(node) { return .removed }
        guard let bytes = text.stringBytes(node) else { throw invalid("Give an instant with offset.", member) }
        switch FHIRTime.instant(bytes) {
        case .value(let instant): return .value(instant)
        case .withoutOffset: throw invalid("Give the instant with an offset, such as Z or +02:00.", member)
        case .malformed: throw invalid("Give an instant: YYYY-MM-DDThh:mm:ss and an offset.", member)
        }
    }

    /// References `Type/id` among the participants' actors, in order, without repeats.
    private static func actors(_ text: JSONText, _ participants: JSONNode?, of type: [UInt8]) -> [String] {
        guard let participants else { return [] }
        var found: [String] = []
        for participant in text.elements(of: participants) {
            guard let actor = text.member(Keys.actor, of: participant),
                let reference = text.member(Keys.reference, of: actor),
                let bytes = text.content(reference),
                let id = PatientReferences.id(in: bytes, type: type)
            else { continue }
            let name = String(decoding: type + [0x2f] + id, as: UTF8.self)
            if !found.contains(name) { found.append(name) }
        }
        return found
    }
}
