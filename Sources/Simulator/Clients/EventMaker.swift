internal import Records

/// Small believable events: people registered and amended, appointments booked and noted. Every event says its own
/// number where a view shows it, so that a reader can tell which event made what it sees.
struct EventMaker {
    let patients: Int
    let appointments: Int
    /// Members of a resource that patches change, one each: what several say is seen together, so that a fold that takes
    /// in too much, or not enough, shows.
    let members: Int
    /// What was sent, by event number less one, as it must come back.
    private(set) var sent: [[UInt8]] = []
    /// The stream of each.
    private(set) var streamOf: [Int] = []

    init(patients: Int, appointments: Int, members: Int = 1) {
        precondition((1...Self.patientMembers.count).contains(members))
        self.patients = patients
        self.appointments = appointments
        self.members = members
    }

    var streams: Int { patients + appointments }

    func isAppointment(_ stream: Int) -> Bool { stream >= patients }

    /// The id of a stream's resource.
    func name(of stream: Int) -> String { stream < patients ? "p-\(stream)" : "a-\(stream - patients)" }

    func kind(of stream: Int) -> ViewKind { stream < patients ? .patient : .appointment }

    /// The stream that a subject names; nil when it is none of these.
    func stream(of subject: String) -> Int? {
        if subject.hasPrefix("patient/p-") { return Int(subject.dropFirst(10)) }
        guard subject.hasPrefix("appointment/a-") else { return nil }
        return Int(subject.dropFirst(14)).map { $0 + patients }
    }

    /// Event number of an event id.
    static func event(of id: String) -> UInt64? { id.hasPrefix("e") ? UInt64(id.dropFirst()) : nil }

    /// The next event on a stream, which it begins or goes on with.
    mutating func make(_ stream: Int, expected: UInt64?, creates: Bool) throws(Violation) -> (SentEvent, IncomingEvent)
    {
        let number = UInt64(sent.count) + 1
        let json = text(number, stream, expected, creates)
        do throws(Problem) {
            let event = try CloudEventReader.structured(Array(json.utf8))
            sent.append(event.bytes)
            streamOf.append(stream)
            var one = SentEvent(
                event: number, stream: stream, expected: expected,
                begins: creates
                    ? isAppointment(stream) ? .whenMissing : .always : isAppointment(stream) ? .inPart : .never)
            one.isWhole = creates
            one.member = creates ? 0 : member(number)
            return (one, event)
        } catch {
            throw Violation("workload", "an event of the workload is refused by the reader")
        }
    }

    private func member(_ number: UInt64) -> Int { Int(number % UInt64(members)) }

    /// What a patch changes: a text about `EVENT`.
    private static let patientMembers = [
        #""telecom":[{"system":"phone","value":"EVENT"}]"#, #""address":[{"text":"EVENT"}]"#,
        #""maritalStatus":{"text":"EVENT"}"#,
    ]
    private static let appointmentMembers = [
        #""comment":"EVENT""#, #""description":"EVENT""#, #""patientInstruction":"EVENT""#,
    ]

    private func patch(_ members: [String], _ number: UInt64) -> String {
        let parts = members[member(number)].split(separator: "EVENT", maxSplits: 1)
        return "\(parts[0])e\(number)\(parts[1])"
    }

    private func text(_ number: UInt64, _ stream: Int, _ expected: UInt64?, _ creates: Bool) -> String {
        let expectation = expected.map { #""expectedversion":\#($0),"# } ?? ""
        let name = name(of: stream)
        let head = #"{"specversion":"1.0","id":"e\#(number)","source":"/desk",\#(expectation)"type":"#
        switch (isAppointment(stream), creates) {
        case (false, true):
            return head
                + #""patient.registered","subject":"patient/\#(name)","datacontenttype":"application/fhir+json","data":"#
                + #"{"resourceType":"Patient","id":"\#(name)","telecom":[{"system":"phone","value":"e\#(number)"}]}}"#
        case (false, false):
            return head
                + #""patient.contact-amended","subject":"patient/\#(name)","#
                + #""datacontenttype":"application/merge-patch+json","#
                + #""data":{\#(patch(Self.patientMembers, number))}}"#
        case (true, true):
            return head
                + #""appointment.booked","subject":"appointment/\#(name)","allowoverlap":true,"#
                + #""datacontenttype":"application/fhir+json","data":{"resourceType":"Appointment","id":"\#(name)","#
                + #""status":"booked","start":"2026-12-01T09:00:00Z","end":"2026-12-01T09:30:00Z","#
                + #""comment":"e\#(number)","participant":[{"actor":{"reference":"Patient/p-0"},"status":"accepted"},"#
                + #"{"actor":{"reference":"Practitioner/pr-7"},"status":"accepted"}]}}"#
        case (true, false):
            return head
                + #""appointment.note-amended","subject":"appointment/\#(name)","#
                + #""datacontenttype":"application/merge-patch+json","#
                + #""data":{\#(patch(Self.appointmentMembers, number))}}"#
        }
    }

    /// The numbers of the events whose words a resource bears, ascending.
    static func words(in json: [UInt8]) -> [UInt64] {
        // `"e` and digits and `"`: nothing else in these resources reads so.
        var found: [UInt64] = []
        var at = 0
        while at + 2 < json.count {
            if json[at] == 0x22, json[at + 1] == 0x65 {
                var number: UInt64 = 0
                var next = at + 2
                while next < json.count, (0x30...0x39).contains(json[next]) {
                    number = number &* 10 &+ UInt64(json[next] - 0x30)
                    next += 1
                }
                if next > at + 2, next < json.count, json[next] == 0x22 { found.append(number) }
            }
            at += 1
        }
        return found.sorted()
    }

    /// The number of the event that an event's own JSON is; nil when it is none of these.
    static func event(in json: [UInt8]) -> UInt64? { words(in: json).first }
}
