/// What a type says by itself of the resource it changes: a fold sets it where the data is silent.
enum ImpliedState {
    /// Consent.status after an event, the implied code first; nil when the type leaves it open.
    static func consentStatuses(of type: EventType) -> [String]? {
        switch type.name {
        case "consent.granted": ["active"]
        case "consent.withdrawn": ["inactive", "rejected"]
        case "consent.expired": ["inactive"]
        default: nil
        }
    }

    /// The status that stands in the resource when a patch, or no data, leaves it out.
    static func status(of type: EventType) -> String? {
        type.kind?.statuses.first?.code ?? consentStatuses(of: type)?.first
    }

    /// Patient.active likewise.
    static func active(of type: EventType) -> Bool? {
        switch type.name {
        case "patient.deactivated": false
        case "patient.reactivated", "patient.unmerged": true
        default: nil
        }
    }
}
