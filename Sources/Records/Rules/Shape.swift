import Bytes
import JSON

/// The elements of a resource or of a patch, type by type. In a patch null removes an element.
struct Shape {
    let text: JSONText
    let isPatch: Bool

    private typealias Keys = FHIRRules.Keys

    /// Codes of FHIR R4 value sets.
    private enum Codes {
        static let genders = ["male", "female", "other", "unknown"]
        static let linkTypes = ["replaced-by", "replaces", "refer", "seealso"]
        static let participations = ["accepted", "declined", "tentative", "needs-action"]
        static let requirements = ["required", "optional", "information-only"]
        static let consentStatuses = ["draft", "proposed", "active", "rejected", "inactive", "entered-in-error"]
        static let contactSystems = ["phone", "fax", "email", "pager", "url", "sms", "other"]
    }

    func checkPatient(_ data: JSONNode) throws(Problem) {
        try boolean(data, Keys.active, "Patient.active")
        try code(data, Keys.gender, Codes.genders, "Patient.gender")
        try date(data, Keys.birthDate, "Patient.birthDate")
        try boolean(data, Keys.deceasedBoolean, "Patient.deceasedBoolean")
        try dateTime(data, Keys.deceasedDateTime, "Patient.deceasedDateTime")
        try one(data, of: Keys.deceasedBoolean, Keys.deceasedDateTime, "Patient.deceased")
        try boolean(data, Keys.multipleBirthBoolean, "Patient.multipleBirthBoolean")
        try one(data, of: Keys.multipleBirthBoolean, Keys.multipleBirthInteger, "Patient.multipleBirth")
        for name in try objects(data, Keys.name, "Patient.name") {
            try string(name, Keys.family, "Patient.name.family")
            try string(name, Keys.text, "Patient.name.text")
            try strings(name, Keys.given, "Patient.name.given")
            try strings(name, Keys.prefix, "Patient.name.prefix")
            try strings(name, Keys.suffix, "Patient.name.suffix")
        }
        for telecom in try objects(data, Keys.telecom, "Patient.telecom") {
            try code(
                telecom, Keys.system, Codes.contactSystems,
                "Patient.telecom.system")
            try string(telecom, Keys.value, "Patient.telecom.value")
        }
        for identifier in try objects(data, Keys.identifier, "Patient.identifier") {
            try string(identifier, Keys.system, "Patient.identifier.system")
            try string(identifier, Keys.value, "Patient.identifier.value")
        }
        _ = try objects(data, Keys.address, "Patient.address")
        _ = try objects(data, Keys.contact, "Patient.contact")
        for link in try objects(data, PatientReferences.link, "Patient.link") {
            guard let other = text.member(Keys.other, of: link), text.kind(of: other) == .object else {
                throw FHIRRules.invalid("A link has an other.", "Patient.link.other")
            }
            try code(link, Keys.type, Codes.linkTypes, "Patient.link.type")
        }
    }

    func checkAppointment(_ data: JSONNode) throws(Problem) {
        try dateTime(data, Keys.created, "Appointment.created")
        if let reason = present(data, Keys.cancelationReason), text.kind(of: reason) != .object {
            throw FHIRRules.invalid("A cancelationReason is a CodeableConcept.", "Appointment.cancelationReason")
        }
        if let minutes = present(data, Keys.minutesDuration), (text.unsigned(minutes) ?? 0) == 0 {
            throw FHIRRules.invalid("Give minutesDuration as a positive integer.", "Appointment.minutesDuration")
        }
        for participant in try objects(data, Keys.participant, "Appointment.participant") {
            guard text.member(Keys.type, of: participant) != nil || text.member(Keys.actor, of: participant) != nil
            else {
                throw FHIRRules.invalid("A participant has a type or an actor (app-1).", "Appointment.participant")
            }
            try code(
                participant, Keys.status, Codes.participations,
                "Appointment.participant.status")
            try code(
                participant, Keys.required, Codes.requirements,
                "Appointment.participant.required")
        }
        for period in try objects(data, Keys.requestedPeriod, "Appointment.requestedPeriod") {
            try check(period: period)
        }
    }

    func checkConsent(_ data: JSONNode) throws(Problem) {
        try code(
            data, Keys.status, Codes.consentStatuses,
            "Consent.status")
        guard isPatch || text.member(Keys.status, of: data) != nil else {
            throw FHIRRules.invalid("A Consent has a status.", "data.status")
        }
        try dateTime(data, Keys.dateTime, "Consent.dateTime")
    }

    /// Periods and references wherever they stand.
    func checkEverywhere(_ data: JSONNode) throws(Problem) {
        for period in text.values(named: Keys.period, within: data) where text.kind(of: period) == .object {
            try check(period: period)
        }
        for reference in text.values(named: Keys.reference, within: data)
        where text.kind(of: reference) != .string && !(isPatch && text.isNull(reference)) {
            // An element of another type may bear the name (Consent.provision.data.reference).
            guard text.kind(of: reference) == .object else {
                throw FHIRRules.invalid("A reference is a string.", "Reference.reference")
            }
        }
    }

    private func check(period: JSONNode) throws(Problem) {
        try dateTime(period, Keys.start, "Period.start")
        try dateTime(period, Keys.end, "Period.end")
    }

    /// The member, unless it is absent, or null in a patch.
    private func present(_ node: JSONNode, _ key: JSONKey) -> JSONNode? {
        guard let value = text.member(key, of: node) else { return nil }
        return isPatch && text.isNull(value) ? nil : value
    }

    private func boolean(_ node: JSONNode, _ key: JSONKey, _ element: String) throws(Problem) {
        guard let value = present(node, key), text.bool(value) == nil else { return }
        throw FHIRRules.invalid("Give true or false.", element)
    }

    private func string(_ node: JSONNode, _ key: JSONKey, _ element: String) throws(Problem) {
        guard let value = present(node, key), text.kind(of: value) != .string else { return }
        throw FHIRRules.invalid("Give a string.", element)
    }

    /// An array of strings, or of null where an extension stands in for a primitive.
    private func strings(_ node: JSONNode, _ key: JSONKey, _ element: String) throws(Problem) {
        guard let value = present(node, key) else { return }
        guard text.kind(of: value) == .array else { throw FHIRRules.invalid("Give an array of strings.", element) }
        for item in text.elements(of: value) {
            guard text.kind(of: item) == .string || text.isNull(item) else {
                throw FHIRRules.invalid("Give an array of strings.", element)
            }
        }
    }

    private func code(_ node: JSONNode, _ key: JSONKey, _ codes: [String], _ element: String) throws(Problem) {
        guard let value = present(node, key) else { return }
        guard codes.contains(where: { text.equals(value, $0) }) else {
            throw FHIRRules.invalid("Give a code of the FHIR R4 value set.", element)
        }
    }

    private func date(_ node: JSONNode, _ key: JSONKey, _ element: String) throws(Problem) {
        guard let value = present(node, key) else { return }
        guard let bytes = text.stringBytes(value), FHIRTime.date(bytes) != nil else {
            throw FHIRRules.invalid("Give a date: YYYY, YYYY-MM or YYYY-MM-DD.", element)
        }
    }

    private func dateTime(_ node: JSONNode, _ key: JSONKey, _ element: String) throws(Problem) {
        guard let value = present(node, key) else { return }
        guard let bytes = text.stringBytes(value), FHIRTime.isDateTime(bytes) else {
            throw FHIRRules.invalid("Give a dateTime: a date, or a time to the second with an offset.", element)
        }
    }

    private func one(_ node: JSONNode, of a: JSONKey, _ b: JSONKey, _ element: String) throws(Problem) {
        guard present(node, a) != nil, present(node, b) != nil else { return }
        throw FHIRRules.invalid("Give one of the two forms of this element.", element)
    }

    private func objects(_ node: JSONNode, _ key: JSONKey, _ element: String) throws(Problem) -> [JSONNode] {
        guard let value = present(node, key) else { return [] }
        guard text.kind(of: value) == .array else { throw FHIRRules.invalid("Give an array of objects.", element) }
        let items = Array(text.elements(of: value))
        guard items.allSatisfy({ text.kind(of: $0) == .object }) else {
            throw FHIRRules.invalid("Give an array of objects.", element)
        }
        return items
    }
}
