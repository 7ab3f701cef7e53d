import JSON

extension SubjectSplit {
    /// Whose a participant is.
    enum Owner: Equatable {
        case everybody
        case patient(String)
        case rest
    }

    /// One event on its way apart.
    struct Splitting {
        private let text: JSONText
        private let data: JSONNode?
        private let owners: [Owner]
        private let participants: [JSONNode]
        private let hasParticipants: Bool

        init(text: JSONText, patients: [String]) {
            self.text = text
            data = text["data"]
            let list = data.flatMap { text.member(Keys.participant, of: $0) }
            hasParticipants = list.map { text.kind(of: $0) == .array } ?? false
            participants = list.map { Array(text.elements(of: $0)) } ?? []
            owners = participants.map { Self.owner(of: $0, in: text, patients: patients) }
        }

        func common() -> [UInt8] {
            var writer = JSONWriter()
            writer.beginObject()
            writer.member("split", SubjectSplit.version)
            if hasParticipants { writer.member("participants", participants.count) }
            if let data, text.kind(of: data) == .object {
                writer.object("data") { object in
                    for (name, value) in text.members(of: data) where isCommon(name, value) {
                        object.member(text.string(name) ?? "", raw: text.compact(value))
                    }
                }
            }
            writeParticipants(.everybody, to: &writer)
            writer.endObject()
            return writer.bytes
        }

        func part(of owner: Owner) -> [UInt8] {
            var writer = JSONWriter()
            writer.beginObject()
            writer.member("split", SubjectSplit.version)
            writeParticipants(owner, to: &writer)
            writer.endObject()
            return writer.bytes
        }

        func rest() -> [UInt8] {
            var writer = JSONWriter(reserving: text.bytes.count + 64)
            writer.beginObject()
            writer.member("split", SubjectSplit.version)
            writer.object("event") { object in
                for (name, value) in text.members(of: text.root) where value != data {
                    object.member(text.string(name) ?? "", raw: text.compact(value))
                }
            }
            if let data {
                if text.kind(of: data) == .object {
                    writer.object("data") { object in
                        for (name, value) in text.members(of: data) where !isCommon(name, value) {
                            if hasParticipants && text.isName(name, Keys.participant) { continue }
                            object.member(text.string(name) ?? "", raw: text.compact(value))
                        }
                    }
                } else {
                    writer.member("whole", raw: text.compact(data))
                }
            }
            writeParticipants(.rest, to: &writer)
            writer.endObject()
            return writer.bytes
        }

        private func writeParticipants(_ owner: Owner, to writer: inout JSONWriter) {
            guard owners.contains(owner) else { return }
            writer.array("participant") { array in
                for (place, node) in participants.enumerated() where owners[place] == owner {
                    array.array { pair in
                        pair.integer(place)
                        pair.raw(text.compact(node))
                    }
                }
            }
        }

        /// A member of the list, and with a value that can hold no patient's words.
        private func isCommon(_ name: JSONNode, _ value: JSONNode) -> Bool {
            if text.isName(name, Keys.resourceType) { return text.equals(value, "Appointment") }
            if text.isName(name, Keys.status) {
                return text.string(value).map { AppointmentStatus(code: $0) != nil } ?? text.isNull(value)
            }
            if text.isName(name, Keys.start) || text.isName(name, Keys.end) {
                guard let bytes = text.stringBytes(value) else { return text.isNull(value) }
                if case .value = FHIRTime.instant(bytes) { return true }
                return false
            }
            return text.isName(name, Keys.slot) && isSlots(value)
        }

        private func isSlots(_ value: JSONNode) -> Bool {
            guard text.kind(of: value) == .array else { return text.isNull(value) }
            return text.elements(of: value).allSatisfy { slot in
                let members = Array(text.members(of: slot))
                return members.count == 1
                    && members.allSatisfy { member in
                        text.isName(member.name, Keys.reference)
                            && (text.stringBytes(member.value).flatMap {
                                PatientReferences.id(in: $0[...], type: Keys.slotType)
                            })
                                != nil
                    }
            }
        }

        private static func owner(of participant: JSONNode, in text: JSONText, patients: [String]) -> Owner {
            let spoken = text.values(named: PatientReferences.reference, within: participant)
                .compactMap { PatientReferences.patient(in: $0, of: text) }
            if let first = spoken.first {
                let isAlone = spoken.allSatisfy { $0 == first }
                return isAlone && patients.contains(first) ? .patient(first) : .rest
            }
            return isStaffOrPlace(participant, in: text) ? .everybody : .rest
        }

        private static func isStaffOrPlace(_ participant: JSONNode, in text: JSONText) -> Bool {
            guard let actor = text.member(Keys.actor, of: participant),
                let reference = text.member(Keys.reference, of: actor).flatMap({ text.stringBytes($0) })
            else { return false }
            let isKnown = Keys.staffAndPlaces.contains { PatientReferences.id(in: reference[...], type: $0) != nil }
            return isKnown
                && text.members(of: participant).allSatisfy { member in
                    Keys.ofParticipant.contains { text.isName(member.name, $0) }
                }
                && text.members(of: actor).allSatisfy { member in
                    Keys.ofActor.contains { text.isName(member.name, $0) }
                }
        }
    }

    private enum Keys {
        static let participant: JSONKey = "participant"
        static let actor: JSONKey = "actor"
        static let reference: JSONKey = "reference"
        static let slot: JSONKey = "slot"
        static let slotType = Array("Slot".utf8)
        static let resourceType: JSONKey = "resourceType"
        static let status: JSONKey = "status"
        static let start: JSONKey = "start"
        static let end: JSONKey = "end"
        static let ofParticipant: [JSONKey] = ["actor", "type", "required", "status", "period"]
        static let ofActor: [JSONKey] = ["reference", "type", "display"]
        static let staffAndPlaces = [Array("Practitioner".utf8), Array("Location".utf8)]
    }
}
