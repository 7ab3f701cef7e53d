import Bytes
import Client
import JSON
import Linux

extension Command {
    static let appointments = Command(
        "appointments", "[ID | --patient ID | --practitioner ID] [--day D] [--status S] [--asof INSTANT]",
        summary: "list appointments, or show one", story: "Times are UTC. A day is a day of UTC too.",
        options: [
            Option("patient", .text, "ID", "of this patient"),
            Option("practitioner", .text, "ID", "with this practitioner, such as pr-7"),
            Option("location", .text, "ID", "in this room"),
            Option("day", .day, "D", "that start on this day, such as 2026-03-02"),
            Option("status", .text, "S", "in this status, such as booked", isRepeatable: true),
            Option("history", .flag, "", "with ID: every version, the newest first"),
            Option("limit", .number(1...100_000), "N", "at most so many (default 1000)"), .asOf,
        ] + Option.cluster, operands: 0...1
    ) { arguments throws(Failure) in
        let cluster = try Cluster(arguments)
        if let operand = arguments.operands.first { return try one(operand, cluster, arguments) }
        guard !arguments.has("history") else { throw Failure(.usage, "--history needs the ID of an appointment") }
        var parameters: [(String, String)] = [("_sort", "date"), ("_count", "\(min(limit(arguments), 500))")]
        if let id = arguments.text("patient") {
            parameters.append(("patient", try Identifiers.bare(id, category: "patient", type: "Patient")))
        }
        if let id = arguments.text("practitioner") {
            parameters.append(("practitioner", Identifiers.reference(id, type: "Practitioner")))
        }
        if let id = arguments.text("location") {
            parameters.append(("location", Identifiers.reference(id, type: "Location")))
        }
        if let day = arguments.text("day") { parameters.append(("date", day)) }
        let statuses = arguments.all("status")
        if !statuses.isEmpty { parameters.append(("status", statuses.joined(separator: ","))) }
        if let asOf = arguments.text("asof") { parameters.append(("asof", asOf)) }
        try Pages.show(
            "Appointment", parameters, cluster, arguments, limit: limit(arguments), table: AppointmentTable.empty,
            none: "no appointments", AppointmentTable.row)
    }

    private static func limit(_ arguments: Arguments) -> Int { arguments.number("limit", or: 1000) }

    private static func one(_ operand: String, _ cluster: Cluster, _ arguments: Arguments) throws(Failure) {
        let id = try Identifiers.bare(operand, category: "appointment", type: "Appointment")
        let history = arguments.has("history") ? "/_history" : ""
        let asOf = arguments.text("asof").map { "?asof=\(ClientRequest.encoded($0))" } ?? ""
        let response = try cluster.get("/fhir/Appointment/\(id)\(history)\(asOf)")
        if arguments.has("json") { return try Replies.showRaw(response) }
        let text = try Replies.json(response)
        if arguments.has("history") { return Histories.show(text.view) }
        AppointmentTable.card(text.view, standsOn: response.field("chartlog-position"))
    }
}

/// Appointments as rows and as a card.
enum AppointmentTable {
    static let empty = Table([
        .init(title: "start (UTC)"), .init(title: "end"), .init(title: "status"), .init(title: "patient"),
        .init(title: "practitioner"), .init(title: "room"), .init(title: "for", widthMax: 32), .init(title: "id"),
    ])

    static func row(_ appointment: JSONView) -> [String] {
        [
            Times.short(appointment["start"]?.string), Times.clock(appointment["end"]?.string),
            appointment["status"]?.string ?? "", actors(appointment, "Patient"), actors(appointment, "Practitioner"),
            actors(appointment, "Location"), reason(appointment), appointment["id"]?.string ?? "",
        ]
    }

    static func card(_ appointment: JSONView, standsOn position: String?) {
        var card = Card()
        card.add("id", appointment["id"]?.string)
        card.add("status", appointment["status"]?.string)
        card.add("start (UTC)", Times.short(appointment["start"]?.string))
        card.add("end", Times.short(appointment["end"]?.string))
        card.add("patient", actors(appointment, "Patient"))
        card.add("practitioner", actors(appointment, "Practitioner"))
        card.add("room", actors(appointment, "Location"))
        card.add("for", reason(appointment))
        card.add("comment", appointment["comment"]?.string)
        card.add("for the patient", appointment["patientInstruction"]?.string)
        card.add(
            "cancelled by", appointment["cancelationReason"]?["coding"]?[0]?["display"]?.string)
        let meta = appointment["meta"]
        card.add("version", meta?["versionId"]?.string.map { "\($0), of \(meta?["lastUpdated"]?.string ?? "?")" })
        card.add("as of", position.map { "position \($0)" })
        card.show()
    }

    private static func actors(_ appointment: JSONView, _ type: String) -> String {
        (appointment["participant"]?.elements ?? []).compactMap { participant -> String? in
            guard let reference = participant["actor"]?["reference"]?.string, reference.hasPrefix("\(type)/") else {
                return nil
            }
            return String(reference.dropFirst(type.count + 1))
        }.joined(separator: ", ")
    }

    private static func reason(_ appointment: JSONView) -> String {
        [appointment["serviceType"]?[0]?["text"]?.string, appointment["reasonCode"]?[0]?["text"]?.string]
            .compactMap { $0 }.joined(separator: ": ")
    }
}
