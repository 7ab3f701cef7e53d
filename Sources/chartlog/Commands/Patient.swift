import Client
import JSON
import Linux

extension Command {
    static let patient = Command(
        "patient", "ID [--history] [--asof INSTANT]", summary: "show a patient, now or as of any instant",
        story: """
            ID is the patient's id (p-81f3) or its stream (patient/p-81f3). Every look leaves a record of who looked;
            see chartlog audit --patient ID.
            """,
        options: [
            Option("history", .flag, "", "every version, the newest first"), .asOf,
        ] + Option.cluster, operands: 1...1
    ) { arguments throws(Failure) in
        let cluster = try Cluster(arguments)
        let id = try Identifiers.bare(arguments.operands[0], category: "patient", type: "Patient")
        let history = arguments.has("history") ? "/_history" : ""
        let asOf = arguments.text("asof").map { "?asof=\(ClientRequest.encoded($0))" } ?? ""
        let response = try cluster.get("/fhir/Patient/\(id)\(history)\(asOf)")
        if arguments.has("json") { return try Replies.showRaw(response) }
        let text = try Replies.json(response)
        if arguments.has("history") {
            Histories.show(text.view)
        } else {
            PatientCard.show(text.view, standsOn: response.field("chartlog-position"))
        }
    }
}

/// Ids as people paste them.
enum Identifiers {
    /// `p-1`, `patient/p-1` and `Patient/p-1` are all p-1.
    static func bare(_ text: String, category: String, type: String) throws(Failure) -> String {
        var id = Substring(text)
        for prefix in ["\(category)/", "\(type)/"] where id.hasPrefix(prefix) { id = id.dropFirst(prefix.count) }
        let isID =
            (1...64).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e: true
                default: false
                }
            }
        guard isID else { throw Failure(.usage, "\(Screen.safe(text)) is no id", "an id has letters, digits, - and .") }
        return String(id)
    }

    /// A reference such as Practitioner/pr-7; `pr-7` alone is taken for one of `type`.
    static func reference(_ text: String, type: String) -> String { text.contains("/") ? text : "\(type)/\(text)" }
}

/// A patient on one card.
enum PatientCard {
    static func show(_ patient: JSONView, standsOn position: String?) {
        var card = Card()
        for (at, name) in (patient["name"]?.elements ?? []).enumerated() {
            card.add(at == 0 ? "name" : name["use"]?.string ?? "name", self.name(name))
        }
        card.add("id", patient["id"]?.string)
        card.add("born", patient["birthDate"]?.string)
        card.add("died", patient["deceasedDateTime"]?.string)
        card.add("gender", patient["gender"]?.string)
        if let active = patient["active"]?.bool { card.add("active", active ? "yes" : "no") }
        for identifier in patient["identifier"]?.elements ?? [] {
            let type = identifier["type"]?["coding"]?[0]?["code"]?.string ?? identifier["use"]?.string ?? "identifier"
            card.add(type, identifier["value"]?.string)
        }
        for contact in patient["telecom"]?.elements ?? [] {
            card.add(contact["system"]?.string ?? "contact", contact["value"]?.string)
        }
        for address in patient["address"]?.elements ?? [] { card.add("address", self.address(address)) }
        for doctor in patient["generalPractitioner"]?.elements ?? [] { card.add("doctor", doctor["reference"]?.string) }
        for link in patient["link"]?.elements ?? [] {
            card.add(link["type"]?.string ?? "link", link["other"]?["reference"]?.string)
        }
        let meta = patient["meta"]
        card.add("version", meta?["versionId"]?.string.map { "\($0), of \(meta?["lastUpdated"]?.string ?? "?")" })
        card.add("as of", position.map { "position \($0)" })
        card.show()
    }

    /// `given given family`, or the text when that is all there is.
    static func name(_ name: JSONView) -> String {
        let given = (name["given"]?.elements ?? []).compactMap(\.string)
        let parts = given + [name["family"]?.string].compactMap { $0 }
        return parts.isEmpty ? name["text"]?.string ?? "" : parts.joined(separator: " ")
    }

    private static func address(_ address: JSONView) -> String {
        let lines = (address["line"]?.elements ?? []).compactMap(\.string)
        let place = [address["postalCode"]?.string, address["city"]?.string].compactMap { $0 }.joined(separator: " ")
        return (lines + [place, address["country"]?.string ?? ""]).filter { !$0.isEmpty }.joined(separator: ", ")
    }
}

/// The versions of one resource.
enum Histories {
    static func show(_ bundle: JSONView) {
        var table = Table([
            .init(title: "version", alignsRight: true), .init(title: "changed (UTC)"), .init(title: "what"),
            .init(title: "shows", widthMax: 60),
        ])
        for entry in bundle["entry"]?.elements ?? [] {
            let resource = entry["resource"]
            let version = resource?["meta"]?["versionId"]?.string ?? etagVersion(entry["response"]?["etag"]?.string)
            let changed = resource?["meta"]?["lastUpdated"]?.string ?? entry["response"]?["lastModified"]?.string
            table.add([
                version, Times.short(changed), entry["request"]?["method"]?.string ?? "",
                resource.map(summary) ?? "(deleted)",
            ])
        }
        table.show()
    }

    private static func etagVersion(_ etag: String?) -> String { etag.map { $0.filter(\.isNumber) } ?? "" }

    private static func summary(_ resource: JSONView) -> String {
        if resource["resourceType"]?.string == "Appointment" {
            return "\(resource["status"]?.string ?? "") \(Times.short(resource["start"]?.string))"
        }
        var parts = [resource["name"]?[0].map(PatientCard.name) ?? ""]
        if let phone = resource["telecom"]?[0]?["value"]?.string { parts.append(phone) }
        if resource["active"]?.bool == false { parts.append("inactive") }
        return parts.joined(separator: ", ")
    }
}
