import Bytes
import JSON
import Records

/// The problem that a text meets as a structured event; nil when it is taken.
func problem(_ json: String) -> Problem? { problem(Array(json.utf8)) }

func problem(_ json: [UInt8], limits: EventLimits = .standard) -> Problem? {
    do {
        _ = try CloudEventReader.structured(json, limits: limits)
        return nil
    } catch {
        return error
    }
}

func event(_ json: String) throws(Problem) -> IncomingEvent { try CloudEventReader.structured(Array(json.utf8)) }

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

extension Problem {
    var member: String? {
        for field in fields { if case .member(let name) = field { return name } }
        return nil
    }
}

extension IncomingEvent {
    var dataText: String? { data.map { text(Array(bytes[$0])) } }
}

/// A structured event with what a test cares for.
func cloudEvent(
    type: String, subject: String, contentType: String? = nil, data: String? = nil, more: String = ""
) -> String {
    var json = #"{"specversion":"1.0","id":"e-1","source":"/clinic/desk","type":"\#(type)","subject":"\#(subject)""#
    if let contentType { json += #","datacontenttype":"\#(contentType)""# }
    if let data { json += #","data":\#(data)"# }
    return json + more + "}"
}

let patch = "application/merge-patch+json"
let fhir = "application/fhir+json"
