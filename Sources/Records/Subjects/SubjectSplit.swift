package import JSON

/// An event whose data is several patients', as parts that are sealed under different keys.
///
/// Version 1 of the split, for appointments:
/// - **common**: of `data` the members `resourceType`, `status`, `start`, `end` and `slot`, and of `participant` the
///   practitioners and locations, as far as they hold nothing but `actor` (`reference`, `type`, `display`), `type`,
///   `required`, `status` and `period`;
/// - **each patient**: the participants whose actor is that patient, and who speak of no other;
/// - **rest**: everything else, the attributes of the event included. It opens only with all the patients' keys.
///
/// Every part is a JSON object: `{"split":1,"participants":N,"data":{…},"participant":[[place,{…}],…],"event":{…}}`, of
/// which each holds what it has. Joining writes the event's attributes in the order they came, then `data`: its common
/// members, `participant`, the others. The result equals the original as JSON (`JSONEquality`), not letter by letter.
package enum SubjectSplit {
    package static let version = 1

    package struct Parts: Equatable, Sendable {
        package var common: [UInt8]
        /// In the order of the patients given; a patient nothing speaks of alone has a part without participants.
        package var perPatient: [PatientPart]
        package var rest: [UInt8]

        package init(common: [UInt8], perPatient: [PatientPart], rest: [UInt8]) {
            self.common = common
            self.perPatient = perPatient
            self.rest = rest
        }
    }

    package struct PatientPart: Equatable, Sendable {
        package var patient: String
        /// nil when the patient's key is destroyed.
        package var bytes: [UInt8]?

        package init(patient: String, bytes: [UInt8]?) {
            self.patient = patient
            self.bytes = bytes
        }
    }

    /// Takes a stored event apart.
    ///
    /// - Throws: what is wrong with the text, which a stored event never is.
    package static func split(event: [UInt8], patients: [String]) throws(JSONError) -> Parts {
        let text = try JSONText(parsing: event, limits: JSONLimits(depth: 1024))
        let split = Splitting(text: text, patients: patients)
        return Parts(
            common: split.common(),
            perPatient: patients.map { PatientPart(patient: $0, bytes: split.part(of: .patient($0))) },
            rest: split.rest())
    }

    /// The event again. Without the rest (`nil`), or without a patient's part, what remains: an absent participant is
    /// shown as erased.
    ///
    /// - Throws: what is wrong with a part, which one that was split off never has.
    package static func join(
        common: [UInt8], perPatient: [PatientPart], rest: [UInt8]?
    ) throws(JSONError) -> [UInt8] {
        let limits = JSONLimits(depth: 1024)
        let shared = try JSONText(parsing: common, limits: limits)
        let others = try rest.map { (bytes) throws(JSONError) in try JSONText(parsing: bytes, limits: limits) }
        var texts = [shared]
        for part in perPatient {
            if let bytes = part.bytes { texts.append(try JSONText(parsing: bytes, limits: limits)) }
        }
        if let others { texts.append(others) }
        var writer = JSONWriter(reserving: 1024)
        writer.beginObject()
        if let attributes = others?["event"], let others { copyMembers(of: attributes, in: others, to: &writer) }
        if let whole = others?["whole"], let others {
            writer.name("data")
            writer.raw(others.compact(whole))
        } else if shared["data"] != nil {
            writer.name("data")
            writeData(shared, others, texts, to: &writer)
        }
        writer.endObject()
        return writer.bytes
    }

    private static func writeData(
        _ shared: JSONText, _ others: JSONText?, _ texts: [JSONText], to writer: inout JSONWriter
    ) {
        writer.beginObject()
        if let data = shared["data"] { copyMembers(of: data, in: shared, to: &writer) }
        if let count = shared["participants"].flatMap({ shared.unsigned($0) }) {
            var places: [[UInt8]?] = Array(repeating: nil, count: Int(count))
            for text in texts {
                for entry in text["participant"].map({ Array(text.elements(of: $0)) }) ?? [] {
                    let pair = Array(text.elements(of: entry))
                    guard pair.count == 2, let place = text.unsigned(pair[0]), place < count else { continue }
                    places[Int(place)] = text.compact(pair[1])
                }
            }
            writer.array("participant") { array in
                for place in places { array.raw(place ?? erasedParticipant) }
            }
        }
        if let others, let data = others["data"] { copyMembers(of: data, in: others, to: &writer) }
        writer.endObject()
    }

    private static let erasedParticipant = Array(#"{"actor":{"display":"(erased participant)"}}"#.utf8)

    private static func copyMembers(of object: JSONNode, in text: JSONText, to writer: inout JSONWriter) {
        for (name, value) in text.members(of: object) {
            writer.name(text.string(name) ?? "")
            writer.raw(text.compact(value))
        }
    }
}
