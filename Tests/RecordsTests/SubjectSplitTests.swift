import Bytes
import JSON
import Records
import Testing

struct SubjectSplitTests {
    static let group = cloudEvent(
        type: "appointment.booked", subject: "appointment/a",
        data:
            #"{"resourceType":"Appointment","id":"a","status":"booked","start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z","#
            + #""slot":[{"reference":"Slot/s-1"}],"comment":"secret-comment","participant":["#
            + #"{"actor":{"reference":"Patient/a","display":"secret-a"},"status":"accepted"},"#
            + #"{"actor":{"reference":"Practitioner/pr-7","display":"Dr. Ito"},"status":"accepted"},"#
            + #"{"actor":{"reference":"Patient/b","display":"secret-b"},"status":"accepted"},"#
            + #"{"actor":{"reference":"RelatedPerson/r","display":"secret-r"}},{"actor":{"reference":"Location/l","extension":"secret-l"}}]}"#
    )

    @Test func `each part holds what it may and no more`() throws {
        let parts = try SubjectSplit.split(event: Array(Self.group.utf8), patients: ["a", "b"])
        #expect(
            text(parts.common)
                == #"{"split":1,"participants":5,"data":{"resourceType":"Appointment","status":"booked","start":"2026-01-05T09:00:00Z","#
                + #""end":"2026-01-05T09:30:00Z","slot":[{"reference":"Slot/s-1"}]},"participant":[[1,{"actor":{"reference":"#
                + #""Practitioner/pr-7","display":"Dr. Ito"},"status":"accepted"}]]}"#)
        #expect(parts.perPatient.map(\.patient) == ["a", "b"])
        let first = parts.perPatient.first?.bytes.map { text($0) }
        #expect(
            first
                == #"{"split":1,"participant":[[0,{"actor":{"reference":"Patient/a","display":"secret-a"},"status":"accepted"}]]}"#
        )
        #expect(text(parts.rest).contains("secret-r"))
        #expect(text(parts.rest).contains("secret-l"))
        #expect(text(parts.rest).contains("secret-comment"))
        #expect(!text(parts.rest).contains("secret-a"))
        #expect(!text(parts.rest).contains("secret-b"))
    }

    @Test func `one erased patient leaves the others and the common part`() throws {
        var parts = try SubjectSplit.split(event: Array(Self.group.utf8), patients: ["a", "b"])
        parts.perPatient[0].bytes = nil
        let joined = try JSONText(
            parsing: try SubjectSplit.join(common: parts.common, perPatient: parts.perPatient, rest: nil))
        let participants = joined.view["data"]?["participant"]?.elements ?? []
        #expect(participants.count == 5)
        #expect(participants[0]["actor"]?["display"]?.string == "(erased participant)")
        #expect(participants[2]["actor"]?["display"]?.string == "secret-b")
        #expect(joined.view["data"]?["status"]?.string == "booked")
        #expect(!text(joined.bytes).contains("secret-a"))
        #expect(!text(joined.bytes).contains("secret-comment"))
    }

    @Test(arguments: 0..<200)
    func `what was taken apart comes together the same`(seed: Int) throws {
        var dice = SeededDice(seed: UInt64(seed))
        let event = Array(Self.randomEvent(&dice).utf8)
        let patients = ["a", "b", "c"].filter { _ in dice.next() % 4 != 0 }
        let parts = try SubjectSplit.split(event: event, patients: patients)
        let joined = try SubjectSplit.join(common: parts.common, perPatient: parts.perPatient, rest: parts.rest)
        #expect(try JSONEquality.equal(joined, event), "\(text(event))\n\(text(joined))")
        // No patient's reference stands in the common part or under another's key.
        for id in ["a", "b", "c"] {
            let needle = "\"Patient/\(id)\""
            #expect(!text(parts.common).contains(needle))
            for part in parts.perPatient where part.patient != id { #expect(!text(part.bytes ?? []).contains(needle)) }
        }
    }

    static func randomEvent(_ dice: inout SeededDice) -> String {
        func pick(_ choices: [String]) -> String { choices[Int(dice.next() % UInt64(choices.count))] }
        var members: [String] = []
        for member in [
            #""resourceType":"Appointment""#, #""id":"a""#, #""st\u0061tus":"booked""#, #""status":"free words""#,
            #""start":"2026-01-05T09:00:00Z""#,
            #""end":null"#, #""start":"words""#, #""slot":[{"reference":"Slot/1"}]"#, #""slot":"x""#, #""slot":[]"#,
            #""comment":"c\n""#, #""x":[1,0.50,null]"#,
            #""data":{"data":1}"#, #""split":2"#, #""event":{}"#, #""whole":1"#, #""participants":3"#,
        ] where dice.next() % 2 == 0 && !members.contains(where: { name($0) == name(member) }) {
            members.append(member)
        }
        let participants = (0..<Int(dice.next() % 6)).map { _ in
            pick([
                #"{"actor":{"reference":"Patient/a"}}"#, #"{"actor":{"reference":"Patient\/b","display":"B"}}"#,
                #"{"actor":{"reference":"https://h/Patient/c/_history/1"},"status":"accepted"}"#,
                #"{"actor":{"reference":"Practitioner/p"},"status":"accepted"}"#,
                #"{"actor":{"reference":"Location/l"},"x":1}"#,
                #"{"actor":{"reference":"Practitioner/p"},"type":[{"x":{"reference":"Patient/a"}}]}"#,
                #"{"actor":{"reference":"Patient/a"},"x":{"reference":"Patient/b"}}"#, "null", "1", "[]",
                #"{"type":[]}"#,
            ])
        }
        members.append(
            pick(["\"participant\":[\(participants.joined(separator: ","))]", #""participant":null"#, #""z":1"#]))
        let data = pick([
            "{\(members.joined(separator: ","))}", "{\(members.joined(separator: ", "))}", "[1]", "\"x\"", "{}", "null",
        ])
        return pick([
            #"{"specversion":"1.0","id":"1","data":\#(data),"n":1}"#, #"{ "data" : \#(data) }"#,
            #"{"id":"é","data_base64":"YQ=="}"#,
            #"{"id":"1","subject":"appointment/a","time":null,"data":\#(data)}"#,
        ])
    }

    private static func name(_ member: String) -> Substring {
        member.replacing(#"\u0061"#, with: "a").dropFirst().prefix { $0 != "\"" }
    }

    @Test func `random events meet what is demanded of every event`() {
        var dice = SeededDice(seed: 11)
        for _ in 0..<500 {
            let event = Self.randomEvent(&dice)
            CloudEventFuzzing.run(Array(event.utf8))
            let body =
                "specversion: 1.0\nid: 1\nsource: /x\ntype: appointment.booked\nsubject: appointment/a\ncontent-type: application/json\n\n"
            CloudEventFuzzing.run(Array((body + event).utf8))
        }
    }
}
