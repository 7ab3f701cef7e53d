import JSON

/// Which patients a piece of data speaks of: every `reference` in it that names a Patient.
enum PatientReferences {
    static let reference: JSONKey = "reference"
    static let link: JSONKey = "link"

    /// Sets `patients` and `mentions`.
    ///
    /// - Throws: `twoSubjects` when data of a patient's stream refers to another patient elsewhere than in
    ///   Patient.link.
    static func describe(_ event: inout IncomingEvent, _ text: JSONText, _ data: JSONNode) throws(Problem) {
        let own = event.subject.id
        let bearing = bearingMember(of: event.subject.category).flatMap { text.member($0, of: data) }
        var ids: [String] = []
        for node in text.values(named: reference, within: data) {
            guard let id = patient(in: node, of: text) else { continue }
            if event.subject.category == .patient, id != own {
                guard event.dataForm != .opaque, let bearing, text.contains(bearing, node) else {
                    throw Problem(
                        .twoSubjects, "Data of a patient refers to no other patient, except in Patient.link.",
                        [.member("data")])
                }
            }
            if !ids.contains(id) { ids.append(id) }
        }
        if event.subject.category == .patient, !ids.contains(own) { ids.append(own) }
        ids.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        switch event.dataForm {
        case .resource: event.patients = ids
        case .mergePatch where bearing != nil: event.patients = ids
        case .opaque where event.subject.category == .disclosure: event.patients = ids.isEmpty ? nil : ids
        case .mergePatch, .opaque, .none:
            // The stream's own subjects stand.
            if event.subject.category != .patient { event.mentions = ids }
        }
    }

    /// The member whose absence from a patch leaves a stream's subjects as they are.
    private static func bearingMember(of category: Category) -> JSONKey? {
        switch category {
        case .patient: link
        case .appointment: FHIRRules.Keys.participant
        case .consent: FHIRRules.Keys.patient
        case .disclosure: nil
        }
    }

    /// The patient's id, when the string is a reference to one.
    static func patient(in node: JSONNode, of text: JSONText) -> String? {
        guard let bytes = text.content(node) else { return nil }
        return id(in: bytes, type: patientType).map { String(decoding: $0, as: UTF8.self) }
    }

    private static let patientType = Array("Patient".utf8)

    /// The id in `Type/id`, also at the end of a URL and before `/_history/version`; nil for references of another
    /// type, to contained resources (`#x`), and for `urn:`, which name no stream.
    static func id(in reference: ArraySlice<UInt8>, type: [UInt8]) -> ArraySlice<UInt8>? {
        if let slash = reference.firstIndex(of: 0x2f), slash == reference.lastIndex(of: 0x2f), reference.first != 0x75 {
            // `Type/id`, as nearly all of them are.
            guard slash - reference.startIndex == type.count, reference.starts(with: type),
                reference.count <= type.count + 65
            else {
                return fragmentless(reference, slash, type)
            }
            let id = reference[(slash + 1)...]
            return !id.isEmpty && id.allSatisfy(StreamName.isIDByte) ? id : fragmentless(reference, slash, type)
        }
        return longID(in: reference, type: type)
    }

    /// `Type/id#place`.
    private static func fragmentless(_ reference: ArraySlice<UInt8>, _ slash: Int, _ type: [UInt8]) -> ArraySlice<
        UInt8
    >? {
        reference.contains(0x23) ? longID(in: reference, type: type) : nil
    }

    private static func longID(in reference: ArraySlice<UInt8>, type: [UInt8]) -> ArraySlice<UInt8>? {
        guard reference.first != 0x23, !reference.starts(with: [0x75, 0x72, 0x6e, 0x3a]) else { return nil }
        // A fragment after a reference is a place in the same resource.
        let path = reference.prefix { $0 != 0x23 }
        var parts = path.split(separator: 0x2f, omittingEmptySubsequences: false)
        if parts.count >= 4, parts[parts.count - 2].elementsEqual("_history".utf8) { parts.removeLast(2) }
        guard parts.count >= 2, let id = parts.last, parts[parts.count - 2].elementsEqual(type) else { return nil }
        guard (1...64).contains(id.count), id.allSatisfy(StreamName.isIDByte) else { return nil }
        return id
    }
}
