import Bytes
import JSON

/// The shape that clinics rely on, of FHIR R4 Patient, Appointment and Consent: whole resources and merge patches of
/// them. What is not named here is stored as it comes.
enum FHIRRules {
    /// The resource a stream holds; nil for disclosures, which hold any.
    static func resourceType(of category: Category) -> String? {
        switch category {
        case .patient: "Patient"
        case .appointment: "Appointment"
        case .consent: "Consent"
        case .disclosure: nil
        }
    }

    /// - Throws: `invalidResource`, naming the element, or `invalidInterval`.
    static func check(_ text: JSONText, _ data: JSONNode, of subject: StreamName, isPatch: Bool) throws(Problem) {
        let shape = Shape(text: text, isPatch: isPatch)
        try checkIdentity(text, data, subject, isPatch: isPatch)
        // FHIR R4, datatypes: strings hold nothing below U+0020 but tab, line feed and carriage return.
        guard !text.holdsControls(data) else {
            throw invalid("Leave control characters out of strings.", "data")
        }
        switch subject.category {
        case .patient: try shape.checkPatient(data)
        case .appointment: try shape.checkAppointment(data)
        case .consent: try shape.checkConsent(data)
        case .disclosure: break
        }
        try shape.checkEverywhere(data)
    }

    private static func checkIdentity(
        _ text: JSONText, _ data: JSONNode, _ subject: StreamName, isPatch: Bool
    ) throws(Problem) {
        if let type = text.member(Keys.resourceType, of: data), let own = resourceType(of: subject.category) {
            guard text.equals(type, own) else {
                throw invalid("Send a resource of the stream's own type.", "data.resourceType")
            }
        }
        guard let id = text.member(Keys.id, of: data) else {
            guard isPatch else { throw invalid("Let data.id be the id in the subject.", "data.id") }
            return
        }
        guard text.equals(id, subject.id) else { throw invalid("Let data.id be the id in the subject.", "data.id") }
    }

    /// The status that a type implies may be left out of a patch, but no other may stand there.
    static func checkImplied(_ type: EventType, _ text: JSONText, _ data: JSONNode) throws(Problem) {
        guard text.kind(of: data) == .object else { return }
        if type.name == "patient.deactivated" || type.name == "patient.reactivated",
            let said = text.member(Keys.active, of: data), text.bool(said) == (type.name == "patient.deactivated")
        {
            throw Problem(.invalidStatus, "The type implies another status.", [.member("data.active")])
        }
        guard let allowed = ImpliedState.consentStatuses(of: type), let status = text.member(Keys.status, of: data)
        else { return }
        guard allowed.contains(where: { text.equals(status, $0) }) else {
            throw Problem(.invalidStatus, "The type implies another status.", [.member("data.status")])
        }
    }

    static func invalid(_ detail: StaticString, _ member: String) -> Problem {
        Problem(.invalidResource, detail, [.member(member)])
    }

    enum Keys {
        static let resourceType: JSONKey = "resourceType"
        static let id: JSONKey = "id"
        static let status: JSONKey = "status"
        static let start: JSONKey = "start"
        static let end: JSONKey = "end"
        static let participant: JSONKey = "participant"
        static let actor: JSONKey = "actor"
        static let type: JSONKey = "type"
        static let required: JSONKey = "required"
        static let cancelationReason: JSONKey = "cancelationReason"
        static let created: JSONKey = "created"
        static let minutesDuration: JSONKey = "minutesDuration"
        static let requestedPeriod: JSONKey = "requestedPeriod"
        static let period: JSONKey = "period"
        static let patient: JSONKey = "patient"
        static let dateTime: JSONKey = "dateTime"
        static let active: JSONKey = "active"
        static let gender: JSONKey = "gender"
        static let birthDate: JSONKey = "birthDate"
        static let deceasedBoolean: JSONKey = "deceasedBoolean"
        static let deceasedDateTime: JSONKey = "deceasedDateTime"
        static let multipleBirthBoolean: JSONKey = "multipleBirthBoolean"
        static let multipleBirthInteger: JSONKey = "multipleBirthInteger"
        static let name: JSONKey = "name"
        static let family: JSONKey = "family"
        static let given: JSONKey = "given"
        static let prefix: JSONKey = "prefix"
        static let suffix: JSONKey = "suffix"
        static let text: JSONKey = "text"
        static let telecom: JSONKey = "telecom"
        static let system: JSONKey = "system"
        static let value: JSONKey = "value"
        static let address: JSONKey = "address"
        static let identifier: JSONKey = "identifier"
        static let contact: JSONKey = "contact"
        static let other: JSONKey = "other"
        static let reference: JSONKey = "reference"
    }
}
