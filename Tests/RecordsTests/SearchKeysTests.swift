import Bytes
import JSON
import Records
import TestSupport
import Testing

/// Search keys taken from an event's bytes agree with those of the terms, which are made of Strings.
struct SearchKeysTests {
    private static func registered(_ members: String) throws -> (event: IncomingEvent, terms: PatientTerms) {
        let data = #"{"resourceType":"Patient","id":"p-1",\#(members)}"#
        let event = try event(cloudEvent(type: "patient.registered", subject: "patient/p-1", data: data))
        return (event, try PatientTerms(resource: Array(data.utf8)))
    }

    private static func agree(_ members: String) throws -> Bool {
        let (event, terms) = try registered(members)
        return event.searchKeys == terms.searchKeys()
    }

    /// Each character between two letters, so that it shows whether it is a letter, parts words or vanishes.
    @Test func `every character folds alike`() throws {
        let scalars =
            (UInt32(0x20)...0x33ff).compactMap(Unicode.Scalar.init)
            + ([0x4dff, 0x4e00, 0x5c71, 0x9fa5, 0x9fff, 0xac00, 0xf900, 0xff21, 0x1f600, 0x2_0000] as [UInt32])
            .compactMap(Unicode.Scalar.init)
        for start in stride(from: 0, to: scalars.count, by: 512) {
            let values = scalars[start..<min(start + 512, scalars.count)]
                .filter { $0 != "\"" && $0 != "\\" && $0.value != 0x7f }
            let given = values.map { "\"a\($0)b \($0)\($0)c\"" }.joined(separator: ",")
            #expect(try Self.agree(#""name":[{"given":[\#(given)]}]"#), "from \(values.first?.value ?? 0)")
        }
    }

    @Test(arguments: [
        #""name":[{"family":"van der Åkerström-O’Brien","given":["José María","jose\u0301","Đặng"],"prefix":["Dr."]}]"#,
        #""name":[{"family":"","given":[" ","'"]},{"text":"Ǆ ﬁ ß x"}]"#,
        #""name":[{"family":"Zoë\u0301\"Q"}]"#,
        #""name":[{"family":"한글"},{"family":"ガンダム"},{"family":"नमस्ते"},{"family":"שָׁלוֹם"},{"family":"مُحَمَّد آدم"}]"#,
        #""telecom":[{"system":"phone","value":"+44 (7700) 900-123"},{"system":"phone","value":"x"}]"#,
        #""telecom":[{"system":"phone","value":"1٢3\u00e94"},{"system":"email","value":"5"},{"value":"6"}]"#,
        #""identifier":[{"value":"A-17"},{"value":"é"},{"value":"a\nb"},{"system":"x"}],"birthDate":"1984-02-29""#,
        #""birthDate":"1984-02","identifier":[]"#, #""birthDate":"1984","name":[]"#, #""active":true"#,
    ])
    func `keys are those of the terms`(members: String) throws { #expect(try Self.agree(members)) }

    @Test func `a clinic's patients get the keys of their terms`() throws {
        var patients = 0
        for line in try Fixture.bytes("clinic.ndjson").split(separator: 0x0a) {
            let event = try CloudEventReader.structured(Array(line))
            guard event.subject.category == .patient, event.dataForm != .none, let data = event.data else {
                #expect(event.searchKeys == [])
                continue
            }
            patients += 1
            #expect(event.searchKeys == (try PatientTerms(resource: Array(event.bytes[data])).searchKeys()))
        }
        #expect(patients > 100)
    }

    @Test func `a patch that goes into a list leaves the keys to the folded resource`() throws {
        for member in ["name", "identifier", "telecom"] {
            let json = cloudEvent(
                type: "patient.contact-amended", subject: "patient/p-1", contentType: patch, data: "{\"\(member)\":{}}")
            // What is refused as data has no keys to speak of.
            guard let event = try? event(json) else { continue }
            #expect(event.searchKeys == nil)
        }
    }
}
