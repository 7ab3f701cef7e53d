import Bytes
import JSON
import Records

/// An AuditEvent of FHIR R4 from what a replica recorded, its roles after IHE BALP (ITI Basic Audit Log Patterns):
/// on Create, Update and Query the client is the source and the server the destination, on Read the other way round,
/// on Delete the client is the application and the server the custodian.
enum AuditEventWriter {
    static func json(_ detail: AuditDetail, id: String) -> [UInt8] {
        var writer = JSONWriter(reserving: 2048)
        writer.object { writer in
            writer.member("resourceType", "AuditEvent")
            writer.member("id", id)
            writer.object("meta") { writer in
                writer.member("versionId", "1")
                writer.member("lastUpdated", detail.recorded.text)
            }
            writer.name("type")
            coding(eventType(detail), &writer)
            writer.array("subtype") { writer in
                if let interaction = interaction(detail) {
                    coding(Code("http://hl7.org/fhir/restful-interaction", interaction, interaction), &writer)
                }
                coding(Code("urn:chartlog:type", detail.type, detail.type), &writer)
            }
            writer.member("action", detail.action)
            writer.member("recorded", detail.recorded.text)
            writer.member("outcome", String(detail.outcome.rawValue))
            writer.member("outcomeDesc", ifPresent: detail.outcomeName)
            if let purpose = detail.purpose {
                writer.array("purposeOfEvent") { writer in
                    concept(Code(Code.actReason, purpose, nil), &writer)
                }
            }
            agents(detail, &writer)
            source(detail, &writer)
            entities(detail, &writer)
        }
        return writer.bytes
    }

    struct Code {
        var system: String
        var code: String
        var display: String?

        init(_ system: String, _ code: String, _ display: String?) {
            self.system = system
            self.code = code
            self.display = display
        }

        static let dicom = "http://dicom.nema.org/resources/ontology/DCM"
        static let actReason = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
        static let participation = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
        static let entityType = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
        static let objectRole = "http://terminology.hl7.org/CodeSystem/object-role"
        static let sourceRole = Code(dicom, "110153", "Source Role ID")
        static let destinationRole = Code(dicom, "110152", "Destination Role ID")
        static let application = Code(dicom, "110150", "Application")
        static let custodian = Code(
            "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian", "Custodian")
    }

    private static func coding(_ code: Code, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("system", code.system)
            writer.member("code", code.code)
            writer.member("display", ifPresent: code.display)
        }
    }

    private static func concept(_ code: Code, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.array("coding") { writer in coding(code, &writer) }
        }
    }

    /// The server's own doings and failed authentications are DICOM's events, all else is REST.
    private static func eventType(_ detail: AuditDetail) -> Code {
        if detail.type.hasPrefix("chartlog.") { return Code(Code.dicom, "110100", "Application Activity") }
        if detail.type.hasPrefix("auth.") || detail.type.hasPrefix("session.") {
            return Code(Code.dicom, "110114", "User Authentication")
        }
        return Code("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation")
    }

    private static func interaction(_ detail: AuditDetail) -> String? {
        guard eventType(detail).code == "rest" else { return nil }
        switch detail.action {
        case "C": return "create"
        case "R": return "read"
        case "U": return "update"
        case "D": return "delete"
        default: return detail.query != nil || detail.type == "record.searched" ? "search" : "operation"
        }
    }

    private static func agents(_ detail: AuditDetail, _ writer: inout JSONWriter) {
        let (client, server) =
            switch detail.action {
            case "R": (Code.destinationRole, Code.sourceRole)
            case "D": (Code.application, Code.custodian)
            default: (Code.sourceRole, Code.destinationRole)
            }
        writer.array("agent") { writer in
            writer.object { writer in
                writer.name("type")
                concept(client, &writer)
                writer.object("who") { writer in
                    guard !detail.actorID.isEmpty else {
                        writer.member("display", "not authenticated")
                        return
                    }
                    identifier("urn:chartlog:credential", detail.actorID, &writer)
                    writer.member("display", detail.actorName)
                }
                writer.member("requestor", detail.onBehalfOf == nil)
                if !detail.address.isEmpty {
                    writer.object("network") { writer in
                        writer.member("address", detail.address)
                        writer.member("type", "2")
                    }
                }
            }
            writer.object { writer in
                writer.name("type")
                concept(server, &writer)
                writer.object("who") { writer in replica(detail, &writer) }
                writer.member("requestor", false)
            }
            guard let user = detail.onBehalfOf else { return }
            writer.object { writer in
                writer.name("type")
                concept(Code(Code.participation, "IRCP", "information recipient"), &writer)
                writer.object("who") { writer in writer.member("reference", user) }
                writer.member("requestor", true)
                if let purpose = detail.purpose {
                    writer.array("purposeOfUse") { writer in concept(Code(Code.actReason, purpose, nil), &writer) }
                }
            }
        }
    }

    private static func identifier(_ system: String, _ value: String, _ writer: inout JSONWriter) {
        writer.object("identifier") { writer in
            writer.member("system", system)
            writer.member("value", value)
        }
    }

    private static func replica(_ detail: AuditDetail, _ writer: inout JSONWriter) {
        identifier("urn:chartlog:replica", String(detail.replica), &writer)
        writer.member("display", "Chartlog")
    }

    private static func source(_ detail: AuditDetail, _ writer: inout JSONWriter) {
        writer.object("source") { writer in
            writer.object("observer") { writer in replica(detail, &writer) }
            writer.array("type") { writer in
                coding(
                    Code("http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server"),
                    &writer)
            }
        }
    }

    private static func entities(_ detail: AuditDetail, _ writer: inout JSONWriter) {
        let hasCount = detail.count != nil || detail.range != nil
        guard
            !detail.patients.isEmpty || !detail.entities.isEmpty || detail.query != nil || hasCount
                || !detail.requestID.isEmpty
        else { return }
        writer.array("entity") { writer in
            for patient in detail.patients {
                entity(reference: "Patient/" + patient, type: ("1", "Person"), role: ("1", "Patient"), &writer)
            }
            for data in detail.entities {
                entity(
                    reference: "\(data.reference)/_history/\(data.version)", type: ("2", "System Object"),
                    role: ("4", "Domain Resource"), &writer)
            }
            if detail.query != nil || hasCount { query(detail, &writer) }
            if !detail.requestID.isEmpty { transaction(detail, &writer) }
        }
    }

    private static func entity(
        reference: String, type: (String, String), role: (String, String), _ writer: inout JSONWriter
    ) {
        writer.object { writer in
            writer.object("what") { writer in writer.member("reference", reference) }
            writer.name("type")
            coding(Code(Code.entityType, type.0, type.1), &writer)
            writer.name("role")
            coding(Code(Code.objectRole, role.0, role.1), &writer)
        }
    }

    /// The query as it was asked, base64, and what it showed. `query` excludes `name` (constraint sev-1).
    private static func query(_ detail: AuditDetail, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("type")
            coding(Code(Code.entityType, "2", "System Object"), &writer)
            writer.name("role")
            coding(Code(Code.objectRole, "24", "Query"), &writer)
            if let query = detail.query { writer.member("query", Base64.text(of: Array(query.utf8))) }
            var details: [(String, String)] = []
            if let count = detail.count { details.append(("count", String(count))) }
            if let range = detail.range {
                details.append(("from", String(range.lowerBound)))
                details.append(("to", String(range.upperBound)))
            }
            guard !details.isEmpty else { return }
            writer.array("detail") { writer in
                for (type, value) in details { pair(type, value, &writer) }
            }
        }
    }

    private static func transaction(_ detail: AuditDetail, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.object("what") { writer in
                writer.object("identifier") { writer in writer.member("value", detail.requestID) }
            }
            writer.name("type")
            coding(
                Code("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId", nil), &writer)
            if let trace = detail.traceParent {
                writer.array("detail") { writer in pair("traceparent", trace, &writer) }
            }
        }
    }

    private static func pair(_ type: String, _ value: String, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("type", type)
            writer.member("valueString", value)
        }
    }
}

/// Base64 with padding (RFC 4648 §4).
enum Base64 {
    static func text(of bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for first in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[first..<min(first + 3, bytes.count)]
            var bits = 0
            for byte in group { bits = bits << 8 | Int(byte) }
            bits <<= 8 * (3 - group.count)
            for place in 0..<4 {
                text.append(place <= group.count ? digits[bits >> (18 - 6 * place) & 63] : 0x3d)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
